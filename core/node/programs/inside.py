"""What a program sees of the container it runs in."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final, TypeAlias

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
    message_path, message_from_log: where it leaves why it ended.
    tools: the programs that its image has beside those of a small system.
    services: the Services that its machine has heard of, None: it did not listen.
    started_ms, now_ms: when the container started, and the time that it is.
    """

    __slots__ = (
        "disk",
        "ends_with",
        "guesses",
        "host_ip",
        "hostname",
        "launch",
        "message_from_log",
        "message_path",
        "node",
        "now_ms",
        "pod_ip",
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
        self.now_ms = now_ms
        self.hostname = launch.pod
        self.pod_ip = ""
        self.host_ip = ""
        self.node = ""
        self.uid = ""
        self.terminal = False
        self.guesses = False
        self.message_path = "/dev/termination-log"
        self.message_from_log = False
        self.ends_with: int | None = None
        self.tools = NO_TOOLS
        self.services: Cache | None = None

    @property
    def age_ms(self) -> int:
        """How long the container has run."""
        return self.now_ms - self.started_ms
