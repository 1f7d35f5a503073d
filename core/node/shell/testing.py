"""A container with nothing in it, for examples."""

from __future__ import annotations

from kelm.core.node.containers.launch import Launch
from kelm.core.node.files.disk import Disk
from kelm.core.node.files.entries import Directory, Entry, File
from kelm.core.node.programs.inside import Inside
from kelm.core.node.shell.state import Shell
from kelm.core.store.small_map import SmallMap


def bare_inside() -> Inside:
    """A container with an empty disk."""
    base: dict[str, Entry] = {"/tmp": Directory(0o1777), "/etc": Directory()}
    base["/etc/hostname"] = File(b"bare\n")
    launch = Launch("busybox", pod="bare", namespace="default", container="main")
    return Inside(launch, Disk(SmallMap(), "root/main", base), 0, 0)


def bare_shell(*arguments: str) -> Shell:
    """A shell in it."""
    return Shell(bare_inside(), "sh", arguments)
