"""What plugins may look at while one decision is made.

Source: kubernetes v1.36, pkg/scheduler/backend/cache/snapshot.go; plugins/helper/spread.go
(DefaultSelector).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pyrsistent import pmap

from kelm.core.objects.meta import metadata
from kelm.core.objects.selectors.labels import NOTHING, Selector, map_selector, selector_of
from kelm.core.objects.selectors.requirement import EQUALS, Requirement
from kelm.core.scheduler.cache.counting import Counts
from kelm.core.scheduler.cache.crowd import (
    Carried,
    Crowd,
    Group,
    Tally,
    by_domain,
    carried_by,
    with_groups,
)
from kelm.core.scheduler.cache.devices import Allotment, Inventory
from kelm.core.scheduler.cache.fleet import Fleet, Topology, domain_of, topology_of, with_topologies
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.cache.terms import HOSTNAME, ZONE, Constraint
from kelm.core.scheduler.cache.volumes import Choice, Storage
from kelm.core.scheduler.state import State, inventory_of, namespace_labels, replace, storage_of
from kelm.core.store.hash_map import hash_map
from kelm.effects.address import Key
from kelm.effects.document import Document, child
from kelm.effects.messages import Cache

USUAL = (Constraint(HOSTNAME, 3, NOTHING, hard=False), Constraint(ZONE, 5, NOTHING, hard=False))
"""Source: plugins/podtopologyspread/plugin.go, systemDefaultConstraints."""
SELECTING = {
    "ReplicaSet": "replicasets.apps",
    "StatefulSet": "statefulsets.apps",
    "ReplicationController": "replicationcontrollers",
}


class View:
    """A state as plugins see it; what they ask of the crowd is found out once and kept."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._found: dict[Group, Tally] = {}
        self._topologies: dict[str, Topology] = {}
        self._usual: dict[int, tuple[Ask, tuple[Constraint, ...]]] = {}
        self._carried = state.crowd.carried
        self.storage = storage_of(state)
        self.inventory = inventory_of(state)

    @property
    def fleet(self) -> Fleet:
        return self._state.fleet

    @property
    def node_count(self) -> int:
        return self._state.fleet.node_count

    @property
    def cordoned(self) -> int:
        return self._state.fleet.cordoned

    @property
    def tainted(self) -> int:
        return self._state.fleet.tainted

    @property
    def soft_tainted(self) -> int:
        return self._state.fleet.soft_tainted

    @property
    def image_nodes(self) -> Mapping[str, int]:
        return self._state.fleet.image_nodes

    def nodes(self) -> Iterator[NodeUse]:
        return self._state.fleet.nodes()

    def get(self, name: str) -> NodeUse | None:
        return self._state.fleet.get(name)

    def claimed_by(self, claim: Key) -> int:
        fleet = self._state.fleet
        return sum(1 for name in fleet.claimed.get(claim, ()) if name in fleet.slot_of)

    @property
    def carried(self) -> Mapping[Carried, Tally]:
        return self._carried

    def hold(self, choices: tuple[Choice, ...], node: str) -> None:
        """Mind what was just chosen for claims."""
        storage = self.storage
        nodes = {**storage.nodes_of_claims, **{one.claim: node for one in choices}}
        volumes = {one.volume: one.claim for one in choices if one.volume}
        taken = {**storage.volumes_taken, **volumes}
        self.storage = Storage(storage.caches, nodes, taken)

    def allot(self, allotments: tuple[Allotment, ...]) -> None:
        """Mind what devices were just given to claims."""
        news = {one.uid: one.allocation for one in allotments if one.allocation is not None}
        if news:
            pending = {**self.inventory.pending, **news}
            self.inventory = Inventory(self.inventory.caches, pending)

    def carry(self, ask: Ask) -> bool:
        """Mind what a pod that was just placed wants of others; whether that is new."""
        fresh = [one for one in carried_by(ask) if one not in self._carried]
        for one in fresh:
            self._carried = self._carried.set(one, Tally())
        return bool(fresh)

    def namespace_labels(self, namespace: str) -> Mapping[str, str]:
        return namespace_labels(self._state, namespace)

    # -- the crowd ---------------------------------------------------------------------------------

    def topology(self, key: str) -> Topology:
        found = self._topologies.get(key)
        if found is None:
            found = self._topologies[key] = topology_of(self._state.fleet, key)
        return found

    def on_nodes(self, group: Group) -> Counts:
        return self._tally(group).on_nodes

    def in_domains(self, group: Group, key: str) -> Counts:
        tally = self._tally(group)
        found = tally.in_domains.get(key)
        if found is None:
            found = hash_map(by_domain(tally.on_nodes, key, self.domain_of).items())
            self._found[group] = Tally(tally.on_nodes, tally.in_domains.set(key, found))
        return found

    def carried_in_domains(self, one: Carried) -> Counts:
        tally = self._carried[one]
        found = tally.in_domains.get(one.term.key)
        if found is None:
            found = hash_map(by_domain(tally.on_nodes, one.term.key, self.domain_of).items())
            tally = Tally(tally.on_nodes, pmap({one.term.key: found}))
            self._carried = self._carried.set(one, tally)
        return found

    def domain_of(self, name: str, key: str) -> str | None:
        """The domain of a node by its name."""
        return domain_of(self._state.fleet, name, key)

    def _tally(self, group: Group) -> Tally:
        found = self._found.get(group) or self._state.crowd.groups.get(group)
        if found is None:
            found = self._found[group] = Tally(hash_map(self._counted(group).items()))
        return found

    def _counted(self, group: Group) -> dict[str, int]:
        """Look for the pods of a group: among those of a label where it has one."""
        state, found = self._state, dict[str, int]()
        for uid in self._candidates(group):
            placed = state.placed.get(uid)
            if placed is None or (group.live and not placed.live):
                continue
            if group.has(placed.ask, self.namespace_labels):
                found[placed.node] = found.get(placed.node, 0) + 1
        return found

    def _candidates(self, group: Group) -> Iterable[str]:
        drawer, pods = group.drawer, self._state.pods
        if drawer is None or pods is None:
            return sorted(self._state.placed)
        namespace, key, value = drawer
        filed = pods.select("label", f"{namespace}/{key}={value}")
        return [metadata(doc).uid for doc in filed]

    def crowd(self) -> Crowd:
        """The crowd with what was found out, to be kept up to date from now on."""
        crowd = self._state.crowd
        if self._carried is not crowd.carried:
            kept = {one: tally for one, tally in self._carried.items() if tally.on_nodes}
            crowd = replace(crowd, carried=pmap(kept))
        return with_groups(crowd, self._found) if self._found else crowd

    def with_topologies(self, fleet: Fleet) -> Fleet:
        """The fleet with the topologies that were asked for, to be kept up to date."""
        return with_topologies(fleet, self._topologies) if self._topologies else fleet

    # -- siblings ----------------------------------------------------------------------------------

    def usual_constraints(self, ask: Ask) -> tuple[Constraint, ...]:
        held = self._usual.get(id(ask))
        if held is None:
            chosen = self._siblings(ask)
            found = () if chosen is None else tuple(_choosing(one, chosen) for one in USUAL)
            held = self._usual[id(ask)] = (ask, found)
        return held[1]

    def _siblings(self, ask: Ask) -> Selector | None:
        """The pods of the same Services and the same owner; None where there is neither."""
        equal: dict[str, str] = {}
        for service in self._services(ask):
            equal.update(map_selector(child(service, "spec", "selector")).equal)
        others: tuple[Requirement, ...] = ()
        kind, name = ask.owner
        owner = self._get(SELECTING.get(kind, ""), f"{ask.namespace}/{name}")
        if owner is not None and kind == "ReplicationController":
            equal.update(map_selector(child(owner, "spec", "selector")).equal)
        elif owner is not None:
            chosen = child(owner, "spec").get("selector")
            selector = selector_of(chosen if isinstance(chosen, Document) else None)
            others = tuple(
                Requirement(key, EQUALS, (value,))
                for key, value in selector.equal
                if equal.get(key, value) != value
            )
            equal = {**dict(selector.equal), **equal}
            others = (*others, *selector.others)
        if not equal and not others:
            return None
        return Selector(tuple(sorted(equal.items())), others)

    def _services(self, ask: Ask) -> Iterator[Document]:
        services = self._cache("services")
        if services is None:
            return
        for key, value in sorted(ask.labels.items()):
            for service in services.select("selector", f"{ask.namespace}/{key}={value}"):
                if map_selector(child(service, "spec", "selector")).matches(ask.labels):
                    yield service

    def _cache(self, resource: str) -> Cache | None:
        return self._state.caches.get(resource)

    def _get(self, resource: str, key: str) -> Document | None:
        cache = self._cache(resource)
        return None if cache is None else cache.get(key)


def _choosing(usual: Constraint, selector: Selector) -> Constraint:
    return Constraint(usual.key, usual.max_skew, selector, hard=False)
