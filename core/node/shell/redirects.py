"""Redirections: a command's output to files, its input from them.

Source: POSIX.1-2024, Shell Command Language (XCU 2.7 Redirection).
"""

from __future__ import annotations

from typing import Final

from kelm.core.node.files.entries import Trouble
from kelm.core.node.programs.process import STDERR, STDOUT, Process, Say
from kelm.core.node.shell.expand import text_of
from kelm.core.node.shell.pipes import NOWHERE, Sink, redirected
from kelm.core.node.shell.state import Shell
from kelm.core.node.shell.syntax import Redirect


def with_redirects(shell: Shell, redirects: tuple[Redirect, ...], process: Process) -> Process:
    """Run a process with its output and input elsewhere, if all of that can be opened."""
    outputs: dict[int, int | Sink] = {STDOUT: STDOUT, STDERR: STDERR}
    given: bytes | None = None
    for redirect in redirects:
        word = yield from text_of(shell, redirect.word)
        trouble = ""
        if redirect.operator == "<<":
            given = word.encode()
        elif redirect.operator == "<":
            found = shell.inside.disk.read(shell.path(word)) if word != "/dev/null" else b""
            if isinstance(found, Trouble):
                trouble = f"can't open {word}: {found.words}"
            else:
                given = found
        elif redirect.operator == ">&" and word.isdigit():
            outputs[redirect.fd] = outputs.get(int(word), int(word))
        elif redirect.operator == "<&" or word == "-":
            continue
        else:
            trouble = _opened(shell, redirect, word, outputs)
        if trouble:
            process.close()
            yield Say(STDERR, f"{shell.name}: {trouble}\n".encode())
            shell.status = 1
            return 1
    return (yield from redirected(process, outputs, given))


SPECIAL: Final[dict[str, int]] = {
    "/dev/null": NOWHERE,
    "/dev/stdout": STDOUT,
    "/dev/stderr": STDERR,
    "/proc/1/fd/1": STDOUT,
    "/proc/1/fd/2": STDERR,
    "/dev/fd/1": STDOUT,
    "/dev/fd/2": STDERR,
}


def _opened(shell: Shell, redirect: Redirect, word: str, outputs: dict[int, int | Sink]) -> str:
    """Send output to a file; what went wrong, or "" if nothing did."""
    target: int | Sink
    if word in SPECIAL:
        target = SPECIAL[word]
    else:
        path = shell.path(word)
        trouble = shell.inside.disk.write(path, b"", append=redirect.operator == ">>")
        if trouble is not None:
            return f"can't create {word}: {trouble.words}"
        target = Sink(shell, path)
    outputs[redirect.fd] = target
    if redirect.operator in (">&", "&>"):
        outputs[STDOUT] = outputs[STDERR] = target
    return ""
