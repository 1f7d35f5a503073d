"""The files of a machine itself: what pods write through `hostPath` volumes, and others find there.

What a program will write is known when it starts; until then it is among `coming`.

Source: kubernetes v1.36, pkg/volume/hostpath/host_path.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.node.files.entries import EMPTY_TREE, Change, Entry, Tree
from kelm.effects.document import Document, children, text

HOST: Final = "host"
"""The part of a pod's files that is its machine's."""


def host_directories(spec: Document) -> tuple[str, ...]:
    """The directories of a machine that a pod has as volumes, and those above them, in order.

    >>> host_directories(Document(volumes=(Document(hostPath=Document(path="/a/b/")),)))
    ('/a', '/a/b')
    """
    found: list[str] = []
    for volume in children(spec, "volumes"):
        path = ""
        for step in text(volume, "hostPath", "path").split("/"):
            path = f"{path}/{step}" if step else path
            if step and path not in found:
                found.append(path)
    return tuple(found)


class Coming(msgspec.Struct, frozen=True, gc=False):
    """What a run of a container will have written by then, if it lives so long."""

    at_ms: int
    owner: str
    path: str
    entry: Entry | None


class HostFiles(msgspec.Struct, frozen=True, gc=False):
    """A machine's files as they are, and what is known to come, in order of time."""

    tree: Tree = EMPTY_TREE
    coming: tuple[Coming, ...] = ()

    def at(self, now_ms: int) -> Tree:
        """The files at a time."""
        return self.until(now_ms).tree

    def until(self, now_ms: int) -> HostFiles:
        """The same files when that time has come.

        >>> files = NO_HOST_FILES.promised("a", ((5, Change(HOST, "/f", None)),))
        >>> len(files.until(4).coming), files.until(5)
        (1, HostFiles(tree={'/f': None}, coming=()))
        """
        tree, count = self.tree, 0
        while count < len(self.coming) and self.coming[count].at_ms <= now_ms:
            tree = tree.put(self.coming[count].path, self.coming[count].entry)
            count += 1
        return HostFiles(tree, self.coming[count:]) if count else self

    def promised(self, owner: str, writes: Iterable[tuple[int, Change]]) -> HostFiles:
        """With what a run that begins will write."""
        more = [Coming(at_ms, owner, one.path, one.entry) for at_ms, one in writes]
        coming = sorted((*self.coming, *more), key=lambda one: one.at_ms)
        return HostFiles(self.tree, tuple(coming)) if more else self

    def without(self, owner: str, after_ms: int) -> HostFiles:
        """Without what a run that has ended by then would have written later.

        >>> files = NO_HOST_FILES.promised("a", ((5, Change(HOST, "/f", None)),))
        >>> [len(files.without(*run).coming) for run in (("b", 4), ("a", 5), ("a", 4))]
        [1, 1, 0]
        """
        coming = tuple([one for one in self.coming if one.owner != owner or one.at_ms <= after_ms])
        return self if len(coming) == len(self.coming) else HostFiles(self.tree, coming)


NO_HOST_FILES: Final = HostFiles()
