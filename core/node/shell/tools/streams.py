"""Programs that take lines in and give lines out, whole or in part.

Source: POSIX.1-2024, utilities; busybox for the form of what is told.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import md5, sha1, sha256
from typing import Final

from kelm.core.node.programs.process import STDOUT, Process, Read, Say, Sleep
from kelm.core.node.shell.pipes import read_all
from kelm.core.node.shell.state import Shell, Tool, Words
from kelm.core.node.shell.tools.options import answer, complain, inputs, joined, lines_of, options

FOLLOW_MS: Final = 1_000


def _count(words: Words) -> tuple[dict[str, str], Words]:
    """Options with the old `-5` for `-n 5`."""
    modern = tuple(
        f"-n{word[1:]}" if word[:1] == "-" and word[1:].isdigit() else word for word in words
    )
    return options(modern, "nc")


def _head(shell: Shell, words: Words) -> Process:
    given, paths = _count(words)
    if "c" in given:
        found, code = yield from inputs(shell, "head", paths)
        for _, data in found:
            yield Say(STDOUT, data[: int(given["c"])])
        return code
    left = int(given.get("n", "10"))
    if not paths:
        return (yield from _first_lines(left))
    found, code = yield from inputs(shell, "head", paths)
    for number, (name, data) in enumerate(found):
        if len(found) > 1:
            yield Say(STDOUT, f"{chr(10) if number else ''}==> {name} <==\n".encode())
        yield Say(STDOUT, b"".join(data.splitlines(keepends=True)[:left]))
    return code


def _first_lines(left: int) -> Process:
    """The first lines of the input, as they come."""
    while left > 0 and (data := (yield Read())):
        lines = data.splitlines(keepends=True)[:left]
        left -= sum(line.endswith(b"\n") for line in lines)
        yield Say(STDOUT, b"".join(lines))
    return 0


def _tail(shell: Shell, words: Words) -> Process:
    given, paths = _count(words)
    found, code = yield from inputs(shell, "tail", paths)
    for _, data in found:
        if "c" in given:
            number = int(given["c"])
            yield Say(STDOUT, data[number - 1 :] if given["c"][:1] == "+" else data[-number:])
            continue
        lines = data.splitlines(keepends=True)
        text = given.get("n", "10")
        number = int(text.lstrip("+-") or 10)
        kept = lines[number - 1 :] if text.startswith("+") else lines[len(lines) - number :]
        yield Say(STDOUT, b"".join(kept if len(lines) > number or text[:1] == "+" else lines))
    if ("f" in given or "F" in given) and paths:
        yield from _followed(shell, paths[-1])
    return code


def _followed(shell: Shell, path: str) -> Process:
    seen = shell.inside.disk.read(shell.path(path))
    length = len(seen) if isinstance(seen, bytes) else 0
    while path != "/dev/null":
        yield Sleep(FOLLOW_MS)
        data = shell.inside.disk.read(shell.path(path))
        if isinstance(data, bytes) and len(data) > length:
            yield Say(STDOUT, data[length:])
            length = len(data)
    while True:
        yield Sleep(1 << 40)


def _wc(shell: Shell, words: Words) -> Process:
    given, paths = options(words)
    found, code = yield from inputs(shell, "wc", paths)
    wanted = [letter for letter in "lwc" if letter in given] or list("lwc")
    rows = []
    for name, data in found:
        sizes = {"l": data.count(b"\n"), "w": len(data.split()), "c": len(data)}
        rows.append(([sizes[letter] for letter in wanted], name))
    if len(rows) > 1:
        totals = [sum(column) for column in zip(*(row for row, _ in rows), strict=True)]
        rows.append((totals, "total"))
    for row, name in rows:
        alone = len(row) == 1 and name == "-"
        text = str(row[0]) if len(row) == 1 else " ".join(f"{number:9d}" for number in row)
        yield Say(STDOUT, f"{text if alone or name == '-' else f'{text} {name}'}\n".encode())
    return code


def _sort(shell: Shell, words: Words) -> Process:
    given, paths = options(words, "kt")
    found, code = yield from inputs(shell, "sort", paths)
    lines = [line for _, data in found for line in lines_of(data)]
    column = given.get("k", "").partition(",")[0].partition(".")[0]

    def rank(line: str) -> tuple[float, str]:
        text = line
        if column.isdigit():
            parts = line.split(given.get("t") or None)
            text = parts[int(column) - 1] if int(column) <= len(parts) else ""
        number = 0.0
        if "n" in given:
            digits = text.strip().split(" ")[0]
            try:
                number = float(digits or 0)
            except ValueError:
                number = 0.0
        return number, text

    lines.sort(key=rank, reverse="r" in given)
    if "u" in given:
        lines = list(dict.fromkeys(lines))
    yield Say(STDOUT, joined(lines))
    return code


def _uniq(shell: Shell, words: Words) -> Process:
    given, paths = options(words)
    found, code = yield from inputs(shell, "uniq", paths[:1])
    counted: list[tuple[str, int]] = []
    for line in (line for _, data in found for line in lines_of(data)):
        if counted and counted[-1][0] == line:
            counted[-1] = (line, counted[-1][1] + 1)
        else:
            counted.append((line, 1))
    if "d" in given:
        counted = [one for one in counted if one[1] > 1]
    if "u" in given:
        counted = [one for one in counted if one[1] == 1]
    shown = [f"{number:7d} {line}" if "c" in given else line for line, number in counted]
    yield Say(STDOUT, joined(shown))
    return code


def _tee(shell: Shell, words: Words) -> Process:
    given, paths = options(words)
    for path in paths:
        if "a" not in given:
            shell.inside.disk.write(shell.path(path), b"")
    while data := (yield Read()):
        yield Say(STDOUT, data)
        for path in paths:
            shell.inside.disk.write(shell.path(path), data, append=True)
    return 0


def _seq(shell: Shell, words: Words) -> Process:
    numbers = [word for word in words if word.lstrip("-").isdigit()]
    if not numbers:
        return complain("seq", "missing operand")
    first = int(numbers[0]) if len(numbers) > 1 else 1
    step = int(numbers[1]) if len(numbers) > 2 else 1
    last = int(numbers[-1])
    if step == 0:
        return complain("seq", "increment must not be 0")
    values = range(first, last + (1 if step > 0 else -1), step)
    return answer("".join(f"{value}\n" for value in values))


def _base64(shell: Shell, words: Words) -> Process:
    given, paths = options(words, "w")
    found, code = yield from inputs(shell, "base64", paths)
    data = b"".join(one for _, one in found)
    if "d" in given or "decode" in given:
        yield Say(STDOUT, b64decode(data))
        return code
    text = b64encode(data)
    width = int(given.get("w") or 76)
    rows = (
        [text[start : start + width] for start in range(0, len(text), width)] if width else [text]
    )
    yield Say(STDOUT, b"\n".join(rows) + (b"\n" if width else b""))
    return code


def _digest(name: str) -> Tool:
    make = {"md5sum": md5, "sha1sum": sha1, "sha256sum": sha256}[name]

    def digest(shell: Shell, words: Words) -> Process:
        found, code = yield from inputs(shell, name, options(words)[1])
        for path, data in found:
            yield Say(STDOUT, f"{make(data).hexdigest()}  {path}\n".encode())
        return code

    return digest


def _rev(shell: Shell, words: Words) -> Process:
    found, code = yield from inputs(shell, "rev", words)
    yield Say(STDOUT, joined([line[::-1] for _, data in found for line in lines_of(data)]))
    return code


def _xargs(shell: Shell, words: Words) -> Process:
    from kelm.core.node.shell.run import program

    rest = list(words)
    each, marker = 0, ""
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option.startswith("-n"):
            each = int(option[2:] or (rest.pop(0) if rest else "1"))
        elif option.startswith("-I"):
            marker = option[2:] or (rest.pop(0) if rest else "{}")
    data = yield from read_all()
    text = data.decode("utf-8", "replace")
    items = lines_of(data) if marker else text.split()
    size = 1 if marker else each or len(items) or 1
    code = 0
    for start in range(0, len(items), size):
        some = items[start : start + size]
        command = [word.replace(marker, some[0]) for word in rest] if marker else [*rest, *some]
        process = program(shell.copy(), tuple(command or ["echo", *some]))
        if process is None:
            return (yield from complain("xargs", f"{rest[0]}: No such file or directory", 127))
        code = (yield from process) or code
    return code


def _yes(shell: Shell, words: Words) -> Process:
    text = " ".join(words) or "y"
    while True:
        yield Say(STDOUT, f"{text}\n".encode())


STREAMS: Final[dict[str, Tool]] = {
    "head": _head,
    "tail": _tail,
    "wc": _wc,
    "sort": _sort,
    "uniq": _uniq,
    "tee": _tee,
    "seq": _seq,
    "base64": _base64,
    "md5sum": _digest("md5sum"),
    "sha1sum": _digest("sha1sum"),
    "sha256sum": _digest("sha256sum"),
    "rev": _rev,
    "xargs": _xargs,
    "yes": _yes,
}
