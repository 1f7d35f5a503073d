"""Types, sizes and values of data that a structural schema describes.

What no expression may see is left out: objects with unknown fields show only the known ones, lists
and maps of what has no type have none themselves.

Source: kubernetes v1.36, apiserver/pkg/cel/common/schemas.go (types and sizes),
common/valuesunstructured.go (values), apiserver/pkg/cel/types.go (names of types), limits.go.
"""

from __future__ import annotations

from binascii import Error, a2b_base64
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

import msgspec

from kelm.core.cel.checking.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    Type,
    list_of,
    map_of,
    object_type,
)
from kelm.core.cel.escaping import escaped
from kelm.core.cel.running.conversions import moment_of
from kelm.core.cel.running.values import Duration, MapList, SetList, Timestamp, Value
from kelm.core.objects.duration import read_go_duration_ns
from kelm.effects.document import EMPTY, Document, Json, child, elements, flag, text

MOST_BYTES: Final = 3 * 1024 * 1024
"""The largest request that is accepted, which bounds everything that has no bound of its own."""

EMBEDDED: Final = "x-kubernetes-embedded-resource"
INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_WITHOUT_BOUND: Final = 0
_DURATION_BYTES, _DATE_BYTES, _TIME_BYTES = 32, 12, 32

Reader: TypeAlias = Callable[[Json], Value]
"""Makes an expression's value of a schema's; None stands for one that changes nothing."""

_META: Final = Document(
    type="object",
    properties=Document(name=Document(type="string"), generateName=Document(type="string")),
)
_TEXT: Final = Document(type="string")


class Declared(msgspec.Struct, frozen=True):
    """What an expression may know of a schema.

    most: how many elements, entries or characters there can be; 0 for what has none.
    least_bytes: how many bytes of JSON the least such value takes.
    fields: by the names that expressions use; `properties` says which property each one is.
    """

    type: Type
    most: int
    least_bytes: int
    read: Reader | None = None
    fields: Mapping[str, Declared] = {}
    properties: Mapping[str, str] = {}
    element: Declared | None = None


def declare(schema: Document, name: str, *, root: bool) -> Declared | None:
    """What a schema declares; None where it must not be seen.

    Args:
        name: what its type is called, and those of its parts after it.
        root: whether it is of a whole resource, which has a kind, a version and a name.

    >>> from kelm.effects.document import document
    >>> schema = document({"type": "object", "properties": {"a-b": {"type": "integer"}}})
    >>> list(declare(schema, "T", root=False).fields)
    ['a__dash__b']
    """
    if flag(schema, INT_OR_STRING):
        longest = schema.get("maxLength")
        bound = 4 * max(longest, 0) if isinstance(longest, int) else MOST_BYTES - 2
        return Declared(DYN, bound, 1)
    kind = text(schema, "type")
    if kind == "object" or root:
        return _object(with_metadata(schema) if root else schema, name)
    if kind == "array":
        return _list(schema, name)
    if kind == "string":
        return _text(schema)
    return _SIMPLE.get(kind)


def with_metadata(schema: Document) -> Document:
    """The schema of a resource with what every resource has."""
    properties = child(schema, "properties")
    known = {"apiVersion": _TEXT, "kind": _TEXT, "metadata": _META}
    return Document({**schema, "properties": Document({**properties, **known})})


def is_embedded(schema: Document) -> bool:
    return flag(schema, EMBEDDED)


def _double(value: Json) -> Value:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _integer(value: Json) -> Value:
    return int(value) if isinstance(value, float) and value.is_integer() else value


_SIMPLE: Final = {
    "boolean": Declared(BOOL, _WITHOUT_BOUND, 4),
    "number": Declared(DOUBLE, _WITHOUT_BOUND, 1, _double),
    "integer": Declared(INT, _WITHOUT_BOUND, 1, _integer),
}


def _list(schema: Document, name: str) -> Declared | None:
    items = schema.get("items")
    if not isinstance(items, Document):
        return None
    element = declare(items, f"{name}.@idx", root=is_embedded(items))
    if element is None:
        return None
    most = schema.get("maxItems")
    if not isinstance(most, int):
        most = (MOST_BYTES - 2) // (element.least_bytes + 1)
    read = _reader_of_lists(schema, element.read)
    return Declared(list_of(element.type), max(most, 0), 2, read, element=element)


def _reader_of_lists(schema: Document, item: Reader | None) -> Reader | None:
    kind = text(schema, "x-kubernetes-list-type")
    keys = tuple(map(str, elements(schema, "x-kubernetes-list-map-keys")))
    if item is None and kind not in ("set", "map"):
        return None

    def read(value: Json) -> Value:
        if not isinstance(value, tuple):
            return value
        items = value if item is None else tuple(map(item, value))
        if kind == "set":
            return SetList(items)
        if kind != "map":
            return items
        made = MapList(items)
        made.keys = keys
        return made

    return read


