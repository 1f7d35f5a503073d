"""Texts, and patterns in them.

Source: cel-go v0.26, ext/strings.go (version 2); kubernetes v1.36, apiserver/pkg/cel/
library/regex.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from returns.result import Failure

from kelm.core.cel.running.patterns import compiled
from kelm.core.cel.running.values import EvaluationFault, Value, equal
from kelm.core.cel.running.writing import written

_UPPER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_LOWER: Final = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005"
    "\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
_QUOTED: Final = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
    "\\": "\\\\", '"': '\\"',
}  # fmt: skip


def _outside(index: int) -> EvaluationFault:
    return EvaluationFault(f"index out of range: {index}")


def _contains(text: str, part: str) -> bool:
    return part in text


def _starts_with(text: str, part: str) -> bool:
    return text.startswith(part)


def _ends_with(text: str, part: str) -> bool:
    return text.endswith(part)


def _char_at(text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise _outside(index)
    return text[index : index + 1]


def _index_of(where: Value, wanted: Value, offset: int = 0) -> int:
    """The first place of a text in a text, or of a value in a list; -1 where it is not there."""
    if isinstance(where, tuple):
        return next((index for index, one in enumerate(where) if equal(one, wanted)), -1)
    if wanted == "":
        return offset
    if offset < 0:
        raise _outside(offset)
    return str(where).find(wanted, offset)


def _last_index_of(where: Value, wanted: Value, offset: int | None = None) -> int:
    if isinstance(where, tuple):
        places = [index for index, one in enumerate(where) if equal(one, wanted)]
        return places[-1] if places else -1
    if wanted == "":
        return len(where) if offset is None else offset
    if offset is None:
        return str(where).rfind(wanted)
    if offset < 0:
        raise _outside(offset)
    return -1 if offset >= len(where) else str(where).rfind(wanted, 0, offset + len(wanted))


def _join(values: tuple[Value, ...], separator: str = "") -> str:
    for one in values:
        if type(one) is not str:
            raise EvaluationFault(f"join: invalid input: {written(one)}")
    return separator.join(values)


def _lower(text: str) -> str:
    return text.translate(_UPPER)


def _upper(text: str) -> str:
    return text.translate(_LOWER)


def _replace(text: str, old: str, new: str, times: int = -1) -> str:
    return text.replace(old, new, times)


def _split(text: str, separator: str, most: int = -1) -> tuple[str, ...]:
    """The parts between separators, at most so many; an empty one splits into characters."""
    if most == 0:
        return ()
    if separator == "":
        if most < 0 or most >= len(text):
            return tuple(text)
        return (*text[: most - 1], text[most - 1 :])
    return tuple(text.split(separator, -1 if most < 0 else most - 1))


def _substring(text: str, start: int, end: int | None = None) -> str:
    if end is None:
        if not 0 <= start <= len(text):
            raise _outside(start)
        return text[start:]
    if start > end:
        raise EvaluationFault(f"invalid substring range. start: {start}, end: {end}")
    for index in (start, end):
        if not 0 <= index <= len(text):
            raise _outside(index)
    return text[start:end]


def _trim(text: str) -> str:
    return text.strip(_SPACE)


def _quote(text: str) -> str:
    return '"' + "".join(_QUOTED.get(char, char) for char in text) + '"'


def pattern_of(pattern: str) -> re.Pattern[str]:
    """A pattern that was not known before."""
    read = compiled(pattern)
    if isinstance(read, Failure):
        raise EvaluationFault(read.failure())
    return read.unwrap()


def _matches(text: str, pattern: str) -> bool:
    return pattern_of(pattern).search(text) is not None


def _find(text: str, pattern: str) -> str:
    found = pattern_of(pattern).search(text)
    return "" if found is None else found.group()


def _find_all(text: str, pattern: str, most: int = -1) -> tuple[str, ...]:
    found = [match.group() for match in pattern_of(pattern).finditer(text)]
    return tuple(found if most < 0 else found[:most])


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "contains": _contains,
    "startsWith": _starts_with,
    "endsWith": _ends_with,
    "charAt": _char_at,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "join": _join,
    "lowerAscii": _lower,
    "upperAscii": _upper,
    "replace": _replace,
    "split": _split,
    "substring": _substring,
    "trim": _trim,
    "strings.quote": _quote,
    "matches": _matches,
    "find": _find,
    "findAll": _find_all,
}
