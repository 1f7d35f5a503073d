"""Rows of autoscalers and pod templates.

Source: kubernetes v1.36, pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.printing.cells import NONE, UNSET, age_of, container_cells, name_of
from kelm.effects.document import Document, Json, child, children, number, text


def pod_template(doc: Document, _now_ms: int) -> tuple[Json, ...]:
    """The cells of a PodTemplate."""
    labels = child(doc, "template", "metadata", "labels")
    shown = ",".join(f"{key}={labels[key]}" for key in sorted(labels))
    return name_of(doc), *container_cells(doc, "template", "spec"), shown or NONE


def autoscaler(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a HorizontalPodAutoscaler, version 2."""
    spec = child(doc, "spec")
    reference = child(spec, "scaleTargetRef")
    return (
        name_of(doc),
        f"{text(reference, 'kind')}/{text(reference, 'name')}",
        _metrics(children(spec, "metrics"), children(doc, "status", "currentMetrics")),
        str(number(spec, "minReplicas")) if "minReplicas" in spec else UNSET,
        number(spec, "maxReplicas"),
        number(doc, "status", "currentReplicas"),
        age_of(doc, now_ms),
    )


SHOWN: Final = 2
FIELDS: Final = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


def _metrics(specs: tuple[Document, ...], statuses: tuple[Document, ...]) -> str:
    if not specs:
        return NONE
    found = [
        _metric(spec, statuses[index] if index < len(statuses) else Document())
        for index, spec in enumerate(specs)
    ]
    shown = ", ".join(found[:SHOWN])
    return f"{shown} + {len(found) - SHOWN} more..." if len(found) > SHOWN else shown


def _metric(spec: Document, status: Document) -> str:
    """Current over wanted, as an average, a share, or a value."""
    kind = text(spec, "type")
    field = FIELDS.get(kind)
    if field is None:
        return "<unknown type>"
    wanted, current = child(spec, field, "target"), child(status, field, "current")
    named = f"{text(spec, field, 'name')}: " if kind in ("Resource", "ContainerResource") else ""
    if "averageValue" in wanted:
        plain = named or kind == "Pods"
        suffix = "" if plain else " (avg)"
        now = current.get("averageValue") or "<unknown>"
        return f"{named}{now}/{wanted['averageValue']}{suffix}"
    if named:
        share = current.get("averageUtilization")
        now = "<unknown>" if share is None else f"{share}%"
        goal = wanted.get("averageUtilization")
        return f"{named}{now}/{'<auto>' if goal is None else f'{goal}%'}"
    return f"{current.get('value') or '<unknown>'}/{wanted.get('value') or 0}"
