"""Rules of where a pod wants to run, and beside whom.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (validateAffinity,
ValidateNodeSelectorTerm, validatePodAffinityTerm).
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import Rules, at, complaints, items, whole_number
from kelm.core.api.validation.labels import label_name, label_selector, label_values
from kelm.core.api.validation.names import dns1123_label, dns1123_subdomain, qualified_name
from kelm.core.api.validation.violation import forbidden, invalid_value, required
from kelm.effects.document import Document, child, elements, strings, text

REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
WEIGHT: Final = "must be in the range 1-100"
NOT_AN_OPERATOR: Final = "not a valid selector operator"


def affinity(spec: Document, path: str) -> Rules:
    found, here = child(spec, "affinity"), at(path, "affinity")
    if isinstance(found.get("nodeAffinity"), Document):
        yield from node_affinity(child(found, "nodeAffinity"), at(here, "nodeAffinity"))
    for key in ("podAffinity", "podAntiAffinity"):
        if isinstance(found.get(key), Document):
            yield from _pod_affinity(child(found, key), at(here, key))


def node_affinity(doc: Document, path: str) -> Rules:
    if isinstance(doc.get(REQUIRED), Document):
        yield from node_selector(child(doc, REQUIRED), at(path, REQUIRED))
    for here, preferred in items(doc, path, PREFERRED):
        yield from _weight(preferred, here)
        yield from _term(child(preferred, "preference"), at(here, "preference"))


def _weight(doc: Document, path: str) -> Rules:
    weight = whole_number(doc, "weight") or 0
    if not 1 <= weight <= 100:
        yield invalid_value(at(path, "weight"), weight, WEIGHT)


def node_selector(doc: Document, path: str) -> Rules:
    if not elements(doc, "nodeSelectorTerms"):
        why = "must have at least one node selector term"
        yield required(at(path, "nodeSelectorTerms"), why)
    for here, term in items(doc, path, "nodeSelectorTerms"):
        yield from _term(term, here)


def _term(term: Document, path: str) -> Rules:
    for here, requirement in items(term, path, "matchExpressions"):
        yield from _by_label(requirement, here)
    for here, requirement in items(term, path, "matchFields"):
        yield from _by_field(requirement, here)


def _by_label(requirement: Document, path: str) -> Rules:
    operator, values = text(requirement, "operator"), elements(requirement, "values")
    here = at(path, "values")
    if operator in ("In", "NotIn"):
        if not values:
            yield required(here, "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield forbidden(here, why)
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            yield required(here, "must be specified single value when `operator` is 'Lt' or 'Gt'")
    else:
        yield invalid_value(at(path, "operator"), operator, NOT_AN_OPERATOR)
    yield from label_name(requirement, path, "key")
    yield from label_values(values, here)


def _by_field(requirement: Document, path: str) -> Rules:
    operator, values = text(requirement, "operator"), elements(requirement, "values")
    if operator not in ("In", "NotIn"):
        yield invalid_value(at(path, "operator"), operator, NOT_AN_OPERATOR)
    elif len(values) != 1:
        why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        yield required(at(path, "values"), why)
    key = text(requirement, "key")
    if key != "metadata.name":
        yield invalid_value(at(path, "key"), key, "not a valid field selector key")
        return
    for index, value in enumerate(values):
        place = f"{at(path, 'values')}[{index}]"
        yield from complaints(place, value, dns1123_subdomain(str(value)))


def _pod_affinity(doc: Document, path: str) -> Rules:
    for here, term in items(doc, path, REQUIRED):
        yield from _pod_term(term, here)
    for here, preferred in items(doc, path, PREFERRED):
        yield from _weight(preferred, here)
        yield from _pod_term(child(preferred, "podAffinityTerm"), at(here, "podAffinityTerm"))


def _pod_term(term: Document, path: str) -> Rules:
    for key in ("labelSelector", "namespaceSelector"):
        yield from label_selector(child(term, key), at(path, key))
    for namespace in elements(term, "namespaces"):
        yield from complaints(at(path, "namespace"), namespace, dns1123_label(str(namespace)))
    yield from _label_keys(term, path)
    if not text(term, "topologyKey"):
        yield required(at(path, "topologyKey"), "can not be empty")
    yield from label_name(term, path, "topologyKey")


def _label_keys(term: Document, path: str) -> Rules:
    match, mismatch = elements(term, "matchLabelKeys"), elements(term, "mismatchLabelKeys")
    yield from label_keys(term, path, "matchLabelKeys")
    yield from label_keys(term, path, "mismatchLabelKeys")
    seen = set(strings(term, "labelSelector", "matchLabels"))
    for _, expression in items(child(term, "labelSelector"), path, "matchExpressions"):
        key = text(expression, "key")
        if key in match and key in seen:
            # The selector has the requirement that was made of the key, and another by hand.
            why = "exists in both matchLabelKeys and labelSelector"
            yield invalid_value(f"{path}[{match.index(key)}]", key, why)
        seen.add(key)
    for index, one in enumerate(match):
        if one in mismatch:
            why = "exists in both matchLabelKeys and mismatchLabelKeys"
            yield invalid_value(f"{at(path, 'matchLabelKeys')}[{index}]", one, why)


def label_keys(doc: Document, path: str, field: str) -> Rules:
    """Keys whose values a selector takes from the pod itself."""
    keys, here = elements(doc, field), at(path, field)
    if keys and not isinstance(doc.get("labelSelector"), Document):
        yield forbidden(here, "must not be specified when labelSelector is not set")
        return
    for index, key in enumerate(keys):
        yield from complaints(f"{here}[{index}]", key, qualified_name(str(key)))
