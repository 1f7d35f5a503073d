"""Whether two pod templates ask for the same pods.

The label `pod-template-hash` is what a Deployment itself adds to a ReplicaSet's template, so it
says nothing. Nor does it matter how something is written: a list that is empty or not there, a
number left out or 0, a quantity as `1000m` or `1`. Whether an empty object means something depends
on its type (`emptyDir: {}` is a volume, `resources: {}` is nothing), so templates are brought into
a normal form along the API's types: what is the type's zero is left out, unless the type can tell
absent from zero.

The normal form is computed once per template; templates that are equal as documents need none.

Source: kubernetes v1.36, pkg/controller/deployment/util/deployment_util.go (EqualIgnoreHash);
apimachinery/pkg/api/equality (Semantic); api/core/v1/types.go by way of `template_layout`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Self, TypeAlias

import msgspec

from kelm.core.controllers.templates.layout import LAYOUT
from kelm.core.objects.quantity import NANO, parse_quantity
from kelm.core.objects.views import view
from kelm.effects.document import EMPTY, Document, Json, child, without

HASH_LABEL = "pod-template-hash"

Normal: TypeAlias = "Json | dict[str, Normal] | tuple[Normal, ...]"
_Normalise: TypeAlias = Callable[[Json], Normal]
_Field: TypeAlias = "tuple[str, bool, _Normalise]"


class _Meaning(msgspec.Struct, frozen=True):
    """What a pod template says, in normal form."""

    normal: Normal

    @classmethod
    def decode(cls, doc: Document) -> Self:
        bare = without(doc, ("metadata", "labels", HASH_LABEL))
        return cls(_normaliser("v1.PodTemplateSpec")(bare))


def equal_ignoring_hash(one: Document, other: Document) -> bool:
    """Whether two pod templates are the same but for their hash label.

    Source: deployment_util.go, EqualIgnoreHash.

    >>> from kelm.effects.document import document
    >>> equal_ignoring_hash(
    ...     document({"metadata": {"labels": {"a": "b", "pod-template-hash": "1"}}, "spec": {}}),
    ...     document({"metadata": {"labels": {"a": "b"}}, "spec": {"hostNetwork": False}}))
    True
    """
    if one.get("spec") == other.get("spec") and _metadata(one) == _metadata(other):
        return True
    return view(_Meaning, one).normal == view(_Meaning, other).normal


def _metadata(template: Document) -> Document:
    return without(child(template, "metadata"), ("labels", HASH_LABEL))


@lru_cache(maxsize=1)
def _fields_of() -> dict[str, tuple[str, ...]]:
    """The fields of each type, as words `Name:type` or `Name:type:key`."""
    paragraphs = LAYOUT.strip().replace("\n ", " ").splitlines()
    return {name: tuple(words) for name, *words in map(str.split, paragraphs)}


@cache
def _normaliser(type_text: str) -> _Normalise:
    """How a value of a type, which is no pointer, is brought into normal form."""
    if type_text in _BY_HAND:
        return _BY_HAND[type_text]
    if type_text.startswith("[]"):
        return _list_normaliser(_normaliser(type_text[2:].removeprefix("*")))
    if type_text.startswith("map["):
        return _map_normaliser(_normaliser(type_text[type_text.index("]") + 1 :]))
    return _struct_normaliser(type_text) if type_text in _fields_of() else _scalar


def _list_normaliser(normalise: _Normalise) -> _Normalise:
    return lambda value: tuple(normalise(v) for v in value) if isinstance(value, tuple) else ()


def _map_normaliser(normalise: _Normalise) -> _Normalise:
    def normalise_map(value: Json) -> Normal:
        entries = value if isinstance(value, Document) else EMPTY
        return {key: normalise(entries[key]) for key in entries}

    return normalise_map


def _struct_normaliser(type_text: str) -> _Normalise:
    fields = tuple(_field(word) for word in _fields_of()[type_text])

    def normalise_struct(value: Json) -> Normal:
        doc = value if isinstance(value, Document) else EMPTY
        found: dict[str, Normal] = {}
        for key, pointer, normalise in fields:
            if key == _EMBEDDED:
                embedded = normalise(doc)
                found.update(embedded if isinstance(embedded, dict) else {})
            elif (given := doc.get(key)) is not None:
                normal = normalise(given)
                if pointer or normal:
                    found[key] = normal
        return found

    return normalise_struct


_EMBEDDED = "+"


def _field(word: str) -> _Field:
    name, type_text, *key = word.split(":")
    pointer = type_text.startswith("*")
    default_key = name[:1].lower() + name[1:]
    return key[0] if key else default_key, pointer, _normaliser(type_text.removeprefix("*"))


def _scalar(value: Json) -> Normal:
    return value


def _quantity(value: Json) -> Normal:
    return parse_quantity(value).at_scale(NANO) if isinstance(value, str | int | float) else 0


_BY_HAND: dict[str, _Normalise] = {
    "resource.Quantity": _quantity,
    "v1.ResourceList": _map_normaliser(_quantity),
    "intstr.IntOrString": _scalar,
    "v1.Time": lambda _value: None,
}
