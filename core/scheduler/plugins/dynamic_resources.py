"""DynamicResources: a pod goes only where the devices that its claims ask for can be had.

Source: kubernetes v1.36, plugins/dynamicresources/dynamicresources.go. Upstream does not even queue
a pod whose claims are not there, and tells nobody; here it is refused like any other and told why.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.core.objects.devices import CLAIMS, CLASSES, MOST_CONSUMERS, SLICES
from kelm.core.objects.meta import metadata
from kelm.core.scheduler.cache.devices import Allotment, DeviceClaim, Inventory, claim_key
from kelm.core.scheduler.cache.fleet import Fleet
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.node_selection import matches_term
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.core.scheduler.devices.allocator import Given, Search
from kelm.core.scheduler.devices.allotting import allocation
from kelm.core.scheduler.devices.pools import pools_on
from kelm.core.scheduler.devices.selecting import Selects, meets
from kelm.core.scheduler.devices.wanted import Request, class_names, requests_of, taken_by
from kelm.core.scheduler.happenings import Happening, NodeChanged, ObjectChanged
from kelm.core.scheduler.plugins.framework import (
    Cluster,
    Comparison,
    Filtering,
    Scoring,
    Status,
    scaled,
)
from kelm.effects.document import Document, child, children, elements, text

ELSEWHERE = "resourceclaim not available on the node"
MOST_ALTERNATIVES = 8


class Open(msgspec.Struct, frozen=True):
    """A claim that has no devices yet."""

    claim: Document
    requests: list[Request]


class Asked(msgspec.Struct, frozen=True):
    """The claims of a pod: those that have their devices, and those that want some."""

    allocated: tuple[Document, ...]
    open: tuple[Open, ...]


class DynamicResources(msgspec.Struct, frozen=True):
    name: str = "DynamicResources"
    selects: Selects = meets

    def filtering(self, ask: Ask, cluster: Cluster) -> Filtering:
        if not ask.devices:
            return None
        asked = asked_by(ask, cluster.inventory)
        if isinstance(asked, str):
            return Status(self.name, (asked,), hopeless=True)
        elsewhere = Status(self.name, (ELSEWHERE,), hopeless=True)

        def refuse(node: NodeUse) -> Status | None:
            if not all(_can_be_used(claim, node) for claim in asked.allocated):
                return elsewhere
            found = self.found(asked, cluster.inventory, node) if asked.open else ()
            return Status(self.name, (found,), hopeless=True) if isinstance(found, str) else None

        return refuse

    def found(self, asked: Asked, inventory: Inventory, node: NodeUse) -> list[list[Given]] | str:
        """Devices for the claims that have none yet, or why there are none on a node."""
        return Search(
            [one.claim for one in asked.open],
            [one.requests for one in asked.open],
            pools_on(node, inventory.objects(SLICES)),
            taken_by(inventory.allocations()),
            self.selects,
            node,
        ).run()

    def scoring(self, ask: Ask, cluster: Cluster) -> Scoring | Comparison | None:
        """The better the alternatives that would be had."""
        asked = asked_by(ask, cluster.inventory) if ask.devices else ""
        if isinstance(asked, str) or not _has_alternatives(asked):
            return None

        def raw(node: NodeUse) -> int:
            found = self.found(asked, cluster.inventory, node) if asked.open else []
            if isinstance(found, str):
                return 0
            used = [{one.wanted.full_name for one in given} for given in found]
            total = sum(
                _rank(one.claim, names) for one, names in zip(asked.open, used, strict=True)
            )
            for claim in asked.allocated:
                results = children(claim, "status", "allocation", "devices", "results")
                total += _rank(claim, {text(one, "request") for one in results})
            return total

        return Scoring(raw, scaled)

    def helped(self, ask: Ask, happening: Happening) -> bool:
        """A node came or offers other things; devices were freed; a claim, class or slice came.

        Source: EventsToRegister, isSchedulableAfterClaimChange.
        """
        if isinstance(happening, NodeChanged):
            old, new = happening.old, happening.new
            return old is None or old.labels != new.labels or old.allocatable != new.allocatable
        if not isinstance(happening, ObjectChanged):
            return False
        if happening.resource != CLAIMS:
            return happening.is_there(CLASSES, SLICES)
        before, after = happening.old, happening.new
        if not happening.key or (_is_allocated(before) and not _is_allocated(after)):
            return True
        mine = any(claim_key(ask.namespace, one) == happening.key for one in ask.devices)
        if not mine or after is None:
            return False
        return before is None or before.get("status") != after.get("status")


def _is_allocated(claim: Document | None) -> bool:
    return claim is not None and bool(child(claim, "status", "allocation"))


def asked_by(ask: Ask, inventory: Inventory) -> Asked | str:
    """The claims of a pod, or what is wrong with the first that cannot be used.

    Source: PreEnqueue, PreFilter, validateDeviceClass.
    """
    allocated: list[Document] = []
    unallocated: list[Open] = []
    for one in ask.devices:
        claim = _claim(ask, one, inventory)
        if isinstance(claim, str):
            return claim
        if _is_allocated(claim):
            users = children(claim, "status", "reservedFor")
            mine = any(text(user, "uid") == ask.uid for user in users)
            if len(users) >= MOST_CONSUMERS and not mine:
                return "resourceclaim in use"
            allocated.append(claim)
            continue
        if metadata(claim).uid in inventory.pending:
            key = claim_key(ask.namespace, one)
            return f"resource claim {key} is in the process of being allocated"
        kinds = {name: inventory.get(CLASSES, name) for name in class_names(claim)}
        requests = requests_of(claim, kinds)
        if isinstance(requests, str):
            return requests
        unallocated.append(Open(claim, requests))
    return Asked(tuple(allocated), tuple(unallocated))


def allotted(
    plugin: DynamicResources, ask: Ask, inventory: Inventory, node: NodeUse
) -> tuple[Allotment, ...]:
    """What the claims of a pod get on its node; nothing of a claim that it may use already."""
    asked = asked_by(ask, inventory)
    if isinstance(asked, str):
        return ()
    found = plugin.found(asked, inventory, node) if asked.open else []
    news = [] if isinstance(found, str) else list(zip(asked.open, found, strict=True))
    allotments = [
        Allotment(
            metadata(one.claim).key,
            metadata(one.claim).uid,
            allocation(one.claim, given, node.name),
        )
        for one, given in news
    ]
    for claim in asked.allocated:
        users = children(claim, "status", "reservedFor")
        if all(text(user, "uid") != ask.uid for user in users):
            allotments.append(Allotment(metadata(claim).key, metadata(claim).uid))
    return tuple(allotments)


def out_of_reach(
    ask: Ask, inventory: Inventory, fleet: Fleet, refusals: Mapping[str, Status]
) -> Document | None:
    """A claim of a refused pod that keeps it from a node, and that nobody else uses."""
    asked = asked_by(ask, inventory)
    if isinstance(asked, str):
        return None
    names = [name for name, status in refusals.items() if ELSEWHERE in status.reasons]
    nodes = [node for node in map(fleet.get, names) if node is not None]
    for claim in asked.allocated:
        users = children(claim, "status", "reservedFor")
        alone = all(text(user, "uid") == ask.uid for user in users)
        if alone and not all(_can_be_used(claim, node) for node in nodes):
            return claim
    return None


def _claim(ask: Ask, one: DeviceClaim, inventory: Inventory) -> Document | str:
    if not one.name:
        return f'pod "{ask.namespace}/{ask.name}": ResourceClaim not created yet'
    key = claim_key(ask.namespace, one)
    claim = inventory.get(CLAIMS, key)
    if claim is None:
        return f'could not find ResourceClaim "{key}"'
    meta = metadata(claim)
    if meta.deletion_timestamp is not None:
        return f'resourceclaim "{meta.name}" is being deleted'
    if one.made and (meta.controller is None or meta.controller.uid != ask.uid):
        made_for = f"was not created for Pod {ask.namespace}/{ask.name} (Pod is not owner)"
        return f"ResourceClaim {key} {made_for}"
    return claim


def _can_be_used(claim: Document, node: NodeUse) -> bool:
    """Whether a node can reach the devices that a claim has."""
    selector = child(claim, "status", "allocation").get("nodeSelector")
    if not isinstance(selector, Document):
        return True
    terms = children(selector, "nodeSelectorTerms")
    return any(matches_term(node.labels, node.name, term) for term in terms)


def _has_alternatives(asked: Asked) -> bool:
    claims = (*asked.allocated, *(one.claim for one in asked.open))
    return any(
        elements(request, "firstAvailable")
        for claim in claims
        for request in children(claim, "spec", "devices", "requests")
    )


def _rank(claim: Document, used: set[str]) -> int:
    """More for the first alternative of a request than for the second, and so on.

    Source: computeScore.
    """
    return sum(
        MOST_ALTERNATIVES - number
        for request in children(claim, "spec", "devices", "requests")
        for number, other in enumerate(children(request, "firstAvailable"))
        if f"{text(request, 'name')}/{text(other, 'name')}" in used
    )
