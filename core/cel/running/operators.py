"""Arithmetic and comparison, exact to the bit: what leaves its type's range is an error.

Source: cel-go v0.26, common/types (int.go, uint.go, double.go, duration.go, timestamp.go).
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isnan, nan
from operator import ge, gt, le, lt
from typing import Final

from kelm.core.cel.running.values import (
    LEAST_INT,
    MOST_INT,
    MOST_UINT,
    Duration,
    EvaluationFault,
    MapList,
    Optional,
    SetList,
    Timestamp,
    UInt,
    Value,
    contains,
    equal,
    key_of,
    no_such_overload,
)
from kelm.core.cel.running.writing import LEAST_SECONDS, MOST_SECONDS, SECOND

MOST_SPAN_NS: Final = 2**63 - 1


def int_of(value: int) -> int:
    """A result that must be an int."""
    if LEAST_INT <= value <= MOST_INT:
        return value
    raise EvaluationFault("integer overflow")


def uint_of(value: int) -> UInt:
    """A result that must be a uint."""
    if 0 <= value <= MOST_UINT:
        return UInt(value)
    raise EvaluationFault("unsigned integer overflow")


def duration_of(ns: int) -> Duration:
    if -MOST_SPAN_NS - 1 <= ns <= MOST_SPAN_NS:
        return Duration(ns)
    raise EvaluationFault("integer overflow")


def timestamp_of(ns: int) -> Timestamp:
    if LEAST_SECONDS * SECOND <= ns < (MOST_SECONDS + 1) * SECOND:
        return Timestamp(ns)
    raise EvaluationFault("timestamp overflow")


def add(left: Value, right: Value) -> Value:
    """`left + right`.

    >>> add(1, 2), add("a", "b"), add((1,), (2,)), add(Timestamp(0), Duration(5))
    (3, 'ab', (1, 2), Timestamp(ns=5))
    """
    kind, other = type(left), type(right)
    if kind is other:
        if kind is int:
            return int_of(left + right)
        if kind is str or kind is float or kind is bytes or kind is tuple:
            return left + right
        if kind is UInt:
            return uint_of(left + right)
        if kind is Duration:
            return duration_of(left.ns + right.ns)
    if kind is Timestamp and other is Duration:
        return timestamp_of(left.ns + right.ns)
    if kind is Duration and other is Timestamp:
        return timestamp_of(left.ns + right.ns)
    if isinstance(left, tuple) and isinstance(right, tuple):
        return _joined(left, right)
    if left is None:
        raise EvaluationFault("no such overload: _+_")
    raise no_such_overload()


def _joined(left: tuple[Value, ...], right: tuple[Value, ...]) -> tuple[Value, ...]:
    """Two lists as one; sets keep one of each, and in lists with keys the right one's items win.

    Source: kubernetes v1.36, apiserver/pkg/cel/common/valuesunstructured.go (Add).
    """
    if isinstance(left, SetList):
        return SetList((*left, *(one for one in right if not contains(left, one))))
    if isinstance(left, MapList):
        keys = left.keys
        given = {identity(one, keys): one for one in right}
        merged = [given.pop(identity(one, keys), one) for one in left]
        made = MapList((*merged, *given.values()))
        made.keys = keys
        return made
    return (*left, *right)


def identity(item: Value, keys: tuple[str, ...]) -> tuple[Value, ...]:
    """What tells an item of a list with keys apart."""
    return tuple(key_of(item.get(key)) for key in keys) if isinstance(item, dict) else (item,)


def subtract(left: Value, right: Value) -> Value:
    kind, other = type(left), type(right)
    if kind is other:
        if kind is int:
            return int_of(left - right)
        if kind is float:
            return left - right
        if kind is UInt:
            return uint_of(int(left) - int(right))
        if kind is Duration or kind is Timestamp:
            return duration_of(left.ns - right.ns)
    if kind is Timestamp and other is Duration:
        return timestamp_of(left.ns - right.ns)
    raise no_such_overload()


def multiply(left: Value, right: Value) -> Value:
    kind = type(left)
    if kind is type(right):
        if kind is int:
            return int_of(left * right)
        if kind is float:
            return left * right
        if kind is UInt:
            return uint_of(int(left) * int(right))
    raise no_such_overload()


def divide(left: Value, right: Value) -> Value:
    """`left / right`; integers are cut towards zero.

    >>> divide(-5, 2), divide(1.0, 0.0)
    (-2, inf)
    """
    kind = type(left)
    if kind is not type(right):
        raise no_such_overload()
    if kind is float:
        if right != 0:
            return left / right
        if left == 0 or isnan(left):
            return nan
        return inf if (left > 0) is (str(right)[0] != "-") else -inf
    if kind is not int and kind is not UInt:
        raise no_such_overload()
    if right == 0:
        raise EvaluationFault("division by zero")
    quotient = abs(left) // abs(right)
    if kind is UInt:
        return UInt(quotient)
    return int_of(quotient if (left < 0) is (right < 0) else -quotient)


def modulo(left: Value, right: Value) -> Value:
    """`left % right`, with the sign of the left.

    >>> modulo(-5, 3), modulo(5, -3)
    (-2, 2)
    """
    kind = type(left)
    if kind is not type(right) or (kind is not int and kind is not UInt):
        raise no_such_overload()
    if right == 0:
        raise EvaluationFault("modulus by zero")
    if kind is UInt:
        return UInt(int(left) % int(right))
    if left == LEAST_INT and right == -1:
        raise EvaluationFault("integer overflow")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def negate(value: Value) -> Value:
    kind = type(value)
    if kind is int:
        return int_of(-value)
    if kind is float:
        return -value
    raise no_such_overload()


def invert(value: Value) -> Value:
    if value is True:
        return False
    if value is False:
        return True
    raise no_such_overload()


_COMPARED: Final = frozenset({str, int, float, bool, UInt, bytes, Timestamp, Duration})
_NUMBERS: Final = frozenset({int, float, UInt})


def _comparison(compare: Callable[[Value, Value], bool]) -> Callable[[Value, Value], bool]:
    def compared(left: Value, right: Value) -> bool:
        kind, other = type(left), type(right)
        if kind is other and kind in _COMPARED:
            return compare(left, right)
        if kind in _NUMBERS and other in _NUMBERS:
            return compare(left, right)
        raise no_such_overload()

    return compared


less: Final = _comparison(lt)
less_equals: Final = _comparison(le)
greater: Final = _comparison(gt)
greater_equals: Final = _comparison(ge)


def differs(left: Value, right: Value) -> bool:
    return not equal(left, right)


def is_in(wanted: Value, where: Value) -> bool:
    """`wanted in where`: an element of a list, or a key of a map."""
    if isinstance(where, tuple):
        return contains(where, wanted)
    if isinstance(where, dict):
        try:
            return key_of(wanted) in where
        except TypeError:
            return False
    raise no_such_overload()


def size(value: Value) -> int:
    """How many characters, bytes, elements or entries there are."""
    if isinstance(value, str | bytes | tuple | dict):
        return len(value)
    raise EvaluationFault("no such overload: size")


def is_zero(value: Value) -> bool:
    """Whether a value is the one that its type begins with."""
    if type(value) is Optional:
        return not value.present
    if isinstance(value, Timestamp):
        return value.ns == LEAST_SECONDS * SECOND
    if isinstance(value, Duration):
        return value.ns == 0
    return (
        not value
        if isinstance(value, bool | int | float | str | bytes | tuple | dict)
        else (value is None)
    )


OPERATORS: Final[dict[str, Callable[..., Value]]] = {
    "_+_": add,
    "_-_": subtract,
    "_*_": multiply,
    "_/_": divide,
    "_%_": modulo,
    "-_": negate,
    "!_": invert,
    "_==_": equal,
    "_!=_": differs,
    "_<_": less,
    "_<=_": less_equals,
    "_>_": greater,
    "_>=_": greater_equals,
    "@in": is_in,
    "size": size,
}
