"""Paths that rules and selectable fields name: `.spec.size`, `.spec['a.b']`.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go
(ValidFieldPath).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from returns.result import Failure, Result, Success

from kelm.effects.document import Document, child

_WORDS: Final = re.compile(r"'(?:[^'\\]|\\.)*'|[.\[\]]|[^.\[\]]+")
_ESCAPES: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "'": "'", "\\": "\\",
}  # fmt: skip
_ENDED: Final = "unexpected end of JSON path"
_NOWHERE: Final = "does not refer to a valid field"


class FieldPath(msgspec.Struct, frozen=True):
    """A path within a schema: as errors show it, its steps, and the schema that it leads to."""

    text: str
    steps: tuple[str, ...]
    schema: Document


class _Wrong(Exception):
    pass


def field_path(path: str, schema: Document, *, brackets: bool = True) -> Result[FieldPath, str]:
    """Follow a path, or say why it leads nowhere.

    >>> from kelm.effects.document import document
    >>> schema = document({"properties": {"spec": {"properties": {"a": {"type": "string"}}}}})
    >>> field_path(".spec.a", schema).unwrap().text, field_path(".spec.b", schema).failure()
    ('spec.a', 'does not refer to a valid field')
    """
    words = iter([match.group() for match in _WORDS.finditer(path)])
    here = FieldPath("", (), schema)
    try:
        for word in words:
            here = _step(here, word, words, brackets)
    except _Wrong as wrong:
        return Failure(str(wrong))
    return Success(here)


def _step(here: FieldPath, word: str, words: Iterator[str], brackets: bool) -> FieldPath:
    if word == ".":
        return _into(here, _next(words))
    if word != "[":
        raise _Wrong(f"expected [ or . but got: {word}")
    if not brackets:
        raise _Wrong("array notation is not allowed")
    quoted = _next(words)
    if len(quoted) < 2 or quoted[0] != "'" or quoted[-1] != "'":
        raise _Wrong(f"expected single quoted string but got {quoted}")
    found = _into(here, _unescaped(quoted[1:-1]))
    closed = _next(words)
    if closed != "]":
        raise _Wrong(f"expected ] but got {closed}")
    return found


def _next(words: Iterator[str]) -> str:
    word = next(words, None)
    if word is None:
        raise _Wrong(_ENDED)
    return word


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        char = match.group()[1]
        if char not in _ESCAPES:
            raise _Wrong(f"invalid string literal: invalid escape char {match.group()}")
        return _ESCAPES[char]

    return re.sub(r"\\.", one, text)


def _into(here: FieldPath, name: str) -> FieldPath:
    properties = here.schema.get("properties")
    others = here.schema.get("additionalProperties")
    if isinstance(properties, Document):
        if name not in properties:
            raise _Wrong(_NOWHERE)
        text = f"{here.text}.{name}" if here.text else name
        return FieldPath(text, (*here.steps, name), child(properties, name))
    if isinstance(others, Document):
        return FieldPath(f"{here.text}[{name}]", (*here.steps, name), others)
    raise _Wrong(_NOWHERE)
