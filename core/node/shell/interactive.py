"""A shell that is told what to do line by line."""

from __future__ import annotations

from typing import Any, Final

from kelm.core.node.programs.process import STDERR, STDOUT, Process, Read, Say, Unread
from kelm.core.node.shell.parse import parse
from kelm.core.node.shell.run import run_script, run_text
from kelm.core.node.shell.state import Shell
from kelm.core.node.shell.syntax import Wrong

PROMPT_VARIABLE: Final = "PS1"


def read_and_run(shell: Shell) -> Process:
    """Run what comes in, as soon as it is complete; on a terminal, with a prompt before each.

    What follows a complete command is left for the programs that it runs.
    """
    held = b""
    while True:
        prompt = shell.variables.get(PROMPT_VARIABLE)
        if prompt:
            shown = "> " if held else prompt.replace("\\w", shell.cwd)
            yield Say(STDERR if not shell.inside.terminal else STDOUT, shown.encode())
        data: Any = yield Read()
        if not data:
            if held.strip():
                yield from run_text(shell, held.decode("utf-8", "replace"))
            break
        found = _complete(held + data)
        if found is None:
            held += data
            continue
        text, rest = found
        held = b""
        if rest:
            yield Unread(rest)
        script = parse(text)
        if isinstance(script, Wrong):
            yield Say(STDERR, f"{shell.name}: {script.message}\n".encode())
            shell.status = 2
        else:
            yield from run_script(shell, script)
        if shell.flow == "exit":
            break
        shell.flow = ""
    return shell.status


def _complete(data: bytes) -> tuple[str, bytes] | None:
    """The first lines that are a script by themselves, and what follows them.

    >>> _complete(b"if true\\nthen echo\\nfi\\nread x\\n")
    ('if true\\nthen echo\\nfi\\n', b'read x\\n')
    >>> _complete(b"if true\\n") is None
    True
    """
    stop = data.find(b"\n")
    while stop >= 0:
        text = data[: stop + 1].decode("utf-8", "replace")
        script = parse(text)
        if not isinstance(script, Wrong) or not script.incomplete:
            return text, data[stop + 1 :]
        stop = data.find(b"\n", stop + 1)
    return None
