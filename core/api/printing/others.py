"""Rows of Namespaces, ConfigMaps, Secrets and Events.

Source: kubernetes v1.36, pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from kelm.core.objects.duration import age
from kelm.effects.document import Document, Json, child, number, text, value_at

NAMESPACE = ("NAME", "STATUS", "AGE")
CONFIG_MAP = ("NAME", "DATA", "AGE")
SECRET = ("NAME", "TYPE", "DATA", "AGE")
EVENT = ("LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE")
EVENT_WIDE = ("SUBOBJECT", "SOURCE", "FIRST SEEN", "COUNT", "NAME")


def _age(doc: Document, now_ms: int) -> str:
    return age(text(doc, "metadata", "creationTimestamp") or None, now_ms)


def namespace(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a Namespace."""
    return text(doc, "metadata", "name"), text(doc, "status", "phase"), _age(doc, now_ms)


def config_map(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a ConfigMap."""
    count = len(child(doc, "data")) + len(child(doc, "binaryData"))
    return text(doc, "metadata", "name"), count, _age(doc, now_ms)


def secret(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a Secret."""
    name = text(doc, "metadata", "name")
    return name, text(doc, "type"), len(child(doc, "data")), _age(doc, now_ms)


def event(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of an Event; its wide columns stand between its usual ones at the API."""
    series = value_at(doc, "series")
    first = _time(doc, "firstTimestamp") or _time(doc, "eventTime")
    last = _time(doc, "lastTimestamp")
    count: int = number(doc, "count")
    if isinstance(series, Document):
        last, count = _time(series, "lastObservedTime"), number(series, "count")
    elif last is None:
        last = first
    if count == 0:
        count = 1
    regarding = child(doc, "involvedObject")
    return (
        age(last, now_ms),
        text(doc, "type"),
        text(doc, "reason"),
        f"{text(regarding, 'kind').lower()}/{text(regarding, 'name')}",
        text(doc, "message").strip(),
        text(regarding, "fieldPath"),
        _source(doc),
        age(first, now_ms),
        count,
        text(doc, "metadata", "name"),
    )


def _time(doc: Document, field: str) -> str | None:
    return text(doc, field) or None


def _source(doc: Document) -> str:
    component = text(doc, "source", "component") or text(doc, "reportingComponent")
    host = text(doc, "source", "host") or text(doc, "reportingInstance")
    return ", ".join(part for part in (component, host) if part)
