"""The values that expressions compute with.

    null None, bool, string str, bytes, list tuple      as in Python
    int     a Python int between -2**63 and 2**63 - 1; arithmetic says so where it leaves them
    uint    UInt, an int that says of itself that it is unsigned
    double  float
    map     a dict (of documents: a Document); a key true or false is kept as `Flag`, since in a
            Python dict True and 1 are one key
    others  Timestamp, Duration, Optional, TypeOf, and what libraries add

An object of a schema is a map at run time. `Value` is Any on purpose: what a value is decides
itself while the expression runs, which is what a dynamically typed language means.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, TypeAlias

import msgspec

Value: TypeAlias = Any

LEAST_INT: Final = -(2**63)
MOST_INT: Final = 2**63 - 1
MOST_UINT: Final = 2**64 - 1


class UInt(int):
    """An unsigned integer of 64 bits."""

    __slots__ = ()


class Flag(Enum):
    """A boolean as the key of a map."""

    NO = 0
    YES = 1


class Timestamp(msgspec.Struct, frozen=True, order=True):
    """A moment, in nanoseconds since 1970."""

    ns: int


class Duration(msgspec.Struct, frozen=True, order=True):
    """A span of time, in nanoseconds."""

    ns: int


class Optional(msgspec.Struct, frozen=True):
    """A value that may be missing."""

    value: Value = None
    present: bool = True


NONE: Final = Optional(None, False)


class TypeOf(msgspec.Struct, frozen=True):
    """A type as a value: `int`, or what `type(x)` answers."""

    name: str


class SetList(tuple[Value, ...]):
    """A list whose order does not matter (`x-kubernetes-list-type: set`)."""

    __slots__ = ()


class MapList(tuple[Value, ...]):
    """A list of objects that are told apart by keys (`x-kubernetes-list-type: map`)."""

    keys: tuple[str, ...]


class Extra:
    """What libraries add: an opaque value that names its type."""

    __slots__ = ()
    type_name = ""


class EvaluationFault(Exception):
    """An expression's own error on its way to the `||`, `&&` or caller that ends it.

    Errors of a running expression are no bugs, and cross every function between the operator that
    fails and the one that absorbs them. It never leaves this package: `Program.evaluate` answers
    with a Result.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class OverBudget(EvaluationFault):
    """The expression has cost more than it may. Nothing absorbs this."""


def no_such_overload() -> EvaluationFault:
    return EvaluationFault("no such overload")


def key_of(value: Value) -> Value:
    """A value as the key of a map.

    A double that is a whole number means the integer.
    """
    if value is True:
        return Flag.YES
    if value is False:
        return Flag.NO
    if type(value) is float and value.is_integer():
        return int(value)
    return value


def of_key(key: Value) -> Value:
    """The value that stands as this key in a map."""
    return bool(key.value) if type(key) is Flag else key


_NAMES: Final[dict[type, str]] = {
    type(None): "null_type",
    bool: "bool",
    int: "int",
    UInt: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    Timestamp: "google.protobuf.Timestamp",
    Duration: "google.protobuf.Duration",
    Optional: "optional_type",
    TypeOf: "type",
}


def type_name(value: Value) -> str:
    """What `type(value)` is called.

    >>> type_name(UInt(1)), type_name(1), type_name(())
    ('uint', 'int', 'list')
    """
    name = _NAMES.get(type(value))
    if name is not None:
        return name
    if isinstance(value, tuple):
        return "list"
    if isinstance(value, dict):
        return "map"
    return str(getattr(value, "type_name", "map"))


def equal(left: Value, right: Value) -> bool:
    """Whether two values are equal. Numbers are compared by what they are worth.

    >>> equal(1, 1.0), equal(True, 1), equal((1, UInt(2)), (1.0, 2))
    (True, False, True)
    """
    kind, other = type(left), type(right)
    if kind is other and kind in _PLAIN:
        return bool(left == right)
    if kind is bool or other is bool:
        return False
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right
    if isinstance(left, tuple) and isinstance(right, tuple):
        return _equal_lists(left, right)
    if isinstance(left, dict) and isinstance(right, dict):
        return len(left) == len(right) and all(
            key in right and equal(value, right[key]) for key, value in left.items()
        )
    if kind is Optional and other is Optional:
        if not left.present or not right.present:
            return bool(left.present == right.present)
        return equal(left.value, right.value)
    return kind is other and bool(left == right)


_PLAIN: Final = frozenset({str, int, bool, float, UInt, bytes, Timestamp, Duration, type(None)})


def _equal_lists(left: tuple[Value, ...], right: tuple[Value, ...]) -> bool:
    if len(left) != len(right):
        return False
    if isinstance(left, SetList):
        return all(contains(right, one) for one in left)
    if isinstance(left, MapList):
        return all(any(equal(one, other) for other in right) for one in left)
    return all(map(equal, left, right))


def contains(values: tuple[Value, ...], wanted: Value) -> bool:
    """Whether a list holds a value equal to this one."""
    return any(equal(one, wanted) for one in values)
