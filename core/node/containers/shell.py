"""Commands that a container is given, understood in a small honest way.

Understood: `sleep`, `exit`, `true`, `false`, `echo`, files that come and go (`touch`, `rm`, `>`),
`trap ... TERM`, sequences with `;`, `&&`, `||`, and `while true; do ...; done`. Short-lived tools
(`cp`, `wget`, ...) succeed at once. Anything else is taken for a server that runs for ever: that
is the better guess of the two, and an image program can say otherwise.

A shell or `sleep` is process 1 of its container and has no handler for SIGTERM, so it ends only
by SIGKILL: a real cluster waits for the whole grace period too.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

import msgspec

from kelm.core.node.containers.behaviour import NEVER_MS, Behaviour, File, Line

SHELL_NAMES = ("sh", "bash", "ash", "/bin/sh", "/bin/bash", "/bin/ash", "/usr/bin/bash")
_LOOP = re.compile(r"while\s+(?:true|:|\[\s*1\s*\])\s*[;\n]\s*do\s(.*?)[;\n]\s*done", re.DOTALL)
_TRAP = re.compile(r"""trap\s+(['"])(.*?)\1\s+([A-Z0-9 ]+)""")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
_SEPARATOR = re.compile(r"\s*(&&|\|\||;|\n)\s*")
_UNITS_MS = {"": 1_000, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_QUICK_TOOLS = """
    cp mv mkdir chmod chown ln cat ls env date wget curl nslookup ping test [ grep sed awk tar cd
    set export hostname id whoami pwd head tail wc sort mount stat sync : ulimit
"""
_QUICK = frozenset(_QUICK_TOOLS.split())


class Script(msgspec.Struct, frozen=True):
    """A script on its way: how long it has run, what it has left, how it ended."""

    at_ms: int = 0
    code: int = 0
    ended: bool = False
    lines: tuple[Line, ...] = ()
    files: tuple[File, ...] = ()


def understand(
    command: tuple[str, ...], args: tuple[str, ...], variables: Mapping[str, str] | None = None
) -> Behaviour | None:
    """How a container with this command line behaves, None where that cannot be told.

    variables: the container's environment, for `$NAME` and `${NAME}` in a shell's script.

    >>> understand(("sh", "-c", "echo hi; sleep 5; exit 1"), ()).exit_ms
    5000
    >>> understand(("nginx", "-g", "daemon off;"), ()) is None
    True
    """
    words = (*command, *args)
    if words[0] in SHELL_NAMES:
        text = _script_of(words[1:])
        if text is None:
            return None
        text = _VARIABLE.sub(lambda match: (variables or {}).get(match[1], ""), text)
        return _behaviour(_loop(text), text)
    script = _step(Script(), words)
    return None if script is None else _behaviour(script, "")


def _script_of(options: tuple[str, ...]) -> str | None:
    for index, word in enumerate(options):
        if word.startswith("-") and word.endswith("c"):
            return options[index + 1] if index + 1 < len(options) else ""
        if not word.startswith("-"):
            return None
    return ""


def _behaviour(script: Script | None, text: str) -> Behaviour | None:
    if script is None:
        return None
    stop_ms, stop_code = _handler(text)
    for_ever = script.at_ms >= NEVER_MS
    return Behaviour(
        exit_ms=None if for_ever else script.at_ms,
        exit_code=script.code,
        stop_ms=stop_ms,
        stop_code=stop_code,
        lines=script.lines,
        files=script.files or None,
    )


def _handler(text: str) -> tuple[int | None, int]:
    """How the script ends after SIGTERM."""
    for match in _TRAP.finditer(text):
        if "TERM" in match[3].split() or "15" in match[3].split():
            handled = _run(match[2], Script())
            if handled is not None and handled.ended:
                return handled.at_ms, handled.code
    return None, 0


def _loop(text: str) -> Script | None:
    """Run a script that may hold one endless loop."""
    text = _TRAP.sub("true", text)
    match = _LOOP.search(text)
    if match is None:
        return _run(text, Script())
    before = _run(text[: match.start()].rstrip("; \n"), Script())
    if before is None or before.ended or before.at_ms >= NEVER_MS:
        return before
    body = _run(match[1], Script())
    if body is None or body.ended:
        return None if body is None else _shifted(before, body)
    every_ms = max(body.at_ms, 1_000)
    lines = tuple(Line(before.at_ms + line.at_ms, line.text, every_ms) for line in body.lines)
    return msgspec.structs.replace(before, at_ms=NEVER_MS, lines=before.lines + lines)


def _shifted(before: Script, body: Script) -> Script:
    start = before.at_ms
    lines = tuple(Line(start + line.at_ms, line.text) for line in body.lines)
    return Script(start + body.at_ms, body.code, True, before.lines + lines, before.files)


def _run(text: str, script: Script) -> Script | None:
    """Run commands one after the other; None as soon as one is not understood."""
    parts = _SEPARATOR.split(text.strip())
    joint = ";"
    for index in range(0, len(parts), 2):
        skip = (joint == "&&" and script.code != 0) or (joint == "||" and script.code == 0)
        if parts[index] and not skip:
            stepped = _step(script, _words(parts[index]))
            if stepped is None:
                return msgspec.structs.replace(script, at_ms=NEVER_MS)
            script = stepped
            if script.ended or script.at_ms >= NEVER_MS:
                return script
        joint = parts[index + 1] if index + 1 < len(parts) else ";"
    return script


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())


def _step(script: Script, words: tuple[str, ...]) -> Script | None:
    """One command, done."""
    while words and (words[0] == "exec" or re.fullmatch(r"\w+=.*", words[0])):
        words = words[1:]
    if not words:
        return script
    words, script = _redirected(words, script)
    name, rest = words[0].rpartition("/")[2], words[1:]
    if name == "sleep":
        return msgspec.structs.replace(script, at_ms=script.at_ms + _seconds_ms(rest), code=0)
    if name == "exit":
        return msgspec.structs.replace(script, code=_integer(rest, script.code), ended=True)
    if name in ("true", "false"):
        return msgspec.structs.replace(script, code=int(name == "false"))
    if name in ("echo", "printf"):
        text = " ".join(word for word in rest if word not in ("-n", "-e"))
        said = Line(script.at_ms, text)
        return msgspec.structs.replace(script, code=0, lines=(*script.lines, said))
    if name == "quietly":
        return msgspec.structs.replace(script, code=0)
    if name in ("touch", "rm"):
        return msgspec.structs.replace(script, code=0, files=_files(script, name, rest))
    return msgspec.structs.replace(script, code=0) if name in _QUICK else None


def _redirected(words: tuple[str, ...], script: Script) -> tuple[tuple[str, ...], Script]:
    """What is left of a command whose output goes to a file, and the file made."""
    for index, word in enumerate(words):
        if not word.startswith(">"):
            continue
        target = word.lstrip(">") or (words[index + 1] if index + 1 < len(words) else "")
        if target.startswith(("&", "/dev/")) or not target:
            return words[:index] or ("true",), script
        made = (*script.files, File(target, script.at_ms))
        kept = words[:index] if words[0] not in ("echo", "printf") else ("quietly",)
        return kept or ("true",), msgspec.structs.replace(script, files=made)
    return words, script


def _files(script: Script, name: str, words: tuple[str, ...]) -> tuple[File, ...]:
    paths = [word for word in words if not word.startswith("-")]
    if name == "touch":
        return (*script.files, *(File(path, script.at_ms) for path in paths))
    return tuple(
        msgspec.structs.replace(file, until_ms=script.at_ms)
        if file.path in paths and file.until_ms == NEVER_MS
        else file
        for file in script.files
    )


def _seconds_ms(words: tuple[str, ...]) -> int:
    total = 0
    for word in words:
        match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)([smhd]?)", word)
        if word in ("infinity", "inf"):
            return NEVER_MS
        total += int(float(match[1]) * _UNITS_MS[match[2]]) if match else 0
    return total


def _integer(words: tuple[str, ...], otherwise: int) -> int:
    return int(words[0]) & 255 if words and words[0].isdigit() else otherwise
