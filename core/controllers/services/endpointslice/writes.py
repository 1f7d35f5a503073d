"""From a packing to the writes: placeholders, and deletions that become updates.

A Service without endpoints has one empty slice, so that it can be seen that nobody forgot it. And
where one slice would be deleted and another created, the first becomes the second: one write.

Source: kubernetes v1.36, endpointslice/reconciler.go (reconcileByAddressType, finalize).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.services.endpointslice.objects import (
    SLICES,
    is_owned,
    is_placeholder,
    new_slice,
    with_endpoints,
    with_trigger_time,
)
from kelm.core.controllers.services.endpointslice.packing import Endpoints, NewSlice, Packing
from kelm.core.objects.service import EndpointSlice, PortKey, Service, port_key
from kelm.core.runtime.controller import Batch
from kelm.effects.commands import Command, Create, Delete, Update
from kelm.effects.document import Document


class Written(msgspec.Struct, frozen=True):
    """An existing slice as it is about to be."""

    name: str
    port_key: PortKey
    endpoints: Endpoints
    doc: Document


class Writes(msgspec.Struct, frozen=True):
    """All writes to the slices of one family."""

    create: tuple[NewSlice, ...] = ()
    update: tuple[Written, ...] = ()
    delete: tuple[EndpointSlice, ...] = ()


def finish(
    service: Service,
    address_type: str,
    packing: Packing,
    existing: int,
    foreign: tuple[EndpointSlice, ...],
    labels: Document,
) -> Writes:
    """The writes for one family.

    Args:
        existing: how many slices there are, those of namesakes included.
        foreign: slices of this family that a namesake of the Service, now gone, has left.
    """
    create, doomed = list(packing.create), [*foreign, *packing.delete]
    if existing == len(doomed) and not create:
        if len(doomed) == 1 and is_placeholder(doomed[0], service, address_type):
            return Writes()
        create.append(NewSlice((), ()))
    update = [_rewritten(one, endpoints, labels) for one, endpoints in packing.update]
    delete: list[EndpointSlice] = []
    for one in doomed:
        if create and is_owned(one, service):
            update.append(_reused(one, service, create.pop()))
        else:
            delete.append(one)
    if service.metadata.deletion_timestamp is not None:
        create = []
    return Writes(tuple(create), tuple(update), tuple(delete))


def _rewritten(one: EndpointSlice, endpoints: Endpoints, labels: Document) -> Written:
    doc = with_endpoints(one, labels, endpoints)
    return Written(one.metadata.name, one.port_key, endpoints, doc)


def _reused(one: EndpointSlice, service: Service, new: NewSlice) -> Written:
    name = one.metadata.name
    doc = new_slice(service, one.address_type, new.ports, new.endpoints, name)
    return Written(name, port_key(new.ports), new.endpoints, doc)


def batches(
    service: Service,
    writes: Iterable[tuple[str, Writes]],
    stray: tuple[EndpointSlice, ...],
    trigger_time: str,
) -> tuple[Batch, ...]:
    """Everything as commands: nothing is deleted before what replaces it is there.

    stray: slices of a family that the Service has no longer.
    """
    first: list[Command] = []
    last: list[Command] = []
    namespace = service.metadata.namespace
    for address_type, one in writes:
        for new in one.create:
            doc = new_slice(service, address_type, new.ports, new.endpoints)
            first.append(Create(SLICES, namespace, with_trigger_time(doc, trigger_time)))
        for written in one.update:
            doc = with_trigger_time(written.doc, trigger_time)
            first.append(Update(SLICES, namespace, written.name, doc))
        last.extend(_delete(gone) for gone in one.delete)
    last.extend(_delete(gone) for gone in stray)
    return tuple(tuple(batch) for batch in (first, last) if batch)


def _delete(one: EndpointSlice) -> Command:
    meta = one.metadata
    return Delete(SLICES, meta.namespace, meta.name, meta.uid)
