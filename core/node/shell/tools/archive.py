"""`tar`, as `kubectl cp` uses it on both sides: ustar with long names as GNU and pax have them.

Source: POSIX.1-2024, utility pax (ustar Interchange Format, pax Header); the GNU tar manual
(long names, types K and L).
"""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import dirname, join, normpath
from typing import Final

import msgspec

from kelm.core.node.files.entries import Directory, Entry, File, Link, Trouble
from kelm.core.node.programs.process import STDERR, STDOUT, Process, Say
from kelm.core.node.shell.pipes import read_all
from kelm.core.node.shell.state import Shell, Tool, Words
from kelm.core.node.shell.tools.options import complain

BLOCK: Final = 512
END: Final = bytes(2 * BLOCK)


class Member(msgspec.Struct, frozen=True):
    """One entry of an archive under its name there."""

    name: str
    entry: Entry


def pack(members: list[Member]) -> bytes:
    """An archive of these.

    >>> [member.name for member in unpack(pack([Member("d/" + "x" * 120, File(b"hi"))]))][0][-3:]
    'xxx'
    """
    return b"".join(_packed(member) for member in members) + END


def _packed(member: Member) -> bytes:
    name, entry = member.name.encode(), member.entry
    head = b""
    if len(name) > 100:
        head = _header(b"././@LongLink", len(name) + 1, b"L", 0, 0, 0, 0) + _padded(name + b"\0")
    if isinstance(entry, Link):
        return head + _header(name[:100], 0, b"2", 0o777, 0, 0, 0, entry.to.encode())
    facts = (entry.mode, entry.uid, entry.gid, entry.at_ms // 1_000)
    if isinstance(entry, Directory):
        return head + _header(name[:100], 0, b"5", *facts)
    return head + _header(name[:100], len(entry.data), b"0", *facts) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def _header(
    name: bytes, size: int, kind: bytes, mode: int, uid: int, gid: int, at_s: int, link: bytes = b""
) -> bytes:
    def octal(number: int, width: int) -> bytes:
        return f"{number:0{width - 1}o}\0".encode()

    block = (
        name.ljust(100, b"\0")
        + octal(mode, 8)
        + octal(uid, 8)
        + octal(gid, 8)
        + octal(size, 12)
        + octal(max(at_s, 0), 12)
        + b" " * 8
        + kind
        + link[:100].ljust(100, b"\0")
        + b"ustar\x0000"
        + b"root".ljust(32, b"\0") * 2
    ).ljust(BLOCK, b"\0")
    total = f"{sum(block):06o}\0 ".encode()
    return block[:148] + total + block[156:]


def unpack(data: bytes) -> Iterator[Member]:
    """The members of an archive, in order; what is no archive has none."""
    place, long_name, extra = 0, "", {}
    while place + BLOCK <= len(data):
        block = data[place : place + BLOCK]
        if not block.strip(b"\0"):
            return
        size = _number(block[124:136])
        kind = block[156:157]
        body = data[place + BLOCK : place + BLOCK + size]
        place += BLOCK + size + -size % BLOCK
        if kind == b"L":
            long_name = body.rstrip(b"\0").decode("utf-8", "surrogateescape")
            continue
        if kind in (b"x", b"g"):
            extra = _pax(body)
            continue
        name = long_name or extra.get("path", "") or _name(block)
        link = extra.get("linkpath", "") or _text(block[157:257])
        long_name, extra = "", {}
        facts = (_number(block[100:108]) & 0o7777, _number(block[108:116]), _number(block[116:124]))
        at_ms = _number(block[136:148]) * 1_000
        if kind in (b"0", b"\0", b"7"):
            yield Member(name, File(body, *facts, at_ms))
        elif kind == b"5":
            yield Member(name, Directory(*facts, at_ms))
        elif kind in (b"1", b"2"):
            yield Member(name, Link(link))


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _name(block: bytes) -> str:
    prefix = _text(block[345:500]) if block[257:262] == b"ustar" else ""
    return f"{prefix}/{_text(block[:100])}" if prefix else _text(block[:100])


def _number(field: bytes) -> int:
    text = field.strip(b"\0 ")
    try:
        return int(text, 8) if text else 0
    except ValueError:
        return 0


def _pax(body: bytes) -> dict[str, str]:
    """The records of an extended header.

    >>> _pax(b"12 path=a/b\\n")
    {'path': 'a/b'}
    """
    found: dict[str, str] = {}
    while body:
        length, _, _ = body.partition(b" ")
        if not length.isdigit() or not int(length):
            return found
        record = body[len(length) + 1 : int(length)].rstrip(b"\n")
        key, _, value = record.partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        body = body[int(length) :]
    return found


# -- the program -----------------------------------------------------------------------------------


class _Asked:
    """What a command line of `tar` asks for."""

    def __init__(self, words: Words) -> None:
        self.action, self.file, self.folder = "", "-", ""
        self.verbose = False
        self.paths: list[str] = []
        rest = list(words)
        if rest and not rest[0].startswith("-"):
            rest[0] = f"-{rest[0]}"
        while rest:
            word = rest.pop(0)
            if word.startswith("--"):
                continue
            if not word.startswith("-") or word == "-":
                self.paths.append(word)
                continue
            for letter in word[1:]:
                if letter in "cxt":
                    self.action = letter
                elif letter == "f":
                    self.file = rest.pop(0) if rest else "-"
                elif letter == "C":
                    self.folder = rest.pop(0) if rest else ""
                elif letter == "v":
                    self.verbose = True


def _tar(shell: Shell, words: Words) -> Process:
    asked = _Asked(words)
    top = shell.path(asked.folder or ".")
    if asked.action == "c":
        return (yield from _create(shell, asked, top))
    if not asked.action:
        return (yield from complain("tar", "must specify one of -c -x -t"))
    if asked.file == "-":
        data = yield from read_all()
    else:
        found = shell.inside.disk.read(shell.path(asked.file))
        if isinstance(found, Trouble):
            return (yield from complain("tar", f"can't open '{asked.file}': {found.words}"))
        data = found
    if asked.action == "t":
        yield Say(STDOUT, "".join(f"{member.name}\n" for member in unpack(data)).encode())
        return 0
    return (yield from _extract(shell, data, top))


def _create(shell: Shell, asked: _Asked, top: str) -> Process:
    disk, members, code = shell.inside.disk, [], 0
    for path in asked.paths:
        place = normpath(join(top, path))
        if isinstance(disk.entry(place, follow=False), Trouble):
            yield Say(STDERR, f"tar: {path}: No such file or directory\n".encode())
            code = 1
            continue
        for one in disk.walk(place):
            entry = disk.entry(one, follow=False)
            name = (path + one[len(place) :]).lstrip("/")
            if isinstance(entry, Directory):
                name = name.rstrip("/") + "/"
            if not isinstance(entry, Trouble):
                members.append(Member(name, entry))
    data = pack(members)
    if asked.file == "-":
        yield Say(STDOUT, data)
    else:
        disk.write(shell.path(asked.file), data)
    return code


def _extract(shell: Shell, data: bytes, top: str) -> Process:
    disk = shell.inside.disk
    for member in unpack(data):
        place = normpath(join(top, member.name.lstrip("/")))
        if isinstance(member.entry, Directory):
            trouble = disk.make_directory(place, member.entry.mode or 0o755, parents=True)
        else:
            disk.make_directory(dirname(place), parents=True)
            trouble = disk.put(place, member.entry)
        if trouble is not None:
            said = f"can't open '{member.name}': {trouble.words}"
            return (yield from complain("tar", said))
    return 0


ARCHIVE: Final[dict[str, Tool]] = {"tar": _tar}
