"""What the words of a script come to: parameters, substitutions, splitting, file names.

Source: POSIX.1-2024, Shell Command Language (XCU 2.6 Word Expansions).
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any, Final, TypeAlias

from kelm.core.node.files.entries import Directory, Trouble
from kelm.core.node.programs.process import STDERR, Effect, Say
from kelm.core.node.shell.arithmetic import Fault, evaluate
from kelm.core.node.shell.patterns import is_pattern, regex_of
from kelm.core.node.shell.pipes import captured
from kelm.core.node.shell.state import Shell
from kelm.core.node.shell.syntax import (
    Arithmetic,
    Literal,
    Parameter,
    Part,
    Substitution,
    Word,
)

Field: TypeAlias = "list[tuple[str, bool]]"
FieldsGen: TypeAlias = "Generator[Effect, Any, list[Field]]"
TextGen: TypeAlias = "Generator[Effect, Any, str]"
BREAK: Final = "\0"
"""Stands between two fields of `$@`, which are never joined."""


def fields(shell: Shell, words: tuple[Word, ...]) -> Generator[Effect, Any, list[str]]:
    """The arguments that words come to: split at blanks, patterns replaced by file names."""
    found: list[str] = []
    for word in words:
        for field in (yield from _split(shell, word)):
            found += _names(shell, field)
    return found


def text_of(shell: Shell, word: Word) -> TextGen:
    """A word as one text: of an assignment, a redirection, a `case`."""
    parts = yield from _parts(shell, word)
    return "".join(text for text, _, _ in parts).replace(BREAK, " ")


def segments_of(shell: Shell, word: Word) -> Generator[Effect, Any, Field]:
    """A word as a pattern."""
    parts = yield from _parts(shell, word)
    return [(text.replace(BREAK, " "), quoted) for text, quoted, _ in parts]


def _parts(shell: Shell, word: Word) -> Generator[Effect, Any, list[tuple[str, bool, bool]]]:
    """Each part's text, whether it was quoted, and whether it stands in the script itself."""
    found = []
    for index, part in enumerate(word):
        if isinstance(part, Literal):
            text = part.text
            if not index and not part.quoted and re.match(r"~(/|$)", text):
                text = shell.variables.get("HOME", "/root") + text[1:]
            found.append((text, part.quoted, True))
        else:
            found.append(((yield from _value(shell, part)), part.quoted, False))
    return found


def _split(shell: Shell, word: Word) -> FieldsGen:
    if not shell.arguments and _is_only_all(word):
        return []
    blanks = shell.variables.get("IFS", " \t\n")
    done: list[Field] = []
    current: Field = []
    started = False
    for text, quoted, written in (yield from _parts(shell, word)):
        if written or quoted:
            pieces = text.split(BREAK) if quoted else [text]
            for number, piece in enumerate(pieces):
                if number:
                    done.append(current)
                    current = []
                current.append((piece, quoted))
            started = started or quoted or bool(text)
            continue
        joined = text.replace(BREAK, blanks[:1] or " ")
        bits = [joined] if not blanks else re.split(f"[{re.escape(blanks)}]+", joined)
        for number, bit in enumerate(bits):
            if number and started:
                done.append(current)
                current, started = [], False
            if bit:
                current.append((bit, False))
                started = True
    if started or (current and any(bit for bit, _ in current)):
        done.append(current)
    return done


def _is_only_all(word: Word) -> bool:
    """Whether a word is `"$@"` and nothing else: without arguments it is no word at all."""
    parts = [part for part in word if not isinstance(part, Literal)]
    texts = [part.text for part in word if isinstance(part, Literal)]
    return (
        len(parts) == 1
        and isinstance(parts[0], Parameter)
        and parts[0].name == "@"
        and not parts[0].operator
        and not any(texts)
    )


def _names(shell: Shell, field: Field) -> list[str]:
    """The file names that a field with a pattern stands for; the field itself if there are none."""
    plain = "".join(text for text, _ in field)
    if not is_pattern(field):
        return [plain]
    steps = plain.split("/")
    patterns = _by_step(field)
    places = ["/"] if plain.startswith("/") else [""]
    for number, step in enumerate(steps):
        if not step:
            continue
        last = number == len(steps) - 1
        pattern = re.compile(regex_of(patterns[number]), re.DOTALL)
        places = [
            place + name + ("" if last else "/")
            for place in places
            for name in _in(shell, place)
            if pattern.fullmatch(name) and (step.startswith(".") or not name.startswith("."))
        ]
    return sorted(places) or [plain]


