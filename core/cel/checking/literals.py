"""Literals that can be judged before anything runs.

Lists and maps hold one type, texts of times, spans and patterns can be read, and a format fits its
arguments.

Source: cel-go v0.26, cel/validator.go, ext/formatting.go (stringFormatValidator); kubernetes v1.36,
apiserver/pkg/cel/environment/base.go (which of them are used).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from returns.result import Failure

from kelm.core.cel.checking.checker import Checked
from kelm.core.cel.checking.types import Type, shown, unwrapped
from kelm.core.cel.libraries.formatting import LETTERS, clauses, unfit, unknown_clause
from kelm.core.cel.running.conversions import to_duration, to_timestamp
from kelm.core.cel.running.patterns import compiled
from kelm.core.cel.running.values import EvaluationFault, Value
from kelm.core.cel.syntax.errors import Issue
from kelm.core.cel.syntax.nodes import Call, ListOf, Literal, MapOf, Node
from kelm.core.cel.syntax.parser import parts_of

_FITTING: Final = {
    "d": ("int", "uint"),
    "f": ("double", "string"),
    "e": ("double", "string"),
    "b": ("int", "uint", "bool"),
    "x": ("int", "uint", "bytes", "string"),
    "X": ("int", "uint", "bytes", "string"),
    "o": ("int", "uint"),
}


def judged(checked: Checked) -> tuple[Issue, ...]:
    """What is wrong with an expression's literals."""
    return tuple(_Judge(checked).of(checked.node, formatted=False))


class _Judge:
    def __init__(self, checked: Checked) -> None:
        self.types = checked.types

    def of(self, node: Node, *, formatted: bool) -> Iterator[Issue]:
        if isinstance(node, ListOf) and not formatted:
            yield from self.list_of(node)
        elif isinstance(node, MapOf) and not formatted:
            yield from self.map_of(node)
        elif isinstance(node, Call):
            yield from self.call(node)
            formatted = formatted or node.function == "format"
        for part in parts_of(node):
            yield from self.of(part, formatted=formatted)

    def mismatch(self, node: Node, expected: Type, found: Type) -> Issue:
        said = f"expected type '{shown(expected)}' but found '{shown(found)}'"
        return Issue(node.at, said)

    def list_of(self, node: ListOf) -> Iterator[Issue]:
        common: Type | None = None
        for index, element in enumerate(node.elements):
            one = self.types[element.id]
            if index in node.optional:
                one, _ = unwrapped(one)
            if common is not None and one != common:
                yield self.mismatch(element, common, one)
                return
            common = one

    def map_of(self, node: MapOf) -> Iterator[Issue]:
        keys: Type | None = None
        values: Type | None = None
        for entry in node.entries:
            key, value = self.types[entry.key.id], self.types[entry.value.id]
            if entry.optional:
                value, _ = unwrapped(value)
            if keys is None or values is None:
                keys, values = key, value
                continue
            if key != keys:
                yield self.mismatch(entry.key, keys, key)
            if value != values:
                yield self.mismatch(entry.value, values, value)

    def call(self, node: Call) -> Iterator[Issue]:
        first = node.args[0] if node.args else None
        if isinstance(first, Literal):
            if node.function in ("duration", "timestamp") and not _converts(node.function, first):
                yield Issue(first.at, f"invalid {node.function} argument")
            if node.function == "matches" and _is_no_pattern(first.value):
                yield Issue(first.at, "invalid matches argument")
        elif node.function == "format" and isinstance(first, ListOf):
            target = node.target
            if isinstance(target, Literal) and isinstance(target.value, str):
                yield from self.format(node, target.value, first.elements)

    def format(self, node: Call, text: str, args: tuple[Node, ...]) -> Iterator[Issue]:
        try:
            found = [one for one in clauses(text) if one.letter]
        except EvaluationFault as fault:
            yield Issue(node.at, fault.message)
            return
        for index, clause in enumerate(found):
            if index >= len(args):
                yield Issue(node.at, f"index {index} out of range")
                return
            if clause.letter == "%":
                yield Issue(node.at, "unexpected end of string")
                return
            if clause.letter not in LETTERS:
                yield Issue(node.at, unknown_clause(clause.letter))
                return
            one = self.types[args[index].id]
            if not _fits(clause.letter, one):
                yield Issue(args[index].at, unfit(clause.letter, one.name or one.kind))
                return
        if len(args) > len(found):
            counts = f"(expected {len(found)}, got {len(args)})"
            yield Issue(node.at, f"too many arguments supplied to string.format {counts}")


def _is_no_pattern(value: Value) -> bool:
    return isinstance(value, str) and isinstance(compiled(value), Failure)


def _fits(letter: str, one: Type) -> bool:
    if one.kind in ("dyn", "param", "error"):
        return True
    if letter == "s":
        return one.kind not in ("object", "opaque")
    return one.kind in _FITTING[letter]


def _converts(function: str, literal: Literal) -> bool:
    convert = to_duration if function == "duration" else to_timestamp
    value: Value = literal.value
    try:
        convert(value)
    except EvaluationFault:
        return False
    return True
