"""Rules of autoscalers: bounds, the target, metrics with their goals, behaviour.

Source: kubernetes v1.36, pkg/apis/autoscaling/validation/validation.go,
pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go (what an update may leave as it was).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.core.api.validation.fields import Rules, at, complaints, items, whole_number
from kelm.core.api.validation.metadata import metadata, metadata_update
from kelm.core.api.validation.names import dns1123_label, path_segment
from kelm.core.api.validation.violation import (
    Violations,
    forbidden,
    invalid_value,
    not_supported,
    required,
)
from kelm.core.objects.quantity import Quantity, is_quantity, parse_quantity
from kelm.effects.document import Document, child, children, text

RESOURCE: Final = "horizontalpodautoscalers.autoscaling"
LONGEST_PERIOD_S: Final = 1_800
LONGEST_WINDOW_S: Final = 3_600
TARGET_TYPES: Final = ("Utilization", "Value", "AverageValue")
SELECT_POLICIES: Final = ("Disabled", "Max", "Min")
POLICY_TYPES: Final = ("Percent", "Pods")
SOURCES: Final = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
IN_ORDER: Final = ("object", "external", "pods", "resource", "containerResource")


def autoscaler_create(doc: Document) -> Violations:
    """What is wrong with a new autoscaler."""
    return (*metadata(doc, RESOURCE), *_spec(child(doc, "spec"), None))


def autoscaler_update(old: Document, new: Document) -> Violations:
    """What is wrong with a changed one; a target that stays is not judged again."""
    return (*metadata_update(old, new), *_spec(child(new, "spec"), child(old, "spec")))


def _spec(spec: Document, old: Document | None) -> Rules:
    least, most = whole_number(spec, "minReplicas"), whole_number(spec, "maxReplicas") or 0
    if least is not None and least < 1:
        yield invalid_value("spec.minReplicas", least, "must be greater than or equal to 1")
    if most == 0:
        yield required("spec.maxReplicas", "must be set and greater than 0")
    elif most < 0:
        yield invalid_value("spec.maxReplicas", most, "must be greater than or equal to 1")
    if least is not None and most < least:
        why = "must be greater than or equal to `minReplicas`"
        yield invalid_value("spec.maxReplicas", most, why)
    target = child(spec, "scaleTargetRef")
    yield from _reference(target, "spec.scaleTargetRef")
    if old is None or not _same_kind(child(old, "scaleTargetRef"), target):
        alone = text(target, "kind") == "ReplicationController"
        yield from _version(target, "spec.scaleTargetRef", core=alone)
    judged = old is None or not _has_foreign_objects(old)
    for here, metric in items(spec, "spec", "metrics"):
        yield from _metric(metric, here, judged=judged)
    behavior = child(spec, "behavior")
    for way in ("scaleUp", "scaleDown"):
        rules = behavior.get(way)
        if isinstance(rules, Document):
            yield from _scaling(rules, f"spec.behavior.{way}")


def _same_kind(one: Document, other: Document) -> bool:
    names = ("apiVersion", "kind")
    return all(text(one, name) == text(other, name) for name in names)


def _has_foreign_objects(spec: Document) -> bool:
    """Whether an object of a metric was accepted before with a version that is none."""
    described = (child(one, "object", "describedObject") for one in children(spec, "metrics"))
    return any(text(one, "apiVersion").count("/") > 1 for one in described)


def _reference(ref: Document, path: str) -> Rules:
    for key in ("kind", "name"):
        value = text(ref, key)
        if value:
            yield from complaints(at(path, key), value, path_segment(value))
        else:
            yield required(at(path, key))


def _version(ref: Document, path: str, *, core: bool) -> Rules:
    """`core`: the group without a name will do."""
    version = text(ref, "apiVersion")
    if version.count("/") > 1:
        why = f"unexpected GroupVersion string: {version}"
        yield invalid_value(at(path, "apiVersion"), version, why)
    elif not core and "/" not in version:
        yield invalid_value(at(path, "apiVersion"), version, "apiVersion must specify API group")


# -- metrics -----------------------------------------------------------------------------------


def _metric(metric: Document, path: str, *, judged: bool) -> Rules:
    kind = text(metric, "type")
    if not kind:
        yield required(at(path, "type"), "must specify a metric source type")
    if kind not in SOURCES:
        yield not_supported(at(path, "type"), kind, sorted(SOURCES))
    present = [field for field in IN_ORDER if isinstance(metric.get(field), Document)]
    for field in present[:1]:
        yield from _RULES[field](child(metric, field), at(path, field), judged)
    expected = SOURCES.get(kind, "")
    if expected and expected not in present:
        yield required(at(path, expected), "must populate information for the given metric source")
    if not expected:
        yield not_supported(at(path, "type"), kind, sorted(SOURCES))
    if len(present) != 1:
        for field in present:
            if field != expected:
                yield forbidden(at(path, field), "must populate the given metric source only")


def _object(source: Document, path: str, judged: bool) -> Rules:
    described = child(source, "describedObject")
    yield from _reference(described, at(path, "describedObject"))
    if judged:
        yield from _version(described, at(path, "describedObject"), core=True)
    yield from _named(source, path)
    target = child(source, "target")
    if "value" not in target and "averageValue" not in target:
        why = "must set either a target value or averageValue"
        yield required(at(path, "target.averageValue"), why)


def _external(source: Document, path: str, _judged: bool) -> Rules:
    yield from _named(source, path)
    target = child(source, "target")
    if "value" not in target and "averageValue" not in target:
        why = "must set either a target value for metric or a per-pod target"
        yield required(at(path, "target.averageValue"), why)
    if "value" in target and "averageValue" in target:
        why = "may not set both a target value for metric and a per-pod target"
        yield forbidden(at(path, "target.value"), why)


def _pods(source: Document, path: str, _judged: bool) -> Rules:
    yield from _named(source, path)
    if "averageValue" not in child(source, "target"):
        why = "must specify a positive target averageValue"
        yield required(at(path, "target.averageValue"), why)


def _resource(source: Document, path: str, _judged: bool) -> Rules:
    if not text(source, "name"):
        yield required(at(path, "name"), "must specify a resource name")
    yield from _amounts(source, path)


def _container(source: Document, path: str, _judged: bool) -> Rules:
    if not text(source, "name"):
        yield required(at(path, "name"), "must specify a resource name")
    container = text(source, "container")
    if container:
        yield from complaints(at(path, "container"), container, dns1123_label(container))
    else:
        yield required(at(path, "container"), "must specify a container")
    yield from _amounts(source, path)


def _amounts(source: Document, path: str) -> Rules:
    target = child(source, "target")
    yield from _target(target, at(path, "target"))
    if "averageUtilization" not in target and "averageValue" not in target:
        why = "must set either a target raw value or a target utilization"
        yield required(at(path, "target.averageUtilization"), why)
    if "averageUtilization" in target and "averageValue" in target:
        why = "may not set both a target raw value and a target utilization"
        yield forbidden(at(path, "target.averageValue"), why)


def _named(source: Document, path: str) -> Rules:
    """The metric's name, and its target."""
    name, where = text(source, "metric", "name"), at(path, "metric.name")
    if name:
        yield from complaints(where, name, path_segment(name))
    else:
        yield required(where, "must specify a metric name")
    yield from _target(child(source, "target"), at(path, "target"))


