"""What each call costs at run time.

Most calls cost one. Those that walk over a text or list cost by its size: for the language's own
functions only where the checker knows which overload is meant, as upstream has it.

Source: cel-go v0.26, interpreter/runtimecost.go (costCall), ext/lists.go, ext/sets.go; kubernetes
v1.36, apiserver/pkg/cel/library/cost.go (CallCost).
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Final, TypeAlias

from kelm.core.cel.running.values import Optional, Value

PER_CHARACTER: Final = 0.1
PER_PATTERN_CHARACTER: Final = 0.25
LIST_COST: Final = 10
MAP_COST: Final = 30
OBJECT_COST: Final = 40
CHECK_COST: Final = 350_000

Cost: TypeAlias = Callable[[tuple[Value, ...], Value], int]
"""The cost of a call with these arguments and this result."""


def size_of(value: Value) -> int:
    """How large a value is for its cost: one where it has no size.

    >>> size_of("abc"), size_of(7), size_of((1, 2))
    (3, 1, 2)
    """
    if isinstance(value, str | bytes | tuple | dict):
        return len(value)
    if type(value) is Optional:
        return size_of(value.value) if value.present else 1
    return int(getattr(value, "size", 1))


def walk(size: float) -> int:
    return ceil(size * PER_CHARACTER)


def pattern_cost(text_size: int, pattern_size: int) -> int:
    """What it costs to look for a pattern."""
    return ceil((1.0 + text_size) * PER_CHARACTER) * ceil(pattern_size * PER_PATTERN_CHARACTER)


def _first(args: tuple[Value, ...], _result: Value) -> int:
    return walk(size_of(args[0]))


def _first_twice(args: tuple[Value, ...], _result: Value) -> int:
    return ceil(size_of(args[0]) * 2 * PER_CHARACTER)


def _elements(args: tuple[Value, ...], _result: Value) -> int:
    return size_of(args[1])


def smaller(args: tuple[Value, ...], _result: Value = None) -> int:
    """The cost of a comparison: what is smaller is walked through."""
    return walk(min(size_of(args[0]), size_of(args[1])))


def _both(args: tuple[Value, ...], _result: Value) -> int:
    return walk(size_of(args[0]) + size_of(args[1]))


def _matches(args: tuple[Value, ...], _result: Value) -> int:
    return pattern_cost(size_of(args[0]), size_of(args[1]))


def _contains(args: tuple[Value, ...], _result: Value) -> int:
    return walk(size_of(args[0])) * walk(size_of(args[1]))


def traversal(value: Value) -> int:
    """What it costs to walk through a value with all that it holds."""
    if isinstance(value, str):
        return int(len(value.encode()) * PER_CHARACTER)
    if isinstance(value, bytes):
        return int(len(value) * PER_CHARACTER)
    if isinstance(value, tuple):
        return sum(map(traversal, value))
    if isinstance(value, dict):
        return sum(traversal(key) + traversal(one) for key, one in value.items())
    return 1


def _traversal(args: tuple[Value, ...], _result: Value) -> int:
    return traversal(args[0])


def _joined(_args: tuple[Value, ...], result: Value) -> int:
    return ceil(size_of(result) * 2 * PER_CHARACTER)


def _selector(args: tuple[Value, ...], _result: Value) -> int:
    size = size_of(args[1])
    return LIST_COST + walk(size) + ceil(ceil(size * 0.5) * (LIST_COST + OBJECT_COST))


def _contains_ip(args: tuple[Value, ...], _result: Value) -> int:
    return walk(2 * size_of(args[0]))


def _contains_cidr(args: tuple[Value, ...], result: Value) -> int:
    return _contains_ip(args, result) + walk(size_of(args[0])) + 1


def _read(cost: Cost) -> Cost:
    """The cost with that of reading the text that is the second argument."""

    def both(args: tuple[Value, ...], result: Value) -> int:
        return cost(args, result) + walk(size_of(args[1]))

    return both


def _validated(args: tuple[Value, ...], _result: Value) -> int:
    return pattern_cost(size_of(args[1]), args[0].pattern_size)


def _listed(_args: tuple[Value, ...], result: Value) -> int:
    return size_of(result) + 1 + LIST_COST


def _flattened(args: tuple[Value, ...], _result: Value) -> int:
    depth = args[1] if len(args) > 1 else 1
    return size_of(args[0]) * depth + 1 + LIST_COST


def _self_compared(values: Value) -> int:
    size = size_of(values)
    texts = bool(values) and isinstance(values[0], str | bytes)
    return int(size * size * (2.1 if texts else 2.0)) + 1 + LIST_COST


def _sorted(args: tuple[Value, ...], _result: Value) -> int:
    return _self_compared(args[-1])


def _sets(factor: int) -> Cost:
    def cost(args: tuple[Value, ...], _result: Value) -> int:
        return 1 + size_of(args[0]) * size_of(args[1]) * factor

    return cost


def _ip(args: tuple[Value, ...], _result: Value) -> int:
    return walk(size_of(args[0])) if isinstance(args[0], str) else 1


def _check(_args: tuple[Value, ...], _result: Value) -> int:
    return CHECK_COST


_BY_OVERLOAD: Final[dict[str, Cost]] = {
    "starts_with_string": _first,
    "ends_with_string": _first,
    "string_to_bytes": _first,
    "bytes_to_string": _first,
    "strings_quote": _first,
    "string_format": _first,
    "in_list": _elements,
    "add_string": _both,
    "add_bytes": _both,
    "matches_string": _matches,
    "contains_string": _contains,
    **{
        f"{how}_{kind}": smaller
        for how in ("less", "greater", "less_equals", "greater_equals")
        for kind in ("string", "bytes")
    },
    "cidr_contains_ip_string": _read(_contains_ip),
    "cidr_contains_cidr_string": _read(_contains_cidr),
    "list_slice": _listed,
    "list_flatten": _flattened,
    "list_flatten_int": _flattened,
    "lists_range": _listed,
    "list_reverse": _listed,
    "list_distinct": _sorted,
    "list_sets_contains_list": _sets(1),
    "list_sets_intersects_list": _sets(1),
    "list_sets_equivalent_list": _sets(2),
}

_BY_NAME: Final[dict[str, Cost]] = {
    "check": _check,
    "fieldSelector": _selector,
    "labelSelector": _selector,
    **dict.fromkeys(("isSorted", "sum", "max", "min", "indexOf", "lastIndexOf"), _traversal),
    **dict.fromkeys(
        ("url", "lowerAscii", "upperAscii", "substring", "trim", "jsonpatch.escapeKey", "cidr",
         "isIP", "isCIDR", "quantity", "isQuantity", "semver", "isSemver"),
        _first,
    ),
    "replace": _first_twice,
    "split": _first_twice,
    "join": _joined,
    "find": _matches,
    "findAll": _matches,
    "ip": _ip,
    "ip.isCanonical": _first_twice,
    "containsIP": _contains_ip,
    "containsCIDR": _contains_cidr,
    "validate": _validated,
}  # fmt: skip


def cost_of(function: str, overloads: tuple[str, ...]) -> Cost | None:
    """How a call's cost is found, None where it is always one."""
    if len(overloads) == 1:
        only = overloads[0]
        if only.endswith(("_sort", "_sortByAssociatedKeys")):
            return _sorted
        if only in _BY_OVERLOAD:
            return _BY_OVERLOAD[only]
    return _BY_NAME.get(function)
