"""Services' addresses and their IPAddresses are kept in step: each has the other.

The API server writes both at once; this mends what somebody changed. An address of a Service whose
IPAddress is missing, has another parent or other labels gets a new one; an IPAddress of the
allocator's whose Service is gone, or has another address, goes. Keys are `service/NAMESPACE/NAME`
and `address/ADDRESS`.

On a real cluster the API server does this itself.

Source: kubernetes v1.36, pkg/registry/core/service/ipallocator/controller/repairip.go.
Differs: that an address was made anew is told once it was, and a Service is looked at again when
somebody changes its IPAddress, not only when the Service changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.api.allocation.bands import family, is_allocatable
from kelm.core.api.kinds.service_addresses import (
    ALLOCATOR,
    FAMILY,
    MANAGED_BY,
    SERVICES,
    address_of,
    addresses_of,
)
from kelm.core.api.validation.service_addresses import ADDRESSES, RANGES
from kelm.core.controllers.shared.events import WARNING, event
from kelm.core.objects.meta import labels_of, metadata
from kelm.core.runtime.controller import Batch, Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Create, Delete
from kelm.effects.document import Document, child, elements, text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

COMPONENT: Final = "ipallocator-repair-controller"
GRACE_MS: Final = 60_000
"""How long an IPAddress may be there before its Service."""
FRESH_MS: Final = 5_000
_SERVICE, _ADDRESS = "service/", "address/"
_WATCHES: Final = (Watch(SERVICES), Watch(ADDRESSES), Watch(RANGES))
_AS_GOOD: Final = frozenset({Reason.NOT_FOUND})


class AddressRepair(msgspec.Struct, frozen=True):
    """The controller."""

    name: str = COMPONENT
    watches: tuple[Watch, ...] = _WATCHES
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == SERVICES:
            return _of_service(change)
        if resource == ADDRESSES:
            return _of_address(caches, change)
        return ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        services = [_SERVICE + metadata(doc).key for doc in caches[SERVICES].objects()]
        return [*services, *(_ADDRESS + metadata(doc).key for doc in caches[ADDRESSES].objects())]

    def reconcile(self, sync: Sync) -> Plan:
        if any(watch.resource not in sync.caches for watch in _WATCHES):
            return Plan()
        kind, _, key = sync.key.partition("/")
        return _service(key, sync) if kind == "service" else _address(key, sync)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return sync.memory


def _of_service(change: Change) -> list[Key]:
    """A Service and the addresses that it has or had."""
    had, has = addresses_of(change.old), addresses_of(change.new)
    if change.old is not None and change.new is not None and had == has:
        return []
    return [_SERVICE + change.key, *(_ADDRESS + one for one in dict.fromkeys((*had, *has)))]


def _of_address(caches: Caches, change: Change) -> list[Key]:
    """An IPAddress and the Services that have the address."""
    if SERVICES not in caches:
        return []
    users = caches[SERVICES].select("clusterIP", change.key)
    return [_ADDRESS + change.key, *(_SERVICE + metadata(doc).key for doc in users)]


def _parent(doc: Document) -> tuple[str, str, str]:
    parent = child(doc, "spec", "parentRef")
    key = f"{text(parent, 'namespace')}/{text(parent, 'name')}"
    return text(parent, "group"), text(parent, "resource"), key


def _service(key: Key, sync: Sync) -> Plan:
    """See that each address of a Service has its IPAddress."""
    service = sync.caches[SERVICES].get(key)
    told: list[str] = []
    batches: list[Batch] = []
    for address in addresses_of(service):
        assert service is not None
        reason, words, mend = _fault(address, service, key, sync.caches)
        if words:
            told.append(words)
        news = words and not (isinstance(sync.memory, tuple) and words in sync.memory)
        said = (event(service, SERVICES, COMPONENT, WARNING, reason, words),) if news else ()
        batches += [batch for batch in (*mend, said) if batch]
    return Plan(tuple(batches), tuple(told) or None, tolerated=_AS_GOOD)


def _fault(
    address: str, service: Document, key: Key, caches: Caches
) -> tuple[str, str, tuple[Batch, ...]]:
    """What is wrong with a Service's address: an event's reason and words, and what mends it."""
    which = f"[{family(address)}]: {address}"
    if not any(
        is_allocatable(str(cidr), address)
        for one in caches[RANGES].objects()
        for cidr in elements(one, "spec", "cidrs")
    ):
        why = "is not within any configured Service CIDR; please recreate service"
        return "ClusterIPOutOfRange", f"Cluster IP {which} {why}", ()
    made: Batch = (Create(ADDRESSES, "", address_of(address, service)),)
    held = caches[ADDRESSES].get(address)
    if held is None:
        return "ClusterIPNotAllocated", f"Cluster IP {which} is not allocated; repairing", (made,)
    anew: tuple[Batch, ...] = ((Delete(ADDRESSES, "", address, metadata(held).uid),), made)
    group, resource, parent = _parent(held)
    wrong = f"the ClusterIP {which} for Service {key} has a wrong reference; repairing"
    if group or resource != SERVICES:
        return "ClusterIPNotAllocated", wrong, anew
    if parent != key:
        other = caches[SERVICES].get(parent)
        if other is None:
            return "ClusterIPNotAllocated", wrong, anew
        if address in addresses_of(other):
            words = f"Cluster IP [{family(address)}]:{address} was assigned to multiple services"
            return "ClusterIPAlreadyAllocated", f"{words}; please recreate service", ()
    labels = labels_of(held)
    if (labels.get(MANAGED_BY), labels.get(FAMILY)) != (ALLOCATOR, family(address)):
        return "", "", anew
    return "", "", ()


def _address(name: str, sync: Sync) -> Plan:
    """Take away an IPAddress of the allocator's that no Service has."""
    held = sync.caches[ADDRESSES].get(name)
    if held is None or labels_of(held).get(MANAGED_BY) != ALLOCATOR:
        return Plan()
    group, resource, key = _parent(held)
    if group or resource != SERVICES:
        words = f"IPAddress {name} appears to have been modified, not referencing a Service"
        return _gone(held, "IPAddressNotAllocated", f"{words}: cleaning up")
    service = sync.caches[SERVICES].get(key)
    if name in addresses_of(service):
        return Plan()
    since_ms = metadata(held).created_ms
    wait_ms = GRACE_MS
    if service is not None and text(service, "spec", "type") != "ExternalName":
        later = since_ms > metadata(service).created_ms
        wait_ms = FRESH_MS if later else 0
    if sync.now_ms < since_ms + wait_ms:
        return Plan(again_at_ms=since_ms + wait_ms)
    if service is None:
        words = f"IPAddress: {name} for Service {key} appears to have leaked: cleaning up"
        return _gone(held, "IPAddressNotAllocated", words)
    words = f"IPAddress: {name} for Service {key} has a wrong reference; cleaning up"
    return _gone(held, "IPAddressWrongReference", words)


def _gone(held: Document, reason: str, words: str) -> Plan:
    meta = metadata(held)
    said = event(held, ADDRESSES, COMPONENT, WARNING, reason, words)
    return Plan(((Delete(ADDRESSES, "", meta.name, meta.uid),), (said,)), tolerated=_AS_GOOD)
