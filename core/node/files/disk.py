"""The files that one container sees, while something in it is worked out.

A `Disk` is made for one evaluation and seen by nobody else, as a kubelet's `Turn` is: it reads a
pod's parts (values), gathers what is written, and says afterwards what changed.
"""

from __future__ import annotations

from posixpath import dirname, join, normpath
from typing import Final

import msgspec

from kelm.core.node.files.entries import (
    DENIED,
    EMPTY_TREE,
    EXISTS,
    IS_DIRECTORY,
    LOOP,
    MISSING,
    NOT_DIRECTORY,
    NOT_EMPTY,
    READ_ONLY,
    Change,
    Directory,
    Entry,
    File,
    Link,
    Mount,
    Parts,
    Trouble,
)
from kelm.core.node.files.promises import Promised

MOST_LINKS: Final = 40
ROOT: Final = Directory()


class Disk:
    """A container's root with its mounts, seen by one user.

    read_only: whether the root may not be written to, but for what a runtime mounts there: /dev
    and the files of `mounted`.
    looked: whether anybody has looked at anything. missed: whether something was not found in the
    root that nobody has removed: an image may have had it.
    promised: what makes files that are promises; what it cannot make is missing.
    """

    def __init__(
        self,
        parts: Parts,
        root: str,
        base: dict[str, Entry],
        mounts: tuple[Mount, ...] = (),
        now_ms: int = 0,
    ) -> None:
        self.now_ms = now_ms
        self.looked = self.missed = self.read_only = False
        self.mounted: tuple[str, ...] = ()
        self.user = 0
        self.groups: tuple[int, ...] = (0,)
        self.promised: Promised = lambda promise: None
        self._root = root
        self._base = base
        self.mounts = tuple(sorted(mounts, key=lambda mount: (-len(mount.path), mount.path)))
        self.load(parts)

    def load(self, parts: Parts) -> None:
        """See the files as they are now; what was written before must have been taken over."""
        self._parts: dict[str, dict[str, Entry | None]] = {
            name: dict(tree) for name, tree in parts.items()
        }
        self._changes: dict[tuple[str, str], Entry | None] = {}

    @property
    def changes(self) -> tuple[Change, ...]:
        """What was written since the files were loaded."""
        return tuple(Change(part, path, entry) for (part, path), entry in self._changes.items())

    def taken(self) -> tuple[Change, ...]:
        """The same, and from now on only what comes after."""
        changes = self.changes
        self._changes = {}
        return changes

    # -- where a path leads --------------------------------------------------------------------

    def mount_of(self, path: str) -> Mount | None:
        """The mount that a path without links lies in, None for the container's own root."""
        for mount in self.mounts:
            if path == mount.path or path.startswith(mount.path + "/"):
                return mount
        return None

    def _place(self, path: str) -> tuple[str, str]:
        mount = self.mount_of(path)
        if mount is None:
            return self._root, path
        return mount.part, _plain(f"{mount.root}/{path[len(mount.path) :]}")

    def _at(self, path: str) -> Entry | None:
        """The entry at a path without links."""
        self.looked = True
        part, place = self._place(path)
        tree = self._parts.get(part, EMPTY_TREE)
        if place in tree:
            return tree[place]
        if part == self._root and place in self._base:
            return self._base[place]
        if place == "/" or any(mount.path.startswith(path + "/") for mount in self.mounts):
            return ROOT
        mounted = self.mount_of(path)
        self.missed = self.missed or mounted is None
        return ROOT if mounted is not None and mounted.path == path else None

    def resolved(self, path: str, *, follow: bool = True) -> str | Trouble:
        """A path without links; the last step may be missing.

        >>> from kelm.core.store.small_map import SmallMap
        >>> disk = Disk(SmallMap(), "root/a", {"/tmp": Directory(), "/l": Link("tmp/x")})
        >>> disk.resolved("/l"), disk.resolved("/l", follow=False)
        ('/tmp/x', '/l')
        """
        steps = [step for step in path.split("/") if step not in ("", ".")]
        found, links = "/", 0
        while steps:
            step = steps.pop(0)
            if step == "..":
                found = dirname(found)
                continue
            here = join(found, step)
            entry = self._at(here)
            if isinstance(entry, Link) and (steps or follow):
                links += 1
                if links > MOST_LINKS:
                    return LOOP
                found = "/" if entry.to.startswith("/") else found
                steps = [one for one in entry.to.split("/") if one not in ("", ".")] + steps
                continue
            if steps and entry is None:
                return MISSING
            if steps and not isinstance(entry, Directory):
                return NOT_DIRECTORY
            found = here
        return found

    # -- reading -------------------------------------------------------------------------------

    def entry(self, path: str, *, follow: bool = True) -> Entry | Trouble:
        """What is at a path."""
        place = self.resolved(path, follow=follow)
        if isinstance(place, Trouble):
            return place
        found = self._at(place)
        if isinstance(found, File) and found.promise:
            return self._made(found)
        return MISSING if found is None else found

    def _made(self, file: File) -> File | Trouble:
        """A file whose data is made for who opens it."""
        data = self.promised(file.promise)
        if data is None:
            return MISSING
        return msgspec.structs.replace(file, data=data, promise="")

    def read(self, path: str) -> bytes | Trouble:
        """The content of a file."""
        found = self.entry(path)
        if isinstance(found, Directory):
            return IS_DIRECTORY
        if isinstance(found, File):
            return found.data if self.may(found, 4) else DENIED
        return found if isinstance(found, Trouble) else MISSING

    def may(self, entry: File | Directory, bit: int) -> bool:
        """Whether the user may read (4), write (2) or execute (1)."""
        if self.user == 0:
            return True
        if self.user == entry.uid:
            return bool(entry.mode >> 6 & bit)
        if entry.gid in self.groups:
            return bool(entry.mode >> 3 & bit)
        return bool(entry.mode & bit)

    def names(self, path: str) -> tuple[str, ...] | Trouble:
        """The names in a directory, sorted."""
        place = self.resolved(path)
        if isinstance(place, Trouble):
            return place
        found = self._at(place)
        if found is None:
            return MISSING
        if not isinstance(found, Directory):
            return NOT_DIRECTORY
        part, inner = self._place(place)
        head = "/" if inner == "/" else inner + "/"
        paths = [one for one, entry in self._parts.get(part, {}).items() if entry is not None]
        if part == self._root:
            hidden = self._parts.get(part, {})
            paths += [one for one in self._base if one not in hidden]
        names = {one[len(head) :].partition("/")[0] for one in paths if one.startswith(head)}
        top = "/" if place == "/" else place + "/"
        for mount in self.mounts:
            if mount.path.startswith(top):
                names.add(mount.path[len(top) :].partition("/")[0])
        return tuple(sorted(name for name in names if name))

    def walk(self, path: str) -> tuple[str, ...]:
        """A path and everything below it, directories first, in the order of their names."""
        found = [path]
        entry = self.entry(path, follow=False)
        if isinstance(entry, Directory):
            names = self.names(path)
            for name in () if isinstance(names, Trouble) else names:
                found += self.walk(join(path, name))
        return tuple(found)

    # -- writing -------------------------------------------------------------------------------

    def _put(self, place: str, entry: Entry | None) -> Trouble | None:
        mount = self.mount_of(place)
        if mount is not None and mount.read_only:
            return READ_ONLY
        if mount is None and self.read_only and not self._is_mounted(place):
            return READ_ONLY
        part, inner = self._place(place)
        tree = self._parts.setdefault(part, {})
        tree[inner] = entry
        self._changes[(part, inner)] = entry
        return None

    def _is_mounted(self, place: str) -> bool:
        return place.startswith("/dev/") or place in self.mounted

    def put(self, path: str, entry: Entry) -> Trouble | None:
        """Have this entry at a path whose directory exists."""
        place = self.resolved(path, follow=not isinstance(entry, Link))
        if isinstance(place, Trouble):
            return place
        above = self._at(dirname(place))
        if above is None:
            return MISSING
        if not isinstance(above, Directory):
            return NOT_DIRECTORY
        existing = self._at(place)
        if isinstance(existing, Directory) and not isinstance(entry, Directory):
            return IS_DIRECTORY
        target = existing if isinstance(existing, File) else above
        if not self.may(target, 2):
            return DENIED
        return self._put(place, entry)

    def put_over(self, path: str, entry: File | Directory) -> Trouble | None:
        """Change the mode or owner of what is at a path; only its owner may."""
        place = self.resolved(path)
        if isinstance(place, Trouble):
            return place
        found = self._at(place)
        if not isinstance(found, File | Directory):
            return MISSING
        if self.user not in (0, found.uid):
            return Trouble("Operation not permitted")
        return self._put(place, entry)

    def write(
        self, path: str, data: bytes, mode: int = 0o644, *, append: bool = False
    ) -> Trouble | None:
        """Write a file; one that is there keeps its mode and owner."""
        before = self.entry(path)
        if isinstance(before, Directory):
            return IS_DIRECTORY
        if isinstance(before, File):
            whole = before.data + data if append else data
            return self.put(path, msgspec.structs.replace(before, data=whole, at_ms=self.now_ms))
        return self.put(path, File(data, mode, self.user, self.groups[0], self.now_ms))

    def make_directory(
        self, path: str, mode: int = 0o755, *, parents: bool = False
    ) -> Trouble | None:
        """Make a directory; with `parents` what is above it as well, and no matter if it exists."""
        found = self.entry(path)
        if not isinstance(found, Trouble):
            return None if parents and isinstance(found, Directory) else EXISTS
        above = dirname(normpath(path))
        if parents and above != path:
            trouble = self.make_directory(above, mode, parents=True)
            if trouble is not None:
                return trouble
        return self.put(path, Directory(mode, self.user, self.groups[0], self.now_ms))

    def remove(self, path: str, *, recursive: bool = False) -> Trouble | None:
        """Remove a file, a link, or a directory that is empty; or all that is below it."""
        place = self.resolved(path, follow=False)
        if isinstance(place, Trouble):
            return place
        entry = self._at(place)
        if entry is None:
            return MISSING
        above = self._at(dirname(place))
        if isinstance(above, Directory) and not self.may(above, 2):
            return DENIED
        if isinstance(entry, Directory):
            below = self.walk(place)[1:]
            if below and not recursive:
                return NOT_EMPTY
            for one in reversed(below):
                trouble = self._put(one, None)
                if trouble is not None:
                    return trouble
        return self._put(place, None)


def _plain(path: str) -> str:
    """An absolute path with single slashes; POSIX leaves two at the beginning alone.

    >>> _plain(""), _plain("a//b/")
    ('/', '/a/b')
    """
    return "/" + normpath(f"/{path}").lstrip("/")
