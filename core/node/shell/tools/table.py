"""Every program by its name."""

from __future__ import annotations

from typing import Final

from kelm.core.node.shell.state import Tool
from kelm.core.node.shell.tools.archive import ARCHIVE
from kelm.core.node.shell.tools.builtins import BUILTINS
from kelm.core.node.shell.tools.checks import CHECKS
from kelm.core.node.shell.tools.curl import CURL
from kelm.core.node.shell.tools.expr import EXPR
from kelm.core.node.shell.tools.files import FILES
from kelm.core.node.shell.tools.hexdump import HEXDUMP
from kelm.core.node.shell.tools.kernel import KERNEL
from kelm.core.node.shell.tools.listing import LISTING
from kelm.core.node.shell.tools.names import NAMES
from kelm.core.node.shell.tools.network import NETWORK
from kelm.core.node.shell.tools.streams import STREAMS
from kelm.core.node.shell.tools.system import SYSTEM
from kelm.core.node.shell.tools.text import TEXT

__all__ = ["BUILTINS", "TOOLS"]

TOOLS: Final[dict[str, Tool]] = {
    **{name: BUILTINS[name] for name in ("echo", "printf", "true", "false", "pwd")},
    **CHECKS,
    **EXPR,
    **FILES,
    **LISTING,
    **STREAMS,
    **TEXT,
    **SYSTEM,
    **NETWORK,
    **KERNEL,
    **CURL,
    **HEXDUMP,
    **NAMES,
    **ARCHIVE,
}
