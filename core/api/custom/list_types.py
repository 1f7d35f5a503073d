"""Lists that are sets or maps have no item, or no key, twice.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/schema/listtype/validation.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import Rules
from kelm.core.api.validation.violation import duplicate, invalid_value
from kelm.effects.document import EMPTY, Document, Json, child, elements, text

NO_OBJECT: Final = "must be an object for an array of list-type map"


def list_faults(value: Json, schema: Json, path: str = "") -> Rules:
    """What is there twice in a value's sets and maps: each such thing once.

    >>> schema = Document({"x-kubernetes-list-type": "set"})
    >>> [one.text for one in list_faults(("a", "b", "a", "a"), schema, "spec.names")]
    ['spec.names[2]: Duplicate value: "a"']
    """
    if not isinstance(schema, Document):
        return
    if isinstance(value, tuple):
        yield from _repeated(value, schema, path)
        for index, one in enumerate(value):
            yield from list_faults(one, schema.get("items"), f"{path}[{index}]")
    elif isinstance(value, Document):
        properties, others = child(schema, "properties"), schema.get("additionalProperties")
        for key, one in value.items():
            if key in properties:
                yield from list_faults(one, properties[key], f"{path}.{key}" if path else key)
            else:
                yield from list_faults(one, others, f"{path}[{key}]")


def _repeated(value: tuple[Json, ...], schema: Document, path: str) -> Rules:
    kind = text(schema, "x-kubernetes-list-type")
    known = value
    if kind == "map":
        for index, one in enumerate(value):
            if one is not None and not isinstance(one, Document):
                yield invalid_value(f"{path}[{index}]", one, NO_OBJECT)
                return
        keys = tuple(map(str, elements(schema, "x-kubernetes-list-map-keys")))
        known = tuple(_key(one, keys) for one in value)
    elif kind != "set":
        return
    for index, one in enumerate(known):
        if known[:index].count(one) == 1:
            yield duplicate(f"{path}[{index}]", one)


def _key(item: Json, keys: tuple[str, ...]) -> Document:
    found = item if isinstance(item, Document) else EMPTY
    return Document({key: found[key] for key in keys if key in found})
