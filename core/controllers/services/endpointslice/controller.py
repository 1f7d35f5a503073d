"""The EndpointSlice controller: the pods behind each Service, in slices of at most a hundred.

The key is the Service's. What is remembered for it: what each of its pods means (`Members`), and
how each slice was left (`settled`), so that a reconcile costs what changed since. Without memory
everything is looked at; the result is the same.

Source: kubernetes v1.36, pkg/controller/endpointslice/endpointslice_controller.go;
endpointslice/reconciler.go. Differs: pods of a node that comes or goes are looked at again at once
and not after a back-off; hints by zone (`service.kubernetes.io/topology-mode`) are looked at again
whenever nodes change what they offer, and not only where a zone has too few endpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from kelm.core.controllers.services.endpointslice.endpoint import Listed, listed
from kelm.core.controllers.services.endpointslice.hinting import (
    Told,
    hint_event,
    with_hints,
    without_hints,
)
from kelm.core.controllers.services.endpointslice.objects import (
    CONTROLLER,
    SLICES,
    is_owned,
    slice_labels,
)
from kelm.core.controllers.services.endpointslice.packing import MAX_ENDPOINTS_PER_SLICE, pack
from kelm.core.controllers.services.endpointslice.writes import Writes, batches, finish
from kelm.core.controllers.services.endpointslice.zones import DISABLED, counts, ratios_of
from kelm.core.network.members import Members, follow
from kelm.core.network.membership import address_types
from kelm.core.network.selection import services_of_change, services_of_pod
from kelm.core.objects.meta import labels_of, metadata
from kelm.core.objects.service import (
    MANAGED_BY,
    SERVICE_NAME,
    EndpointSlice,
    PortKey,
    Service,
    endpoint_slice,
    labels_document,
    service,
    zone_of,
)
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.commands import Command
from kelm.effects.document import Document, text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

_GONE = frozenset({Reason.NOT_FOUND})


class Known(msgspec.Struct, frozen=True):
    """What is remembered of a Service.

    settled: slices by name, as they are or are about to be: each pod in one of them, as it should.
    in_new_slices: names of pods in slices that were about to be created and had no names yet.
    by_cpu: whether endpoints had hints for zones; told: what was told of that.
    """

    members: Members[Listed | None]
    settled: Mapping[str, tuple[PortKey, tuple[Document, ...]]]
    in_new_slices: tuple[str, ...] = ()
    by_cpu: bool = False
    told: Told = Told()


class EndpointSliceController(msgspec.Struct, frozen=True):
    """The controller, with its flags."""

    max_endpoints_per_slice: int = MAX_ENDPOINTS_PER_SLICE
    name: str = "endpointslice-controller"
    watches: tuple[Watch, ...] = (Watch("services"), Watch("pods"), Watch(SLICES), Watch("nodes"))
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == "pods":
            return services_of_change(caches["services"], change)
        if resource == "services":
            return (change.key,)
        return (
            _service_of_slice(change) if resource == SLICES else _services_on_node(caches, change)
        )

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return (metadata(doc).key for doc in caches["services"].objects())

    def reconcile(self, sync: Sync) -> Plan:
        doc = sync.caches["services"].get(sync.key)
        if doc is None or not service(doc).has_managed_endpoints:
            return Plan()
        return _reconcile(sync, service(doc), self.max_endpoints_per_slice)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return sync.memory


def _service_of_slice(change: Change) -> Iterator[Key]:
    for doc in (change.old, change.new):
        labels = {} if doc is None else labels_of(doc)
        if doc is not None and labels.get(MANAGED_BY) == CONTROLLER and SERVICE_NAME in labels:
            yield key_of(metadata(doc).namespace, labels[SERVICE_NAME])


def _services_on_node(caches: Caches, change: Change) -> Iterator[Key]:
    offers = [None if doc is None else counts(doc) for doc in (change.old, change.new)]
    if offers[0] != offers[1]:
        for doc in caches["services"].objects():
            if service(doc).hints_by_cpu:
                yield metadata(doc).key
    if (change.old is None) == (change.new is None) and zone_of(change.old) == zone_of(change.new):
        return
    for doc in caches["pods"].select("spec.nodeName", change.key):
        yield from services_of_pod(caches["services"], doc)


def _reconcile(sync: Sync, one: Service, limit: int) -> Plan:
    known = sync.memory if isinstance(sync.memory, Known) else None
    types = address_types(one)
    followed = follow(
        known.members if known else None,
        one,
        sync.caches["pods"],
        sync.caches["nodes"],
        lambda pod, zone: listed(pod, zone, one, types),
    )
    slices = tuple(_slices(sync.caches, one))
    same = known is not None and known.by_cpu == one.hints_by_cpu
    doubtful = _doubtful(known if same else None, followed.changed, slices)
    told, news = known.told if known else Told(), list[Command]()
    ratios = ratios_of(sync.caches["nodes"].objects()) if one.hints_by_cpu else {}
    labels = slice_labels(one)
    writes: list[tuple[str, Writes]] = []
    for family, kind in enumerate(types):
        mine = tuple(found for found in slices if found.address_type == kind)
        foreign = tuple(found for found in mine if not is_owned(found, one))
        packing = pack(
            _packable(one, (found for found in mine if found not in foreign) if foreign else mine),
            followed.members.by_name,
            doubtful,
            family,
            lambda found: labels_document(found.doc) != labels,
            limit,
        )
        done, reason = finish(one, kind, packing, len(mine), foreign, labels), ""
        if one.hints_by_cpu:
            done, reason = with_hints(done, mine, ratios)
        elif kind in told.enabled:
            reason = DISABLED
        if one.hints_by_cpu or reason:
            told, what = told.after(kind, reason)
            news += [] if what is None else [hint_event(one.doc, kind, *what)]
        writes.append((kind, done))
    stray = tuple(found for found in slices if found.address_type not in types)
    sent = batches(one, writes, stray, followed.trigger_time)
    memory = msgspec.structs.replace(
        _known(followed.members, slices, writes), by_cpu=one.hints_by_cpu, told=told
    )
    return Plan((*sent, tuple(news)) if news else sent, memory, tolerated=_GONE)


def _packable(one: Service, slices: Iterable[EndpointSlice]) -> Iterable[EndpointSlice]:
    """Slices as they are packed: hints for zones come afterwards."""
    return map(without_hints, slices) if one.hints_by_cpu else slices


def _slices(caches: Caches, one: Service) -> Iterator[EndpointSlice]:
    """The slices that this controller made for a Service of this name, and that are to stay."""
    name = f"{one.metadata.namespace}/{SERVICE_NAME}={one.metadata.name}"
    for doc in caches[SLICES].select("label", name):
        found = endpoint_slice(doc)
        labels = found.metadata.labels or {}
        if labels.get(MANAGED_BY) == CONTROLLER and found.metadata.deletion_timestamp is None:
            yield found


def _doubtful(
    known: Known | None, changed: dict[str, None], slices: tuple[EndpointSlice, ...]
) -> dict[str, None]:
    """Names of the pods that may not be in exactly one slice as they should be."""
    doubtful = dict(changed)
    settled = known.settled if known else {}
    for one in slices:
        left = settled.get(one.metadata.name)
        if left is None or one.irregular or left != (one.port_key, one.endpoints):
            doubtful.update(dict.fromkeys(one.by_pod))
            if left is not None:
                _add_pods(doubtful, left[1])
    if known is not None:
        here = {one.metadata.name for one in slices}
        for name, left in settled.items():
            if name not in here:
                _add_pods(doubtful, left[1])
        doubtful.update(dict.fromkeys(known.in_new_slices))
    return doubtful


def _add_pods(doubtful: dict[str, None], endpoints: tuple[Document, ...]) -> None:
    for endpoint in endpoints:
        doubtful[text(endpoint, "targetRef", "name")] = None


def _known(
    members: Members[Listed | None],
    slices: tuple[EndpointSlice, ...],
    writes: list[tuple[str, Writes]],
) -> Known:
    """What to remember: how each slice will be if all goes well, and is if there is no write."""
    settled = {one.metadata.name: (one.port_key, one.endpoints) for one in slices}
    created: dict[str, None] = {}
    for _, one in writes:
        for new in one.create:
            _add_pods(created, new.endpoints)
        for written in one.update:
            settled[written.name] = (written.port_key, written.endpoints)
        for gone in one.delete:
            settled.pop(gone.metadata.name, None)
    return Known(members, settled, tuple(created))
