"""Programs that look into lines: `grep`, `sed`, `cut`, `tr`, and the plain uses of `awk`.

Source: POSIX.1-2024, utilities. Differs: of `sed` the commands s, d, p and q, of `awk` a pattern
with one `print`; anything else says that it is not understood.
"""

from __future__ import annotations

import re
from typing import Final

from kelm.core.node.files.entries import Directory, Trouble
from kelm.core.node.programs.process import STDOUT, Process, Say
from kelm.core.node.shell.state import Shell, Tool, Words
from kelm.core.node.shell.tools.options import complain, inputs, joined, lines_of, options
from kelm.core.node.shell.tools.printing import unescaped


def expression(text: str, *, extended: bool = False, fixed: bool = False) -> str:
    """A POSIX regular expression as Python writes it.

    >>> expression(r"a\\(b\\)+"), expression("a(b)+", extended=True), expression("a.", fixed=True)
    ('a(b)\\\\+', 'a(b)+', 'a\\\\.')
    """
    if fixed:
        return re.escape(text)
    if not extended:
        text = re.sub(
            r"\\([(){}+?|])|([(){}+?|])",
            lambda match: match[1] if match[1] else "\\" + match[2],
            text,
        )
    for name, inner in _CLASSES.items():
        text = text.replace(f"[:{name}:]", inner)
    return text


_CLASSES: Final = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "space": r"\s", "upper": "A-Z",
    "lower": "a-z", "punct": r"!-/:-@\[-`{-~", "blank": r" \t", "xdigit": "0-9a-fA-F",
}  # fmt: skip


def _grep(shell: Shell, words: Words, *, extended: bool = False) -> Process:
    given, rest = options(words, "emABC")
    if "e" not in given and not rest:
        return (yield from complain("grep", "missing pattern", 2))
    pattern, paths = (given["e"], rest) if "e" in given else (rest[0], rest[1:])
    flags = re.IGNORECASE if "i" in given else 0
    text = expression(pattern, extended=extended or "E" in given, fixed="F" in given)
    text = f"^(?:{text})$" if "x" in given else rf"\b(?:{text})\b" if "w" in given else text
    try:
        regex = re.compile(text, flags)
    except re.error as wrong:
        return (yield from complain("grep", f"bad regex '{pattern}': {wrong}", 2))
    if "r" in given or "R" in given:
        paths = _below(shell, paths or (".",))
    found, code = yield from inputs(shell, "grep", paths)
    hits, head = 0, len(paths) > 1 and "h" not in given
    for name, data in found:
        lines = lines_of(data)
        kept = [
            (number, line)
            for number, line in enumerate(lines, 1)
            if (regex.search(line) is None) == ("v" in given)
        ][: int(given["m"]) if "m" in given else None]
        hits += len(kept)
        if "q" in given:
            continue
        yield Say(STDOUT, _found(kept, regex, given, f"{name}:" if head else "", name))
    return 2 if code and not hits else int(not hits)


def _found(
    kept: list[tuple[int, str]],
    regex: re.Pattern[str],
    given: dict[str, str],
    head: str,
    name: str,
) -> bytes:
    if "l" in given:
        return joined([name]) if kept else b""
    if "c" in given:
        return joined([f"{head}{len(kept)}"])
    rows = []
    for number, line in kept:
        place = f"{head}{number}:" if "n" in given else head
        if "o" in given:
            rows += [f"{place}{match[0]}" for match in regex.finditer(line)]
        else:
            rows.append(f"{place}{line}")
    return joined(rows)


def _below(shell: Shell, paths: Words) -> Words:
    disk = shell.inside.disk
    return tuple(
        one
        for path in paths
        for one in disk.walk(shell.path(path))
        if not isinstance(disk.entry(one), Directory | Trouble)
    )


_SUBSTITUTE: Final = re.compile(r"s(.)(.*)", re.DOTALL)
_ADDRESS: Final = re.compile(
    r"\s*(?:(\d+|\$)(?:,(\d+|\$))?|/((?:[^/\\]|\\.)*)/)?\s*(!?)\s*(.*)", re.DOTALL
)


