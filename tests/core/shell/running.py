"""Scripts run to their end in a container with nothing in it."""

from __future__ import annotations

from typing import Any, NamedTuple

from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.process import (
    STDOUT,
    Fetch,
    Process,
    Read,
    Resolve,
    Say,
    Sleep,
    Unread,
)
from kelm.core.node.shell.run import program
from kelm.core.node.shell.state import Shell
from kelm.core.node.shell.testing import bare_inside


class Ran(NamedTuple):
    """What came of a command."""

    out: bytes
    err: bytes
    code: int
    took_ms: int = 0

    @property
    def text(self) -> str:
        return self.out.decode()


def run(
    *words: str, stdin: tuple[bytes, ...] = (), inside: Inside | None = None, **answers: Any
) -> Ran:
    """Run a command line; `answers` maps hosts to what they answer."""
    inside = inside or bare_inside()
    process = program(Shell(inside), words)
    assert process is not None, f"no program {words[0]}"
    return drive(process, inside, stdin, answers)


def drive(
    process: Process, inside: Inside, stdin: tuple[bytes, ...], answers: dict[str, Any]
) -> Ran:
    out, err, given, reply = b"", b"", list(stdin), None
    started_ms = inside.now_ms
    for _ in range(100_000):
        try:
            effect = process.send(reply)
        except StopIteration as end:
            return Ran(out, err, end.value, inside.now_ms - started_ms)
        reply = None
        if isinstance(effect, Say):
            if effect.fd == STDOUT:
                out += effect.data
            else:
                err += effect.data
        elif isinstance(effect, Sleep):
            inside.now_ms += effect.for_ms
        elif isinstance(effect, Read):
            reply = given.pop(0) if given else b""
        elif isinstance(effect, Unread):
            given.insert(0, effect.data)
        elif isinstance(effect, Fetch):
            reply = answers[effect.host]
        elif isinstance(effect, Resolve):
            reply = (effect.name, answers.get(effect.name, ()))
    raise AssertionError("the script does not end")


def sh(script: str, *arguments: str, stdin: bytes = b"", inside: Inside | None = None) -> Ran:
    """Run a script with `sh -c`."""
    return run("sh", "-c", script, "sh", *arguments, stdin=(stdin,) if stdin else (), inside=inside)
