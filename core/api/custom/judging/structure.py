"""Whether a schema is structural: it says of every field what it is, and junctors only restrict.

A schema has two parts: its structure (types, properties, items) and what values must satisfy, where
`allOf`, `anyOf`, `oneOf` and `not` may nest. Nothing of the first may stand in the second, and what
the second speaks of must be in the first.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/schema/validation.go, complete.go,
convert.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from returns.result import Failure

from kelm.core.api.custom.pruning import EMBEDDED, PRESERVE
from kelm.core.api.custom.structural import INT_OR_TEXT
from kelm.core.api.validation.fields import Rules
from kelm.core.api.validation.violation import Violations, forbidden, invalid_value, required
from kelm.core.cel.running.patterns import compiled
from kelm.effects.document import Document, Json, child, children, elements, flag, text

EITHER: Final = (Document(type="integer"), Document(type="string"))
UNSUPPORTED: Final = {
    "id": "id",
    "$schema": "schema",
    "$ref": "$ref",
    "patternProperties": "patternProperties",
    "dependencies": "dependencies",
    "additionalItems": "additionalItems",
    "definitions": "definitions",
}
ROOT, ITEM, FIELD = "at the root", "for specified array items", "for specified object fields"
METADATA_ONLY: Final = (
    "must not specify anything other than name and generateName, but metadata is implicitly "
    "specified"
)
_EMPTY_IN_JUNCTORS: Final = (
    ("default", "undefined"), ("title", "empty"), ("description", "empty"), ("nullable", "false"),
    (PRESERVE, "false"), (EMBEDDED, "false"), (INT_OR_TEXT, "false"),
    ("x-kubernetes-list-map-keys", "empty"), ("x-kubernetes-list-type", "undefined"),
    ("x-kubernetes-map-type", "undefined"), ("x-kubernetes-validations", "empty"),
)  # fmt: skip


def no_structure(schema: Document) -> str:
    """Why a schema has no structure to judge, nothing where it has one."""
    for keyword, name in UNSUPPORTED.items():
        if schema.get(keyword) not in (None, ""):
            return f"OpenAPIV3Schema '{name}' is not supported"
    if isinstance(schema.get("items"), tuple):
        return "OpenAPIV3Schema 'items' must be a schema, but is an array"
    if schema.get(PRESERVE) is False:
        return f"internal error: '{PRESERVE}' must be true or undefined"
    return next(filter(None, map(no_structure, parts_of(schema))), "")


def parts_of(schema: Document) -> Iterator[Document]:
    """The schemas directly within a schema, those of junctors included."""
    for keyword in ("not", "items", "additionalProperties"):
        inner = schema.get(keyword)
        if isinstance(inner, Document):
            yield inner
    for keyword in ("allOf", "anyOf", "oneOf"):
        yield from children(schema, keyword)
    for one in child(schema, "properties").values():
        if isinstance(one, Document):
            yield one


def structural_faults(schema: Document, path: str) -> Violations:
    """What keeps a whole schema from being structural.

    >>> from kelm.effects.document import document
    >>> schema = document({"type": "object", "properties": {"a": {}}})
    >>> [one.text for one in structural_faults(schema, "s")]
    ['s.properties[a].type: Required value: must not be empty for specified object fields']
    """
    found = (*_structure(schema, ROOT, path), *_incomplete(schema, schema, path, path))
    return tuple(sorted(found, key=lambda one: one.text))


def _structure(schema: Document, level: str, path: str) -> Rules:
    items, others = schema.get("items"), schema.get("additionalProperties")
    kind = text(schema, "type")
    if kind == "array" and not isinstance(items, Document):
        yield required(f"{path}.items", "must be specified")
    if isinstance(items, Document):
        yield from _structure(items, ITEM, f"{path}.items")
    for name, inner in child(schema, "properties").items():
        if isinstance(inner, Document):
            yield from _structure(inner, FIELD, f"{path}.properties[{name}]")
    if others is not None and level == ROOT:
        yield forbidden(f"{path}.additionalProperties", "must not be used at the root")
    if isinstance(others, Document):
        yield from _structure(others, FIELD, f"{path}.additionalProperties")
    yield from _extensions(schema, path)
    yield from _junctors(schema, level, path, structure=True)
    yield from _type(schema, level, path)
    yield from _meta(schema, level, path)
    if flag(schema, EMBEDDED) and not flag(schema, PRESERVE) and not child(schema, "properties"):
        said = f"must not be empty if {EMBEDDED} is true without {PRESERVE}"
        yield required(f"{path}.properties", said)


def _extensions(schema: Document, path: str) -> Rules:
    if not flag(schema, INT_OR_TEXT):
        return
    for keyword in (PRESERVE, EMBEDDED):
        if flag(schema, keyword):
            said = f"must be false if {INT_OR_TEXT} is true"
            yield invalid_value(f"{path}.{keyword}", True, said)


def _type(schema: Document, level: str, path: str) -> Rules:
    kind, embedded = text(schema, "type"), flag(schema, EMBEDDED)
    if embedded and kind != "object":
        said = f"must be object if {EMBEDDED} is true"
        if kind:
            yield invalid_value(f"{path}.type", kind, said)
        else:
            yield required(f"{path}.type", said)
    elif not kind and not flag(schema, INT_OR_TEXT) and not flag(schema, PRESERVE):
        yield required(f"{path}.type", f"must not be empty {level}")
    if embedded and "additionalProperties" in schema:
        said = f"must not be used if {EMBEDDED} is set"
        yield forbidden(f"{path}.additionalProperties", said)
    if level == ROOT and kind not in ("", "object"):
        yield invalid_value(f"{path}.type", kind, "must be object at the root")


def _meta(schema: Document, level: str, path: str) -> Rules:
    """What every object has is what it is everywhere."""
    properties = child(schema, "properties")
    whole = level == ROOT or flag(schema, EMBEDDED)
    for name in ("kind", "apiVersion"):
        kind = text(properties, name, "type")
        if whole and name in properties and kind != "string":
            yield invalid_value(f"{path}.properties[{name}].type", kind, "must be string")
    if "metadata" not in properties:
        return
    metadata, where = child(properties, "metadata"), f"{path}.properties[metadata]"
    kind = text(metadata, "type")
    if whole and kind != "object":
        yield invalid_value(f"{where}.type", kind, "must be object")
    if level == ROOT and not _restricts_names_only(metadata):
        yield forbidden(where, METADATA_ONLY)


def _restricts_names_only(metadata: Document) -> bool:
    others = metadata.keys() - {"type", "default", "properties"}
    return not others and child(metadata, "properties").keys() <= {"name", "generateName"}


def _junctors(
    schema: Document, level: str, path: str, *, structure: bool = False, first_any: bool = True
) -> Rules:
    """What is wrong with the values that a schema allows.

    structure: the schema has a structure of its own; there, a number or a text may be told with
        types in an `anyOf`, or in the `anyOf` of the first `allOf`.
    """
    any_of, all_of = elements(schema, "anyOf"), children(schema, "allOf")
    skipped = not first_any or (structure and any_of == EITHER)
    for index, one in enumerate(() if skipped else children(schema, "anyOf")):
        yield from _nested(one, level, f"{path}.anyOf[{index}]")
    excused = structure and bool(all_of) and elements(all_of[0], "anyOf") == EITHER
    for index, one in enumerate(all_of):
        first_any = not (excused and index == 0)
        yield from _nested(one, level, f"{path}.allOf[{index}]", first_any=first_any)
    for index, one in enumerate(children(schema, "oneOf")):
        yield from _nested(one, level, f"{path}.oneOf[{index}]")
    excluded = schema.get("not")
    if isinstance(excluded, Document):
        yield from _nested(excluded, level, f"{path}.not")
    yield from _pattern(text(schema, "pattern"), f"{path}.pattern")


def _pattern(pattern: str, path: str) -> Rules:
    read = compiled(pattern)
    if isinstance(read, Failure):
        said = f"must be a valid regular expression, but isn't: {read.failure()}"
        yield invalid_value(path, pattern, said)


def _nested(schema: Document, level: str, path: str, *, first_any: bool = True) -> Rules:
    """A schema within a junctor: it restricts values, and says nothing of what they are."""
    yield from _junctors(schema, level, path, first_any=first_any)
    items = schema.get("items")
    if isinstance(items, Document):
        yield from _nested(items, level, f"{path}.items")
    for name, inner in child(schema, "properties").items():
        if isinstance(inner, Document):
            yield from _nested(inner, FIELD, f"{path}.properties[{name}]")
    if text(schema, "type"):
        yield forbidden(f"{path}.type", "must be empty to be structural")
    if schema.get("additionalProperties") not in (None, False):
        said = "must be undefined to be structural"
        yield forbidden(f"{path}.additionalProperties", said)
    for keyword, wanted in _EMPTY_IN_JUNCTORS:
        if schema.get(keyword) not in (None, False, "", ()):
            yield forbidden(f"{path}.{keyword}", f"must be {wanted} to be structural")
    if "metadata" in child(schema, "properties"):
        said = "must not be specified in a nested context"
        yield forbidden(f"{path}.properties[metadata]", said)


def _incomplete(values: Document, structure: Json, where: str, path: str) -> Rules:
    """What a schema's junctors speak of and its structure does not have.

    where: the structure's path; path: that of what speaks of it.
    """
    excluded = values.get("not")
    if isinstance(excluded, Document):
        yield from _spoken_of(excluded, structure, where, f"{path}.not")
    for keyword in ("allOf", "anyOf", "oneOf"):
        for index, one in enumerate(children(values, keyword)):
            yield from _spoken_of(one, structure, where, f"{path}.{keyword}[{index}]")


def _spoken_of(values: Document, structure: Json, where: str, path: str) -> Rules:
    if not isinstance(structure, Document):
        yield required(where, f"because it is defined in {path}")
        return
    yield from _incomplete(values, structure, where, path)
    items = values.get("items")
    if isinstance(items, Document):
        yield from _spoken_of(items, structure.get("items"), f"{where}.items", f"{path}.items")
    for name, inner in child(values, "properties").items():
        if isinstance(inner, Document):
            step = f"properties[{name}]"
            known = child(structure, "properties").get(name)
            yield from _spoken_of(inner, known, f"{where}.{step}", f"{path}.{step}")