def _target(target: Document, path: str) -> Rules:
    kind = text(target, "type")
    if not kind:
        yield required(at(path, "type"), "must specify a metric target type")
    if kind not in TARGET_TYPES:
        why = "must be either Utilization, Value, or AverageValue"
        yield invalid_value(at(path, "type"), kind, why)
    for key in ("value", "averageValue"):
        amount = _quantity(target, key)
        if amount is not None and amount.unscaled <= 0:
            yield invalid_value(at(path, key), target[key], "must be positive")
    share = whole_number(target, "averageUtilization")
    if share is not None and share < 1:
        yield invalid_value(at(path, "averageUtilization"), share, "must be greater than 0")


_RULES: Final[dict[str, Callable[[Document, str, bool], Rules]]] = {
    "object": _object,
    "external": _external,
    "pods": _pods,
    "resource": _resource,
    "containerResource": _container,
}


# -- behaviour ---------------------------------------------------------------------------------


def _scaling(rules: Document, path: str) -> Rules:
    window, where = whole_number(rules, "stabilizationWindowSeconds"), "stabilizationWindowSeconds"
    if window is not None and window < 0:
        yield invalid_value(at(path, where), window, "must be greater than or equal to zero")
    if window is not None and window > LONGEST_WINDOW_S:
        why = f"must be less than or equal to {LONGEST_WINDOW_S}"
        yield invalid_value(at(path, where), window, why)
    policy = rules.get("selectPolicy")
    if isinstance(policy, str) and policy not in SELECT_POLICIES:
        yield not_supported(at(path, "selectPolicy"), policy, SELECT_POLICIES)
    if not children(rules, "policies"):
        yield required(at(path, "policies"), "must specify at least one Policy")
    for here, one in items(rules, path, "policies"):
        yield from _policy(one, here)
    tolerance = _quantity(rules, "tolerance")
    if tolerance is not None and tolerance.unscaled < 0:
        why = "must be greater than or equal to 0"
        yield invalid_value(at(path, "tolerance"), rules["tolerance"], why)


def _quantity(doc: Document, key: str) -> Quantity | None:
    amount = doc.get(key)
    readable = isinstance(amount, str | int) and is_quantity(amount)
    return parse_quantity(amount) if readable else None  # type: ignore[arg-type]  # told apart above


def _policy(policy: Document, path: str) -> Rules:
    kind = text(policy, "type")
    if kind not in POLICY_TYPES:
        yield not_supported(at(path, "type"), kind, POLICY_TYPES)
    value, period = (whole_number(policy, key) or 0 for key in ("value", "periodSeconds"))
    if value <= 0:
        yield invalid_value(at(path, "value"), value, "must be greater than zero")
    if period <= 0:
        yield invalid_value(at(path, "periodSeconds"), period, "must be greater than zero")
    if period > LONGEST_PERIOD_S:
        why = f"must be less than or equal to {LONGEST_PERIOD_S}"
        yield invalid_value(at(path, "periodSeconds"), period, why)
