"""Lists and sets.

Source: kubernetes v1.36, apiserver/pkg/cel/library/lists.go; cel-go v0.26, ext/lists.go (version
3), ext/sets.go.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from typing import Final

from kelm.core.cel.running.operators import add, greater, less
from kelm.core.cel.running.values import (
    Duration,
    EvaluationFault,
    Timestamp,
    UInt,
    Value,
    contains,
    no_such_overload,
)

_COMPARABLE: Final = frozenset({int, UInt, float, bool, str, bytes, Timestamp, Duration})
MOST_RANGE: Final = 1_000_000
"""No longer list is made: its cost would be above every budget."""


def _sum(values: tuple[Value, ...]) -> Value:
    """The sum; of nothing it is 0.

    Source: library/lists.go (sum): an empty list of another type begins with that type's zero.
    """
    for one in values:
        if type(one) not in (int, UInt, float, Duration):
            raise no_such_overload()
    return reduce(add, values) if values else 0


def _least(values: tuple[Value, ...]) -> Value:
    return _extreme(values, "min", less)


def _most(values: tuple[Value, ...]) -> Value:
    return _extreme(values, "max", greater)


def _extreme(values: tuple[Value, ...], name: str, before: Callable[[Value, Value], bool]) -> Value:
    if not values:
        raise EvaluationFault(f"{name} called on empty list")
    return reduce(lambda best, one: one if before(one, best) else best, values)


def _is_sorted(values: tuple[Value, ...]) -> bool:
    return not any(greater(one, following) for one, following in pairwise(values))


def _slice(values: tuple[Value, ...], start: int, end: int) -> tuple[Value, ...]:
    asked = f"cannot slice({start}, {end})"
    if start < 0 or end < 0:
        raise EvaluationFault(f"{asked}, negative indexes not supported")
    if start > end:
        raise EvaluationFault(f"{asked}, start index must be less than or equal to end index")
    if len(values) < end:
        raise EvaluationFault(f"{asked}, list is length {len(values)}")
    return values[start:end]


def _flatten(values: tuple[Value, ...], depth: int = 1) -> tuple[Value, ...]:
    if depth < 0:
        raise EvaluationFault("level must be non-negative")
    made: list[Value] = []
    for one in values:
        if isinstance(one, tuple) and depth > 0:
            made.extend(_flatten(one, min(depth - 1, 100)))
        else:
            made.append(one)
    return tuple(made)


def _distinct(values: tuple[Value, ...]) -> tuple[Value, ...]:
    made: list[Value] = []
    for one in values:
        if not contains(tuple(made), one):
            made.append(one)
    return tuple(made)


def _reverse(values: tuple[Value, ...]) -> tuple[Value, ...]:
    return values[::-1]


def _range(count: int) -> tuple[int, ...]:
    return tuple(range(min(count, MOST_RANGE)))


def _sort(values: tuple[Value, ...]) -> tuple[Value, ...]:
    return _sort_by(values, values)


def _sort_by(values: tuple[Value, ...], keys: tuple[Value, ...]) -> tuple[Value, ...]:
    """A list in the order of the keys that belong to its elements."""
    if not keys:
        return values
    if type(keys[0]) not in _COMPARABLE:
        raise EvaluationFault("list elements must be comparable")
    if any(type(key) is not type(keys[0]) for key in keys):
        raise EvaluationFault("list elements must have the same type")
    return tuple(values[index] for index in sorted(range(len(keys)), key=keys.__getitem__))


def _includes(values: tuple[Value, ...], others: tuple[Value, ...]) -> bool:
    return all(contains(values, one) for one in others)


def _equivalent(values: tuple[Value, ...], others: tuple[Value, ...]) -> bool:
    return _includes(values, others) and _includes(others, values)


def _intersects(values: tuple[Value, ...], others: tuple[Value, ...]) -> bool:
    return any(contains(others, one) for one in values)


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "sum": _sum,
    "min": _least,
    "max": _most,
    "isSorted": _is_sorted,
    "slice": _slice,
    "flatten": _flatten,
    "distinct": _distinct,
    "reverse": _reverse,
    "lists.range": _range,
    "sort": _sort,
    "@sortByAssociatedKeys": _sort_by,
    "sets.contains": _includes,
    "sets.equivalent": _equivalent,
    "sets.intersects": _intersects,
}