def _sed(shell: Shell, words: Words) -> Process:
    given, rest = options(words, "e")
    script = given.get("e", "")
    if not script and rest:
        script, rest = rest[0], rest[1:]
    extended = "r" in given or "E" in given
    commands = []
    for part in re.split(r"(?<!\\);(?=\s*(?:[\d/$spdq]|$))|\n", script):
        if part.strip():
            command = _sed_command(part, extended=extended)
            if command is None:
                return (yield from complain("sed", f"unsupported command {part}"))
            commands.append(command)
    found, code = yield from inputs(shell, "sed", rest)
    in_place = "i" in given or any(key.startswith("i") for key in given)
    for name, data in found:
        lines = _sed_lines(lines_of(data), commands, quiet="n" in given)
        if in_place and name != "-":
            shell.inside.disk.write(shell.path(name), joined(lines))
        else:
            yield Say(STDOUT, joined(lines))
    return code


class _SedCommand:
    def __init__(self, first: str, last: str, pattern: str, negated: bool, action: str) -> None:
        self.first, self.last, self.negated, self.action = first, last, negated, action
        self.pattern = re.compile(pattern) if pattern else None
        self.old: re.Pattern[str] | None = None
        self.new, self.everywhere, self.prints, self.nth = "", False, False, 1

    def chooses(self, number: int, count: int, line: str) -> bool:
        """Whether the command is for this line."""
        found = True
        if self.first:
            start = count if self.first == "$" else int(self.first)
            stop = start if not self.last else count if self.last == "$" else int(self.last)
            found = start <= number <= stop
        elif self.pattern is not None:
            found = self.pattern.search(line) is not None
        return found != self.negated


def _sed_command(text: str, *, extended: bool) -> _SedCommand | None:
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return None
    rest = match[5].strip() if not match[5].startswith("s") else match[5].rstrip()
    pattern = expression(match[3] or "", extended=extended)
    command = _SedCommand(match[1] or "", match[2] or "", pattern, bool(match[4]), rest[:1])
    if rest in ("d", "p", "q"):
        return command
    found = _SUBSTITUTE.fullmatch(rest)
    if found is None:
        return None
    parts = re.split(rf"(?<!\\){re.escape(found[1])}", found[2])
    if len(parts) != 3:
        return None
    old = expression(parts[0].replace(f"\\{found[1]}", found[1]), extended=extended)
    try:
        command.old = re.compile(old, re.IGNORECASE if "i" in parts[2].lower() else 0)
    except re.error:
        return None
    command.new = parts[1].replace(f"\\{found[1]}", found[1])
    command.everywhere, command.prints = "g" in parts[2], "p" in parts[2]
    return command


def _sed_lines(lines: list[str], commands: list[_SedCommand], *, quiet: bool) -> list[str]:
    shown = []
    for number, line in enumerate(lines, 1):
        kept, ended = True, False
        for command in commands:
            if not command.chooses(number, len(lines), line):
                continue
            if command.action == "d":
                kept = False
                break
            if command.action == "p":
                shown.append(line)
            elif command.action == "q":
                ended = True
                break
            elif command.old is not None:
                new = command.new

                def put(match: re.Match[str], new: str = new) -> str:
                    return _replacement(new, match)

                line, times = command.old.subn(put, line, count=int(not command.everywhere))
                if times and command.prints:
                    shown.append(line)
        if kept and not quiet:
            shown.append(line)
        if ended:
            break
    return shown


def _replacement(new: str, match: re.Match[str]) -> str:
    def read(part: re.Match[str]) -> str:
        code = part[0]
        if code == "&":
            return match[0]
        if code[1:].isdigit():
            return match[int(code[1:])] or "" if int(code[1:]) <= len(match.groups()) else ""
        return {"\\n": "\n", "\\t": "\t"}.get(code, code[1:])

    return re.sub(r"&|\\.", read, new)


def _ranges(text: str) -> list[tuple[int, int]]:
    found = []
    for part in text.split(","):
        start, dash, stop = part.partition("-")
        first = int(start or 1)
        found.append((first, int(stop) if stop else (1 << 30 if dash else first)))
    return found


def _cut(shell: Shell, words: Words) -> Process:
    given, paths = options(words, "dfcb")
    found, code = yield from inputs(shell, "cut", paths)
    ranges = _ranges(given.get("f") or given.get("c") or given.get("b") or "1-")
    mark = given.get("d", "\t") or "\t"
    rows = []
    for line in (line for _, data in found for line in lines_of(data)):
        pieces = line.split(mark) if "f" in given else list(line)
        if "f" in given and len(pieces) == 1:
            if "s" not in given:
                rows.append(line)
            continue
        kept = [
            piece
            for number, piece in enumerate(pieces, 1)
            if any(first <= number <= last for first, last in ranges)
        ]
        rows.append((mark if "f" in given else "").join(kept))
    yield Say(STDOUT, joined(rows))
    return code


