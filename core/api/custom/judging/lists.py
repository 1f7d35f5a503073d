"""What is wrong with what a schema says of how its lists and maps merge.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go
(ValidateCustomResourceDefinitionOpenAPISchema, validateMapListKeysMapSet).
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.custom.judging.printed import schema_in_go
from kelm.core.api.validation.fields import Rules
from kelm.core.api.validation.violation import (
    Struct,
    forbidden,
    invalid_value,
    not_supported,
    required,
)
from kelm.effects.document import Document, child, elements, flag, text

LIST_TYPE: Final = "x-kubernetes-list-type"
MAP_TYPE: Final = "x-kubernetes-map-type"
KEYS: Final = "x-kubernetes-list-map-keys"
LIST_TYPES: Final = ("atomic", "set", "map")
MAP_TYPES: Final = ("atomic", "granular")
ATOMIC_IN_SET: Final = "must be atomic as item of a list with x-kubernetes-list-type=set"


def merging_faults(schema: Document, path: str, *, atomic_sets: bool = True) -> Rules:
    """What is wrong with a schema's list type, map type and keys, but for `key_faults`."""
    yield from _typed(schema, path, MAP_TYPE, "object")
    map_type, list_type = schema.get(MAP_TYPE), schema.get(LIST_TYPE)
    if map_type is not None and map_type not in MAP_TYPES:
        yield not_supported(f"{path}.{MAP_TYPE}", map_type, MAP_TYPES)
    untyped = tuple(_typed(schema, path, LIST_TYPE, "array"))
    yield from untyped
    if not untyped and atomic_sets:
        yield from set_faults(schema, path)
    if list_type is not None and list_type not in LIST_TYPES:
        yield not_supported(f"{path}.{LIST_TYPE}", list_type, LIST_TYPES)
    if elements(schema, KEYS) and list_type != "map":
        said = f"must be map if {KEYS} is non-empty"
        if list_type is None:
            yield required(f"{path}.{LIST_TYPE}", said)
        else:
            yield invalid_value(f"{path}.{LIST_TYPE}", list_type, said)
    if list_type == "map":
        yield from _map_faults(schema, path)


def _typed(schema: Document, path: str, keyword: str, wanted: str) -> Rules:
    kind = text(schema, "type")
    if schema.get(keyword) is None or kind == wanted:
        return
    said = f"must be {wanted} if {keyword} is specified"
    if kind:
        yield invalid_value(f"{path}.type", kind, said)
    else:
        yield required(f"{path}.type", said)


def set_faults(schema: Document, path: str) -> Rules:
    """Items of a set are compared as wholes: they must be one value each."""
    items = schema.get("items")
    if schema.get(LIST_TYPE) != "set" or not isinstance(items, Document):
        return
    shown = items.get(LIST_TYPE)
    if text(items, "type") == "array" and shown not in (None, "atomic"):
        yield invalid_value(f"{path}.items.{LIST_TYPE}", shown, ATOMIC_IN_SET)
    if text(items, "type") == "object" and items.get(MAP_TYPE) != "atomic":
        # Upstream shows the list type here too.
        yield invalid_value(f"{path}.items.{MAP_TYPE}", shown, ATOMIC_IN_SET)


def _map_faults(schema: Document, path: str) -> Rules:
    keys, items = elements(schema, KEYS), schema.get("items")
    if not keys:
        yield required(f"{path}.{KEYS}", f"must not be empty if {LIST_TYPE} is map")
    if items is None:
        yield required(f"{path}.items", f"must have a schema if {LIST_TYPE} is map")
    elif not isinstance(items, Document):
        several = items if isinstance(items, tuple) else ()
        schemas = tuple(schema_in_go(one) for one in several if isinstance(one, Document))
        shown = Struct(Schema=None, JSONSchemas=schemas or None)
        said = f"must only have a single schema if {LIST_TYPE} is map"
        yield invalid_value(f"{path}.items", shown, said)
    elif text(items, "type") != "object":
        said = f"must be object if parent array's {LIST_TYPE} is map"
        yield invalid_value(f"{path}.items.type", text(items, "type"), said)
    else:
        yield from _named_keys(keys, items, path)


def _named_keys(keys: tuple[object, ...], items: Document, path: str) -> Rules:
    shown = tuple(map(str, keys))
    for index, key in enumerate(shown):
        if key not in child(items, "properties"):
            said = "entries must all be names of item properties"
            yield invalid_value(f"{path}.{KEYS}", shown, said)
        elif text(items, "properties", key, "type") in ("array", "object"):
            said = f"must be a scalar type if parent array's {LIST_TYPE} is map"
            yield invalid_value(f"{path}.items.properties[{key}].type", "object", said)
        if key in shown[:index]:
            yield invalid_value(f"{path}.{KEYS}", shown, "must not contain duplicate entries")


def key_faults(schema: Document, path: str) -> Rules:
    """Items of sets and maps are there, and so are the keys that tell them apart."""
    items, kind = schema.get("items"), schema.get(LIST_TYPE)
    if not isinstance(items, Document) or kind not in ("set", "map"):
        return
    if flag(items, "nullable"):
        said = f"cannot be nullable when {LIST_TYPE} is {kind}"
        yield forbidden(f"{path}.items.nullable", said)
    if kind != "map":
        return
    needed = elements(items, "required")
    for key in map(str, elements(schema, KEYS)):
        inner, where = child(items, "properties").get(key), f"{path}.items.properties[{key}]"
        if not isinstance(inner, Document):
            continue
        because = f"this property is in {KEYS}, so it"
        if key not in needed and "default" not in inner:
            said = f"{because} must have a default or be a required property"
            yield required(f"{where}.default", said)
        if flag(inner, "nullable"):
            yield forbidden(f"{where}.nullable", f"{because} cannot be nullable")
