"""Structural schemas: what is defaulted and refused in a custom object.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/schema/defaulting,
.../validation (the keywords of OpenAPI v3 that structural schemas may use).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isclose
from typing import Final

from kelm.core.api.validation.violation import (
    ErrorType,
    Violation,
    invalid_value,
    not_supported,
    required,
)
from kelm.core.objects.time import is_time
from kelm.effects.document import Document, Json, child, elements, flag, text

INT_OR_TEXT: Final = "x-kubernetes-int-or-string"


def defaulted(value: Json, schema: Document) -> Json:
    """A value with the defaults of its schema; a null that may not be is defaulted too.

    >>> from kelm.effects.document import document
    >>> schema = document({"properties": {"size": {"type": "integer", "default": 3}}})
    >>> defaulted(document({}), schema)
    {'size': 3}
    """
    if isinstance(value, tuple):
        items = child(schema, "items")
        new = tuple(defaulted(one, items) for one in value)
        return value if all(a is b for a, b in zip(new, value, strict=True)) else new
    if not isinstance(value, Document):
        return value
    properties = child(schema, "properties")
    changed: dict[str, Json] = {}
    for key, inner in properties.items():
        if not isinstance(inner, Document):
            continue
        present = key in value
        given = value.get(key)
        if given is None and "default" in inner and not (present and flag(inner, "nullable")):
            changed[key] = inner["default"]
        elif present:
            changed[key] = defaulted(given, inner)
    others = schema.get("additionalProperties")
    if isinstance(others, Document):
        for key, given in value.items():
            if key not in properties:
                changed[key] = defaulted(given, others)
    if all(key in value and value[key] is new for key, new in changed.items()):
        return value
    return Document({**value, **changed})


# -- validation --------------------------------------------------------------------------------


NEW: Final = Document()
"""Stands for what was there before a value of which nothing is known to have been there."""


def violations(value: Json, schema: Document, path: str, old: Json = NEW) -> Iterator[Violation]:
    """What is wrong with a value, field by field.

    What has not changed is not judged again (ratcheting): `old` is what it was before. Items of
    lists are known by their keys, where the list has some.

    >>> from kelm.effects.document import document
    >>> schema = document({"type": "object", "properties": {"n": {"type": "integer"}}})
    >>> [one.text for one in violations(document({"n": "x"}), schema, "spec")]
    ['spec.n: Invalid value: "string": spec.n in body must be of type integer: "string"']
    """
    if (value is None and flag(schema, "nullable")) or (old is not NEW and value == old):
        return
    wanted = text(schema, "type")
    if flag(schema, INT_OR_TEXT):
        if not isinstance(value, str) and not _is_integer(value):
            yield _mistyped(value, "integer,string", path)
            return
    elif wanted and not _is_of(value, wanted):
        if wanted == "integer" and isinstance(value, float):
            form = text(schema, "format")
            named = f"with format {form}" if form else "(default format)"
            said = f"Checked value must be of type integer {named} in {path}"
            yield invalid_value("<nil>", "", said)
        yield _mistyped(value, wanted, path)
        return
    choices = elements(schema, "enum")
    if choices and value not in choices:
        yield not_supported(path, value, [str(choice) for choice in choices])
    if isinstance(value, str):
        yield from _text_faults(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number_faults(value, schema, path)
    elif isinstance(value, tuple):
        yield from _list_faults(value, schema, path, old)
    elif isinstance(value, Document):
        yield from _object_faults(value, schema, path, old)
    yield from _combined_faults(value, schema, path)


def _is_integer(value: Json) -> bool:
    return type(value) is int or (isinstance(value, float) and value.is_integer())


def _is_of(value: Json, wanted: str) -> bool:
    if wanted == "object":
        return isinstance(value, Document)
    if wanted == "array":
        return isinstance(value, tuple)
    if wanted == "string":
        return isinstance(value, str)
    if wanted == "boolean":
        return isinstance(value, bool)
    if wanted == "integer":
        return _is_integer(value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _word(value: Json) -> str:
    if value is None:
        return "null"
    for word in ("object", "array", "string", "boolean", "integer"):
        if _is_of(value, word):
            return word
    return "number"


def _mistyped(value: Json, wanted: str, path: str) -> Violation:
    found = _word(value)
    said = f'{path} in body must be of type {wanted}: "{found}"'
    return Violation(path, ErrorType.TYPE_INVALID, found, said)


def _text_faults(value: str, schema: Document, path: str) -> Iterator[Violation]:
    shortest, longest = schema.get("minLength"), schema.get("maxLength")
    if isinstance(shortest, int) and len(value) < shortest:
        said = f"{path} in body should be at least {shortest} chars long"
        yield invalid_value(path, value, said)
    if isinstance(longest, int) and len(value) > longest:
        said = f"may not be more than {longest} bytes"
        yield Violation(path, ErrorType.TOO_LONG, "", said)
    pattern = text(schema, "pattern")
    if pattern and _search(pattern, value) is None:
        yield invalid_value(path, value, f"{path} in body should match '{pattern}'")
    if text(schema, "format") == "date-time" and not is_time(value):
        said = f'{path} in body must be of type date-time: "{value}"'
        yield invalid_value(path, value, said)


def _search(pattern: str, value: str) -> object:
    """Whether a pattern matches anywhere; one that Python cannot read refuses nothing."""
    try:
        return re.search(pattern, value)
    except re.error:
        return pattern


def _number_faults(value: int | float, schema: Document, path: str) -> Iterator[Violation]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if isinstance(least, int | float):
        strict = flag(schema, "exclusiveMinimum")
        if value < least or (strict and value == least):
            word = "greater than" if strict else "greater than or equal to"
            yield invalid_value(path, value, f"{path} in body should be {word} {least}")
    if isinstance(most, int | float):
        strict = flag(schema, "exclusiveMaximum")
        if value > most or (strict and value == most):
            word = "less than" if strict else "less than or equal to"
            yield invalid_value(path, value, f"{path} in body should be {word} {most}")
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and step > 0:
        quotient = value / step
        if not isclose(quotient, round(quotient), abs_tol=1e-9):
            yield invalid_value(path, value, f"{path} in body should be a multiple of {step}")


def _list_faults(
    value: tuple[Json, ...], schema: Document, path: str, old: Json
) -> Iterator[Violation]:
    least, most = schema.get("minItems"), schema.get("maxItems")
    if isinstance(least, int) and len(value) < least:
        said = f"{path} in body should have at least {least} items"
        yield invalid_value(path, len(value), said)
    if isinstance(most, int) and len(value) > most:
        yield Violation(path, ErrorType.TOO_MANY, len(value), f"must have at most {most} items")
    items = child(schema, "items")
    mapped = text(schema, "x-kubernetes-list-type") == "map" and isinstance(old, tuple)
    keys = tuple(map(str, elements(schema, "x-kubernetes-list-map-keys"))) if mapped else ()
    for index, one in enumerate(value):
        before = _same_item(old, keys, one) if keys else NEW
        yield from violations(one, items, f"{path}[{index}]", before)


def _same_item(items: Json, keys: tuple[str, ...], item: Json) -> Json:
    """The item of an old list that has the same keys."""
    if not isinstance(items, tuple) or not isinstance(item, Document):
        return NEW
    for one in items:
        if isinstance(one, Document) and all(one.get(key) == item.get(key) for key in keys):
            return one
    return NEW


def _object_faults(value: Document, schema: Document, path: str, old: Json) -> Iterator[Violation]:
    properties, others = child(schema, "properties"), schema.get("additionalProperties")
    for key in elements(schema, "required"):
        if str(key) not in value:
            yield required(f"{path}.{key}" if path else str(key))
    for key, inner in value.items():
        before = old.get(key, NEW) if isinstance(old, Document) else NEW
        if key in properties:
            here = f"{path}.{key}" if path else key
            yield from violations(inner, child(properties, key), here, before)
        elif isinstance(others, Document):
            yield from violations(inner, others, f"{path}.{key}", before)
    least, most = schema.get("minProperties"), schema.get("maxProperties")
    if isinstance(least, int) and len(value) < least:
        said = f"{path} in body should have at least {least} properties"
        yield invalid_value(path, len(value), said)
    if isinstance(most, int) and len(value) > most:
        yield Violation(path, ErrorType.TOO_MANY, len(value), f"must have at most {most} items")


def _combined_faults(value: Json, schema: Document, path: str) -> Iterator[Violation]:
    for one in elements(schema, "allOf"):
        if isinstance(one, Document):
            yield from violations(value, one, path)
    either = [one for one in elements(schema, "anyOf") if isinstance(one, Document)]
    if either and not any(_fits(value, one, path) for one in either):
        said = f'"{path}" must validate at least one schema (anyOf)'
        yield invalid_value(path, value, said)
    exactly = [one for one in elements(schema, "oneOf") if isinstance(one, Document)]
    if exactly:
        count = sum(_fits(value, one, path) for one in exactly)
        if count != 1:
            found = "Found none valid" if count == 0 else f"Found {count} valid alternatives"
            said = f'"{path}" must validate one and only one schema (oneOf). {found}'
            yield invalid_value(path, value, said)
    excluded = schema.get("not")
    if isinstance(excluded, Document) and _fits(value, excluded, path):
        yield invalid_value(path, value, f'"{path}" must not validate the schema (not)')


def _fits(value: Json, schema: Document, path: str) -> bool:
    return next(violations(value, schema, path), None) is None
