"""The Endpoints controller: the pods behind each Service, in one object of the old kind.

The key is the Service's. As in the EndpointSlice controller, what each pod means is remembered, and
a reconcile looks at what changed. Writing the object costs its size: that is what slices are for.

Source: kubernetes v1.36, pkg/controller/endpoint/endpoints_controller.go. Differs: the object is
compared as it would be written, so that a truncated one is not written again and again, and a
label or annotation that somebody changed is put right at the next reconcile.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from kelm.core.controllers.services.endpoints.subsets import (
    Address,
    AddressKey,
    fields_of,
    subsets_of,
    truncate,
)
from kelm.core.network.members import Member, Members, follow
from kelm.core.network.membership import (
    address_type_of,
    addresses_of,
    hostname_of,
    may_be_endpoint,
    port_in_pod,
)
from kelm.core.network.selection import services_of_change
from kelm.core.objects.meta import annotations_of, metadata
from kelm.core.objects.pod import Pod
from kelm.core.objects.service import (
    HEADLESS,
    HEADLESS_LABEL,
    LAST_CHANGE_TRIGGER_TIME,
    Service,
    ServicePort,
    labels_document,
    service,
    target_ref,
)
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource, split_key
from kelm.effects.commands import Command, Create, Delete, Update
from kelm.effects.document import EMPTY, Document, Json, child
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

ENDPOINTS = "endpoints"
MANAGED_BY = "endpoints.kubernetes.io/managed-by"
CONTROLLER = "endpoint-controller"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
LEADER = "control-plane.alpha.kubernetes.io/leader"

_GONE = frozenset({Reason.NOT_FOUND})
_Order: TypeAlias = "tuple[tuple[AddressKey, str], ...]"


class Known(msgspec.Struct, frozen=True):
    """What is remembered of a Service; `order` has the listed pods sorted by address."""

    members: Members[Address | None]
    order: _Order
    subsets: tuple[Document, ...]
    truncated: bool


class EndpointsController(msgspec.Struct, frozen=True):
    """The controller."""

    name: str = "endpoint-controller"
    watches: tuple[Watch, ...] = (Watch("services"), Watch("pods"), Watch(ENDPOINTS))
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == "pods":
            return services_of_change(caches["services"], change)
        if resource == "services" or change.new is None:
            return (change.key,)
        return ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        """All Services, and Endpoints that may have outlived theirs."""
        keys = {metadata(doc).key: None for doc in caches["services"].objects()}
        for doc in caches[ENDPOINTS].objects():
            if LEADER not in annotations_of(doc):
                keys[metadata(doc).key] = None
        return keys

    def reconcile(self, sync: Sync) -> Plan:
        doc = sync.caches["services"].get(sync.key)
        if doc is None:
            return _clean_up(sync)
        one = service(doc)
        return _reconcile(sync, one) if one.has_managed_endpoints else Plan()

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return sync.memory


def _clean_up(sync: Sync) -> Plan:
    """Delete what a Service left; one that was known may have left what cannot be seen yet."""
    if sync.memory is None and sync.caches[ENDPOINTS].get(sync.key) is None:
        return Plan()
    namespace, name = split_key(sync.key)
    return Plan(((Delete(ENDPOINTS, namespace, name),),), tolerated=_GONE)


def _reconcile(sync: Sync, one: Service) -> Plan:
    known = sync.memory if isinstance(sync.memory, Known) else None
    followed = follow(
        known.members if known else None,
        one,
        sync.caches["pods"],
        None,
        lambda pod, _zone: address_of(pod, one),
    )
    by_name = followed.members.by_name
    if known is not None and not followed.changed:
        order, subsets, truncated = known.order, known.subsets, known.truncated
    else:
        order = _ordered(known, by_name, followed.changed)
        listed = [item for _, name in order if (item := by_name[name].item) is not None]
        subsets, truncated = truncate(subsets_of(listed))
    stored = sync.caches[ENDPOINTS].get(sync.key)
    command = _write(one, stored, subsets, truncated, followed.trigger_time)
    return Plan(
        ((command,),) if command else (),
        Known(followed.members, order, subsets, truncated),
    )


def _ordered(
    known: Known | None,
    by_name: Mapping[str, Member[Address | None]],
    changed: dict[str, None],
) -> _Order:
    """The listed pods sorted by address: what was sorted stays so, the changed find their place."""
    if known is None or 4 * len(changed) > len(known.order):
        return tuple(sorted(_places(by_name, by_name)))
    order = list(known.order)
    for place in _places(known.members.by_name, changed):
        del order[bisect_left(order, place)]
    for place in _places(by_name, changed):
        insort(order, place)
    return tuple(order)


def _places(
    by_name: Mapping[str, Member[Address | None]], names: Iterable[str]
) -> Iterator[tuple[AddressKey, str]]:
    for name in names:
        member = by_name.get(name)
        if member is not None and member.item is not None:
            yield member.item.key, name


def address_of(pod: Pod, one: Service) -> Address | None:
    """What a pod becomes in a Service's Endpoints; None while it is not to be listed.

    Terminating pods are listed only where the Service wants every address.

    Source: endpoints_controller.go, podToEndpointAddressForService, addEndpointSubset.
    """
    tolerant = one.publish_not_ready_addresses
    if not may_be_endpoint(pod, include_terminating=tolerant):
        return None
    family = _family(one, pod)
    ip = next((ip for ip in addresses_of(pod) if address_type_of(ip) == family), "")
    numbers = ((port, port_in_pod(pod, port)) for port in one.ports)
    ports = tuple(_port(port, number) for port, number in numbers if number is not None)
    if not ip or not (ports or (not one.ports and one.cluster_ip == HEADLESS)):
        return None
    doc: dict[str, Json] = {"ip": ip}
    if hostname := hostname_of(pod, one):
        doc["hostname"] = hostname
    if pod.spec.node_name:
        doc["nodeName"] = pod.spec.node_name
    doc["targetRef"] = target_ref(pod.metadata)
    ready, key = tolerant or pod.ready, (ip, pod.metadata.uid)
    return Address(key, ready, ports, fields_of(ports), Document(doc))


def _family(one: Service, pod: Pod) -> str:
    if one.ip_families:
        return one.ip_families[0]
    return address_type_of(pod.status.pod_ip if one.headless else one.cluster_ip)


def _port(port: ServicePort, number: int) -> Document:
    fields: dict[str, Json] = {"name": port.name} if port.name else {}
    fields["port"] = number
    fields["protocol"] = port.protocol
    if port.app_protocol is not None:
        fields["appProtocol"] = port.app_protocol
    return Document(fields)


def _write(
    one: Service,
    stored: Document | None,
    subsets: tuple[Document, ...],
    truncated: bool,
    trigger_time: str,
) -> Command | None:
    """The command that makes the object right, None if it is."""
    labels: dict[str, Json] = {**labels_document(one.doc)}
    labels.pop(HEADLESS_LABEL, None)
    if one.headless:
        labels[HEADLESS_LABEL] = ""
    labels[MANAGED_BY] = CONTROLLER
    annotations = {**child(stored or EMPTY, "metadata", "annotations")}
    was_truncated = annotations.pop(OVER_CAPACITY, None)
    if truncated:
        annotations[OVER_CAPACITY] = "truncated"
    if (
        stored is not None
        and (stored.get("subsets") or ()) == subsets
        and labels_document(stored) == labels
        and was_truncated == annotations.get(OVER_CAPACITY)
    ):
        return None
    annotations.pop(LAST_CHANGE_TRIGGER_TIME, None)
    if trigger_time:
        annotations[LAST_CHANGE_TRIGGER_TIME] = trigger_time
    return _command(one, stored, subsets, Document(labels), Document(annotations))


def _command(
    one: Service,
    stored: Document | None,
    subsets: tuple[Document, ...],
    labels: Document,
    annotations: Document,
) -> Command:
    namespace, name = one.metadata.namespace, one.metadata.name
    fresh = Document(apiVersion="v1", kind="Endpoints")
    metadata: dict[str, Json] = {"name": name, "namespace": namespace}
    metadata = {**(metadata if stored is None else child(stored, "metadata")), "labels": labels}
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    body: dict[str, Json] = {**(stored or fresh), "metadata": Document(metadata)}
    body.pop("subsets", None)
    if subsets:
        body["subsets"] = subsets
    if stored is None:
        return Create(ENDPOINTS, namespace, Document(body))
    return Update(ENDPOINTS, namespace, name, Document(body))
