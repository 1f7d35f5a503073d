"""Rules of tolerations, spread and gates: what else the scheduler reads of a pod.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (ValidateTolerations,
validateTopologySpreadConstraints, validateSchedulingGates).
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import Rules, at, complaints, has_text, items, whole_number
from kelm.core.api.validation.labels import label_name, label_selector
from kelm.core.api.validation.names import label_value, qualified_name
from kelm.core.api.validation.pods.affinity import label_keys
from kelm.core.api.validation.violation import (
    duplicate,
    invalid_value,
    not_supported,
    required,
)
from kelm.effects.document import Document, text

EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
NOT_POSITIVE: Final = "must be greater than zero"
UNSATISFIABLE: Final = ("DoNotSchedule", "ScheduleAnyway")


def tolerations(spec: Document, path: str) -> Rules:
    for here, toleration in items(spec, path, "tolerations"):
        yield from _toleration(toleration, here)


def _toleration(doc: Document, path: str) -> Rules:
    key, operator, effect = text(doc, "key"), text(doc, "operator"), text(doc, "effect")
    if key:
        yield from label_name(doc, path, "key")
    elif operator != "Exists":
        why = (
            "operator must be Exists when `key` is empty, which means "
            '"match all values and all keys"'
        )
        yield invalid_value(at(path, "operator"), operator, why)
    if doc.get("tolerationSeconds") is not None and effect != "NoExecute":
        why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        yield invalid_value(at(path, "effect"), effect, why)
    yield from _operator(doc, operator, path)
    if effect and effect not in EFFECTS:
        yield not_supported(at(path, "effect"), effect, EFFECTS)


def _operator(doc: Document, operator: str, path: str) -> Rules:
    value = text(doc, "value")
    if operator in ("", "Equal"):
        wrong = label_value(value)
        if wrong:
            yield invalid_value(at(path, "operator"), value, ";".join(wrong))
    elif operator == "Exists":
        if value:
            why = "value must be empty when `operator` is 'Exists'"
            yield invalid_value(at(path, "operator"), value, why)
    else:
        yield not_supported(at(path, "operator"), operator, ("Equal", "Exists"))


def taint_effect(effect: str, path: str) -> Rules:
    if not effect:
        yield required(path)
    elif effect not in EFFECTS:
        yield not_supported(path, effect, EFFECTS)


def topology_spread(spec: Document, path: str) -> Rules:
    found = list(items(spec, path, "topologySpreadConstraints"))
    for index, (here, constraint) in enumerate(found):
        yield from _constraint(constraint, here)
        pair = _pair(constraint)
        if any(_pair(other) == pair for _, other in found[index + 1 :]):
            place = at(here, "{topologyKey, whenUnsatisfiable}")
            yield duplicate(place, f"{{{pair[0]}, {pair[1]}}}")


def _pair(constraint: Document) -> tuple[str, str]:
    return text(constraint, "topologyKey"), text(constraint, "whenUnsatisfiable")


def _constraint(doc: Document, path: str) -> Rules:
    skew, when = whole_number(doc, "maxSkew") or 0, text(doc, "whenUnsatisfiable")
    if skew <= 0:
        yield invalid_value(at(path, "maxSkew"), skew, NOT_POSITIVE)
    if text(doc, "topologyKey"):
        yield from label_name(doc, path, "topologyKey")
    else:
        yield required(at(path, "topologyKey"), "can not be empty")
    if when not in UNSATISFIABLE:
        yield not_supported(at(path, "whenUnsatisfiable"), when, UNSATISFIABLE)
    yield from _min_domains(doc, path, when)
    for key in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        policy = doc.get(key)
        if policy is not None and policy not in ("Honor", "Ignore"):
            yield not_supported(at(path, key), str(policy), ("Honor", "Ignore"))
    yield from label_keys(doc, path, "matchLabelKeys")
    selector = doc.get("labelSelector")
    if isinstance(selector, Document):
        yield from label_selector(selector, at(path, "labelSelector"))


def _min_domains(doc: Document, path: str, when: str) -> Rules:
    domains = whole_number(doc, "minDomains")
    if domains is None:
        return
    if domains <= 0:
        yield invalid_value(at(path, "minDomains"), domains, NOT_POSITIVE)
    if when != "DoNotSchedule":
        why = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {when}"
        yield invalid_value(at(path, "minDomains"), domains, why)


def gates(spec: Document, path: str) -> Rules:
    """Readiness gates are condition types, scheduling gates are names, each once."""
    for here, gate in items(spec, path, "readinessGates"):
        kind = text(gate, "conditionType")
        yield from complaints(at(here, "conditionType"), kind, qualified_name(kind))
    seen: set[str] = set()
    for here, gate in items(spec, path, "schedulingGates"):
        name = text(gate, "name")
        if name:
            yield from complaints(here, name, qualified_name(name))
        else:
            yield from has_text(gate, here, "name")
        if name in seen:
            yield duplicate(here, name)
        seen.add(name)
