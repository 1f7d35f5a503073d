"""A program that somebody started in a container and watches.

Time is the cluster's: a program that sleeps goes on when cluster time has come that far. Input is
taken as it comes; a program that waits for some waits. Files are looked at anew whenever the
program goes on, and what it wrote is told afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from kelm.core.node.files.entries import Change, Parts
from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.process import (
    STDERR,
    Effect,
    Fetch,
    Process,
    Read,
    Resolve,
    Round,
    Say,
    Sleep,
    Unread,
)

MOST_EFFECTS: Final = 2_000
"""So many steps at a time, that others have their turn."""
MOST_BYTES: Final = 256 * 1024
"""So much output at a time."""

Ask: TypeAlias = Callable[[Fetch | Resolve], Any]
"""What the network answers."""


class Session:
    """One process, its input, and where it stands.

    code: its exit code, None while it runs. busy: it has more to do at once. wake_ms: when it
    goes on by itself, 0 if it only waits for input.
    """

    def __init__(self, inside: Inside, process: Process) -> None:
        self.inside = inside
        self.process = process
        self.code: int | None = None
        self.busy = True
        self.wake_ms = inside.now_ms
        self._input: list[bytes] = []
        self._input_ended = False
        self._reading = False
        self._slept = True

    def feed(self, data: bytes) -> None:
        """Some input came."""
        if data:
            self._input.append(data)

    def end_input(self) -> None:
        """No more input will come."""
        self._input_ended = True

    def go_on(self, now_ms: int, parts: Parts, ask: Ask) -> tuple[list[Say], tuple[Change, ...]]:
        """Do what can be done by now: what is said, and which files changed."""
        said: list[Say] = []
        self.inside.disk.load(parts)
        self.busy = self._run(now_ms, ask, said)
        return said, self.inside.disk.changes

    def _run(self, now_ms: int, ask: Ask, said: list[Say]) -> bool:
        size = 0
        for _ in range(MOST_EFFECTS):
            if self.code is not None or self.wake_ms > now_ms:
                return False
            reply: Any = None
            if self._reading:
                if not self._input and not self._input_ended:
                    return False
                reply = self._input.pop(0) if self._input else b""
                self._reading = False
            if self.wake_ms:
                self.inside.now_ms = max(self.inside.now_ms, self.wake_ms)
            else:
                self.inside.now_ms = now_ms
            size += self._step(reply, ask, said)
            if size > MOST_BYTES:
                return True
        return True

    def _step(self, reply: Any, ask: Ask, said: list[Say]) -> int:
        """Go on to the next effect that only others can answer; how much was said."""
        effect = self._next(reply)
        while isinstance(effect, Fetch | Resolve):
            effect = self._next(ask(effect))
        if isinstance(effect, Say):
            said.append(effect)
            return len(effect.data)
        if isinstance(effect, Sleep):
            self._wait(effect.for_ms)
            self._slept = True
        elif isinstance(effect, Read):
            self._reading = True
            self.wake_ms = 0
        elif isinstance(effect, Unread):
            self._input.insert(0, effect.data)
        elif isinstance(effect, Round):
            if not self._slept:
                self._wait(1)
            self._slept = False
        return 0

    def _wait(self, for_ms: int) -> None:
        self.wake_ms = self.inside.now_ms + for_ms

    def _next(self, reply: Any) -> Effect | None:
        try:
            return self.process.send(reply)
        except StopIteration as end:
            self.code = end.value & 255
            return None

    def interrupt(self, signal: int = 2) -> Say:
        """The process is ended by a signal, as by Ctrl-C."""
        self.process.close()
        self.code = 128 + signal
        return Say(STDERR, b"")
