"""What slices mirror an Endpoints object that somebody wrote by hand.

One slice for each set of ports and family, with at most a thousand addresses: mirrored objects are
not spread. Labels and annotations are mirrored too, but for those that say who wrote what when.

Source: kubernetes v1.36, pkg/controller/endpointslicemirroring/reconciler.go,
reconciler_helpers.go, utils.go.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.core.controllers.shared.pods import generate_name_of
from kelm.core.network.membership import address_type_of
from kelm.core.objects.meta import metadata, owner_reference
from kelm.core.objects.service import (
    LAST_CHANGE_TRIGGER_TIME,
    MANAGED_BY,
    SERVICE_NAME,
    EndpointSlice,
    PortKey,
    labels_document,
    port_key,
)
from kelm.effects.document import Document, Json, child, children, text

CONTROLLER = "endpointslicemirroring-controller.k8s.io"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MAX_ENDPOINTS = 1000

_NOT_MIRRORED = (LAST_CHANGE_TRIGGER_TIME, LAST_APPLIED)


class Image(msgspec.Struct, frozen=True):
    """The slice that should be there for one set of ports and one family."""

    address_type: str
    port_key: PortKey
    ports: tuple[Document, ...]
    endpoints: tuple[Document, ...]


def images(endpoints: Document, limit: int = MAX_ENDPOINTS) -> tuple[Image, ...]:
    """The slices that say what an Endpoints object says, in its order.

    >>> from kelm.effects.document import document
    >>> doc = document({"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]})
    >>> images(doc)[0].endpoints
    ({'addresses': ('10.0.0.1',), 'conditions': {'ready': True}},)
    """
    found: dict[tuple[str, PortKey], dict[str, Document]] = {}
    ports_of: dict[PortKey, tuple[Document, ...]] = {}
    for subset in children(endpoints, "subsets"):
        ports = tuple(_port(port) for port in children(subset, "ports"))
        key = port_key(ports)
        ports_of.setdefault(key, ports)
        for field, ready in (("addresses", True), ("notReadyAddresses", False)):
            for address in children(subset, field):
                ip = text(address, "ip")
                group = found.setdefault((address_type_of(ip), key), {})
                if ip in group or len(group) < limit:
                    group.setdefault(ip, _endpoint(address, ip, ready=ready))
    return tuple(
        Image(address_type, key, ports_of[key], tuple(group.values()))
        for (address_type, key), group in found.items()
    )


def _port(port: Document) -> Document:
    named: dict[str, Json] = {"name": text(port, "name")}
    rest = {key: port[key] for key in ("protocol", "port", "appProtocol") if key in port}
    return Document({**named, **rest})


def _endpoint(address: Document, ip: str, *, ready: bool) -> Document:
    """Source: utils.go, addressToEndpoint."""
    fields: dict[str, Json] = {"addresses": (ip,), "conditions": Document(ready=ready)}
    fields.update(
        (key, address[key]) for key in ("hostname", "targetRef", "nodeName") if address.get(key)
    )
    return Document(fields)


def is_mirrored_well(one: EndpointSlice, image: Image, endpoints: Document) -> bool:
    """Whether a slice is its image: endpoints in any order, labels and annotations."""
    if len(one.endpoints) != len(image.endpoints):
        return False
    here = {_address(endpoint): endpoint for endpoint in one.endpoints}
    return (
        all(here.get(_address(endpoint)) == endpoint for endpoint in image.endpoints)
        and labels_document(one.doc) == mirrored_labels(endpoints)
        and child(one.doc, "metadata", "annotations") == mirrored_annotations(endpoints)
    )


def _address(endpoint: Document) -> Json:
    return endpoint.get("addresses")


def mirrored_labels(endpoints: Document) -> Document:
    labels: Mapping[str, Json] = labels_document(endpoints)
    return Document({**labels, SERVICE_NAME: metadata(endpoints).name, MANAGED_BY: CONTROLLER})


def mirrored_annotations(endpoints: Document) -> Document:
    annotations = child(endpoints, "metadata", "annotations")
    return Document({key: annotations[key] for key in annotations if key not in _NOT_MIRRORED})


def mirror(endpoints: Document, image: Image, name: str = "") -> Document:
    """The slice to create; with a name, what that slice is to become."""
    meta = metadata(endpoints)
    fields: dict[str, Json] = (
        {"name": name} if name else {"generateName": generate_name_of(meta.name)}
    )
    fields["namespace"] = meta.namespace
    fields["labels"] = mirrored_labels(endpoints)
    if annotations := mirrored_annotations(endpoints):
        fields["annotations"] = annotations
    owner = Document({"apiVersion": "v1", "kind": "Endpoints", **endpoints})
    fields["ownerReferences"] = (owner_reference(owner),)
    return Document(
        apiVersion="discovery.k8s.io/v1",
        kind="EndpointSlice",
        metadata=Document(fields),
        addressType=image.address_type,
        endpoints=image.endpoints or None,
        ports=image.ports or None,
    )
