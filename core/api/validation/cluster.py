"""Rules of Namespaces, Nodes, Leases, ControllerRevisions, Events and priority classes.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (ValidateNode,
ValidateNamespace), events.go, pkg/apis/{coordination,apps,scheduling}/validation.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import (
    Rules,
    at,
    has_text,
    items,
    not_negative,
    unchanged,
    whole_number,
)
from kelm.core.api.validation.labels import label_name
from kelm.core.api.validation.metadata import finalizer_name, metadata, metadata_update
from kelm.core.api.validation.names import label_value
from kelm.core.api.validation.pods.scheduling import taint_effect
from kelm.core.api.validation.resources import resource_list
from kelm.core.api.validation.violation import (
    Violations,
    duplicate,
    forbidden,
    invalid_value,
    not_supported,
    required,
)
from kelm.effects.document import Document, child, elements, number, text

HIGHEST_USER_PRIORITY: Final = 1_000_000_000


def namespace_create(doc: Document) -> Violations:
    return (*metadata(doc, "namespaces"), *_namespace_finalizers(doc))


def _namespace_finalizers(doc: Document) -> Rules:
    for index, finalizer in enumerate(elements(doc, "spec", "finalizers")):
        yield from finalizer_name(f"spec.finalizers[{index}]", str(finalizer))


def namespace_update(old: Document, new: Document) -> Violations:
    return tuple(metadata_update(old, new))


def namespace_status_update(old: Document, new: Document) -> Violations:
    return (*metadata_update(old, new), *_phase(new))


def _phase(doc: Document) -> Rules:
    phase, deleted = (
        text(doc, "status", "phase"),
        bool(child(doc, "metadata").get("deletionTimestamp")),
    )
    if deleted and phase != "Terminating":
        why = "may only be 'Terminating' if `deletionTimestamp` is not empty"
        yield invalid_value("status.Phase", phase, why)
    if not deleted and phase != "Active":
        why = "may only be 'Active' if `deletionTimestamp` is empty"
        yield invalid_value("status.Phase", phase, why)


def node_create(doc: Document) -> Violations:
    return (*metadata(doc, "nodes"), *_node(doc))


def node_update(old: Document, new: Document) -> Violations:
    before, after = child(old, "spec"), child(new, "spec")
    found = (*metadata_update(old, new), *_node(new))
    for key in ("providerID", "podCIDR"):
        if before.get(key) and before.get(key) != after.get(key):
            why = "node updates may not change " + key + ' except from "" to valid'
            found = (*found, forbidden(f"spec.{key}", why))
    return found


def _node(doc: Document) -> Rules:
    taken: set[tuple[str, str]] = set()
    for here, taint in items(child(doc, "spec"), "spec", "taints"):
        yield from label_name(taint, here, "key")
        value = text(taint, "value")
        wrong = label_value(value)
        if wrong:
            yield invalid_value(at(here, "value"), value, ";".join(wrong))
        effect = text(taint, "effect")
        yield from taint_effect(effect, at(here, "effect"))
        pair = (text(taint, "key"), effect)
        if pair in taken:
            yield duplicate(here, taint)
        taken.add(pair)
    status = child(doc, "status")
    for key in ("capacity", "allocatable"):
        yield from resource_list(status, "status", key)


def node_status_update(old: Document, new: Document) -> Violations:
    if child(old, "status").get("capacity") == child(new, "status").get("capacity"):
        return tuple(metadata_update(old, new))
    return (*metadata_update(old, new), *_node(new))


def lease_create(doc: Document) -> Violations:
    return (*metadata(doc, "leases.coordination.k8s.io"), *_lease(doc))


def lease_update(old: Document, new: Document) -> Violations:
    return (*metadata_update(old, new), *_lease(new))


def _lease(doc: Document) -> Rules:
    spec = child(doc, "spec")
    seconds = whole_number(spec, "leaseDurationSeconds")
    if seconds is not None and seconds <= 0:
        yield invalid_value("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    yield from not_negative(spec, "spec", ("leaseTransitions",))


def controller_revision_create(doc: Document) -> Violations:
    return (*metadata(doc, "controllerrevisions.apps"), *_controller_revision(doc))


def _controller_revision(doc: Document) -> Rules:
    if doc.get("data") is None:
        yield required("data", "data is mandatory")
    yield from not_negative(doc, "", ("revision",))


def controller_revision_update(old: Document, new: Document) -> Violations:
    found = (*metadata_update(old, new), *_controller_revision(new))
    return (*found, *unchanged(old, new, "", "data"))


def event_create(doc: Document) -> Violations:
    """Events are old and lenient; one thing must hold: where they are and what they are about.

    Source: pkg/apis/core/validation/events.go, legacyValidateEvent.
    """
    found = tuple(metadata(doc, "events"))
    about = text(doc, "involvedObject", "namespace") or text(doc, "regarding", "namespace")
    namespace = text(doc, "metadata", "namespace")
    if (about or "default") == (namespace or "default") or not about:
        return found
    why = "does not match event.namespace"
    return (*found, invalid_value("involvedObject.namespace", about, why))


def priority_class_create(doc: Document) -> Violations:
    return (*metadata(doc, "priorityclasses.scheduling.k8s.io"), *_priority_class(doc))


def _priority_class(doc: Document) -> Rules:
    name, value = text(doc, "metadata", "name"), number(doc, "value")
    if name.startswith("system-"):
        if name not in ("system-node-critical", "system-cluster-critical"):
            why = "priority class names with 'system-' prefix are reserved for system use only"
            yield forbidden(
                "metadata.name", f"{why}. error: {name} is not a known system priority class"
            )
    elif value > HIGHEST_USER_PRIORITY:
        why = f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"
        yield forbidden("value", why)


def priority_class_update(old: Document, new: Document) -> Violations:
    found = tuple(metadata_update(old, new))
    if number(old, "value") != number(new, "value"):
        why = "may not be changed in an update."
        found = (*found, forbidden("value", why))
    return (*found, *unchanged(old, new, "", "preemptionPolicy"))


def binding(doc: Document) -> Rules:
    """A binding names a node.

    Source: validation.go, ValidatePodBinding.
    """
    kind = text(doc, "target", "kind")
    if kind not in ("", "Node"):
        yield not_supported("target.kind", kind, ("Node", "<empty>"))
    yield from has_text(child(doc, "target"), "target", "name")
