"""`"%s is %d".format([...])`, and the check of its literals.

Source: cel-go v0.26, ext/formatting.go (locale en_US).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isfinite
from typing import Final

import msgspec

from kelm.core.cel.running.conversions import to_double, to_string
from kelm.core.cel.running.values import (
    EvaluationFault,
    TypeOf,
    UInt,
    Value,
    of_key,
    type_name,
)

PRECISION: Final = 6
_SUPERSCRIPTS: Final = str.maketrans("+-0123456789", "⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SPECIAL: Final = ("NaN", "Infinity", "-Infinity")
_WANTED: Final = {
    "s": "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, "
    "types, durations, and timestamps",
    "d": "decimal clause can only be used on integers",
    "f": "fixed-point clause can only be used on doubles",
    "e": "scientific clause can only be used on doubles",
    "b": "only integers and bools can be formatted as binary",
    "x": "only integers, byte buffers, and strings can be formatted as hex",
    "o": "octal clause can only be used on integers",
}
"""What each clause asks for, as its refusal says."""


class Clause(msgspec.Struct, frozen=True):
    """One clause of a format: its letter, its precision, and the text before it."""

    before: str
    letter: str
    precision: int | None


def clauses(text: str) -> Iterator[Clause]:
    """The clauses of a format, last the text after them with no letter.

    >>> [one.letter for one in clauses("%s is %.2f%%")]
    ['s', 'f', '']
    """
    before, at = "", 0
    while at < len(text):
        if text[at] != "%":
            before += text[at]
            at += 1
            continue
        if text[at + 1 : at + 2] == "%":
            before += "%"
            at += 2
            continue
        if at + 1 >= len(text):
            yield Clause(before, "%", None)
            return
        end, precision = at + 1, None
        if text[end] == ".":
            end += 1
            start = end
            while text[end : end + 1].isdigit():
                end += 1
            if end >= len(text) or start == end:
                said = "error while parsing precision: could not find end of precision specifier"
                raise EvaluationFault(f"could not parse formatting clause: {said}")
            precision = min(int(text[start:end]), 1000)
        yield Clause(before, text[end], precision)
        before, at = "", end + 1
    yield Clause(before, "", None)


def formatted(text: str, args: tuple[Value, ...]) -> str:
    """A format filled in.

    >>> formatted("%s=%d, %.1f%%", ("a", 3, 2.55))
    'a=3, 2.5%'
    """
    parts: list[str] = []
    for index, clause in enumerate(clauses(text)):
        parts.append(clause.before)
        if not clause.letter:
            break
        if index >= len(args):
            raise EvaluationFault(f"index {index} out of range")
        if clause.letter == "%":
            raise EvaluationFault("unexpected end of string")
        parts.append(_filled(clause, args[index]))
    return "".join(parts)


def unknown_clause(letter: str) -> str:
    return f'could not parse formatting clause: unrecognized formatting clause "{letter}"'


def unfit(letter: str, found: str) -> str:
    return f"error during formatting: {_WANTED[letter.lower()]}, was given {found}"


def _filled(clause: Clause, value: Value) -> str:
    fill = _CLAUSES.get(clause.letter)
    if fill is None:
        raise EvaluationFault(unknown_clause(clause.letter))
    filled = fill(value, clause)
    if filled is None:
        raise EvaluationFault(unfit(clause.letter, type_name(value)))
    return filled


def _text(value: Value, _clause: Clause) -> str | None:
    if value is None:
        return "null"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_member, value)) + "]"
    if isinstance(value, dict):
        pairs = sorted((_member(of_key(key)), _member(one)) for key, one in value.items())
        return "{" + ", ".join(f"{key}:{one}" for key, one in pairs) + "}"
    if type(value) is TypeOf:
        return value.name
    if hasattr(value, "type_name") or type_name(value) in ("optional_type", "map"):
        return None
    return to_string(value)


def _member(value: Value) -> str:
    """A value within a list or map, as it would be written in an expression."""
    kind = type(value)
    if kind is str:
        return _quoted(value)
    if kind is bytes:
        return f"b{_quoted(to_string(value))}"
    if kind is float:
        return f"{value:.{PRECISION}f}" if isfinite(value) else f'"{to_string(value)}"'
    if type(value) is TypeOf:
        return f"type({value.name})"
    found = _text(value, Clause("", "s", None))
    if found is None:
        raise EvaluationFault(f"no formatting function for {type_name(value)}")
    return found


def _quoted(text: str) -> str:
    from kelm.core.api.validation.violation import quoted

    return quoted(text)


def _is_integer(value: Value) -> bool:
    return type(value) is int or type(value) is UInt


def _decimal(value: Value, _clause: Clause) -> str | None:
    return str(int(value)) if _is_integer(value) else None


def _double(value: Value) -> float | None:
    if type(value) is float:
        return float(value)
    return to_double(value) if type(value) is str and value in _SPECIAL else None


def _unusual(value: float) -> str | None:
    if isfinite(value):
        return None
    return "NaN" if value != value else ("∞" if value > 0 else "-∞")


def _fixed(value: Value, clause: Clause) -> str | None:
    number = _double(value)
    if number is None:
        return None
    precision = PRECISION if clause.precision is None else clause.precision
    return _unusual(number) or f"{number:,.{precision}f}"


def _scientific(value: Value, clause: Clause) -> str | None:
    number = _double(value)
    if number is None:
        return None
    if (unusual := _unusual(number)) is not None:
        return unusual
    precision = PRECISION if clause.precision is None else clause.precision
    mantissa, _, exponent = f"{number:.{precision}e}".partition("e")
    shown = exponent.lstrip("+").translate(_SUPERSCRIPTS)
    return f"{mantissa}\u00d710{shown}"


def _binary(value: Value, _clause: Clause) -> str | None:
    if type(value) is bool:
        return "1" if value else "0"
    return f"{int(value):b}" if _is_integer(value) else None


def _hex(value: Value, clause: Clause) -> str | None:
    if type(value) is str:
        shown = value.encode().hex()
    elif type(value) is bytes:
        shown = value.hex()
    elif _is_integer(value):
        shown = f"{int(value):x}"
    else:
        return None
    return shown.upper() if clause.letter == "X" else shown


def _octal(value: Value, _clause: Clause) -> str | None:
    return f"{int(value):o}" if _is_integer(value) else None


_CLAUSES: Final[dict[str, Callable[[Value, Clause], str | None]]] = {
    "s": _text, "d": _decimal, "f": _fixed, "e": _scientific,
    "b": _binary, "x": _hex, "X": _hex, "o": _octal,
}  # fmt: skip
LETTERS: Final = frozenset(_CLAUSES)

FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {"format": formatted}
