"""Programs that change files.

Source: POSIX.1-2024, utilities; busybox for what is said of errors.
"""

from __future__ import annotations

import re
from posixpath import basename, dirname, join, normpath
from typing import Final

import msgspec

from kelm.core.node.files.entries import Directory, File, Link, Trouble
from kelm.core.node.programs.process import STDERR, STDOUT, Process, Read, Say
from kelm.core.node.shell.state import Shell, Tool, Words
from kelm.core.node.shell.tools.options import answer, complain, options

replace = msgspec.structs.replace


def _cat(shell: Shell, words: Words) -> Process:
    _, paths = options(words)
    code = 0
    for path in paths or ("-",):
        if path == "-":
            while data := (yield Read()):
                yield Say(STDOUT, data)
            continue
        found = b"" if path == "/dev/null" else shell.inside.disk.read(shell.path(path))
        if isinstance(found, Trouble):
            verb = "read error" if found.words == "Is a directory" else ""
            said = f"{verb}: {found.words}" if verb else f"can't open '{path}': {found.words}"
            yield Say(STDERR, f"cat: {said}\n".encode())
            code = 1
        elif found:
            yield Say(STDOUT, found)
    return code


def _touch(shell: Shell, words: Words) -> Process:
    given, paths = options(words, "dtr")
    for path in paths:
        place = shell.path(path)
        found = shell.inside.disk.entry(place)
        trouble: Trouble | None = None
        if isinstance(found, File):
            trouble = shell.inside.disk.put(place, replace(found, at_ms=shell.inside.now_ms))
        elif isinstance(found, Trouble) and "c" not in given:
            trouble = shell.inside.disk.write(place, b"")
        if trouble is not None:
            return complain("touch", f"{path}: {trouble.words}")
    return answer("")


def _mkdir(shell: Shell, words: Words) -> Process:
    given, paths = options(words, "m")
    mode = int(given["m"], 8) if given.get("m", "").isdigit() else 0o755
    for path in paths:
        parents = "p" in given or "parents" in given
        trouble = shell.inside.disk.make_directory(shell.path(path), mode, parents=parents)
        if trouble is not None:
            return complain("mkdir", f"can't create directory '{path}': {trouble.words}")
    return answer("")


def _rmdir(shell: Shell, words: Words) -> Process:
    for path in options(words)[1]:
        trouble = shell.inside.disk.remove(shell.path(path))
        if trouble is not None:
            return complain("rmdir", f"'{path}': {trouble.words}")
    return answer("")


def _rm(shell: Shell, words: Words) -> Process:
    given, paths = options(words)
    recursive = bool({"r", "R", "recursive"} & set(given))
    code = 0
    for path in paths:
        place = shell.path(path)
        found = shell.inside.disk.entry(place, follow=False)
        if isinstance(found, Trouble) and "f" in given:
            continue
        if isinstance(found, Directory) and not recursive:
            yield Say(STDERR, f"rm: '{path}' is a directory\n".encode())
            code = 1
            continue
        trouble = shell.inside.disk.remove(place, recursive=recursive)
        if trouble is not None:
            yield Say(STDERR, f"rm: can't remove '{path}': {trouble.words}\n".encode())
            code = 1
    return code


def _copied(shell: Shell, source: str, target: str) -> Trouble | None:
    """Copy one path and what is below it."""
    disk = shell.inside.disk
    for path in disk.walk(source):
        entry = disk.entry(path, follow=False)
        if isinstance(entry, Trouble):
            return entry
        place = normpath(target + path[len(source) :])
        if isinstance(entry, Directory) and isinstance(disk.entry(place), Directory):
            continue
        trouble = disk.put(place, entry)
        if trouble is not None:
            return trouble
    return None


def _transfer(shell: Shell, tool: str, words: Words) -> Process:
    """`cp` and `mv`."""
    given, paths = options(words, "t")
    if len(paths) < 2:
        return (yield from complain(tool, "missing file operand"))
    disk, target = shell.inside.disk, shell.path(paths[-1])
    into = isinstance(disk.entry(target), Directory)
    for source in paths[:-1]:
        place = shell.path(source)
        entry = disk.entry(place, follow=tool == "cp")
        if isinstance(entry, Trouble):
            verb = "stat" if tool == "cp" else "rename"
            return (yield from complain(tool, f"can't {verb} '{source}': {entry.words}"))
        if tool == "cp" and isinstance(entry, Directory) and not {"r", "R", "a"} & set(given):
            return (yield from complain(tool, f"omitting directory '{source}'"))
        goal = join(target, basename(normpath(place))) if into else target
        trouble = _copied(shell, place, goal)
        if trouble is None and tool == "mv":
            trouble = disk.remove(place, recursive=True)
        if trouble is not None:
            return (yield from complain(tool, f"can't create '{goal}': {trouble.words}"))
        if "v" in given:
            said = f"'{source}' -> '{goal}'" if tool == "cp" else f"renamed '{source}' -> '{goal}'"
            yield Say(STDOUT, f"{said}\n".encode())
    return 0


_CLAUSE: Final = re.compile(r"([ugoa]*)([-+=])([rwxXst]*)")


