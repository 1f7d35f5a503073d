"""Names of properties as expressions may write them: `self.x__dash__y` is the property `x-y`.

Source: kubernetes v1.36, apiserver/pkg/cel/escaping.go.
"""

from __future__ import annotations

import re
from typing import Final

from kelm.core.cel.syntax.words import RESERVED

_NAME: Final = re.compile(r"[A-Za-z_.\-/][A-Za-z0-9_.\-/]*")
_PARTS: Final = re.compile(r"__|[.\-/]")
_ESCAPES: Final = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}


def escaped(name: str) -> str | None:
    """A property's name in expressions; None where it has none.

    >>> escaped("x-y"), escaped("namespace"), escaped("a__b"), escaped("1a"), escaped("é")
    ('x__dash__y', '__namespace__', 'a__underscores__b', None, None)
    """
    if name in RESERVED:
        return f"__{name}__"
    if not _NAME.fullmatch(name):
        return None
    return _PARTS.sub(lambda match: _ESCAPES[match.group()], name)
