"""A node as the scheduler counts it: what it offers and what its pods take of it.

Source: kubernetes v1.36, pkg/scheduler/framework/types.go (NodeInfo).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from kelm.core.objects.meta import labels_of, metadata
from kelm.core.objects.taints import Taint, taints_of
from kelm.core.scheduler.cache.needs import Amounts, Needs, Port, amount
from kelm.effects.document import Document, child, children, elements, flag, number

HINDERING = frozenset({"NoSchedule", "NoExecute"})
COUNTED = ("allocatable", "capacity", "images")
NO_IMAGES: Mapping[str, int] = MappingProxyType({})


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
    )


def _images(doc: Document) -> Mapping[str, int]:
    """The images on a node, by each of their names, with their size in bytes."""
    found = {
        str(name): number(image, "sizeBytes")
        for image in children(doc, "status", "images")
        for name in elements(image, "names")
    }
    return found or NO_IMAGES


def taken(node: NodeUse, needs: Needs, sign: int = 1) -> NodeUse:
    """The node with one more pod of these needs, or with `sign` -1 with one less."""
    used = {**node.used}
    for name, value in needs.amounts.items():
        used[name] = used.get(name, 0) + sign * value
    ports = node.ports
    if needs.ports:
        kept = list(ports)
        for port in needs.ports:
            if sign > 0:
                kept.append(port)
            elif port in kept:
                kept.remove(port)
        ports = tuple(kept)
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
