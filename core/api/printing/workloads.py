"""Rows of what runs pods. Source: kubernetes v1.36, pkg/printers/internalversion/printers.go."""

from __future__ import annotations

from kelm.core.objects.duration import age
from kelm.core.objects.selectors import labels as selectors
from kelm.effects.document import Document, Json, child, children, number, strings, text, value_at

DEPLOYMENT = ("NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE")
REPLICA_SET = ("NAME", "DESIRED", "CURRENT", "READY", "AGE")
STATEFUL_SET = ("NAME", "READY", "AGE")
DAEMON_SET = (
    "NAME",
    "DESIRED",
    "CURRENT",
    "READY",
    "UP-TO-DATE",
    "AVAILABLE",
    "NODE SELECTOR",
    "AGE",
)
CONTAINERS = ("CONTAINERS", "IMAGES", "SELECTOR")


def age_of(doc: Document, now_ms: int) -> str:
    """How old an object is, as the AGE column says it."""
    return age(text(doc, "metadata", "creationTimestamp") or None, now_ms)


def containers_of(doc: Document) -> tuple[str, str]:
    """The names and the images of a template's containers."""
    containers = children(doc, "spec", "template", "spec", "containers")
    names = ",".join(text(container, "name") for container in containers)
    return names, ",".join(text(container, "image") for container in containers)


def selector_of(doc: Document) -> str:
    """The pods that an object selects."""
    selector = value_at(doc, "spec", "selector")
    return str(selectors.selector_of(selector)) if isinstance(selector, Document) else "<none>"


def deployment(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a Deployment."""
    status = child(doc, "status")
    return (
        text(doc, "metadata", "name"),
        f"{number(status, 'readyReplicas')}/{number(doc, 'spec', 'replicas')}",
        number(status, "updatedReplicas"),
        number(status, "availableReplicas"),
        age_of(doc, now_ms),
        *containers_of(doc),
        selector_of(doc),
    )


def replica_set(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a ReplicaSet or a ReplicationController."""
    plain = strings(doc, "spec", "selector")
    selector = ",".join(f"{key}={value}" for key, value in sorted(plain.items()))
    return (
        text(doc, "metadata", "name"),
        number(doc, "spec", "replicas"),
        number(doc, "status", "replicas"),
        number(doc, "status", "readyReplicas"),
        age_of(doc, now_ms),
        *containers_of(doc),
        selector or selector_of(doc),
    )


def stateful_set(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a StatefulSet."""
    ready = f"{number(doc, 'status', 'readyReplicas')}/{number(doc, 'spec', 'replicas')}"
    return text(doc, "metadata", "name"), ready, age_of(doc, now_ms), *containers_of(doc)


def daemon_set(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a DaemonSet."""
    status = child(doc, "status")
    wanted = strings(doc, "spec", "template", "spec", "nodeSelector")
    return (
        text(doc, "metadata", "name"),
        number(status, "desiredNumberScheduled"),
        number(status, "currentNumberScheduled"),
        number(status, "numberReady"),
        number(status, "updatedNumberScheduled"),
        number(status, "numberAvailable"),
        ",".join(f"{key}={value}" for key, value in sorted(wanted.items())) or "<none>",
        age_of(doc, now_ms),
        *containers_of(doc),
        selector_of(doc),
    )
