"""What a file system holds: files, directories and links, as values.

A `Tree` is one file system by absolute path; the root directory needs no entry, and None says that
what an image or a program had there is gone. What goes wrong
is a `Trouble` whose words are those of the C library, as every tool prints them.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from kelm.core.store.small_map import SmallMap


class File(msgspec.Struct, frozen=True, gc=False, tag="file"):
    """A regular file. `mode` has the permission bits only.

    promise: from what its data is made once somebody opens it, "" for a file that is there.
    """

    data: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    at_ms: int = 0
    promise: str = ""


class Directory(msgspec.Struct, frozen=True, gc=False, tag="directory"):
    """A directory. What is in it is found by path. `mode` may have the sticky and setgid bits."""

    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    at_ms: int = 0


class Link(msgspec.Struct, frozen=True, gc=False, tag="link"):
    """A symbolic link."""

    to: str


Entry: TypeAlias = File | Directory | Link
Tree: TypeAlias = "SmallMap[str, Entry | None]"
EMPTY_TREE: Final[Tree] = SmallMap()


class Trouble(msgspec.Struct, frozen=True):
    """Why something could not be done with a path."""

    words: str


MISSING: Final = Trouble("No such file or directory")
IS_DIRECTORY: Final = Trouble("Is a directory")
NOT_DIRECTORY: Final = Trouble("Not a directory")
READ_ONLY: Final = Trouble("Read-only file system")
EXISTS: Final = Trouble("File exists")
DENIED: Final = Trouble("Permission denied")
NOT_EMPTY: Final = Trouble("Directory not empty")
LOOP: Final = Trouble("Too many levels of symbolic links")


class Mount(msgspec.Struct, frozen=True, gc=False):
    """A part of a pod's files (`volume/data`) seen at a path of a container, from `root` on.

    kind: what `stat -f` says of it: `tmpfs` for memory, else the disk's own.
    """

    path: str
    part: str
    root: str = ""
    read_only: bool = False
    kind: str = "ext4"


class Change(msgspec.Struct, frozen=True, gc=False):
    """A path of a part that has another entry now; None: it is gone."""

    part: str
    path: str
    entry: Entry | None


Parts: TypeAlias = "SmallMap[str, Tree]"
"""All files of a pod: `root/NAME` for what each container has written over its image, and
`volume/NAME` for each volume."""


def with_changes(parts: Parts, changes: tuple[Change, ...]) -> Parts:
    """The files of a pod after changes.

    >>> after = with_changes(SmallMap(), (Change("volume/a", "/x", File(b"1")),))
    >>> after["volume/a"]["/x"].data, with_changes(after, (Change("volume/a", "/x", None),))
    (b'1', {'volume/a': {'/x': None}})
    """
    for change in changes:
        tree = parts.get(change.part, EMPTY_TREE).put(change.path, change.entry)
        parts = parts.put(change.part, tree)
    return parts
