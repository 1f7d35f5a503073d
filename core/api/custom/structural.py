"""Structural schemas: what is defaulted and refused in a custom object.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/schema/defaulting,
.../validation (the keywords of OpenAPI v3 that structural schemas may use).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from math import isclose
from typing import Final

from kelm.core.api.validation.violation import (
    ErrorType,
    Violation,
    in_go,
    invalid_value,
    not_supported,
    quoted,
    required,
)
from kelm.core.cel.running.patterns import compiled
from kelm.effects.document import EMPTY, Document, Json, child, children, elements, flag, text

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


def without_nulls(value: Json, schema: Json) -> Json:
    """A value without fields that are null, may not be, and have no default.

    Source: .../defaulting/prunenulls.go.

    >>> schema = Document(properties=Document(a=Document(type="string")))
    >>> without_nulls(Document(a=None, b=1), schema)
    {'b': 1}
    """
    part = schema if isinstance(schema, Document) else EMPTY
    if isinstance(value, tuple):
        items = tuple(without_nulls(one, part.get("items")) for one in value)
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    if not isinstance(value, Document):
        return value
    properties, others = child(part, "properties"), part.get("additionalProperties")
    new: dict[str, Json] = {}
    for key, inner in value.items():
        of = properties.get(key, others)
        may_be = not isinstance(of, Document) or flag(of, "nullable") or "default" in of
        if inner is not None or may_be:
            new[key] = without_nulls(inner, of)
    same = len(new) == len(value) and all(new[key] is value[key] for key in value)
    return value if same else Document(new)


# -- validation --------------------------------------------------------------------------------


NUMBERS: Final = {"int32": 31, "int64": 63}
"""How many bits whole numbers of a format have."""
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
    elif wanted and not _is_of(value, wanted):
        yield _mistyped(value, wanted, path)
    choices = elements(schema, "enum")
    if choices and value not in choices:
        shown = [one if isinstance(one, str) else in_go(one) for one in choices]
        yield not_supported(path, value, shown)
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
    form = text(schema, "format")
    if text(schema, "type") in ("", "string") and form and not _has_format(value, form):
        said = f"{path} in body must be of type {form}: {quoted(value)}"
        yield Violation(path, ErrorType.TYPE_INVALID, value, said)


def _has_format(value: str, form: str) -> bool:
    """Whether a text has a format: what they mean is loaded with the first one."""
    from kelm.core.api.custom.formats import fits_text

    return fits_text(value, form)


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> re.Pattern[str] | None:
    """A pattern as Go reads it; one that it cannot read refuses nothing."""
    return compiled(pattern).value_or(None)


def _search(pattern: str, value: str) -> object:
    """Whether a pattern matches anywhere."""
    found = _pattern(pattern)
    return found is None or found.search(value)


def fits_integer(value: int, name: str) -> bool:
    """Whether a whole number has a format; without one it has 64 bits.

    >>> fits_integer(2**31, "int32"), fits_integer(2**31, "")
    (False, True)
    """
    most = 1 << NUMBERS.get(name, 63)
    return -most <= value < most


def _number_faults(value: int | float, schema: Document, path: str) -> Iterator[Violation]:
    form = text(schema, "format")
    whole = not isinstance(value, float) or value.is_integer()
    if text(schema, "type") == "integer" and not (whole and fits_integer(int(value), form)):
        named = f"with format {form}" if form in NUMBERS else "(default format)"
        said = f"Checked value must be of type integer {named} in {path}"
        yield invalid_value("<nil>", "", said)
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
        elif others is False:
            said = f"{path}.{key} in body is a forbidden property"
            yield invalid_value(path, key, said)
    least, most = schema.get("minProperties"), schema.get("maxProperties")
    if isinstance(least, int) and len(value) < least:
        said = f"{path} in body should have at least {least} properties"
        yield invalid_value(path, len(value), said)
    if isinstance(most, int) and len(value) > most:
        yield Violation(path, ErrorType.TOO_MANY, len(value), f"must have at most {most} items")


def _combined_faults(value: Json, schema: Document, path: str) -> Iterator[Violation]:
    """What schemas that are combined have against a value, and what the first of them has.

    That a combination fails has no field: upstream cannot say of it where it is.
    """

    def failing(keyword: str) -> tuple[int, list[tuple[Violation, ...]]]:
        parts = children(schema, keyword)
        tried = [tuple(violations(value, one, path)) for one in parts]
        return len(parts), [found for found in tried if found]

    count, failed = failing("anyOf")
    if count and len(failed) == count:
        yield _together(f'"{path}" must validate at least one schema (anyOf)')
        yield from failed[0]
    count, failed = failing("oneOf")
    if count and len(failed) != count - 1:
        valid = count - len(failed)
        found = f"Found {valid} valid alternatives" if valid else "Found none valid"
        yield _together(f'"{path}" must validate one and only one schema (oneOf). {found}')
        yield from () if valid else failed[0]
    count, failed = failing("allOf")
    for one in failed:
        yield from one
    if failed:
        none = ". None validated" if len(failed) == count else ""
        yield _together(f'"{path}" must validate all the schemas (allOf){none}')
    excluded = schema.get("not")
    if isinstance(excluded, Document) and next(violations(value, excluded, path), None) is None:
        yield _together(f'"{path}" must not validate the schema (not)')


def _together(said: str) -> Violation:
    return invalid_value("<nil>", "", said)
