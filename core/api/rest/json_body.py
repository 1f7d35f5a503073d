"""A request's body as a value, and what Go's decoder would say where it is no JSON.

Fields that come twice are named: the last one counts, and whoever asked for strict validation
is refused.

Source: kubernetes v1.36; Go's encoding/json (scanner.go); sigs.k8s.io/json (strict errors).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec

from kelm.effects.document import Document, Json

Pairs: TypeAlias = "tuple[tuple[str, object], ...]"

_AFTER: Final = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": "looking for beginning of object key "
    "string",
    "Expecting ':' delimiter": "after object key",
    "Extra data": "after top-level value",
    "Invalid control character at": "in string literal",
    "Invalid \\escape": "in string escape code",
    "Invalid \\uXXXX escape": "in \\u hexadecimal character escape",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Illegal trailing comma before end of array": "looking for beginning of value",
}
_END: Final = "unexpected end of JSON input"


class Parsed(msgspec.Struct, frozen=True):
    """A body's value, the paths of fields that came twice, or why it is no JSON."""

    value: Json = None
    duplicates: tuple[str, ...] = ()
    fault: str = ""


class _Repeated(dict[str, object]):
    """An object some of whose fields came twice, with all of them in their order."""

    pairs: Pairs


def parse_json(raw: bytes) -> Parsed:
    """Read a body.

    >>> parse_json(b'{"a": [1], "b": {"c": 1, "c": 2}}')
    Parsed(value={'a': (1,), 'b': {'c': 2}}, duplicates=('b.c',), fault='')
    >>> parse_json(b'{"kind":').fault, parse_json(b'{"a" 1}').fault
    ('unexpected end of JSON input', "invalid character '1' after object key")
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode(errors="replace")
    found: list[bool] = []

    def frozen(pairs: list[tuple[str, object]]) -> Document:
        doc = Document([(key, _frozen(value)) for key, value in pairs])
        if len(doc) != len(pairs):
            found.append(True)
        return doc

    try:
        value = _frozen(json.loads(text, object_pairs_hook=frozen))
    except json.JSONDecodeError as wrong:
        return Parsed(fault=_fault(text, wrong))
    except RecursionError:
        return Parsed(fault="exceeded max depth")
    return Parsed(value, tuple(_duplicates(text)) if found else ())


def _frozen(value: object) -> Json:
    if isinstance(value, list):
        return tuple([_frozen(item) for item in value])
    return value  # type: ignore[return-value]  # all that a JSON decoder makes


def _fault(text: str, wrong: json.JSONDecodeError) -> str:
    """Go's words for a syntax error."""
    if wrong.msg.startswith("Unterminated string") or not text[wrong.pos :].strip():
        return _END
    place = wrong.pos + len(text[wrong.pos :]) - len(text[wrong.pos :].lstrip(" \t\r\n"))
    where = _AFTER.get(wrong.msg)
    if wrong.msg == "Expecting ',' delimiter":
        where = "after array element" if _in_array(text, place) else "after object key:value pair"
    if where is None:
        where = "looking for beginning of value"
    return f"invalid character {_quoted(text[place])} {where}"


def _quoted(char: str) -> str:
    """A character as Go's quoteChar writes it."""
    if char == "'":
        return r"'\''"
    if char == '"':
        return "'\"'"
    return f"'{json.dumps(char, ensure_ascii=False)[1:-1]}'"


def _in_array(text: str, end: int) -> bool:
    """Whether the innermost thing that is open at a place is a list."""
    opened: list[str] = []
    in_string = escaped = False
    for char in text[:end]:
        if in_string:
            in_string, escaped = escaped or char != '"', char == "\\" and not escaped
        elif char == '"':
            in_string = True
        elif char in "[{":
            opened.append(char)
        elif char in "]}" and opened:
            opened.pop()
    return bool(opened) and opened[-1] == "["


def _duplicates(text: str) -> Iterator[str]:
    """The paths of fields that came twice."""

    def kept(pairs: list[tuple[str, object]]) -> _Repeated:
        one = _Repeated(pairs)
        one.pairs = tuple(pairs)
        return one

    return _repeated(json.loads(text, object_pairs_hook=kept), "")


def _repeated(value: object, path: str) -> Iterator[str]:
    if isinstance(value, _Repeated):
        seen = set()
        for key, item in value.pairs:
            here = f"{path}.{key}" if path else key
            if key in seen:
                yield here
            seen.add(key)
            yield from _repeated(item, here)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _repeated(item, f"{path}[{index}]")


def summary(raw: bytes, at_most: int = 30) -> str:
    """The beginning of a body, as refusals show it.

    >>> summary(b'{"kind":'), summary(b""), summary(b"[1")
    ('{"kind":', '<empty>', '5b31')
    """
    if not raw:
        return "<empty>"
    short = raw[:at_most]
    shown = short.decode(errors="replace") if raw[:1] == b"{" else short.hex()
    return f"{shown} ..." if len(raw) > at_most else shown
