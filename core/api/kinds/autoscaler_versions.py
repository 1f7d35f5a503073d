"""HorizontalPodAutoscalers in version 1, which knows one metric: the others are in annotations.

Annotations carry what version 1 has no field for, in its own words (`targetAverageValue`), the
behaviour in those of upstream's internal type. Whoever writes what was read loses nothing.

Source: kubernetes v1.36, pkg/apis/autoscaling/v1/conversion.go,
pkg/apis/autoscaling/annotations.go,api/autoscaling/v1/types.go (names and order of fields).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from kelm.effects.document import (
    EMPTY,
    Document,
    Json,
    Path,
    child,
    children,
    freeze,
    number,
    strings,
    text,
    value_at,
    with_value,
)

VERSION_1: Final = "autoscaling/v1"
VERSION_2: Final = "autoscaling/v2"
_PREFIX: Final = "autoscaling.alpha.kubernetes.io/"
METRICS: Final = f"{_PREFIX}metrics"
CURRENT: Final = f"{_PREFIX}current-metrics"
CONDITIONS: Final = f"{_PREFIX}conditions"
BEHAVIOR: Final = f"{_PREFIX}behavior"
_DROPPED: Final = frozenset(
    {METRICS, CURRENT, CONDITIONS, BEHAVIOR}
    | {f"{_PREFIX}scale-{way}-tolerance" for way in ("up", "down")}
)

Fields: TypeAlias = tuple[tuple[str, Path, bool], ...]
"""A field of version 1, where version 2 has it, and whether it is "0" where it is not there."""

_NAME: Final = ("metricName", ("metric", "name"), False)
_SELECTOR: Final = ("selector", ("metric", "selector"), False)
SPEC: Final[Mapping[str, Fields]] = {
    "object": (
        ("target", ("describedObject",), False),
        _NAME,
        ("targetValue", ("target", "value"), True),
        _SELECTOR,
        ("averageValue", ("target", "averageValue"), False),
    ),
    "pods": (_NAME, ("targetAverageValue", ("target", "averageValue"), True), _SELECTOR),
    "resource": (
        ("name", ("name",), False),
        ("targetAverageUtilization", ("target", "averageUtilization"), False),
        ("targetAverageValue", ("target", "averageValue"), False),
    ),
    "containerResource": (
        ("name", ("name",), False),
        ("targetAverageUtilization", ("target", "averageUtilization"), False),
        ("targetAverageValue", ("target", "averageValue"), False),
        ("container", ("container",), False),
    ),
    "external": (
        _NAME,
        ("metricSelector", ("metric", "selector"), False),
        ("targetValue", ("target", "value"), False),
        ("targetAverageValue", ("target", "averageValue"), False),
    ),
}
STATUS: Final[Mapping[str, Fields]] = {
    "object": (
        ("target", ("describedObject",), False),
        _NAME,
        ("currentValue", ("current", "value"), True),
        _SELECTOR,
        ("averageValue", ("current", "averageValue"), False),
    ),
    "pods": (_NAME, ("currentAverageValue", ("current", "averageValue"), True), _SELECTOR),
    "resource": (
        ("name", ("name",), False),
        ("currentAverageUtilization", ("current", "averageUtilization"), False),
        ("currentAverageValue", ("current", "averageValue"), True),
    ),
    "containerResource": (
        ("name", ("name",), False),
        ("currentAverageUtilization", ("current", "averageUtilization"), False),
        ("currentAverageValue", ("current", "averageValue"), True),
        ("container", ("container",), False),
    ),
    "external": (
        _NAME,
        ("metricSelector", ("metric", "selector"), False),
        ("currentValue", ("current", "value"), True),
        ("currentAverageValue", ("current", "averageValue"), False),
    ),
}


def to_version_1(doc: Document) -> Document:
    """A stored autoscaler as version 1 shows it."""
    spec, status = child(doc, "spec"), child(doc, "status")
    metrics, current = children(spec, "metrics"), children(status, "currentMetrics")
    old_spec = {key: value for key, value in spec.items() if key not in ("metrics", "behavior")}
    target = next((one for one in metrics if _is_plain(one)), None)
    if target is not None:
        share = number(target, "resource", "target", "averageUtilization")
        old_spec["targetCPUUtilizationPercentage"] = share
    kept = ("observedGeneration", "lastScaleTime", "currentReplicas", "desiredReplicas")
    old_status: dict[str, Json] = {"currentReplicas": 0, "desiredReplicas": 0}
    old_status.update({key: status[key] for key in kept if key in status})
    for one in current:
        used = child(one, "resource", "current")
        if text(one, "resource", "name") == "cpu" and "averageUtilization" in used:
            old_status["currentCPUUtilizationPercentage"] = used["averageUtilization"]
    others = tuple(one for one in metrics if not _is_plain(one))
    found: dict[str, Json] = {}
    if others:
        found[METRICS] = _written(tuple(_old(one, SPEC) for one in others))
    if current:
        found[CURRENT] = _written(tuple(_old(one, STATUS) for one in current))
    if isinstance(spec.get("behavior"), Document):
        found[BEHAVIOR] = _written(_old_behavior(child(spec, "behavior")))
    if children(status, "conditions"):
        found[CONDITIONS] = _written(tuple(map(_old_condition, children(status, "conditions"))))
    changed = {"spec": Document(old_spec), "status": Document(old_status)}
    return _annotated(Document({**doc, "apiVersion": VERSION_1, **changed}), found)


def _is_plain(metric: Document) -> bool:
    """Whether version 1 has a field for a metric."""
    resource = child(metric, "resource")
    return text(resource, "name") == "cpu" and "averageUtilization" in child(resource, "target")


def to_version_2(doc: Document) -> Document:
    """An autoscaler that was sent in version 1, as it is stored."""
    notes = strings(doc, "metadata", "annotations")
    spec, status = dict(child(doc, "spec")), dict(child(doc, "status"))
    metrics = tuple(_new(one, SPEC, "target") for one in _listed(notes.get(METRICS)))
    share = spec.pop("targetCPUUtilizationPercentage", None)
    if share is not None:
        goal = Document(type="Utilization", averageUtilization=share)
        metrics += (Document(type="Resource", resource=Document(name="cpu", target=goal)),)
    if metrics:
        spec["metrics"] = metrics
    behavior = _read(notes.get(BEHAVIOR))
    if isinstance(behavior, Document) and behavior:
        spec["behavior"] = _new_behavior(behavior)
    used = status.pop("currentCPUUtilizationPercentage", None)
    if used is not None:
        current = Document(averageUtilization=used)
        cpu = Document(type="Resource", resource=Document(name="cpu", current=current))
        status["currentMetrics"] = (cpu,)
    if CURRENT in notes:
        listed = _listed(notes[CURRENT])
        status["currentMetrics"] = tuple(_new(one, STATUS, "current") for one in listed)
    if CONDITIONS in notes:
        status["conditions"] = _listed(notes[CONDITIONS])
    fields: dict[str, Json] = {**doc, "apiVersion": VERSION_2, "spec": Document(spec) or EMPTY}
    if status:
        fields["status"] = Document(status)
    return _annotated(Document(fields), {})


def _annotated(doc: Document, found: Mapping[str, Json]) -> Document:
    """The object with these annotations and none that an earlier conversion left."""
    old = child(doc, "metadata", "annotations")
    kept = {key: value for key, value in old.items() if key not in _DROPPED}
    if len(kept) == len(old) and not found:
        return doc
    if kept or found:
        return with_value(doc, ("metadata", "annotations"), Document({**kept, **found}))
    meta = {key: value for key, value in child(doc, "metadata").items() if key != "annotations"}
    return Document({**doc, "metadata": Document(meta)})


def _written(value: Json) -> str:
    """JSON as Go writes it, safe inside of HTML."""
    written = msgspec.json.encode(value).decode()
    for sign in "&<>":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    return written


def _read(written: str | None) -> Json:
    try:
        return freeze(msgspec.json.decode(written or "null"))
    except msgspec.DecodeError:
        return None


def _listed(written: str | None) -> tuple[Document, ...]:
    found = _read(written)
    return (
        tuple(one for one in found if isinstance(one, Document)) if isinstance(found, tuple) else ()
    )


def _old(metric: Document, table: Mapping[str, Fields]) -> Document:
    found: dict[str, Json] = {"type": text(metric, "type")}
    for source, fields in table.items():
        if source in metric:
            found[source] = _fields(child(metric, source), fields)
    return Document(found)


def _fields(source: Document, fields: Fields) -> Document:
    found: dict[str, Json] = {}
    for name, path, needed in fields:
        value = value_at(source, *path)
        if value is not None or needed:
            found[name] = "0" if value is None else value
    return Document(found)


def _new(metric: Document, table: Mapping[str, Fields], part: str) -> Document:
    found: dict[str, Json] = {"type": text(metric, "type")}
    for source, fields in table.items():
        old = metric.get(source)
        if isinstance(old, Document):
            new = EMPTY
            for name, path, needed in fields:
                spare = needed and source == "object" and part == "target" and "averageValue" in old
                if name in old and not (spare and old[name] == "0"):
                    new = with_value(new, path, old[name])
            if part == "target":
                new = with_value(new, ("target", "type"), _target_type(child(new, "target")))
            found[source] = new
    return Document(found)


def _target_type(target: Document) -> str:
    if "averageUtilization" in target:
        return "Utilization"
    return "Value" if "value" in target and "averageValue" not in target else "AverageValue"


def _old_condition(condition: Document) -> Document:
    names = ("type", "status", "lastTransitionTime", "reason", "message")
    return Document({name: condition[name] for name in names if name in condition})


_RULES: Final = ("stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance")
_POLICY: Final = ("type", "value", "periodSeconds")


def _old_behavior(behavior: Document) -> Document:
    """The behaviour as upstream's internal type is written: every field, with a capital letter."""
    found: dict[str, Json] = {}
    for way in ("scaleUp", "scaleDown"):
        rules = behavior.get(way)
        found[_capital(way)] = _old_rules(rules) if isinstance(rules, Document) else None
    return Document(found)


def _old_rules(rules: Document) -> Document:
    found: dict[str, Json] = {_capital(name): rules.get(name) for name in _RULES}
    if isinstance(rules.get("policies"), tuple):
        found["Policies"] = tuple(
            Document({_capital(name): one.get(name) for name in _POLICY})
            for one in children(rules, "policies")
        )
    return Document(found)


def _new_behavior(value: Json) -> Json:
    """The same back: what was null was not there."""
    if isinstance(value, tuple):
        return tuple(map(_new_behavior, value))
    if not isinstance(value, Document):
        return value
    return Document(
        {_small(key): _new_behavior(item) for key, item in value.items() if item is not None}
    )


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _small(name: str) -> str:
    return name[:1].lower() + name[1:]
