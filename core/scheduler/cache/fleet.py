"""All nodes with what is on them, as a value: in slots, so that one pod more touches little.

Nodes are looked at in the order in which they came. A node that is gone keeps its count for as
long as it has pods: it may come back, and its pods are somewhere. Beside the nodes it is counted
how many have something that not every node has, so that plugins with nothing to say cost nothing.

Source: kubernetes v1.36, pkg/scheduler/backend/cache (cache.go, snapshot.go, node_tree.go).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from pyrsistent import pmap, pvector
from pyrsistent.typing import PMap, PVector

from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse, emptied, nowhere, taken
from kelm.core.store.hash_map import HashMap, hash_map
from kelm.effects.address import Key

replace = msgspec.structs.replace


class Topology(msgspec.Struct, frozen=True):
    """The domains of a node label, with how many nodes each has; `nodes` have any."""

    domains: PMap[str, int] = pmap()
    nodes: int = 0

    @property
    def one_each(self) -> bool:
        """Whether every node is a domain of its own, as hosts are, and there are many."""
        return len(self.domains) == self.nodes > 8


class Fleet(msgspec.Struct, frozen=True):
    """`absent` are nodes that are not there (any more, or yet) and have pods.

    `image_nodes` says on how many nodes each image is; `cordoned`, `tainted` and `soft_tainted`
    on how many nodes that is so. `topologies` are those that somebody asked for, by label.
    """

    slots: PVector[NodeUse | None] = pvector()
    slot_of: HashMap[str, int] = HashMap()
    absent: PMap[str, NodeUse] = pmap()
    image_nodes: PMap[str, int] = pmap()
    cordoned: int = 0
    tainted: int = 0
    soft_tainted: int = 0
    topologies: PMap[str, Topology] = pmap()
    claimed: PMap[Key, tuple[str, ...]] = pmap()
    """By claim the nodes of the pods that name it, one for each pod."""

    @property
    def node_count(self) -> int:
        return len(self.slot_of)

    def get(self, name: str) -> NodeUse | None:
        """The node of that name, None where it is not there."""
        slot = self.slot_of.get(name)
        return None if slot is None else self.slots[slot]

    def nodes(self) -> Iterator[NodeUse]:
        """All nodes, in the order in which they came."""
        return (node for node in self.slots if node is not None)


def fleet_of(nodes: Iterable[NodeUse]) -> Fleet:
    """A fleet of these nodes.

    >>> fleet_of([nowhere("a"), nowhere("b")]).node_count
    2
    """
    fleet = Fleet()
    for node in nodes:
        fleet = with_node(fleet, node)
    return fleet


def domain_of(fleet: Fleet, name: str, key: str) -> str | None:
    """The value of a node's label, None where it (or the node) is not there."""
    node = fleet.get(name)
    return None if node is None else node.labels.get(key)


def known(fleet: Fleet, name: str) -> NodeUse | None:
    """What is known of a node, be it there or not."""
    return fleet.get(name) or fleet.absent.get(name)


def with_node(fleet: Fleet, node: NodeUse) -> Fleet:
    """The fleet with a node added or replaced."""
    slot = fleet.slot_of.get(node.name)
    if slot is None:
        slot = len(fleet.slots)
        slots, before = fleet.slots.append(node), None
        fleet = replace(
            fleet,
            slot_of=fleet.slot_of.put(node.name, slot),
            absent=fleet.absent.discard(node.name),
        )
    else:
        before = fleet.slots[slot]
        slots = fleet.slots.set(slot, node)
    return _marked(replace(fleet, slots=slots), before, node)


def without_node(fleet: Fleet, name: str) -> Fleet:
    """The fleet without a node; its pods are remembered."""
    slot = fleet.slot_of.get(name)
    if slot is None:
        return fleet
    node = fleet.slots[slot]
    assert node is not None
    fleet = replace(
        fleet,
        slots=fleet.slots.set(slot, None),
        slot_of=fleet.slot_of.remove(name),
        absent=fleet.absent.set(name, node) if node.pods else fleet.absent,
    )
    return _compacted(_marked(fleet, node, None))


def _compacted(fleet: Fleet) -> Fleet:
    if len(fleet.slots) <= 2 * fleet.node_count + 8:
        return fleet
    nodes = list(fleet.nodes())
    slot_of = hash_map((node.name, slot) for slot, node in enumerate(nodes))
    return replace(fleet, slots=pvector(nodes), slot_of=slot_of)