def _by_step(field: Field) -> list[Field]:
    found: list[Field] = [[]]
    for text, quoted in field:
        for number, piece in enumerate(text.split("/")):
            if number:
                found.append([])
            found[-1].append((piece, quoted))
    return found


def _in(shell: Shell, place: str) -> tuple[str, ...]:
    path = shell.path(place or ".")
    if not isinstance(shell.inside.disk.entry(path), Directory):
        return ()
    names = shell.inside.disk.names(path)
    return () if isinstance(names, Trouble) else names


# -- single parts ----------------------------------------------------------------------------------


def _value(shell: Shell, part: Part) -> TextGen:
    if isinstance(part, Substitution):
        from kelm.core.node.shell.run import run_script

        output = yield from captured(run_script(shell.copy(), part.script), shell)
        return output.decode("utf-8", "replace").rstrip("\n")
    if isinstance(part, Arithmetic):
        text = yield from text_of(shell, part.word)
        try:
            return str(evaluate(text, shell.variables))
        except Fault as fault:
            return (yield from _failed(shell, str(fault)))
    assert isinstance(part, Parameter)
    return (yield from _parameter(shell, part))


def _failed(shell: Shell, why: str) -> TextGen:
    yield Say(STDERR, f"{shell.name}: {why}\n".encode())
    shell.status, shell.flow = 2, "exit"
    return ""


def lookup(shell: Shell, name: str) -> str | None:
    """The value of a parameter, None for one that is not set.

    >>> from kelm.core.node.shell.testing import bare_shell
    >>> shell = bare_shell("a", "b")
    >>> lookup(shell, "#"), lookup(shell, "2"), lookup(shell, "3")
    ('2', 'b', None)
    """
    if name.isdigit():
        number = int(name)
        if number == 0:
            return shell.name
        return shell.arguments[number - 1] if number <= len(shell.arguments) else None
    special = {
        "#": str(len(shell.arguments)),
        "?": str(shell.status),
        "$": "1",
        "!": "2",
        "-": "",
        "@": BREAK.join(shell.arguments),
        "*": " ".join(shell.arguments),
    }
    if name in special:
        return special[name]
    return shell.variables.get(name)


def _parameter(shell: Shell, part: Parameter) -> TextGen:
    value, operator = lookup(shell, part.name), part.operator
    if operator == "#len":
        return str(len(value or ""))
    if operator in (":-", ":=", ":?", ":+", "-", "=", "?", "+"):
        missing = value is None or (operator.startswith(":") and not value)
        return (yield from _conditional(shell, part, value, missing, operator[-1]))
    if value is None and shell.needs_variables and part.name not in ("@", "*"):
        return (yield from _failed(shell, f"{part.name}: parameter not set"))
    value = value or ""
    if operator in ("%", "%%", "#", "##"):
        return _trimmed(value, (yield from segments_of(shell, part.word)), operator)
    if operator in ("/", "//"):
        return _replaced(value, (yield from text_of(shell, part.word)), operator)
    if operator == ":":
        return _cut(shell, value, (yield from text_of(shell, part.word)))
    return value


def _conditional(
    shell: Shell, part: Parameter, value: str | None, missing: bool, operator: str
) -> TextGen:
    if operator == "+":
        return "" if missing else (yield from text_of(shell, part.word))
    if not missing:
        return value or ""
    word = yield from text_of(shell, part.word)
    if operator == "?":
        return (yield from _failed(shell, f"{part.name}: {word or 'parameter not set or null'}"))
    if operator == "=":
        shell.variables[part.name] = word
    return word


def _trimmed(value: str, pattern: Field, operator: str) -> str:
    places = range(len(value) + 1)
    regex = re.compile(regex_of(pattern), re.DOTALL)
    if operator in ("#", "##"):
        for place in reversed(places) if operator == "##" else places:
            if regex.fullmatch(value[:place]):
                return value[place:]
        return value
    for place in places if operator == "%%" else reversed(places):
        if regex.fullmatch(value[place:]):
            return value[:place]
    return value


def _replaced(value: str, word: str, operator: str) -> str:
    old, _, new = word.partition("/")
    regex = re.compile(regex_of([(old, False)]), re.DOTALL)
    return regex.sub(lambda _match: new, value, count=int(operator == "/")) if old else value


def _cut(shell: Shell, value: str, word: str) -> str:
    start, colon, length = word.partition(":")
    try:
        first = evaluate(start, shell.variables)
        count = evaluate(length, shell.variables) if colon else len(value)
    except Fault:
        return value
    first = max(0, len(value) + first) if first < 0 else first
    return value[first : first + count] if count >= 0 else value[first : len(value) + count]
