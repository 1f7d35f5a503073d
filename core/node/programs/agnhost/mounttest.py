"""agnhost mounttest: tells of files, writes some, and reads one again and again.

Source: kubernetes v1.36, test/images/agnhost/mounttest/{mt,mt_utils,mt_utils_linux}.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.node.containers.behaviour import Behaviour, Line
from kelm.core.node.files.disk import Disk
from kelm.core.node.files.entries import Directory, Entry, Link, Trouble
from kelm.core.node.programs.flags import read_flags
from kelm.core.node.programs.inside import Inside

CONTENT: Final = "mount-tester new file\n"
LOOP_MS: Final = 2_000
NEW_FILES: Final = ("0644", "0666", "0660", "0777")


def mode_word(entry: Entry, *, whole: bool) -> str:
    """A mode as Go prints it: sticky and setgid bits stand before the permissions.

    >>> mode_word(Directory(0o1777), whole=True), mode_word(Directory(0o640), whole=False)
    ('dtrwxrwxrwx', '-rw-r-----')
    """
    mode = 0o777 if isinstance(entry, Link) else entry.mode
    head = ""
    if whole:
        head += "d" if isinstance(entry, Directory) else ""
        head += "g" if mode & 0o2000 else ""
        head += "t" if mode & 0o1000 else ""
    bits = ["rwx"[place % 3] if mode >> (8 - place) & 1 else "-" for place in range(9)]
    return (head or "-") + "".join(bits)


def mount_test(inside: Inside, words: tuple[str, ...]) -> Behaviour:
    """What it prints and how it ends."""
    flags, _ = read_flags(words)
    disk, said = inside.disk, list[str]()
    failed = False
    path = flags.get("fs_type")
    if path:
        mount = disk.mount_of(path)
        said.append(f'mount type of "{path}": {_kind(mount.kind if mount else "overlay")}')
    for mode in NEW_FILES:
        path = flags.get(f"new_file_{mode}")
        if path:
            failed = not _new_file(disk, path, int(mode, 8), said) or failed
    for flag in ("file_mode", "file_perm", "file_owner"):
        path = flags.get(flag)
        if path:
            failed = not _told(disk, flag, path, said) or failed
    path = flags.get("file_content")
    if path:
        failed = not _content(disk, path, said) or failed
    lines = [Line(0, line) for line in "\n".join(said).split("\n")] if said else []
    looped = flags.get("file_content_in_loop")
    if looped:
        return _loop(disk, looped, flags, lines)
    return Behaviour(exit_ms=0, exit_code=int(failed), lines=tuple(lines))


def _kind(kind: str) -> str:
    return "tmpfs" if kind == "tmpfs" else "ext2/ext3" if kind == "ext4" else kind


def _new_file(disk: Disk, path: str, mode: int, said: list[str]) -> bool:
    trouble = disk.write(path, CONTENT.encode(), mode)
    if trouble is not None:
        said.append(f'error writing new file "{path}": open {path}: {trouble.words.lower()}')
        return False
    return _content(disk, path, said)


def _content(disk: Disk, path: str, said: list[str]) -> bool:
    data = disk.read(path)
    if isinstance(data, Trouble):
        why = f"open {path}: {data.words.lower()}"
        said.append(f'error reading file content for "{path}": {why}')
        return False
    said.append(f'content of file "{path}": {data.decode("utf-8", "replace")}')
    return True


def _told(disk: Disk, flag: str, path: str, said: list[str]) -> bool:
    entry = disk.entry(path)
    if isinstance(entry, Trouble):
        said.append(f'error from Stat("{path}"): stat {path}: {entry.words.lower()}')
        return False
    if flag == "file_owner":
        uid, gid = (0, 0) if isinstance(entry, Link) else (entry.uid, entry.gid)
        said.append(f'owner UID of "{path}": {uid}\nowner GID of "{path}": {gid}')
        return True
    whole = flag == "file_mode"
    name = "mode" if whole else "perms"
    said.append(f'{name} of file "{path}": {mode_word(entry, whole=whole)}')
    return True


def _loop(disk: Disk, path: str, flags: dict[str, str], lines: list[Line]) -> Behaviour:
    """The same file every two seconds, until it holds what is expected or the time is over."""
    span_ms = int(flags.get("retry_time", "180")) * 1_000
    data = disk.read(path)
    breaks = flags.get("break_on_expected_content", "true") == "true"
    if isinstance(data, Trouble):
        texts = [f"Error reading file {path}: open {path}: {data.words.lower()}, retrying"]
        code = 1
    else:
        content = data.decode("utf-8", "replace")
        texts, code = [f'content of file "{path}": {content}'], 0
        if breaks and content == CONTENT:
            lines += [Line(0, one) for one in texts[0].split("\n")]
            return Behaviour(exit_ms=0, lines=tuple(lines))
        if breaks:
            texts.append(f"Unexpected content. Expected: {CONTENT}. Retrying")
    for text in texts:
        lines += [Line(0, one, LOOP_MS, span_ms) for one in text.split("\n")]
    return Behaviour(exit_ms=span_ms, exit_code=code, lines=tuple(lines))
