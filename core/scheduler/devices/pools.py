"""The devices that a node can reach, by the pools in which drivers announce them.

A pool is spread over slices. Only those of its newest generation count, and only when all of them
are there; of a pool that is being rewritten nothing is given away.

Source: kubernetes v1.36, dynamic-resource-allocation/structured/internal/incubating
(pools_incubating.go).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from kelm.core.objects.meta import metadata
from kelm.core.objects.quantity import Quantity, parse_quantity
from kelm.core.scheduler.cache.node_selection import matches_term
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.effects.document import Document, Json, child, children, flag, number, text

DeviceId = tuple[str, str, str]
"""Driver, pool and name."""
Amounts = Mapping[str, Quantity]


class Device(msgspec.Struct, frozen=True):
    """`spec` is that of its slice."""

    id: DeviceId
    doc: Document
    spec: Document

    @property
    def is_shared(self) -> bool:
        """Whether several claims may have a part of it."""
        return flag(self.doc, "allowMultipleAllocations")

    @property
    def counters(self) -> list[tuple[str, Amounts]]:
        """What it takes of which counters of its pool."""
        return [
            (text(one, "counterSet"), values(child(one, "counters")))
            for one in children(self.doc, "consumesCounters")
        ]


class Pool(msgspec.Struct, frozen=True):
    """`devices` are for the node, `others` are not; `counters` are shared by all of them."""

    driver: str
    name: str
    devices: tuple[Device, ...] = ()
    others: tuple[Device, ...] = ()
    counters: Mapping[str, Amounts] = {}
    incomplete: bool = False
    invalid: str = ""

    @property
    def usable(self) -> bool:
        return not self.incomplete and not self.invalid


def quantity(value: Json) -> Quantity:
    """An amount; what is none is 0."""
    return parse_quantity(value) if isinstance(value, str | int | float) else parse_quantity("0")


def values(given: Document) -> dict[str, Quantity]:
    """Amounts by name, each in a `value` of its own."""
    return {name: quantity(child(given, name).get("value")) for name in given}


def reaches(node: NodeUse, place: Document) -> bool:
    """Whether a node is one of those that a slice or a device says it is for."""
    name = text(place, "nodeName")
    if name:
        return name == node.name
    if flag(place, "allNodes"):
        return True
    terms = children(place, "nodeSelector", "nodeSelectorTerms")
    return any(matches_term(node.labels, node.name, term) for term in terms)


def _is_for(node: NodeUse, spec: Document) -> bool:
    if children(spec, "sharedCounters"):
        return True
    if flag(spec, "perDeviceNodeSelection"):
        return any(reaches(node, device) for device in children(spec, "devices"))
    return reaches(node, spec)


def pools_on(node: NodeUse, slices: Iterable[Document]) -> tuple[Pool, ...]:
    """The pools of which a node can reach something, sorted by driver and name."""
    found: dict[tuple[str, str], list[Document]] = {}
    for doc in slices:
        key = (text(doc, "spec", "driver"), text(doc, "spec", "pool", "name"))
        found.setdefault(key, []).append(doc)
    pools = []
    for (driver, name), docs in sorted(found.items()):
        newest = max(number(doc, "spec", "pool", "generation") for doc in docs)
        current = [doc for doc in docs if number(doc, "spec", "pool", "generation") == newest]
        mine = [doc for doc in current if _is_for(node, child(doc, "spec"))]
        if not mine:
            continue
        complete = len(current) == number(mine[0], "spec", "pool", "resourceSliceCount")
        pools.append(
            _pool(driver, name, mine, current) if complete else Pool(driver, name, incomplete=True)
        )
    return tuple(pools)


def _devices(docs: Iterable[Document]) -> tuple[Device, ...]:
    found: list[Device] = []
    for doc in sorted(docs, key=lambda doc: metadata(doc).name):
        spec = child(doc, "spec")
        driver, pool = text(spec, "driver"), text(spec, "pool", "name")
        given = children(spec, "devices")
        found.extend(Device((driver, pool, text(one, "name")), one, spec) for one in given)
    return tuple(found)


def _pool(driver: str, name: str, mine: list[Document], current: list[Document]) -> Pool:
    devices = _devices(mine)
    others = _devices(doc for doc in current if doc not in mine)
    counters: dict[str, Amounts] = {}
    wrong = ""
    for doc in mine:
        for one in children(doc, "spec", "sharedCounters"):
            key = text(one, "name")
            if key in counters:
                wrong = wrong or f"duplicate counter set name {key}"
            counters[key] = values(child(one, "counters"))
    seen: set[DeviceId] = set()
    for device in devices:
        if device.id in seen:
            wrong = wrong or f"duplicate device name {device.id[2]}"
        seen.add(device.id)
    for device in (*devices, *others):
        wrong = wrong or _miscounted(device, counters)
    return Pool(driver, name, devices, others, counters, invalid=wrong)


def _miscounted(device: Device, counters: Mapping[str, Amounts]) -> str:
    """What a device takes that its pool does not have; "" where all is well."""
    for key, amounts in device.counters:
        if key not in counters:
            return f"counter set {key} not found"
        for name in amounts:
            if name not in counters[key]:
                return f"counter {name} not found in counter set {key}"
    return ""
