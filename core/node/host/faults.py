"""What can go wrong on a machine, as messages that a kubelet is told beside the usual ones.

A platform that injects faults delivers them like any other message; `Kubelet.update` takes them.
A machine that loses power is no message: its process stops, and starts again with one more in
`Machine.boots`.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from kelm.core.node.containers.behaviour import EVERY_PROBE, ProbeKind
from kelm.effects.address import Key


class ContainerCrashed(msgspec.Struct, frozen=True):
    """A container's process ended. `container` "" is the pod's first one."""

    now_ms: int
    pod_key: Key
    container: str = ""
    exit_code: int = 1
    out_of_memory: bool = False


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


NodeFault: TypeAlias = ContainerCrashed | ImagePullsFailed | ImagesSlowed | ProbesFailed
