"""What can go wrong on a machine, as messages that a kubelet is told beside the usual ones.

A platform that injects faults delivers them like any other message; `Kubelet.update` takes them.
A machine that loses power is no message: its process stops, and starts again with one more in
`Machine.boots`.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from kelm.core.node.containers.behaviour import EVERY_PROBE, Line, ProbeKind
from kelm.core.node.files.entries import Change
from kelm.effects.address import Key, Uid


class ContainerCrashed(msgspec.Struct, frozen=True):
    """A container's process ended. `container` "" is the pod's first one."""

    now_ms: int
    pod_key: Key
    container: str = ""
    exit_code: int = 1
    out_of_memory: bool = False
    lines: tuple[Line, ...] = ()
    """What it said before, beside what was foreseen."""


class ImagePullsFailed(msgspec.Struct, frozen=True):
    """From now until before `until_ms`, pulls of an image ("": of any) fail."""

    now_ms: int
    image: str
    until_ms: int


class ImagesSlowed(msgspec.Struct, frozen=True):
    """Pulls under way of an image ("": of any) are done no earlier than `until_ms`."""

    now_ms: int
    image: str
    until_ms: int


class ProbesFailed(msgspec.Struct, frozen=True):
    """From now until before `until_ms`, probes of a pod's container ("": of all) fail."""

    now_ms: int
    pod_key: Key
    until_ms: int
    container: str = ""
    probes: tuple[ProbeKind, ...] = EVERY_PROBE
    message: str = ""


class FilesChanged(msgspec.Struct, frozen=True):
    """What ran in a pod beside its own programs, or answered somebody, wrote files."""

    now_ms: int
    pod_key: Key
    uid: Uid
    changes: tuple[Change, ...]


NodeFault: TypeAlias = (
    ContainerCrashed | ImagePullsFailed | ImagesSlowed | ProbesFailed | FilesChanged
)
