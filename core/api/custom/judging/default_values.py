"""Whether the defaults of a schema are values that it would let in, with nothing to prune.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/schema/defaulting/validation.go,
surroundingobject.go, prune.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from kelm.core.api.custom.judging.embedded import embedded_faults, mistyped
from kelm.core.api.custom.pruning import EMBEDDED, KEPT, prune
from kelm.core.api.custom.structural import INT_OR_TEXT, violations
from kelm.core.api.validation.fields import Rules
from kelm.core.api.validation.violation import Violation, invalid_value, together
from kelm.effects.document import Document, Json, child, flag

UNKNOWN: Final = "must not have unknown fields"
Around = Callable[[Json], Document]
"""The whole (embedded) object around a value somewhere in it."""


class _Place(msgspec.Struct, frozen=True):
    """Where a schema stands: in which object, and whether within its type or metadata."""

    top: Document
    around: Around
    in_meta: bool = False


def default_faults(schema: Document, path: str, *, pruned: bool = True) -> tuple[Violation, ...]:
    """What is wrong with the defaults in a whole schema that is structural.

    >>> inner = Document(type="integer", default="x")
    >>> schema = Document(type="object", properties=Document(a=inner))
    >>> [one.field for one in default_faults(schema, "s")]
    ['s.properties[a].default']
    """
    top = Document({**schema, EMBEDDED: True})
    return tuple(_faults(top, path, _Place(top, _object), pruned))


def _object(value: Json) -> Document:
    given = value if isinstance(value, Document) else Document()
    return Document({"kind": "Validation", "apiVersion": "validation/v1", **given})


def _faults(schema: Document, path: str, place: _Place, pruned: bool) -> Rules:
    if flag(schema, EMBEDDED):
        place = _Place(schema, _object)
    if schema.get("default") is not None:
        yield from _default(schema, f"{path}.default", place, pruned)
    for inner, step, below in _below(schema, place):
        yield from _faults(inner, f"{path}.{step}", below, pruned)


def _below(schema: Document, place: _Place) -> Iterator[tuple[Document, str, _Place]]:
    """The schemas below that may have defaults: there are none in maps."""
    items = schema.get("items")
    if isinstance(items, Document):
        yield items, "items", _inside(place, lambda value: (value,), place.in_meta)
    for name, inner in child(schema, "properties").items():
        if isinstance(inner, Document):
            in_meta = place.in_meta or (flag(schema, EMBEDDED) and name in KEPT)
            yield inner, f"properties[{name}]", _inside(place, _holding(name), in_meta)


def _inside(place: _Place, hold: Callable[[Json], Json], in_meta: bool) -> _Place:
    return _Place(place.top, lambda value: place.around(hold(value)), in_meta)


def _holding(name: str) -> Callable[[Json], Json]:
    return lambda value: Document({name: value})


def _default(schema: Document, path: str, place: _Place, pruned: bool) -> Rules:
    value = schema["default"]
    if place.in_meta:
        whole = place.around(value)
        wrong = tuple(mistyped(whole, place.top, "")) or tuple(
            embedded_faults(whole, place.top, "")
        )
        if wrong:
            said = together(one.text for one in wrong)
            yield invalid_value(path, value, f"must result in valid metadata: {said}")
            return
    else:
        if pruned and prune(value, schema) is not value:
            yield invalid_value(path, value, UNKNOWN)
        wrong = tuple(mistyped(value, schema, path))[:1] or tuple(
            embedded_faults(value, schema, path)
        )
        if wrong:
            yield from wrong
            return
    against = tuple(violations(value, without_int_or_text(schema), ""))
    yield from (_at(path, one) for one in against)
    if not against:
        yield from _against_rules(schema, value, path)


def _at(path: str, one: Violation) -> Violation:
    """A violation of a value at a path, which does not show in what is said of it."""
    field = one.field.removeprefix(".").removeprefix("<nil>")
    return msgspec.structs.replace(one, field=f"{path}.{field}" if field else path)


def without_int_or_text(schema: Document) -> Document:
    """A schema as defaults are judged by it: what is a number or a text there may be anything."""
    changed: dict[str, Json] = {}
    for key, value in schema.items():
        if key == "properties" and isinstance(value, Document):
            changed[key] = Document({name: _open(one) for name, one in value.items()})
        elif key in ("items", "additionalProperties"):
            changed[key] = _open(value)
        elif key != INT_OR_TEXT:
            changed[key] = value
    return Document(changed)


def _open(schema: Json) -> Json:
    return without_int_or_text(schema) if isinstance(schema, Document) else schema


def _against_rules(schema: Document, value: Json, path: str) -> Rules:
    """A default is judged like an update that changes nothing, and like a new value."""
    from kelm.core.api.custom.definition import has_rules

    if not has_rules(schema):
        return
    from kelm.core.api.custom.rules.compiled import compile_rules
    from kelm.core.api.custom.rules.evaluate import rule_violations

    rules = compile_rules(schema, root=flag(schema, EMBEDDED))
    if rules is not None:
        found = tuple(rule_violations(rules, value, value, path))
        yield from found or rule_violations(rules, value, None, path)


def has_unpruned(schema: Document) -> bool:
    """Whether a default somewhere in a structural schema has fields that it does not name."""
    return any(one.detail == UNKNOWN for one in default_faults(schema, ""))