def _marked(fleet: Fleet, before: NodeUse | None, after: NodeUse | None) -> Fleet:
    """The fleet with its counts moved from one version of a node to another."""
    if fleet.topologies and not same_labels(before, after):
        fleet = _relabelled(fleet, before, after)
    if before is not None and after is not None and before.marks == after.marks:
        return fleet
    images = fleet.image_nodes
    for name in sorted(before.images) if before is not None else ():
        images = images.set(name, images[name] - 1)
    for name in sorted(after.images) if after is not None else ():
        images = images.set(name, images.get(name, 0) + 1)
    cordoned, tainted, soft = fleet.cordoned, fleet.tainted, fleet.soft_tainted
    for node, sign in ((before, -1), (after, 1)):
        if node is not None:
            cordoned += sign * node.unschedulable
            tainted += sign * bool(node.taints)
            soft += sign * bool(node.soft_taints)
    return replace(fleet, image_nodes=images, cordoned=cordoned, tainted=tainted, soft_tainted=soft)


def same_labels(before: NodeUse | None, after: NodeUse | None) -> bool:
    """Whether a node was there and has the labels that it had."""
    return before is not None and after is not None and before.labels == after.labels


def _relabelled(fleet: Fleet, before: NodeUse | None, after: NodeUse | None) -> Fleet:
    topologies = fleet.topologies
    for key, topology in sorted(fleet.topologies.items(), key=_first):
        for node, sign in ((before, -1), (after, 1)):
            if node is not None:
                topology = _with_label(topology, node.labels.get(key), sign)
        topologies = topologies.set(key, topology)
    return replace(fleet, topologies=topologies)


def _first(item: tuple[str, object]) -> str:
    return item[0]


def _with_label(topology: Topology, value: str | None, sign: int) -> Topology:
    if value is None:
        return topology
    left = topology.domains.get(value, 0) + sign
    domains = topology.domains.set(value, left) if left else topology.domains.remove(value)
    return Topology(domains, topology.nodes + sign)


def topology_of(fleet: Fleet, key: str) -> Topology:
    """The domains of a label; counted once, and then kept with the fleet (`with_topologies`)."""
    known = fleet.topologies.get(key)
    if known is not None:
        return known
    found: dict[str, int] = {}
    for node in fleet.nodes():
        value = node.labels.get(key)
        if value is not None:
            found[value] = found.get(value, 0) + 1
    return Topology(pmap(found), sum(found.values()))


def with_topologies(fleet: Fleet, found: Mapping[str, Topology]) -> Fleet:
    """The fleet with topologies that are to be kept up to date."""
    fresh = {key: one for key, one in found.items() if key not in fleet.topologies}
    return replace(fleet, topologies=fleet.topologies.update(fresh)) if fresh else fleet


def used(fleet: Fleet, name: str, ask: Ask, sign: int) -> Fleet:
    """One pod more, or with -1 one less, on a node, whether it is there or not."""
    if ask.needs.claims:
        fleet = replace(fleet, claimed=with_claims(fleet.claimed, ask, name, sign))
    slot = fleet.slot_of.get(name)
    if slot is not None:
        node = fleet.slots[slot]
        assert node is not None
        return replace(fleet, slots=fleet.slots.set(slot, taken(node, ask, sign)))
    gone = taken(fleet.absent.get(name) or nowhere(name), ask, sign)
    absent = fleet.absent.set(name, gone) if gone.pods > 0 else fleet.absent.discard(name)
    return replace(fleet, absent=absent)


def with_claims(
    claimed: PMap[Key, tuple[str, ...]], ask: Ask, node: str, sign: int
) -> PMap[Key, tuple[str, ...]]:
    """Who names which claim, with a pod more or less; claims made for one pod do not count."""
    for one in ask.needs.claims:
        if one.generated:
            continue
        key = f"{ask.namespace}/{one.name}"
        nodes = list(claimed.get(key, ()))
        if sign > 0:
            nodes.append(node)
        elif node in nodes:
            nodes.remove(node)
        claimed = claimed.set(key, tuple(nodes)) if nodes else claimed.discard(key)
    return claimed


def without_pods(fleet: Fleet) -> Fleet:
    """The same nodes with nothing on them."""
    slots = [None if node is None else emptied(node) for node in fleet.slots]
    return replace(fleet, slots=pvector(slots), absent=pmap(), claimed=pmap())
