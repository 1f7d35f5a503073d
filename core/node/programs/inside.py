"""What a program sees of the container it runs in."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final, TypeAlias

from kelm.core.node.containers.behaviour import NEVER_MS
from kelm.core.node.containers.launch import Launch
from kelm.core.node.files.disk import Disk
from kelm.core.store.small_map import SmallMap
from kelm.effects.messages import Cache

Tool: TypeAlias = Callable[[Any, tuple[str, ...]], Generator[Any, Any, int]]
"""A program of an image's own: what it does in a `Shell` with its arguments."""
NO_TOOLS: Final[SmallMap[str, Tool]] = SmallMap()


class Inside:
    """One container from within, while one thing in it is worked out.

    launch: the pod, the command and the environment that it was started with.
    disk: its files; what is written to it is there for whoever looks next.
    terminal: whether somebody sits at a terminal.
    ends_with: the code with which the container's main process was told to end, None: it was not.
    guesses: whether a program that is not known here is taken for a server that runs for ever.
    guessed: whether one was.
    message_path, message_from_log: where it leaves why it ended.
    tools: the programs that its image has beside those of a small system.
    page: a page that the API server has beside its resources, None where it cannot be reached.
    said: what it wrote to its log while it answered.
    services: the Services that its machine has heard of, None: it did not listen.
    capabilities: what it may do beyond the usual (`ALL`: everything). gains_privileges: whether a
        program of another user with the setuid bit runs as that user.
    started_ms, now_ms: when the container started, and the time that it is.
    holds_until_ms: until when the clock says nothing else to a program that did what this one did.
        Who reads the time knows what is true in this moment only; who asks `has_run_for` may be
        asked again when that comes true. Who looks at neither is not asked again for time's sake.
    """

    __slots__ = (
        "_now_ms",
        "capabilities",
        "disk",
        "ends_with",
        "gains_privileges",
        "guessed",
        "guesses",
        "holds_until_ms",
        "host_ip",
        "hostname",
        "launch",
        "message_from_log",
        "message_path",
        "node",
        "page",
        "pod_ip",
        "said",
        "services",
        "started_ms",
        "terminal",
        "tools",
        "uid",
    )

    def __init__(self, launch: Launch, disk: Disk, started_ms: int, now_ms: int) -> None:
        self.launch = launch
        self.disk = disk
        self.started_ms = started_ms
        self._now_ms = now_ms
        self.holds_until_ms = NEVER_MS
        self.hostname = launch.pod
        self.pod_ip = ""
        self.host_ip = ""
        self.node = ""
        self.page: Callable[[str], bytes | None] = lambda path: None
        self.uid = ""
        self.capabilities: frozenset[str] = frozenset()
        self.gains_privileges = True
        self.terminal = False
        self.guesses = False
        self.guessed = False
        self.message_path = "/dev/termination-log"
        self.message_from_log = False
        self.ends_with: int | None = None
        self.tools = NO_TOOLS
        self.services: Cache | None = None
        self.said: list[str] = []

    def has_capability(self, name: str) -> bool:
        """Whether programs in it may do this."""
        return bool(self.capabilities & {name, "ALL"})

    @property
    def now_ms(self) -> int:
        self.holds_until_ms = min(self.holds_until_ms, self._now_ms)
        return self._now_ms

    @now_ms.setter
    def now_ms(self, value: int) -> None:
        self._now_ms = value

    @property
    def age_ms(self) -> int:
        """How long the container has run."""
        return self.now_ms - self.started_ms

    def has_run_for(self, age_ms: int) -> bool:
        """Whether the container has run so long: cheaper to be asked than its age.

        >>> from kelm.core.node.shell.testing import bare_inside
        >>> inside = bare_inside()
        >>> inside.has_run_for(10_000), inside.holds_until_ms
        (False, 10000)
        """
        at_ms = self.started_ms + age_ms
        if self._now_ms >= at_ms:
            return True
        self.holds_until_ms = min(self.holds_until_ms, at_ms)
        return False
