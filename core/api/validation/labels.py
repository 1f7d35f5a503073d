"""Rules of labels and of selectors over them.

Source: kubernetes v1.36, apimachinery/pkg/apis/meta/v1/validation/validation.go.
"""

from __future__ import annotations

from kelm.core.api.validation.fields import Rules, at, complaints, items
from kelm.core.api.validation.names import label_value, qualified_name
from kelm.core.api.validation.violation import (
    Struct,
    forbidden,
    invalid_value,
    required,
)
from kelm.effects.document import Document, Json, child, elements, strings, text


def label_map(doc: Document, path: str, key: str) -> Rules:
    """A map of labels: of an object, or of a selector that asks for them."""
    labels = child(doc, key)
    if not labels:
        return
    here = at(path, key)
    for name, value in sorted(labels.items()):
        yield from complaints(here, name, qualified_name(name))
        if isinstance(value, str):
            yield from complaints(here, value, label_value(value))


def label_name(doc: Document, path: str, key: str) -> Rules:
    name = text(doc, key)
    yield from complaints(at(path, key), name, qualified_name(name))


def label_selector(doc: Document, path: str) -> Rules:
    """A structured selector, as Deployments and affinities have it."""
    yield from label_map(doc, path, "matchLabels")
    for here, requirement in items(doc, path, "matchExpressions"):
        yield from _requirement(requirement, here)


def _requirement(doc: Document, path: str) -> Rules:
    operator, values = text(doc, "operator"), elements(doc, "values")
    if operator in ("In", "NotIn"):
        if not values:
            why = "must be specified when `operator` is 'In' or 'NotIn'"
            yield required(at(path, "values"), why)
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield forbidden(at(path, "values"), why)
    else:
        yield invalid_value(at(path, "operator"), operator, "not a valid selector operator")
    yield from label_name(doc, path, "key")
    yield from label_values(values, at(path, "values"))


def label_values(values: tuple[Json, ...], path: str) -> Rules:
    for index, value in enumerate(values):
        if isinstance(value, str):
            yield from complaints(f"{path}[{index}]", value, label_value(value))


def is_readable(selector: Document) -> bool:
    """Whether a selector can be asked at all.

    Source: meta/v1/helpers.go, LabelSelectorAsSelector.
    """
    return not any(True for _ in label_selector(selector, ""))


def is_empty(selector: Document) -> bool:
    return not (child(selector, "matchLabels") or elements(selector, "matchExpressions"))


def printed(selector: Document) -> Document:
    """A selector as refusals print it: in the order of the API's type."""
    fields: dict[str, Json] = {}
    if child(selector, "matchLabels"):
        fields["matchLabels"] = Document(strings(selector, "matchLabels"))
    expressions = elements(selector, "matchExpressions")
    if expressions:
        fields["matchExpressions"] = tuple(
            _printed_requirement(item) for item in expressions if isinstance(item, Document)
        )
    return Struct(fields)


def _printed_requirement(doc: Document) -> Document:
    fields: dict[str, Json] = {"key": text(doc, "key"), "operator": text(doc, "operator")}
    if elements(doc, "values"):
        fields["values"] = doc["values"]
    return Struct(fields)
