"""The writes to a Service's slices with hints for zones in them, and what is told of that.

Slices are packed as if no endpoint had hints. Then those that are written anyway get hints, slices
whose hints cannot stay are written, too, and where there can be no hints all of them go.

Source: kubernetes v1.36, endpointslice/topologycache/topologycache.go (AddHints),
endpointslice/reconciler.go (reconcileByAddressType).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from kelm.core.controllers.services.endpointslice.objects import with_endpoints
from kelm.core.controllers.services.endpointslice.packing import NewSlice
from kelm.core.controllers.services.endpointslice.writes import Writes, Written
from kelm.core.controllers.services.endpointslice.zones import (
    ENABLED,
    hinted,
    hints_by_zone,
    is_ready,
    shares_of,
    unhinted,
)
from kelm.core.controllers.shared.events import NORMAL, WARNING, event
from kelm.core.objects.service import EndpointSlice, endpoint_slice, labels_document
from kelm.effects.commands import RecordEvent
from kelm.effects.document import Document, with_value

COMPONENT: Final = "endpoint-slice-controller"

replace = msgspec.structs.replace


def without_hints(one: EndpointSlice) -> EndpointSlice:
    """A slice as it would be without hints: itself, where it has none."""
    if not any("hints" in endpoint for endpoint in one.endpoints):
        return one
    return endpoint_slice(with_value(one.doc, ("endpoints",), unhinted(one.endpoints)))


def with_hints(
    writes: Writes, slices: Iterable[EndpointSlice], ratios: Mapping[str, float]
) -> tuple[Writes, str]:
    """The writes with hints, and why there are none ("": there are).

    slices: all of the family, as they are. ratios: each zone's share of the cluster's cpu.
    """
    touched = {one.name for one in writes.update} | {one.metadata.name for one in writes.delete}
    unchanged = [one for one in slices if one.metadata.name not in touched]
    told = [one.endpoints for one in writes.create] + [one.endpoints for one in writes.update]
    there = [*told, *(one.endpoints for one in unchanged)]
    ready = sum(is_ready(endpoint) for endpoints in there for endpoint in endpoints)
    shares = shares_of(ratios, ready)
    if isinstance(shares, str):
        return _without(writes, unchanged), shares
    allotted: dict[str, int] = {}
    update = list(writes.update)
    for one in unchanged:
        kept = hints_by_zone(one.endpoints, allotted, shares)
        if kept is None:
            update.append(_written(one, one.endpoints))
        for zone, count in (kept or {}).items():
            allotted[zone] = allotted.get(zone, 0) + count
    made = len(writes.create)
    fresh = [*told[:made], *(one.endpoints for one in update)]
    endpoints = hinted(fresh, allotted, shares)
    if isinstance(endpoints, str):
        return _without(writes, unchanged), endpoints
    create = [
        NewSlice(one.ports, new) for one, new in zip(writes.create, endpoints[:made], strict=True)
    ]
    written = [_again(one, new) for one, new in zip(update, endpoints[made:], strict=True)]
    return replace(writes, create=tuple(create), update=tuple(written)), ""


def _without(writes: Writes, unchanged: list[EndpointSlice]) -> Writes:
    """The writes, and slices that lose the hints that they have."""
    plain = [(one, without_hints(one)) for one in unchanged]
    more = tuple(_written(one, bare.endpoints) for one, bare in plain if bare is not one)
    update = tuple(_again(one, unhinted(one.endpoints)) for one in writes.update)
    return replace(writes, update=(*update, *more))


def _written(one: EndpointSlice, endpoints: tuple[Document, ...]) -> Written:
    doc = with_endpoints(one, labels_document(one.doc), endpoints)
    return Written(one.metadata.name, one.port_key, endpoints, doc)


def _again(one: Written, endpoints: tuple[Document, ...]) -> Written:
    return replace(
        one, endpoints=endpoints, doc=with_value(one.doc, ("endpoints",), endpoints or None)
    )


class Told(msgspec.Struct, frozen=True):
    """What a Service was told of its hints: which families have some, and why others have none.

    Differs: upstream repeats a reason whenever it looks at the Service.
    """

    enabled: frozenset[str] = frozenset()
    reasons: tuple[tuple[str, str], ...] = ()

    def after(self, family: str, reason: str) -> tuple[Told, tuple[str, str] | None]:
        """What is to be told of one family, as a reason and a message, None for nothing new.

        >>> Told().after("IPv4", "")[1]
        ('TopologyAwareHintsEnabled', 'Topology Aware Hints has been enabled')
        >>> Told(frozenset({"IPv4"})).after("IPv6", "")[1] is None
        True
        """
        rest = tuple(one for one in self.reasons if one[0] != family)
        if not reason:
            news = None if self.enabled else ("TopologyAwareHintsEnabled", ENABLED)
            return Told(self.enabled | {family}, rest), news
        known = (family, reason) in self.reasons
        news = None if known else ("TopologyAwareHintsDisabled", reason)
        return Told(self.enabled - {family}, (*rest, (family, reason))), news


def hint_event(service: Document, family: str, reason: str, message: str) -> RecordEvent:
    """What a Service is told about the hints of one family."""
    severity = NORMAL if message == ENABLED else WARNING
    words = f"{message}, addressType: {family}"
    return event(service, "services", COMPONENT, severity, reason, words)