def new_mode(text: str, mode: int) -> int | None:
    """A file's mode after `chmod`, None where the text is no mode.

    >>> oct(new_mode("u+x,go-r", 0o644)), oct(new_mode("600", 0)), new_mode("u*x", 0)
    ('0o700', '0o600', None)
    """
    if re.fullmatch(r"[0-7]{1,4}", text):
        return int(text, 8)
    for clause in text.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            return None
        bits = sum({"r": 4, "w": 2, "x": 1, "X": mode >> 6 & 1}.get(one, 0) for one in match[3])
        for who in match[1] or "a":
            for shift in {"u": (6,), "g": (3,), "o": (0,), "a": (6, 3, 0)}[who]:
                if match[2] == "=":
                    mode &= ~(7 << shift)
                mode = mode & ~(bits << shift) if match[2] == "-" else mode | bits << shift
    return mode


def _chmod(shell: Shell, words: Words) -> Process:
    recursive = "-R" in words
    rest = [word for word in words if word != "-R"]
    disk = shell.inside.disk
    for path in rest[1:]:
        top = shell.path(path)
        for place in disk.walk(top) if recursive else (top,):
            found = disk.entry(place)
            if isinstance(found, Trouble | Link):
                return complain("chmod", f"{path}: No such file or directory")
            mode = new_mode(rest[0], found.mode)
            if mode is None:
                return complain("chmod", f"invalid mode '{rest[0]}'")
            trouble = disk.put_over(place, replace(found, mode=mode))
            if trouble is not None:
                return complain("chmod", f"{path}: {trouble.words}")
    return answer("")


def _chown(shell: Shell, words: Words) -> Process:
    rest = [word for word in words if not word.startswith("-")]
    recursive = "-R" in words
    if not rest:
        return complain("chown", "missing operand")
    user, _, group = rest[0].partition(":")
    disk = shell.inside.disk
    for path in rest[1:]:
        top = shell.path(path)
        for place in disk.walk(top) if recursive else (top,):
            found = disk.entry(place)
            if isinstance(found, Trouble | Link):
                return complain("chown", f"{path}: No such file or directory")
            uid = int(user) if user.isdigit() else 0 if user == "root" else found.uid
            gid = int(group) if group.isdigit() else found.gid
            disk.put_over(place, replace(found, uid=uid, gid=gid))
    return answer("")


def _ln(shell: Shell, words: Words) -> Process:
    given, paths = options(words)
    if not paths:
        return complain("ln", "missing file operand")
    name = shell.path(paths[1] if len(paths) > 1 else basename(paths[0]))
    disk = shell.inside.disk
    if isinstance(disk.entry(name), Directory) and "n" not in given:
        name = join(name, basename(paths[0]))
    if "f" in given:
        disk.remove(name)
    if not isinstance(disk.entry(name, follow=False), Trouble):
        return complain("ln", f"{paths[-1]}: File exists")
    source = disk.entry(shell.path(paths[0]))
    if "s" in given:
        trouble = disk.put(name, Link(paths[0]))
    else:
        trouble = source if isinstance(source, Trouble) else disk.put(name, source)
    if trouble is not None:
        return complain("ln", f"{paths[-1]}: {trouble.words}")
    return answer("")


def _mktemp(shell: Shell, words: Words) -> Process:
    given, paths = options(words, "pt")
    form = paths[0] if paths else "/tmp/tmp.XXXXXX"
    number = 0
    while True:
        name = f"{form.rstrip('X')}{number:06d}"
        if isinstance(shell.inside.disk.entry(shell.path(name)), Trouble):
            break
        number += 1
    disk = shell.inside.disk
    place = shell.path(name)
    trouble = disk.make_directory(place, 0o700) if "d" in given else disk.write(place, b"", 0o600)
    return complain("mktemp", trouble.words) if trouble is not None else answer(f"{name}\n")


def _truncate(shell: Shell, words: Words) -> Process:
    given, paths = options(words, "s")
    size = int(given.get("s", "0") or 0)
    for path in paths:
        found = shell.inside.disk.read(shell.path(path))
        data = b"" if isinstance(found, Trouble) else found
        shell.inside.disk.write(shell.path(path), data[:size].ljust(size, b"\0"))
    return answer("")


def _dirname(shell: Shell, words: Words) -> Process:
    return answer(f"{dirname(words[0]) or '.'}\n" if words else "")


def _basename(shell: Shell, words: Words) -> Process:
    name = basename(words[0].rstrip("/")) if words else ""
    return answer(f"{name.removesuffix(words[1]) if len(words) > 1 else name}\n")


FILES: Final[dict[str, Tool]] = {
    "cat": _cat,
    "touch": _touch,
    "mkdir": _mkdir,
    "rmdir": _rmdir,
    "rm": _rm,
    "cp": lambda shell, words: _transfer(shell, "cp", words),
    "mv": lambda shell, words: _transfer(shell, "mv", words),
    "chmod": _chmod,
    "chown": _chown,
    "chgrp": _chown,
    "ln": _ln,
    "mktemp": _mktemp,
    "truncate": _truncate,
    "dirname": _dirname,
    "basename": _basename,
}
