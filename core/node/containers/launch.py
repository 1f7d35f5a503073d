"""What a container is started with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from kelm.core.store.small_map import SmallMap
from kelm.effects.document import EMPTY, Document

Look: TypeAlias = Callable[[], Any]
"""What shows a container from within (an `Inside`), made when somebody wants to see it."""

NO_VARIABLES: SmallMap[str, str] = SmallMap()


class Launch(msgspec.Struct, frozen=True, gc=False):
    """All that a container's behaviour may depend on. `attempt` counts restarts from 0.

    reads_input: whether its standard input is kept open for somebody who attaches.
    look: for programs that look at their files; most do not.
    """

    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    attempt: int = 0
    namespace: str = ""
    pod: str = ""
    container: str = ""
    labels: Document = EMPTY
    annotations: Document = EMPTY
    env: SmallMap[str, str] = NO_VARIABLES
    reads_input: bool = False
    look: Look | None = None