def _object(schema: Document, name: str) -> Declared | None:
    others = schema.get("additionalProperties")
    if isinstance(others, Document):
        return _map(schema, others, name)
    fields: dict[str, Declared] = {}
    properties: dict[str, str] = {}
    required = elements(schema, "required")
    least, readers = 2, {}
    for key, inner in child(schema, "properties").items():
        inner = inner if isinstance(inner, Document) else EMPTY
        known = escaped(key)
        one = declare(inner, f"{name}.{known or key}", root=is_embedded(inner))
        if one is None:
            continue
        if known is not None:
            fields[known] = one
            properties[known] = key
        if one.read is not None:
            readers[key] = one.read
        if key in required and inner.get("default") is None:
            least += len(key.encode()) + one.least_bytes + 4
    read = _reader_of_objects(readers)
    return Declared(object_type(name), _WITHOUT_BOUND, least, read, fields, properties)


def _reader_of_objects(readers: Mapping[str, Reader]) -> Reader | None:
    if not readers:
        return None

    def read(value: Json) -> Value:
        if not isinstance(value, dict):
            return value
        return {
            key: readers[key](one) if key in readers and one is not None else one
            for key, one in value.items()
        }

    return read


def _map(schema: Document, values: Document, name: str) -> Declared | None:
    element = declare(values, f"{name}.@elem", root=is_embedded(values))
    if element is None:
        return None
    most = schema.get("maxProperties")
    if not isinstance(most, int):
        most = (MOST_BYTES - 2) // (element.least_bytes + 6)
    item = element.read

    def read(value: Json) -> Value:
        if not isinstance(value, dict) or item is None:
            return value
        return {key: one if one is None else item(one) for key, one in value.items()}

    of_values = None if item is None else read
    kind = map_of(STRING, element.type)
    return Declared(kind, max(most, 0), 2, of_values, element=element)


def _text(schema: Document) -> Declared:
    longest = schema.get("maxLength")
    shape = text(schema, "format")
    if shape == "duration":
        return Declared(DURATION, _DURATION_BYTES, 3, _span)
    if shape == "date":
        return Declared(TIMESTAMP, _DATE_BYTES, _DATE_BYTES, _date)
    if shape == "date-time":
        return Declared(TIMESTAMP, _TIME_BYTES, 21, _moment)
    if shape == "byte":
        bound = max(longest, 0) if isinstance(longest, int) else MOST_BYTES - 2
        return Declared(BYTES, bound, 2, _bytes)
    if isinstance(longest, int):
        return Declared(STRING, 4 * max(longest, 0), 2)
    choices = elements(schema, "enum")
    if choices:
        lengths = (len(one.encode()) for one in choices if isinstance(one, str))
        return Declared(STRING, max(lengths, default=0), 2)
    return Declared(STRING, MOST_BYTES - 2, 2)


def _span(value: Json) -> Value:
    found = read_go_duration_ns(value) if isinstance(value, str) else None
    return value if found is None else Duration(found)


def _date(value: Json) -> Value:
    found = moment_of(f"{value}T00:00:00Z")
    return value if found is None else Timestamp(found)


def _moment(value: Json) -> Value:
    found = moment_of(value.upper()) if isinstance(value, str) else None
    return value if found is None else Timestamp(found)


def _bytes(value: Json) -> Value:
    try:
        return a2b_base64(value.encode()) if isinstance(value, str) else value
    except Error:
        return value


def value_of(declared: Declared, value: Json) -> Value:
    """A schema's value as expressions see it."""
    return value if declared.read is None or value is None else declared.read(value)


def objects_of(declared: Declared) -> dict[str, Mapping[str, Type]]:
    """The fields of each object type within, for an Environment."""
    return {
        one.type.name: {name: inner.type for name, inner in one.fields.items()}
        for one in _all_within(declared)
        if one.type.kind == "object"
    }


def properties_of(declared: Declared) -> Callable[[str, str], str]:
    """Which property a field of an object type is."""
    known = {one.type.name: one.properties for one in _all_within(declared)}

    def of(type_name: str, field: str) -> str:
        return known.get(type_name, {}).get(field, field)

    return of


def _all_within(declared: Declared) -> Iterator[Declared]:
    yield declared
    if declared.element is not None:
        yield from _all_within(declared.element)
    for inner in declared.fields.values():
        yield from _all_within(inner)


def sizes_of(declared: Declared) -> Callable[[tuple[str, ...]], int | None]:
    """How large what is at a path from any variable of this type can be."""

    def of(path: tuple[str, ...]) -> int | None:
        here = declared
        for step in path[1:]:
            if step in ("@items", "@values"):
                found = here.element
            elif step == "@keys":
                found = _KEY if here.type.kind == "map" else None
            else:
                found = here.fields.get(step)
            if found is None:
                return None
            here = found
        return here.most

    return of


_KEY: Final = Declared(STRING, _WITHOUT_BOUND, 2)
