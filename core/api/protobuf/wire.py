"""Protobuf's wire format: a message as its numbered fields.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from typing import TypeAlias

Fields: TypeAlias = "dict[int, list[int | bytes]]"
"""The values of each field in their order: numbers (also of 32 and 64 bits, as they are
written) and bytes (texts, messages, packed numbers)."""


class Malformed(Exception):
    """The bytes are no message; caught where a body is read."""


def read_fields(data: bytes) -> Fields:
    """The fields of a message.

    Raises:
        Malformed: the bytes end early, or hold a kind of field that there is not.

    >>> read_fields(b"\\x08\\x96\\x01\\x12\\x02hi")
    {1: [150], 2: [b'hi']}
    """
    found: Fields = {}
    place, end = 0, len(data)
    while place < end:
        key, place = read_varint(data, place)
        number, kind = key >> 3, key & 7
        value: int | bytes
        if kind == 0:
            value, place = read_varint(data, place)
        elif kind == 2:
            size, place = read_varint(data, place)
            value, place = data[place : place + size], place + size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, place = int.from_bytes(data[place : place + size], "little"), place + size
        else:
            raise Malformed(f"illegal wireType {kind}")
        if place > end or number == 0:
            raise Malformed("unexpected EOF")
        found.setdefault(number, []).append(value)
    return found


def read_varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends.

    Raises:
        Malformed: it does not end.
    """
    value, shift = 0, 0
    while place < len(data):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise Malformed("integer overflow")
    raise Malformed("unexpected EOF")
