"""A request's body as a value, and what Go's decoder would say where it is no JSON.

Fields that come twice are named: the last one counts, and whoever asked for strict validation
is refused.

Source: kubernetes v1.36; Go's encoding/json (scanner.go); sigs.k8s.io/json (strict errors).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isinf
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
    """A body's value, the paths of fields that came twice, or why it cannot be read.

    repeated: what go-yaml says of keys that came twice, where the body is YAML.
    """

    value: Json = None
    duplicates: tuple[str, ...] = ()
    fault: str = ""
    repeated: str = ""

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is said of fields that came twice."""
        said = tuple(f'duplicate field "{path}"' for path in self.duplicates)
        return (*said, self.repeated) if self.repeated else said


class _Repeated(dict[str, object]):
    """An object some of whose fields came twice, with all of them in their order."""

    pairs: Pairs


def parse_json(raw: bytes) -> Parsed:
    """Read a body.

    >>> parse_json(b'{"a": [1], "b": {"c": 1, "c": 2}}')
    Parsed(value={'a': (1,), 'b': {'c': 2}}, duplicates=('b.c',), fault='', repeated='')
    >>> parse_json(b'{"kind":').fault, parse_json(b'{"a" 1}').fault
    ('unexpected end of JSON input', "invalid character '1' after object key")
    >>> parse_json(b'[NaN]').fault
    "invalid character 'N' looking for beginning of value"
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
        loaded = json.loads(
            text, object_pairs_hook=frozen, parse_constant=_no_constant, parse_float=_finite
        )
        value = _frozen(loaded)
        duplicates = tuple(_duplicates(text)) if found else ()
    except json.JSONDecodeError as wrong:
        return Parsed(fault=_fault(text, wrong))
    except RecursionError:
        return Parsed(fault="exceeded max depth")
    except ValueError as wrong:
        return Parsed(fault=_said(wrong))
    return Parsed(_writable(value) if "\\ud" in text.lower() else value, duplicates)


class _NoNumber(ValueError):
    """Something that Python reads as a number, and Go does not."""


def _no_constant(word: str) -> Json:
    raise _NoNumber(f"invalid character '{word.lstrip('-')[0]}' looking for beginning of value")


def _finite(text: str) -> float:
    value = float(text)
    if isinf(value):
        shown = text if len(text) < 40 else f"{text[:37]}..."
        raise _NoNumber(f"json: cannot unmarshal number {shown} into Go value of type float64")
    return value


def _said(wrong: ValueError) -> str:
    """Why a number is none; Python says of one with too many digits what is no business of ours."""
    if isinstance(wrong, _NoNumber):
        return str(wrong)
    return "json: cannot unmarshal number into Go value of type float64"


def _writable(value: Json) -> Json:
    """A value whose texts can be written as UTF-8: half of a surrogate pair is no character."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Document):
        return Document({str(_writable(key)): _writable(item) for key, item in value.items()})
    return tuple(map(_writable, value)) if isinstance(value, tuple) else value


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
