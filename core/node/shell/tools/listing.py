"""Programs that tell of files: `ls`, `stat`, `find`, `du`, `df`.

Source: POSIX.1-2024, utilities; busybox for the form of what is told.
"""

from __future__ import annotations

from posixpath import basename, join, normpath
from typing import Final

from kelm.core.node.files.entries import Directory, Entry, File, Link, Trouble
from kelm.core.node.programs.process import STDERR, STDOUT, Process, Say
from kelm.core.node.shell.patterns import matches
from kelm.core.node.shell.state import Shell, Tool, Words
from kelm.core.node.shell.tools.dates import formatted
from kelm.core.node.shell.tools.options import answer, complain, options

NO_SPACE: Final = ("cgroup2", "proc")
"""What shows something of the kernel and takes no place."""
TYPES: Final = {"f": File, "d": Directory, "l": Link}


def mode_text(entry: Entry) -> str:
    """A mode as `ls -l` shows it.

    >>> mode_text(File(mode=0o640)), mode_text(Directory(mode=0o1777))
    ('-rw-r-----', 'drwxrwxrwt')
    """
    if isinstance(entry, Link):
        return "lrwxrwxrwx"
    mode = entry.mode
    bits = ["rwx"[place % 3] if mode >> (8 - place) & 1 else "-" for place in range(9)]
    if mode & 0o1000:
        bits[8] = "t" if bits[8] == "x" else "T"
    if mode & 0o2000:
        bits[5] = "s" if bits[5] == "x" else "S"
    return ("d" if isinstance(entry, Directory) else "-") + "".join(bits)


def size_of(entry: Entry) -> int:
    if isinstance(entry, File):
        return len(entry.data)
    return len(entry.to) if isinstance(entry, Link) else 4_096


def _user(number: int) -> str:
    return "root" if number == 0 else str(number)


def _long(name: str, entry: Entry) -> str:
    uid, gid, at_ms = (0, 0, 0) if isinstance(entry, Link) else (entry.uid, entry.gid, entry.at_ms)
    tail = f" -> {entry.to}" if isinstance(entry, Link) else ""
    when = formatted(at_ms, "%b %e %H:%M")
    links = 2 if isinstance(entry, Directory) else 1
    sizes = f"{links:4d} {_user(uid):8} {_user(gid):8} {size_of(entry):9d}"
    return f"{mode_text(entry)} {sizes} {when} {name}{tail}"


def _ls(shell: Shell, words: Words) -> Process:
    given, paths = options(words)
    disk, code = shell.inside.disk, 0
    for number, path in enumerate(paths or (".",)):
        place = shell.path(path)
        entry = disk.entry(place, follow="l" not in given)
        if isinstance(entry, Trouble):
            yield Say(STDERR, f"ls: {path}: {entry.words}\n".encode())
            code = 1
            continue
        if isinstance(entry, Link) and isinstance(disk.entry(place), Directory):
            entry = Directory()
        if not isinstance(entry, Directory) or "d" in given:
            yield Say(STDOUT, f"{_long(path, entry) if 'l' in given else path}\n".encode())
            continue
        if len(paths) > 1:
            yield Say(STDOUT, f"{chr(10) if number else ''}{path}:\n".encode())
        for folder in _folders(shell, place) if "R" in given else (place,):
            if "R" in given:
                yield Say(STDOUT, f"{folder}:\n".encode())
            yield Say(STDOUT, _listed(shell, folder, given).encode())
    return code


def _folders(shell: Shell, place: str) -> list[str]:
    disk = shell.inside.disk
    return [
        path for path in disk.walk(place) if isinstance(disk.entry(path, follow=False), Directory)
    ]


def _listed(shell: Shell, place: str, given: dict[str, str]) -> str:
    disk = shell.inside.disk
    found = disk.names(place)
    names = [] if isinstance(found, Trouble) else list(found)
    if "a" not in given and "A" not in given:
        names = [name for name in names if not name.startswith(".")]
    if "a" in given:
        names = [".", "..", *names]
    lines = ["total 0"] if "l" in given else []
    for name in names:
        entry = disk.entry(normpath(join(place, name)), follow=False)
        lines.append(name if "l" not in given or isinstance(entry, Trouble) else _long(name, entry))
    return "".join(f"{line}\n" for line in lines)


