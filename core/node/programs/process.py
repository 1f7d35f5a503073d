"""What a running program asks of the world around it, as data.

A `Process` is a generator: it yields commands and is sent what came of them, and ends with its
exit code. Whoever runs it decides what time and input are: a kubelet that works out a container's
whole life at its start, or a session of `kubectl exec` that waits for somebody to type.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final, TypeAlias

import msgspec

STDOUT: Final = 1
STDERR: Final = 2


class Say(msgspec.Struct, frozen=True, gc=False):
    """Write to standard output (1) or standard error (2)."""

    fd: int
    data: bytes


class Sleep(msgspec.Struct, frozen=True, gc=False):
    """Let time pass."""

    for_ms: int


class Read(msgspec.Struct, frozen=True, gc=False):
    """Wait for input; the answer is some bytes, or none at its end."""


class Unread(msgspec.Struct, frozen=True, gc=False):
    """Give input back: whoever reads next has it first."""

    data: bytes


class Round(msgspec.Struct, frozen=True, gc=False):
    """A loop begins another round; `memory` is all that the program remembers of its past."""

    memory: object


class Fetch(msgspec.Struct, frozen=True):
    """Send a request over the network; the answer is an `HttpResponse` or an `Unreachable`.

    host: a name or an address. protocol UDP sends `body` as one datagram and has a datagram back.
    probe: only connect, and send nothing.
    """

    host: str
    port: int = 80
    method: str = "GET"
    path: str = "/"
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    protocol: str = "TCP"
    timeout_ms: int = 30_000
    probe: bool = False


class Resolve(msgspec.Struct, frozen=True, gc=False):
    """Look up a name; the answer is the addresses of it, none where it has none."""

    name: str
    record: str = "A"


Effect: TypeAlias = Say | Sleep | Read | Unread | Round | Fetch | Resolve
Process: TypeAlias = "Generator[Effect, Any, int]"


def say(text: str, fd: int = STDOUT) -> Say:
    """Text as output."""
    return Say(fd, text.encode())
