"""The parts of a parsed expression.

`at` is the offset of the character that an error about this part points to, counted in code
points: an operator, a dot, an opening bracket, or the beginning of a name or literal. `id` tells
equal parts of one expression apart; the checker files types under it.

Source: cel-go v0.26, common/ast; the language definition of cel-spec.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from kelm.core.cel.running.values import Value


class Literal(msgspec.Struct, frozen=True):
    id: int
    at: int
    value: Value


class Ident(msgspec.Struct, frozen=True):
    id: int
    at: int
    name: str


class Select(msgspec.Struct, frozen=True):
    """`operand.field`; a `test` only asks whether the field is there."""

    id: int
    at: int
    operand: Node
    field: str
    test: bool = False


class Call(msgspec.Struct, frozen=True):
    """A function or operator, or a method where there is a target."""

    id: int
    at: int
    function: str
    args: tuple[Node, ...]
    target: Node | None = None


class ListOf(msgspec.Struct, frozen=True):
    """`optional` holds the positions of elements that are only there if they have a value."""

    id: int
    at: int
    elements: tuple[Node, ...]
    optional: tuple[int, ...] = ()


class Entry(msgspec.Struct, frozen=True):
    """One entry of a map."""

    at: int
    key: Node
    value: Node
    optional: bool = False


class MapOf(msgspec.Struct, frozen=True):
    id: int
    at: int
    entries: tuple[Entry, ...]


class FieldValue(msgspec.Struct, frozen=True):
    """One field of an object that is made."""

    at: int
    name: str
    value: Node
    optional: bool = False


class ObjectOf(msgspec.Struct, frozen=True):
    id: int
    at: int
    type_name: str
    fields: tuple[FieldValue, ...]


class Comprehension(msgspec.Struct, frozen=True):
    """A fold: what the macros all, exists, map, filter and others stand for."""

    id: int
    at: int
    range: Node
    variable: str
    second: str
    accumulator: str
    init: Node
    condition: Node
    step: Node
    result: Node


Node: TypeAlias = Literal | Ident | Select | Call | ListOf | MapOf | ObjectOf | Comprehension