def _stat(shell: Shell, words: Words) -> Process:
    given, paths = options(words, "c")
    form = given.get("c", given.get("format", given.get("printf", "")))
    for path in paths:
        place = shell.path(path)
        if "f" in given or "filesystem" in given:
            mount = shell.inside.disk.mount_of(normpath(place))
            kind = "overlay" if mount is None else mount.kind
            text = f"{kind}\n" if form else f'  File: "{path}"\n    Type: {kind}\n'
            return (yield from answer(text))
        entry = shell.inside.disk.entry(place, follow="L" in given)
        if isinstance(entry, Trouble):
            return (yield from complain("stat", f"can't stat '{path}': {entry.words}"))
        uid, gid, at_ms = (
            (0, 0, 0) if isinstance(entry, Link) else (entry.uid, entry.gid, entry.at_ms)
        )
        mode = 0o777 if isinstance(entry, Link) else entry.mode
        if not form:
            form = "  File: %n\n  Size: %s\nAccess: (0%a/%A)  Uid: (%u/%U)   Gid: (%g/%G)"
        kind = {File: "regular file", Directory: "directory", Link: "symbolic link"}[type(entry)]
        for key, value in {
            "%a": f"{mode:o}", "%A": mode_text(entry), "%u": str(uid), "%g": str(gid),
            "%U": _user(uid), "%G": _user(gid), "%s": str(size_of(entry)), "%n": path,
            "%F": kind, "%Y": str(at_ms // 1_000), "%y": formatted(at_ms, "%Y-%m-%d %H:%M:%S"),
        }.items():  # fmt: skip
            form = form.replace(key, value)
        yield Say(STDOUT, f"{form}\n".encode())
    return 0


class _Wanted:
    """What a command line of `find` looks for."""

    def __init__(self, words: Words) -> None:
        self.roots: list[str] = []
        self.kind, self.name, self.negated, self.trouble = "", "", False, ""
        self.deepest, self.least = 1 << 30, 0
        rest = list(words)
        while rest and not rest[0].startswith(("-", "!", "(")):
            self.roots.append(rest.pop(0))
        while rest and not self.trouble:
            self.read(rest.pop(0), rest)

    def read(self, word: str, rest: list[str]) -> None:
        if word in ("!", "-not"):
            self.negated = True
        elif word in ("-print", "-L", "-follow"):
            return
        elif not rest or word not in ("-type", "-name", "-maxdepth", "-mindepth"):
            self.trouble = f"unrecognized: {word}"
        elif word == "-type":
            self.kind = rest.pop(0)
        elif word == "-name":
            self.name = rest.pop(0)
        elif word == "-maxdepth":
            self.deepest = int(rest.pop(0))
        else:
            self.least = int(rest.pop(0))

    def takes(self, path: str, entry: Entry | Trouble, depth: int) -> bool:
        if self.kind and not isinstance(entry, TYPES.get(self.kind, File)):
            return False
        if self.name and matches([(self.name, False)], basename(path)) == self.negated:
            return False
        return self.least <= depth <= self.deepest


def _find(shell: Shell, words: Words) -> Process:
    wanted = _Wanted(words)
    if wanted.trouble:
        return complain("find", wanted.trouble)
    lines, disk = [], shell.inside.disk
    for root in wanted.roots or ["."]:
        top = normpath(shell.path(root))
        if isinstance(disk.entry(top), Trouble):
            return complain("find", f"{root}: No such file or directory")
        for path in disk.walk(top):
            depth = path[len(top) :].strip("/").count("/") + (path != top)
            if wanted.takes(path, disk.entry(path, follow=False), depth):
                lines.append(root + path[len(top) :] if top != "/" else path)
    return answer("".join(f"{line}\n" for line in lines))


def _readlink(shell: Shell, words: Words) -> Process:
    given, paths = options(words)
    for path in paths:
        place = shell.path(path)
        if "f" in given:
            found = shell.inside.disk.resolved(place)
            return answer("", 1) if isinstance(found, Trouble) else answer(f"{found}\n")
        entry = shell.inside.disk.entry(place, follow=False)
        return answer(f"{entry.to}\n") if isinstance(entry, Link) else answer("", 1)
    return answer("", 1)


def _realpath(shell: Shell, words: Words) -> Process:
    for path in words:
        found = shell.inside.disk.resolved(shell.path(path))
        if isinstance(found, Trouble):
            return complain("realpath", f"{path}: {found.words}")
        return answer(f"{found}\n")
    return answer("", 1)


def _du(shell: Shell, words: Words) -> Process:
    _, paths = options(words)
    disk = shell.inside.disk
    for path in paths or (".",):
        entries = [disk.entry(one, follow=False) for one in disk.walk(shell.path(path))]
        size = sum(size_of(one) for one in entries if not isinstance(one, Trouble))
        yield Say(STDOUT, f"{-(-size // 1_024)}\t{path}\n".encode())
    return 0


def _df(shell: Shell, words: Words) -> Process:
    lines = ["Filesystem           1K-blocks      Used Available Use% Mounted on"]
    places = [("overlay", "/")]
    mounts = reversed(shell.inside.disk.mounts)
    places += [(mount.kind, mount.path) for mount in mounts if mount.kind not in NO_SPACE]
    for kind, path in places:
        lines.append(f"{kind:20} 104857600   1048576 103809024   1% {path}")
    return answer("".join(f"{line}\n" for line in lines))


def _mount(shell: Shell, words: Words) -> Process:
    """What is mounted, with `-t` of one kind; nobody here may mount anything."""
    given, rest = options(words, "to")
    if rest:
        return complain("mount", "permission denied (are you root?)")
    found = [("overlay", "overlay on / type overlay (rw,relatime)")]
    for mount in reversed(shell.inside.disk.mounts):
        state = "ro" if mount.read_only else "rw"
        line = f"{mount.part} on {mount.path} type {mount.kind} ({state},relatime)"
        found.append((mount.kind, line))
    return answer("".join(f"{line}\n" for kind, line in found if given.get("t", kind) == kind))


LISTING: Final[dict[str, Tool]] = {
    "ls": _ls,
    "stat": _stat,
    "find": _find,
    "readlink": _readlink,
    "realpath": _realpath,
    "du": _du,
    "df": _df,
    "mount": _mount,
}
