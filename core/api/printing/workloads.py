"""Rows of what runs pods. Source: kubernetes v1.36, pkg/printers/internalversion/printers.go."""

from __future__ import annotations

from kelm.core.objects.duration import age
from kelm.core.objects.selectors import selector_of
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


def _age(doc: Document, now_ms: int) -> str:
    return age(text(doc, "metadata", "creationTimestamp") or None, now_ms)


def _containers(doc: Document) -> tuple[str, str]:
    containers = children(doc, "spec", "template", "spec", "containers")
    names = ",".join(text(container, "name") for container in containers)
    return names, ",".join(text(container, "image") for container in containers)


def _selector(doc: Document) -> str:
    selector = value_at(doc, "spec", "selector")
    return str(selector_of(selector)) if isinstance(selector, Document) else "<none>"


def deployment(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a Deployment."""
    status = child(doc, "status")
    return (
        text(doc, "metadata", "name"),
        f"{number(status, 'readyReplicas')}/{number(doc, 'spec', 'replicas')}",
        number(status, "updatedReplicas"),
        number(status, "availableReplicas"),
        _age(doc, now_ms),
        *_containers(doc),
        _selector(doc),
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
        _age(doc, now_ms),
        *_containers(doc),
        selector or _selector(doc),
    )


def stateful_set(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a StatefulSet."""
    ready = f"{number(doc, 'status', 'readyReplicas')}/{number(doc, 'spec', 'replicas')}"
    return text(doc, "metadata", "name"), ready, _age(doc, now_ms), *_containers(doc)


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
        _age(doc, now_ms),
        *_containers(doc),
        _selector(doc),
    )
