"""The cloud's load balancers: Services of that type get an address, and give it back.

It does what a cloud provider's service controller does. An address is one of 198.18.0.0/15, which
is set aside for such things, and follows from the Service's uid; where two come out the same, the
younger Service takes the next that is free. A Service that asks for an address of its own
(`spec.loadBalancerIP`) gets that one, and one with a `loadBalancerClass` is somebody else's.

Source: kubernetes v1.36, cloud-provider/controllers/service/controller.go; RFC 2544 (the range).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from zlib import crc32

import msgspec

from kelm.core.controllers.shared.events import NORMAL, WARNING, Severity, event
from kelm.core.objects.meta import Metadata, metadata
from kelm.core.runtime.controller import Batch, Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Patch, RecordEvent
from kelm.effects.document import Document, child, children, text
from kelm.effects.messages import Cache, Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

FINALIZER: Final = "service.kubernetes.io/load-balancer-cleanup"
TYPE: Final = "LoadBalancer"
ADDRESSES: Final = 2**17 - 2
_COMPONENT: Final = "service-controller"
_GONE: Final = frozenset({Reason.NOT_FOUND})


class LoadBalancers(msgspec.Struct, frozen=True):
    """The controller; its keys are Services."""

    name: str = _COMPONENT
    watches: tuple[Watch, ...] = (Watch("services"), Watch("nodes"))
    workers: int = 1

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == "nodes":
            return ()
        new = change.new
        return (change.key,) if new is not None and _concerns(new) else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).key for doc in caches["services"].objects() if _concerns(doc)]

    def reconcile(self, sync: Sync) -> Plan:
        services = sync.caches["services"]
        service = services.get(sync.key)
        if service is None or not _concerns(service):
            return Plan()
        meta = metadata(service)
        if not _wants(service) or meta.deletion_timestamp is not None:
            return Plan(_let_go(service, meta), tolerated=_GONE)
        address = address_for(service, services)
        if FINALIZER in meta.finalizers and _addresses(service) == (address,):
            return Plan()
        alone = len(sync.caches["nodes"]) == 0
        return Plan(_ensured(service, meta, address, alone=alone), tolerated=_GONE)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def _wants(service: Document) -> bool:
    spec = child(service, "spec")
    return spec.get("type") == TYPE and spec.get("loadBalancerClass") is None


def _concerns(service: Document) -> bool:
    """Whether a Service has a load balancer of ours, or is to have one."""
    return _wants(service) or FINALIZER in metadata(service).finalizers


def _addresses(service: Document) -> tuple[str, ...]:
    listed = children(service, "status", "loadBalancer", "ingress")
    return tuple(text(one, "ip") for one in listed)


def address_for(service: Document, services: Cache) -> str:
    """The address of a Service's load balancer: the one it has, if nobody older has it, too."""
    asked = text(service, "spec", "loadBalancerIP")
    if asked:
        return asked
    own, meta = _addresses(service), metadata(service)
    taken = {
        address: _age(metadata(other))
        for other in services.objects()
        if _wants(other) and metadata(other).key != meta.key
        for address in _addresses(other)
    }
    if own and is_ours(own[0]) and (own[0] not in taken or _age(meta) < taken[own[0]]):
        return own[0]
    number = crc32(meta.uid.encode())
    while (address := address_of(number)) in taken:
        number += 1
    return address


def _age(meta: Metadata) -> tuple[int, str]:
    return meta.created_ms, meta.uid


def address_of(number: int) -> str:
    """One of the addresses that load balancers have.

    >>> address_of(0), address_of(300), address_of(131_069)
    ('198.18.0.1', '198.18.1.45', '198.19.255.254')
    """
    place = number % ADDRESSES + 1
    return f"198.{18 + (place >> 16)}.{place >> 8 & 255}.{place & 255}"


def is_ours(address: str) -> bool:
    """Whether an address is one that load balancers are given."""
    return address.startswith(("198.18.", "198.19."))


def _ensured(service: Document, meta: Metadata, address: str, *, alone: bool) -> tuple[Batch, ...]:
    """Make the load balancer: nothing of it is left behind if the Service goes meanwhile."""
    told: list[Command] = [_event(service, "EnsuringLoadBalancer", "Ensuring load balancer")]
    if alone:
        words = "There are no available nodes for LoadBalancer"
        told.append(_event(service, "UnAvailableLoadBalancer", words, WARNING))
    if FINALIZER not in meta.finalizers:
        told.append(_finalizers(meta, (*meta.finalizers, FINALIZER)))
    ensured = _event(service, "EnsuredLoadBalancer", "Ensured load balancer")
    ingress = Document(ip=address, ipMode="VIP")
    return tuple(told), (_status(meta, Document(ingress=(ingress,))), ensured)


def _let_go(service: Document, meta: Metadata) -> tuple[Batch, ...]:
    """Take the load balancer away, and say so."""
    done: list[Batch] = []
    if _addresses(service):
        deleting = _event(service, "DeletingLoadBalancer", "Deleting load balancer")
        done.append((deleting, _status(meta, Document(ingress=None))))
    left = tuple(one for one in meta.finalizers if one != FINALIZER)
    deleted = _event(service, "DeletedLoadBalancer", "Deleted load balancer")
    return (*done, (_finalizers(meta, left), deleted))


def _finalizers(meta: Metadata, finalizers: tuple[str, ...]) -> Patch:
    """The request to keep a Service for these.

    The version is not given: of a Service's finalizers nobody else takes ours.
    """
    change = Document(metadata=Document(finalizers=finalizers or None))
    return Patch("services", meta.namespace, meta.name, change)


def _status(meta: Metadata, balancer: Document) -> Patch:
    change = Document(status=Document(loadBalancer=balancer))
    return Patch("services", meta.namespace, meta.name, change, subresource="status")


def _event(
    service: Document, reason: str, message: str, severity: Severity = NORMAL
) -> RecordEvent:
    return event(service, "services", _COMPONENT, severity, reason, message)
