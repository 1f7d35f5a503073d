"""The EndpointSlice objects themselves: labels, owner, annotations, and what a write sends.

Source: kubernetes v1.36, endpointslice/utils.go (newEndpointSlice, setEndpointSliceLabels,
addTriggerTimeAnnotation, ownedBy).
"""

from __future__ import annotations

from kelm.core.controllers.shared.pods import generate_name_of
from kelm.core.objects.meta import owner_reference
from kelm.core.objects.service import (
    HEADLESS_LABEL,
    LAST_CHANGE_TRIGGER_TIME,
    MANAGED_BY,
    SERVICE_NAME,
    EndpointSlice,
    Service,
    labels_document,
)
from kelm.effects.document import Document, Json, child

SLICES = "endpointslices.discovery.k8s.io"
CONTROLLER = "endpointslice-controller.k8s.io"
RESERVED = frozenset({SERVICE_NAME, MANAGED_BY, HEADLESS_LABEL})
"""Labels of a slice that a Service's own labels do not reach."""


def slice_labels(service: Service) -> Document:
    """The labels of a Service's slices: its own, and three that say whose they are.

    Source: utils.go, setEndpointSliceLabels.
    """
    own = labels_document(service.doc)
    labels: dict[str, Json] = {key: own[key] for key in own if key not in RESERVED}
    if service.headless:
        labels[HEADLESS_LABEL] = ""
    labels[SERVICE_NAME] = service.metadata.name
    labels[MANAGED_BY] = CONTROLLER
    return Document(labels)


def is_owned(one: EndpointSlice, service: Service) -> bool:
    """Whether this Service, not a namesake that is gone, owns a slice."""
    return any(
        owner.uid == service.metadata.uid and owner.kind == "Service" and owner.api_version == "v1"
        for owner in one.metadata.owner_references
    )


def annotated(annotations: Document, trigger_time: str) -> Document:
    """Annotations that say which change this write publishes; "" says none."""
    rest = {key: annotations[key] for key in annotations if key != LAST_CHANGE_TRIGGER_TIME}
    return Document({**rest, LAST_CHANGE_TRIGGER_TIME: trigger_time} if trigger_time else rest)


def new_slice(
    service: Service,
    address_type: str,
    ports: tuple[Document, ...],
    endpoints: tuple[Document, ...],
    name: str = "",
) -> Document:
    """A slice to create; with a name, what an existing slice is to become as a whole."""
    owner = owner_reference(Document({"apiVersion": "v1", "kind": "Service", **service.doc}))
    metadata: dict[str, Json] = {"name": name} if name else {}
    metadata["generateName"] = generate_name_of(service.metadata.name)
    metadata["namespace"] = service.metadata.namespace
    metadata["labels"] = slice_labels(service)
    metadata["ownerReferences"] = (owner,)
    return Document(
        apiVersion="discovery.k8s.io/v1",
        kind="EndpointSlice",
        metadata=Document(metadata),
        addressType=address_type,
        # The API has null and not [] in an empty slice.
        endpoints=endpoints or None,
        ports=ports or None,
    )


def with_endpoints(
    one: EndpointSlice, labels: Document, endpoints: tuple[Document, ...]
) -> Document:
    """An existing slice with other endpoints; it must still be the version that was read."""
    metadata = Document({**child(one.doc, "metadata"), "labels": labels})
    return Document({**one.doc, "metadata": metadata, "endpoints": endpoints or None})


def with_trigger_time(doc: Document, trigger_time: str) -> Document:
    """A slice as it is sent: it names the time of the change that it publishes."""
    metadata = {**child(doc, "metadata")}
    annotations = annotated(child(doc, "metadata", "annotations"), trigger_time)
    if annotations:
        metadata["annotations"] = annotations
    else:
        metadata.pop("annotations", None)
    return Document({**doc, "metadata": Document(metadata)})


def is_placeholder(one: EndpointSlice, service: Service, address_type: str) -> bool:
    """Whether a slice is just what an empty Service has.

    Source: reconciler.go, placeholderSliceCompare.
    """
    return (
        not one.endpoints
        and not one.ports
        and one.address_type == address_type
        and is_owned(one, service)
        and labels_document(one.doc) == slice_labels(service)
    )
