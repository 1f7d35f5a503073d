"""Options of programs, and what they say of trouble."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kelm.core.node.files.entries import Trouble
from kelm.core.node.programs.process import STDERR, STDOUT, Effect, Process, Say
from kelm.core.node.shell.pipes import read_all
from kelm.core.node.shell.state import Shell, Words


def options(words: Words, with_value: str = "") -> tuple[dict[str, str], Words]:
    """Short options and the other words; those in `with_value` take what follows them.

    >>> options(("-la", "-n5", "-c", "3", "x", "--", "-y"), "nc")
    ({'l': '', 'a': '', 'n': '5', 'c': '3'}, ('x', '-y'))
    """
    found: dict[str, str] = {}
    others: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return found, (*others, *rest)
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            found[name] = value if equals else ""
        elif word.startswith("-") and word != "-" and len(word) > 1:
            letters = word[1:]
            while letters:
                letter, letters = letters[0], letters[1:]
                if letter in with_value:
                    found[letter] = letters or (rest.pop(0) if rest else "")
                    letters = ""
                else:
                    found[letter] = ""
        else:
            others.append(word)
    return found, tuple(others)


def complain(tool: str, said: str, code: int = 1) -> Process:
    """Say what is wrong, and the exit code."""
    yield Say(STDERR, f"{tool}: {said}\n".encode())
    return code


def answer(text: str, code: int = 0) -> Process:
    """Say a text, and the exit code."""
    if text:
        yield Say(STDOUT, text.encode())
    return code


def inputs(
    shell: Shell, tool: str, paths: Words
) -> Generator[Effect, Any, tuple[list[tuple[str, bytes]], int]]:
    """The content of files by name, of the input where none is named; and 1 if one was missing."""
    found, code = [], 0
    for path in paths or ("-",):
        if path == "-":
            found.append(("-", (yield from read_all())))
            continue
        data = b"" if path == "/dev/null" else shell.inside.disk.read(shell.path(path))
        if isinstance(data, Trouble):
            yield Say(STDERR, f"{tool}: {path}: {data.words}\n".encode())
            code = 1
        else:
            found.append((path, data))
    return found, code


def lines_of(data: bytes) -> list[str]:
    """The lines of some text.

    >>> lines_of(b"a\\nb"), lines_of(b"")
    (['a', 'b'], [])
    """
    text = data.decode("utf-8", "surrogateescape")
    return text.removesuffix("\n").split("\n") if text else []


def joined(lines: list[str]) -> bytes:
    """Lines as text again."""
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
