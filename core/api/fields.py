"""Which fields of a resource a field selector may name, and what their text is.

Source: kubernetes v1.36, pkg/apis/*/v1/conversion.go (field label conversions),
apimachinery/pkg/runtime/conversion.go (DefaultMetaV1FieldSelectorConversion) and the resources'
ToSelectableFields.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from returns.result import Failure

from kelm.core.api import refuse
from kelm.core.api.resources import ResourceInfo
from kelm.core.objects.selectors.fields import FieldSelector, field_text, parse_field_selector
from kelm.core.objects.selectors.labels import EVERYTHING, Selector
from kelm.core.objects.selectors.text import parse_selector
from kelm.effects.address import Resource
from kelm.effects.document import Document
from kelm.effects.refusals import Refusal

NAME: Final = "metadata.name"
NAMESPACE: Final = "metadata.namespace"

SUPPORTED: Final[dict[Resource, tuple[str, ...]]] = {
    "pods": (
        NAME,
        NAMESPACE,
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    "nodes": (NAME, "spec.unschedulable"),
    "replicationcontrollers": (NAME, NAMESPACE, "status.replicas"),
    "events": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
        NAME,
        NAMESPACE,
    ),
    "namespaces": (NAME, "status.phase"),
    "secrets": (NAME, NAMESPACE, "type"),
    "services": (NAME, NAMESPACE, "spec.clusterIP", "spec.type"),
    "jobs.batch": (NAME, NAMESPACE, "status.successful"),
    "certificatesigningrequests.certificates.k8s.io": (NAME, "spec.signerName"),
    "resourceslices.resource.k8s.io": (NAME, "spec.nodeName", "spec.driver"),
}
"""Resources with fields of their own; all others know their name and namespace."""

USUAL: Final = (NAME, NAMESPACE)

OTHERWISE_CALLED: Final = {
    "regarding.kind": "involvedObject.kind",
    "regarding.namespace": "involvedObject.namespace",
    "regarding.name": "involvedObject.name",
    "regarding.uid": "involvedObject.uid",
    "regarding.apiVersion": "involvedObject.apiVersion",
    "regarding.resourceVersion": "involvedObject.resourceVersion",
    "regarding.fieldPath": "involvedObject.fieldPath",
    "reportingController": "reportingComponent",
}
"""What events.k8s.io calls the fields of events."""

WHEN_ABSENT: Final = {
    "spec.unschedulable": "false",
    "spec.hostNetwork": "false",
    "status.replicas": "0",
    "status.successful": "0",
}
"""The text of a field that a document leaves out."""


def field_of(resource: Resource, doc: Document, field: str) -> str:
    """A selectable field's text.

    >>> field_of("nodes", Document(), "spec.unschedulable")
    'false'
    """
    if resource == "jobs.batch" and field == "status.successful":
        field = "status.succeeded"
        return field_text(doc, field) or "0"
    if resource == "events":
        field = OTHERWISE_CALLED.get(field, field)
    if resource == "events" and field == "source":
        return field_text(doc, "source.component") or field_text(doc, "reportingComponent")
    if field == "status.podIPs":
        field = "status.podIP"
    return field_text(doc, field) or WHEN_ABSENT.get(field, "")


def selects(resource: Resource, selector: FieldSelector, doc: Document) -> bool:
    """Whether an object is one that a field selector means."""
    for term in selector.terms:
        if (field_of(resource, doc, term.field) == term.value) != term.equal:
            return False
    return True


Selectors: TypeAlias = tuple[Selector, FieldSelector]
"""What a list, a watch or a deletion of many means: by labels and by fields."""


def read_selectors(info: ResourceInfo, labels: str, fields: str) -> Selectors | Refusal:
    """The selectors of a request, or what is wrong with them."""
    label_selector = EVERYTHING
    if labels:
        parsed = parse_selector(labels)
        if isinstance(parsed, Failure):
            return refuse.bad_request(parsed.failure())
        label_selector = parsed.unwrap()
    field_selector = FieldSelector()
    if fields:
        read = parse_field_selector(fields)
        if isinstance(read, Failure):
            return refuse.bad_request(read.failure())
        field_selector = read.unwrap()
    return _supported(info, field_selector) or (label_selector, field_selector)


def _supported(info: ResourceInfo, selector: FieldSelector) -> Refusal | None:
    supported = SUPPORTED.get(info.resource)
    if info.versions:
        place = USUAL if info.namespaced else (NAME,)
        supported = (*place, *info.selectable)
    for term in selector.terms:
        if supported is None and term.field not in USUAL:
            known = ", ".join(f'"{field}"' for field in USUAL)
            return refuse.bad_request(f'"{term.field}" is not a known field selector: only {known}')
        if info.resource == "events" and term.field in OTHERWISE_CALLED:
            continue
        if supported is not None and term.field not in supported:
            return refuse.bad_request(f"field label not supported: {term.field}")
    return None
