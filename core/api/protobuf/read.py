"""An object that came as Protobuf, as the document that the same object is in JSON.

kubectl and every client written in Go send built-in kinds this way and do not try another when
they are refused; what they are sent may well be JSON.

A body is four bytes, then an envelope with the object's kind and the object. Types are read by
their definitions; what encodes itself (times, quantities, free JSON) has a rule here.

Source: kubernetes v1.36, apimachinery/pkg/runtime/serializer/protobuf/protobuf.go,
apimachinery/pkg/runtime/generated.proto (Unknown),
apiextensions-apiserver/pkg/apis/apiextensions/v1/generated.proto (JSONSchemaPropsOrBool ...).
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Callable
from typing import Final

from kelm.core.api.protobuf.numbers import Numbered, numbers
from kelm.core.api.protobuf.wire import Fields, Malformed, read_fields, read_varint
from kelm.core.api.rest.json_body import Parsed, parse_json
from kelm.core.api.schema.definitions import Definition, Type, definition_of, kubernetes
from kelm.core.objects.time import format_micro_time, format_time
from kelm.effects.document import Document, Json

MAGIC: Final = b"k8s\x00"
SCHEMA: Final = "apiextensions.v1.JSONSchemaProps"
_EITHER: Final = {
    "items": Type("schemaOrList"),
    "additionalItems": Type("schemaOrBool"),
    "additionalProperties": Type("schemaOrBool"),
    "dependencies": Type("map", element=Type("schemaOrTexts")),
}
"""What is one of two things in JSON is a message with both in it here."""
_PLAIN_ZEROES: Final = ("", 0, False, 0.0)


def parse_protobuf(raw: bytes) -> Parsed:
    """Read a body.

    >>> parse_protobuf(b"{}").fault
    'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]'
    """
    if not raw.startswith(MAGIC):
        prefix = " ".join(map(str, MAGIC))
        why = "provided data does not appear to be a protobuf message, expected prefix"
        return Parsed(fault=f"{why} [{prefix}]")
    try:
        envelope = read_fields(raw[len(MAGIC) :])
        kind = read_fields(_bytes(envelope, 1))
        api_version, name = _text(kind, 1), _text(kind, 2)
        definition = _definition(api_version, name)
        if definition is None:
            return Parsed(fault=f'no kind "{name}" is registered for version "{api_version}"')
        body = _message(_bytes(envelope, 2), definition)
    except Malformed as wrong:
        return Parsed(fault=f"proto: {wrong}")
    except (UnicodeDecodeError, ValueError, struct.error):
        return Parsed(fault="proto: malformed message")
    return Parsed(Document({"kind": name, "apiVersion": api_version, **body}))


def _definition(api_version: str, kind: str) -> Definition | None:
    """The type of a kind; deletions' options may come under the version of their object."""
    if kind == "DeleteOptions":
        return kubernetes()["meta.v1.DeleteOptions"]
    return definition_of(api_version, kind)


def _bytes(fields: Fields, number: int) -> bytes:
    values = fields.get(number)
    found = values[-1] if values else b""
    if not isinstance(found, bytes):
        raise Malformed(f"wrong wireType for field {number}")
    return found


def _text(fields: Fields, number: int) -> str:
    return _bytes(fields, number).decode()


def _message(data: bytes, definition: Definition) -> Document:
    """A message of a type, field by field."""
    fields = read_fields(data)
    embedded: dict[tuple[int, ...], Fields] = {(): fields}
    found: dict[str, Json] = {}
    for numbered in numbers()[definition.name]:
        values = _values(embedded, numbered)
        if not values:
            continue
        wanted = definition.fields[numbered.name].type
        if definition.name == SCHEMA:
            wanted = _EITHER.get(numbered.name, wanted)
        value = _field(values, wanted)
        if value is None or (not numbered.keeps_zero and value in _PLAIN_ZEROES):
            continue
        found[numbered.name] = value
    return Document(found)


def _values(embedded: dict[tuple[int, ...], Fields], numbered: Numbered) -> list[int | bytes]:
    """The values of a field, through the messages on the way to it."""
    path = numbered.path
    for length in range(1, len(path)):
        here = path[:length]
        if here not in embedded:
            outer = embedded[here[:-1]]
            embedded[here] = read_fields(_bytes(outer, here[-1]))
    return embedded[path[:-1]].get(path[-1], [])


