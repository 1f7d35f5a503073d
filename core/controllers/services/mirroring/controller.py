"""The EndpointSlice mirroring controller: endpoints written by hand become slices too.

The key is that of the Endpoints object. It is mirrored where a Service of its name has no selector;
slices that mirror what should no longer be mirrored are deleted.

Source: kubernetes v1.36, pkg/controller/endpointslicemirroring, its controller and reconciler.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from kelm.core.controllers.services.mirroring.mirror import (
    CONTROLLER,
    MAX_ENDPOINTS,
    Image,
    images,
    is_mirrored_well,
    mirror,
)
from kelm.core.objects.meta import annotations_of, labels_of, metadata
from kelm.core.objects.service import (
    MANAGED_BY,
    SERVICE_NAME,
    EndpointSlice,
    PortKey,
    endpoint_slice,
    service,
)
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.commands import Command, Create, Delete, Update
from kelm.effects.document import Document
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

SLICES = "endpointslices.discovery.k8s.io"
SKIP_MIRROR = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"

_GONE = frozenset({Reason.NOT_FOUND})


class EndpointSliceMirroring(msgspec.Struct, frozen=True):
    """The controller, with its flags."""

    max_endpoints_per_subset: int = MAX_ENDPOINTS
    name: str = "endpointslice-mirroring-controller"
    watches: tuple[Watch, ...] = (Watch("endpoints"), Watch("services"), Watch(SLICES))
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == SLICES:
            return _endpoints_of_slice(change)
        # The Endpoints of every ordinary Service change often and are nobody's business here.
        if resource == "endpoints" and _has_selector(caches["services"].get(change.key)):
            return ()
        return (change.key,)

    def every_key(self, caches: Caches) -> Iterable[Key]:
        keys = {metadata(doc).key: None for doc in caches["endpoints"].objects()}
        for doc in caches[SLICES].objects():
            keys.update(dict.fromkeys(_endpoints_of_slice(Change(0, "", None, doc))))
        return keys

    def reconcile(self, sync: Sync) -> Plan:
        slices = tuple(_slices(sync))
        endpoints = sync.caches["endpoints"].get(sync.key)
        if endpoints is None or not _is_mirrored(sync, endpoints):
            gone = tuple(_delete(one) for one in slices)
            return Plan((gone,) if gone else (), tolerated=_GONE)
        return _reconcile(endpoints, slices, self.max_endpoints_per_subset)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return sync.memory


def _endpoints_of_slice(change: Change) -> Iterator[Key]:
    for doc in (change.old, change.new):
        labels = {} if doc is None else labels_of(doc)
        if doc is not None and labels.get(MANAGED_BY) == CONTROLLER and SERVICE_NAME in labels:
            yield key_of(metadata(doc).namespace, labels[SERVICE_NAME])


def _has_selector(found: Document | None) -> bool:
    return found is not None and service(found).selector is not None


def _is_mirrored(sync: Sync, endpoints: Document) -> bool:
    found = sync.caches["services"].get(sync.key)
    return (
        found is not None
        and not _has_selector(found)
        and labels_of(endpoints).get(SKIP_MIRROR) != "true"
        and LEADER not in annotations_of(endpoints)
    )


def _slices(sync: Sync) -> Iterator[EndpointSlice]:
    namespace, _, name = sync.key.partition("/")
    for doc in sync.caches[SLICES].select("label", f"{namespace}/{SERVICE_NAME}={name}"):
        found = endpoint_slice(doc)
        labels = found.metadata.labels or {}
        if labels.get(MANAGED_BY) == CONTROLLER and found.metadata.deletion_timestamp is None:
            yield found


def _reconcile(endpoints: Document, slices: tuple[EndpointSlice, ...], limit: int) -> Plan:
    by_key: dict[tuple[str, PortKey], list[EndpointSlice]] = {}
    for one in slices:
        by_key.setdefault((one.address_type, one.port_key), []).append(one)
    create: list[Image] = []
    writes: list[Command] = []
    doomed: list[EndpointSlice] = []
    for image in images(endpoints, limit):
        first, *more = by_key.pop((image.address_type, image.port_key), [None])
        doomed.extend(one for one in more if one is not None)
        if first is None:
            create.append(image)
        elif not is_mirrored_well(first, image, endpoints):
            writes.append(_update(endpoints, image, first))
    doomed.extend(one for unwanted in by_key.values() for one in unwanted)
    for one in list(doomed):
        reuse = next((image for image in create if image.address_type == one.address_type), None)
        if reuse is not None:
            create.remove(reuse)
            doomed.remove(one)
            writes.append(_update(endpoints, reuse, one))
    namespace = metadata(endpoints).namespace
    first_batch = (*(Create(SLICES, namespace, mirror(endpoints, i)) for i in create), *writes)
    last_batch = tuple(_delete(one) for one in doomed)
    return Plan(tuple(batch for batch in (first_batch, last_batch) if batch), tolerated=_GONE)


def _update(endpoints: Document, image: Image, one: EndpointSlice) -> Command:
    meta = one.metadata
    return Update(SLICES, meta.namespace, meta.name, mirror(endpoints, image, meta.name))


def _delete(one: EndpointSlice) -> Command:
    return Delete(SLICES, one.metadata.namespace, one.metadata.name, one.metadata.uid)
