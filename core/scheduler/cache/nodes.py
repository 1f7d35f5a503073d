"""A node as the scheduler counts it: what it offers and what its pods take of it.

Source: kubernetes v1.36, pkg/scheduler/framework/types.go (NodeInfo).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias, TypeVar

import msgspec

from kelm.core.objects.meta import labels_of, metadata
from kelm.core.objects.taints import Taint, taints_of
from kelm.core.scheduler.cache.disks import Disk
from kelm.core.scheduler.cache.needs import Amounts, Ask, Port, amount
from kelm.effects.document import Document, child, children, elements, flag, number

HINDERING = frozenset({"NoSchedule", "NoExecute"})
COUNTED = ("allocatable", "capacity", "images", "declaredFeatures")
NO_IMAGES: Mapping[str, int] = MappingProxyType({})
T = TypeVar("T")
Mount: TypeAlias = "str | Disk"
"""What a pod uses that others may use too: a claim, by its key, or a disk that it names itself."""


class NodeUse(msgspec.Struct, frozen=True):
    """A node and what its pods take of it, those on their way included."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    soft_taints: tuple[Taint, ...]
    unschedulable: bool
    allocatable: Mapping[str, int]
    used: Mapping[str, int]
    pods: int = 0
    scored_cpu: int = 0
    scored_memory: int = 0
    ports: tuple[Port, ...] = ()
    cpu: int = 0
    memory: int = 0
    images: Mapping[str, int] = NO_IMAGES
    used_cpu: int = 0
    used_memory: int = 0
    places: int = 0
    mounts: tuple[Mount, ...] = ()
    features: tuple[str, ...] = ()
    """What the node declares that it can do (`status.declaredFeatures`)."""

    @property
    def marks(self) -> tuple[object, ...]:
        """What the fleet counts of its nodes."""
        return (self.images, self.unschedulable, bool(self.taints), bool(self.soft_taints))


def node_use(doc: Document, before: NodeUse | None = None) -> NodeUse:
    """A node as its document says, with what is known to be on it."""
    offered = child(doc, "status", "allocatable") or child(doc, "status", "capacity")
    allocatable: Amounts = {
        name: amount(name, value)  # type: ignore[arg-type]
        for name, value in offered.items()
    }
    taints = taints_of(doc)
    return NodeUse(
        name=metadata(doc).name,
        labels=labels_of(doc),
        taints=tuple(taint for taint in taints if taint.effect in HINDERING),
        soft_taints=tuple(taint for taint in taints if taint.effect == "PreferNoSchedule"),
        unschedulable=flag(doc, "spec", "unschedulable"),
        allocatable=allocatable,
        used=before.used if before else {},
        pods=before.pods if before else 0,
        scored_cpu=before.scored_cpu if before else 0,
        scored_memory=before.scored_memory if before else 0,
        ports=before.ports if before else (),
        cpu=allocatable.get("cpu", 0),
        memory=allocatable.get("memory", 0),
        images=_images(doc),
        used_cpu=before.used_cpu if before else 0,
        used_memory=before.used_memory if before else 0,
        places=allocatable.get("pods", 0),
        mounts=before.mounts if before else (),
        features=tuple(str(one) for one in elements(doc, "status", "declaredFeatures")),
    )


def _images(doc: Document) -> Mapping[str, int]:
    """The images on a node, by each of their names, with their size in bytes."""
    found = {
        str(name): number(image, "sizeBytes")
        for image in children(doc, "status", "images")
        for name in elements(image, "names")
    }
    return found or NO_IMAGES


def mounts_of(ask: Ask) -> tuple[Mount, ...]:
    """The claims and disks that a pod uses."""
    claims = (f"{ask.namespace}/{ask.claim_name(one)}" for one in ask.needs.claims)
    return (*claims, *ask.needs.disks)


def _changed(there: tuple[T, ...], more: tuple[T, ...], sign: int) -> tuple[T, ...]:
    """What is there with something more, or less."""
    if sign > 0:
        return (*there, *more)
    kept = list(there)
    for one in more:
        if one in kept:
            kept.remove(one)
    return tuple(kept)


def taken(node: NodeUse, ask: Ask, sign: int = 1) -> NodeUse:
    """The node with one more pod like this, or with `sign` -1 with one less."""
    needs = ask.needs
    used = {**node.used}
    for name, value in needs.amounts.items():
        used[name] = used.get(name, 0) + sign * value
    ports, mounts = node.ports, node.mounts
    if needs.ports:
        ports = _changed(ports, needs.ports, sign)
    if needs.claims or needs.disks:
        mounts = _changed(mounts, mounts_of(ask), sign)
    return NodeUse(
        node.name,
        node.labels,
        node.taints,
        node.soft_taints,
        node.unschedulable,
        node.allocatable,
        used,
        node.pods + sign,
        node.scored_cpu + sign * needs.scored_cpu,
        node.scored_memory + sign * needs.scored_memory,
        ports,
        node.cpu,
        node.memory,
        node.images,
        used.get("cpu", 0),
        used.get("memory", 0),
        node.places,
        mounts,
        node.features,
    )


def nowhere(name: str) -> NodeUse:
    """A node of which nothing is known but its name."""
    return NodeUse(name, {}, (), (), False, {}, {})


def emptied(node: NodeUse) -> NodeUse:
    """A node with nothing on it."""
    return msgspec.structs.replace(
        node,
        used={},
        pods=0,
        scored_cpu=0,
        scored_memory=0,
        ports=(),
        used_cpu=0,
        used_memory=0,
        mounts=(),
    )


def schedules_alike(old: Document, new: Document) -> bool:
    """Whether two versions of a node are the same to the scheduler (heartbeats are)."""
    before, after = old.get("status"), new.get("status")
    same_status = before is after or (
        isinstance(before, Document)
        and isinstance(after, Document)
        and all(before.get(part) == after.get(part) for part in COUNTED)
    )
    return (
        same_status
        and old.get("spec") == new.get("spec")
        and metadata(old).labels == metadata(new).labels
    )