def _field(values: list[int | bytes], wanted: Type) -> Json:
    if wanted.kind == "list":
        assert wanted.element is not None
        element = wanted.element
        return tuple(_value(value, element) for one in values for value in _unpacked(one, element))
    if wanted.kind == "map":
        assert wanted.element is not None
        return Document(_entry(value, wanted.element) for value in values)
    return _value(values[-1], wanted)


def _unpacked(value: int | bytes, element: Type) -> list[int | bytes]:
    """Numbers may come one by one or all in one."""
    if not isinstance(value, bytes) or element.kind not in ("i32", "i64", "bool"):
        return [value]
    found: list[int | bytes] = []
    place = 0
    while place < len(value):
        number, place = read_varint(value, place)
        found.append(number)
    return found


def _entry(value: int | bytes, element: Type) -> tuple[str, Json]:
    """An entry of a map; lists in maps are messages that hold them in their first field."""
    fields = read_fields(_as_bytes(value))
    if element.kind == "list":
        inner = read_fields(_bytes(fields, 2))
        return _text(fields, 1), _field(inner.get(1, []), element)
    given = fields.get(2)
    zero: int | bytes = 0 if element.kind in _NUMBERS else b""
    return _text(fields, 1), _value(given[-1] if given else zero, element)


def _as_bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise Malformed("wrong wireType")
    return value


def _value(value: int | bytes, wanted: Type) -> Json:
    if wanted.kind in _NUMBERS:
        if isinstance(value, bytes):
            raise Malformed("wrong wireType")
        return _NUMBERS[wanted.kind](value)
    data = _as_bytes(value)
    if wanted.kind == "object":
        return _message(data, kubernetes()[wanted.name])
    return _OWN[wanted.kind](data)


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _double(value: int) -> float:
    number: float = struct.unpack("<d", value.to_bytes(8, "little"))[0]
    return number


def _instant_ms(data: bytes) -> int | None:
    """Milliseconds since 1970; Go writes a time that is not set as nothing."""
    fields = read_fields(data)
    if not fields:
        return None
    seconds, nanoseconds = (fields.get(number, [0])[-1] for number in (1, 2))
    if isinstance(seconds, bytes) or isinstance(nanoseconds, bytes):
        raise Malformed("wrong wireType")
    return _signed(seconds) * 1_000 + _signed(nanoseconds) // 1_000_000


def _time(data: bytes) -> Json:
    at_ms = _instant_ms(data)
    return None if at_ms is None else format_time(at_ms)


def _micro_time(data: bytes) -> Json:
    at_ms = _instant_ms(data)
    return None if at_ms is None else format_micro_time(at_ms)


def _int_or_text(data: bytes) -> Json:
    fields = read_fields(data)
    kind, number = fields.get(1, [0])[-1], fields.get(2, [0])[-1]
    if kind:
        return _text(fields, 3)
    if isinstance(number, bytes):
        raise Malformed("wrong wireType")
    return _signed(number)


def _free(data: bytes) -> Json:
    """JSON inside of a message."""
    inner = _bytes(read_fields(data), 1)
    if not inner:
        return None
    parsed = parse_json(inner)
    if parsed.fault:
        raise Malformed(parsed.fault)
    return parsed.value


def _schema(data: bytes) -> Json:
    return _message(data, kubernetes()[SCHEMA])


def _schema_or_bool(data: bytes) -> Json:
    fields = read_fields(data)
    if 2 in fields:
        return _schema(_bytes(fields, 2))
    return bool(fields.get(1, [0])[-1])


def _schema_or_list(data: bytes) -> Json:
    fields = read_fields(data)
    if 1 in fields:
        return _schema(_bytes(fields, 1))
    return tuple(_schema(_as_bytes(one)) for one in fields.get(2, []))


def _schema_or_texts(data: bytes) -> Json:
    fields = read_fields(data)
    if 1 in fields:
        return _schema(_bytes(fields, 1))
    return tuple(_as_bytes(one).decode() for one in fields.get(2, []))


_NUMBERS: Final[dict[str, Callable[[int], Json]]] = {
    "bool": bool,
    "i32": _signed,
    "i64": _signed,
    "num": _double,
}
_OWN: Final[dict[str, Callable[[bytes], Json]]] = {
    "str": bytes.decode,
    "b64": lambda data: b64encode(data).decode(),
    "time": _time,
    "micro": _micro_time,
    "qty": lambda data: _text(read_fields(data), 1),
    "intstr": _int_or_text,
    "any": _free,
    "schemaOrBool": _schema_or_bool,
    "schemaOrList": _schema_or_list,
    "schemaOrTexts": _schema_or_texts,
}
