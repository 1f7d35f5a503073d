"""Where output goes and input comes from, other than outside."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from kelm.core.node.programs.process import STDOUT, Effect, Process, Read, Say, Unread
from kelm.core.node.shell.state import Shell

NOWHERE: Final = 0
"""A descriptor whose output is dropped."""


class Sink:
    """A file that output is appended to."""

    def __init__(self, shell: Shell, path: str) -> None:
        self.shell = shell
        self.path = path

    def take(self, data: bytes) -> None:
        self.shell.inside.disk.write(self.path, data, append=True)


def read_all() -> Generator[Effect, Any, bytes]:
    """All input to its end."""
    parts = []
    while data := (yield Read()):
        parts.append(data)
    return b"".join(parts)


def captured(process: Process, shell: Shell) -> Generator[Effect, Any, bytes]:
    """Run a process and keep what it says; its exit code becomes the shell's status."""
    said = bytearray()
    answer: Any = None
    while True:
        try:
            effect = process.send(answer)
        except StopIteration as end:
            shell.status = end.value
            return bytes(said)
        answer = None
        if isinstance(effect, Say) and effect.fd == STDOUT:
            said += effect.data
        else:
            answer = yield effect


def redirected(process: Process, outputs: dict[int, int | Sink], given: bytes | None) -> Process:
    """Run a process with other outputs, and with this input where one is given."""
    answer: Any = None
    left = given
    while True:
        try:
            effect = process.send(answer)
        except StopIteration as end:
            code: int = end.value
            return code
        answer = None
        if isinstance(effect, Say):
            target = outputs.get(effect.fd, effect.fd)
            if isinstance(target, Sink):
                target.take(effect.data)
            elif target != NOWHERE:
                yield Say(target, effect.data)
        elif isinstance(effect, Read) and given is not None:
            answer, left = left or b"", b""
        elif isinstance(effect, Unread) and given is not None:
            left = effect.data + (left or b"")
        else:
            answer = yield effect


def piped(left: Process, right: Process) -> Process:
    """Run two processes, the second reading what the first says, as much as it wants to."""
    source = _Source(left)
    answer: Any = None
    while True:
        try:
            effect = right.send(answer)
        except StopIteration as end:
            yield from source.finish()
            code: int = end.value
            return code
        if isinstance(effect, Read):
            answer = yield from source.read()
        elif isinstance(effect, Unread):
            source.held = effect.data
            answer = None
        else:
            answer = yield effect


class _Source:
    """A process whose output is pulled."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.ended = False
        self.held = b""
        self.answer: Any = None

    def read(self) -> Generator[Effect, Any, bytes]:
        if self.held:
            held, self.held = self.held, b""
            return held
        while not self.ended:
            try:
                effect = self.process.send(self.answer)
            except StopIteration:
                self.ended = True
                return b""
            self.answer = None
            if isinstance(effect, Say) and effect.fd == STDOUT:
                if effect.data:
                    return effect.data
            else:
                self.answer = yield effect
        return b""

    def finish(self) -> Generator[Effect, Any, None]:
        """Nobody reads any more: the process ends as soon as it says something."""
        self.held = b""
        yield from self.read()
        if not self.ended:
            self.process.close()
