"""What is wrong with the keywords of a schema, one part of it after the other.

Rules (`x-kubernetes-validations`) are compiled only where nothing is wrong with the part that they
judge, nor anywhere below it.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go
(ValidateCustomResourceDefinitionOpenAPISchema, specStandardValidatorV3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from kelm.core.api.custom.judging.lists import key_faults, merging_faults
from kelm.core.api.custom.pruning import EMBEDDED, KEPT, PRESERVE
from kelm.core.api.custom.rules.judge import written_faults
from kelm.core.api.validation.fields import Rules
from kelm.core.api.validation.violation import (
    Violation,
    Violations,
    forbidden,
    invalid_value,
    not_supported,
)
from kelm.effects.document import Document, Json, child, children, flag, text

TYPES: Final = ("array", "boolean", "integer", "number", "object", "string")
UNIQUE: Final = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
EXCLUSIVE: Final = "additionalProperties and properties are mutual exclusive"
IN_MAP_OF_META: Final = "inside additionalProperties applying to object metadata"


class Demands(msgspec.Struct, frozen=True):
    """What is asked of schemas, that an update of a definition without it may go on without."""

    known_types: bool = True
    atomic_sets: bool = True
    whole_keys: bool = True


class _Place(msgspec.Struct, frozen=True):
    """What a part of a schema describes.

    root: whole objects; in_meta: their type or metadata; no_default: why it has no default.
    """

    root: bool = False
    in_meta: bool = False
    no_default: str = ""


class Found(msgspec.Struct, frozen=True):
    """What is wrong, and the paths of the parts in or below which something is."""

    faults: Violations
    broken: frozenset[str]


def keyword_faults(schema: Document, path: str, demands: Demands) -> Found:
    """What is wrong with a whole schema's keywords.

    >>> schema = Document(type="object", uniqueItems=True)
    >>> [one.field for one in keyword_faults(schema, "s", Demands()).faults]
    ['s.uniqueItems']
    """
    walk = _Walk(demands)
    faults = walk.of(schema, path, _Place(root=True))
    return Found(faults, frozenset(walk.broken))


class _Walk:
    """One walk over one schema. Lives for one call of `keyword_faults`."""

    def __init__(self, demands: Demands) -> None:
        self.demands = demands
        self.broken: set[str] = set()

    def of(self, schema: Document, path: str, place: _Place) -> Violations:
        found: list[Violation] = [*self.standard(schema, path, place)]
        if flag(schema, "uniqueItems"):
            found.append(forbidden(f"{path}.uniqueItems", UNIQUE))
        others = schema.get("additionalProperties")
        if others not in (None, True) and child(schema, "properties"):
            found.append(forbidden(f"{path}.additionalProperties", EXCLUSIVE))
        for inner, where, below in _below(schema, path, place):
            found.extend(self.of(inner, where, below))
        if schema.get(PRESERVE) is False:
            where = f"{path}.{PRESERVE}"
            found.append(invalid_value(where, False, "must be true or undefined"))
        found.extend(merging_faults(schema, path, atomic_sets=self.demands.atomic_sets))
        if self.demands.whole_keys:
            found.extend(key_faults(schema, path))
        found.extend(written_faults(schema, path))
        if found:
            self.broken.add(path)
        return tuple(found)

    def standard(self, schema: Document, path: str, place: _Place) -> Rules:
        """What no schema may have, or not here."""
        kind = text(schema, "type")
        if self.demands.known_types and kind and kind not in TYPES:
            yield not_supported(f"{path}.type", kind, TYPES)
        if place.no_default and "default" in schema:
            yield forbidden(f"{path}.default", f"must not be set {place.no_default}")
        for keyword in ("id", "additionalItems", "patternProperties", "definitions"):
            if schema.get(keyword) not in (None, ""):
                yield forbidden(f"{path}.{keyword}", f"{keyword} is not supported")
        for keyword in ("dependencies", "$ref"):
            if keyword in schema:
                yield forbidden(f"{path}.{keyword}", f"{keyword} is not supported")
        if kind == "null":
            said = "type cannot be set to null, use nullable as an alternative"
            yield forbidden(f"{path}.type", said)
        if isinstance(schema.get("items"), tuple):
            said = "items must be a schema object and not an array"
            yield forbidden(f"{path}.items", said)
        if place.in_meta and flag(schema, EMBEDDED):
            said = "must not be used inside of resource meta"
            yield forbidden(f"{path}.{EMBEDDED}", said)


def _below(schema: Document, path: str, place: _Place) -> Iterator[tuple[Document, str, _Place]]:
    """The schemas directly within a schema: their paths, and what they describe."""
    inside = _Place(in_meta=place.in_meta, no_default=place.no_default)
    others = schema.get("additionalProperties")
    if isinstance(others, Document):
        why = IN_MAP_OF_META if place.in_meta else place.no_default
        yield others, f"{path}.additionalProperties", _Place(False, place.in_meta, why)
    for name, inner, where in _named(schema, "properties", path):
        yield inner, where, _of_property(schema, name, place, inside)
    excluded = schema.get("not")
    if isinstance(excluded, Document):
        yield excluded, f"{path}.not", inside
    for keyword in ("allOf", "oneOf", "anyOf"):
        for index, inner in enumerate(children(schema, keyword)):
            yield inner, f"{path}.{keyword}[{index}]", inside
    for _, inner, where in _named(schema, "definitions", path):
        yield inner, where, inside
    items = schema.get("items")
    if isinstance(items, Document):
        yield items, f"{path}.items", inside
    for index, one in enumerate(children(schema, "items")):
        yield one, f"{path}.items[{index}]", inside
    for _, inner, where in _named(schema, "dependencies", path):
        yield inner, where, inside


def _of_property(schema: Document, name: str, place: _Place, inside: _Place) -> _Place:
    if name not in KEPT or not (place.root or flag(schema, EMBEDDED)):
        return inside
    why = f"in top-level {name}" if place.root else place.no_default
    return _Place(False, True, why)


def _named(schema: Document, keyword: str, path: str) -> Iterator[tuple[str, Document, str]]:
    for name, inner in child(schema, keyword).items():
        if isinstance(inner, Document):
            yield name, inner, f"{path}.{keyword}[{name}]"


def every_schema(schema: Json) -> Iterator[Document]:
    """A schema and all within it, whatever they are good for."""
    if not isinstance(schema, Document):
        return
    yield schema
    for inner, _, _ in _below(schema, "", _Place()):
        yield from every_schema(inner)
