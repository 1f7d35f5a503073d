"""What claims ask for, request by request, and what others have taken.

Source: kubernetes v1.36, dynamic-resource-allocation/structured/internal/incubating
(allocator_incubating.go, validateDeviceRequest); plugins/dynamicresources/allocateddevices.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from kelm.core.objects.quantity import Quantity
from kelm.core.scheduler.devices.pools import DeviceId, quantity
from kelm.effects.document import Document, child, children, flag, number, strings, text

MOST_DEVICES = 32
"""How many devices one claim may have."""


class Wanted(msgspec.Struct, frozen=True):
    """One request, or one of its alternatives (`parent` is then the request's name)."""

    name: str
    doc: Document
    kind: Document
    """The device class."""
    parent: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.parent}/{self.name}" if self.parent else self.name

    @property
    def all(self) -> bool:
        return text(self.doc, "allocationMode") == "All"

    @property
    def count(self) -> int:
        return number(self.doc, "count") or 1

    @property
    def admin(self) -> bool:
        """Whether it looks at devices that others have, and takes nothing from them."""
        return flag(self.doc, "adminAccess")

    @property
    def selectors(self) -> list[str]:
        """The expressions that a device must meet, the class's first."""
        given = (*children(self.kind, "spec", "selectors"), *children(self.doc, "selectors"))
        return [text(one, "cel", "expression") for one in given]

    def bears(self, taint: Document) -> bool:
        """Source: dynamic-resource-allocation/resourceclaim/devicetoleration.go."""
        return any(_bears(one, taint) for one in children(self.doc, "tolerations"))


def _bears(toleration: Document, taint: Document) -> bool:
    for field in ("effect", "key"):
        said = text(toleration, field)
        if said and said != text(taint, field):
            return False
    operator = text(toleration, "operator", default="Equal")
    return operator == "Exists" or text(toleration, "value") == text(taint, "value")


Request = tuple[Wanted, ...]
"""A request as its alternatives, the best first; most have one."""


def requests_of(claim: Document, classes: Mapping[str, Document | None]) -> list[Request] | str:
    """What a claim asks for; or, where a class is not there, what is to be said of it."""
    found: list[Request] = []
    for one in children(claim, "spec", "devices", "requests"):
        name, exactly = text(one, "name"), child(one, "exactly")
        given = (
            [(name, "", exactly)]
            if exactly
            else [(text(other, "name"), name, other) for other in children(one, "firstAvailable")]
        )
        alternatives = []
        for own, parent, doc in given:
            kind = classes.get(text(doc, "deviceClassName"))
            if kind is None:
                said = f"{parent}/{own}" if parent else own
                missing = text(doc, "deviceClassName")
                return f"request {said}: device class {missing} does not exist"
            alternatives.append(Wanted(own, doc, kind, parent))
        found.append(tuple(alternatives))
    return found


def class_names(claim: Document) -> list[str]:
    """The classes of devices that a claim names."""
    names: list[str] = []
    for one in children(claim, "spec", "devices", "requests"):
        docs = (child(one, "exactly"), *children(one, "firstAvailable"))
        names.extend(text(doc, "deviceClassName") for doc in docs if doc)
    return names


class Taken(msgspec.Struct, frozen=True):
    """Devices that claims have for themselves, and what they take of those that they share."""

    devices: frozenset[DeviceId] = frozenset()
    shares: Mapping[DeviceId, Mapping[str, Quantity]] = {}

    def has(self, device: DeviceId) -> bool:
        return device in self.devices or device in self.shares


def taken_by(allocations: Iterable[Document]) -> Taken:
    """What allocated claims have. Admin access takes nothing."""
    devices: set[DeviceId] = set()
    shares: dict[DeviceId, dict[str, Quantity]] = {}
    for allocation in allocations:
        for result in children(allocation, "devices", "results"):
            if flag(result, "adminAccess"):
                continue
            key = (text(result, "driver"), text(result, "pool"), text(result, "device"))
            if "shareID" not in result and "consumedCapacity" not in result:
                devices.add(key)
                continue
            share = shares.setdefault(key, {})
            for name, value in strings(result, "consumedCapacity").items():
                more = quantity(value)
                share[name] = share[name] + more if name in share else more
    return Taken(frozenset(devices), shares)
