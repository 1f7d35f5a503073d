"""A node as the scheduler counts it, and why a pod does not fit on it.

Source: kubernetes v1.36, pkg/scheduler/framework/plugins (nodeunschedulable, nodename,
tainttoleration, nodeaffinity, nodeports, noderesources), in the order of their filters.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.core.objects.meta import labels_of, metadata
from kelm.core.objects.taints import UNSCHEDULABLE, Taint, taints_of, tolerates
from kelm.core.scheduler.affinity import selects
from kelm.core.scheduler.needs import Amounts, Needs, Port, amount
from kelm.effects.document import Document, child, flag

HINDERING = frozenset({"NoSchedule", "NoExecute"})
ANY_ADDRESS = "0.0.0.0"


class Why(msgspec.Struct, frozen=True, gc=False):
    """Why a node refuses a pod; `hopeless` means that evicting pods would not help."""

    reasons: tuple[str, ...]
    hopeless: bool = False


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

    @property
    def cpu(self) -> int:
        return self.allocatable.get("cpu", 0)

    @property
    def memory(self) -> int:
        return self.allocatable.get("memory", 0)


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
    )


def taken(node: NodeUse, needs: Needs, sign: int = 1) -> NodeUse:
    """The node with one more pod of these needs, or with `sign` -1 with one less."""
    used = dict(node.used)
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
    )


def refusal(node: NodeUse, needs: Needs) -> Why | None:
    """Why a node does not take a pod now; None if it does. The first filter that objects speaks."""
    if node.unschedulable and not _bears_cordon(needs):
        return Why(("node(s) were unschedulable",), hopeless=True)
    for taint in node.taints:
        if not any(tolerates(one, taint) for one in needs.tolerations):
            return Why(("node(s) had untolerated taint(s)",), hopeless=True)
    if (needs.node_selector or needs.affinity) and not selects(
        node.labels, node.name, needs.node_selector, needs.affinity
    ):
        return Why(("node(s) didn't match Pod's node affinity/selector",), hopeless=True)
    if needs.ports and any(clashes(mine, port) for mine in node.ports for port in needs.ports):
        return Why(("node(s) didn't have free ports for the requested pod ports",))
    return _too_little(node, needs)


def _bears_cordon(needs: Needs) -> bool:
    cordon = Taint(key=UNSCHEDULABLE, effect="NoSchedule")
    return any(tolerates(one, cordon) for one in needs.tolerations)


def clashes(one: Port, other: Port) -> bool:
    """Whether two host ports cannot be had together: one of them may listen everywhere.

    >>> clashes(("TCP", "0.0.0.0", 80), ("TCP", "10.0.0.1", 80))
    True
    """
    same = one[0] == other[0] and one[2] == other[2]
    return same and (one[1] == other[1] or ANY_ADDRESS in (one[1], other[1]))


def _too_little(node: NodeUse, needs: Needs) -> Why | None:
    reasons: list[str] = []
    hopeless = False
    if node.pods + 1 > node.allocatable.get("pods", 0):
        reasons.append("Too many pods")
    for name, wanted in needs.amounts.items():
        offered = node.allocatable.get(name, 0)
        if wanted > offered - node.used.get(name, 0):
            reasons.append(f"Insufficient {name}")
            hopeless = hopeless or wanted > offered
    return Why(tuple(reasons), hopeless) if reasons else None