def _letters(text: str) -> str:
    """The characters of a set of `tr`.

    >>> _letters("a-e[:digit:]")
    'abcde0123456789'
    """
    text = unescaped(text)
    for name, inner in _CLASSES.items():
        text = text.replace(f"[:{name}:]", inner.replace("\\s", " \t\n").replace("\\t", "\t"))
    return re.sub(
        r"(.)-(.)",
        lambda match: "".join(chr(code) for code in range(ord(match[1]), ord(match[2]) + 1)),
        text,
        flags=re.DOTALL,
    )


def _tr(shell: Shell, words: Words) -> Process:
    given, sets = options(words)
    found, code = yield from inputs(shell, "tr", ())
    text = found[0][1].decode("utf-8", "surrogateescape")
    old = _letters(sets[0]) if sets else ""
    inverse = "c" in given or "C" in given

    def is_in(char: str) -> bool:
        return (char in old) != inverse

    if "d" in given:
        text = "".join(char for char in text if not is_in(char))
    elif len(sets) > 1:
        new = _letters(sets[1])
        text = "".join(
            (new[-1] if inverse else new[min(old.index(char), len(new) - 1)])
            if is_in(char)
            else char
            for char in text
        )
    if "s" in given:
        squeezed = _letters(sets[-1]) if len(sets) > 1 else old
        text = re.sub(
            r"(.)\1+", lambda m: m[1] if m[1] in squeezed else m[0], text, flags=re.DOTALL
        )
    yield Say(STDOUT, text.encode("utf-8", "surrogateescape"))
    return code


_AWK: Final = re.compile(
    r"\s*(?:(NR\s*[=<>]=?\s*\d+)|/((?:[^/\\]|\\.)*)/)?\s*(?:\{\s*print\s*(.*?)\s*;?\s*\})?\s*"
)


def _awk(shell: Shell, words: Words) -> Process:
    given, rest = options(words, "Fv")
    match = _AWK.fullmatch(rest[0]) if rest else None
    if match is None:
        return (yield from complain("awk", "this program is not understood", 2))
    found, code = yield from inputs(shell, "awk", rest[1:])
    rows = []
    for number, line in enumerate((line for _, data in found for line in lines_of(data)), 1):
        if match[1] and not _numbered(match[1], number):
            continue
        if match[2] and not re.search(match[2], line):
            continue
        pieces = line.split(given.get("F") or None)
        rows.append(_awk_line(match[3] or "", line, pieces, number))
    yield Say(STDOUT, joined(rows))
    return code


def _numbered(text: str, number: int) -> bool:
    found = re.fullmatch(r"NR\s*([=<>]=?)\s*(\d+)", text)
    assert found is not None
    wanted = int(found[2])
    answers = {"==": number == wanted, "<": number < wanted, ">": number > wanted}
    answers.update({"<=": number <= wanted, ">=": number >= wanted})
    return answers.get(found[1], False)


def _awk_line(what: str, line: str, pieces: list[str], number: int) -> str:
    if not what:
        return line
    shown = []
    for item in re.split(r"\s*,\s*", what):
        text = ""
        for token in re.findall(r'"(?:[^"\\]|\\.)*"|\$NF|\$\d+|NF|NR|\S+', item):
            if token.startswith('"'):
                text += unescaped(token[1:-1])
            elif token == "$NF":
                text += pieces[-1] if pieces else ""
            elif token == "$0":
                text += line
            elif token.startswith("$") and token[1:].isdigit():
                place = int(token[1:])
                text += pieces[place - 1] if place <= len(pieces) else ""
            else:
                text += {"NF": str(len(pieces)), "NR": str(number)}.get(token, "")
        shown.append(text)
    return " ".join(shown)


TEXT: Final[dict[str, Tool]] = {
    "grep": _grep,
    "egrep": lambda shell, words: _grep(shell, words, extended=True),
    "fgrep": lambda shell, words: _grep(shell, ("-F", *words)),
    "sed": _sed,
    "cut": _cut,
    "tr": _tr,
    "awk": _awk,
}
