"""Values that may be missing.

Source: cel-go v0.26, cel/library.go (optional types, version 2), ext/comprehensions.go
(map inserts).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.core.cel.running.operators import is_zero
from kelm.core.cel.running.values import NONE, EvaluationFault, Optional, Value, key_of
from kelm.core.cel.running.writing import written


def _of(value: Value) -> Optional:
    return Optional(value)


def _of_non_zero(value: Value) -> Optional:
    return NONE if is_zero(value) else Optional(value)


def _none() -> Optional:
    return NONE


def _value(optional: Optional) -> Value:
    if not optional.present:
        raise EvaluationFault("optional.none() dereference")
    return optional.value


def _has_value(optional: Optional) -> bool:
    return optional.present


def _first(values: tuple[Value, ...]) -> Optional:
    return Optional(values[0]) if values else NONE


def _last(values: tuple[Value, ...]) -> Optional:
    return Optional(values[-1]) if values else NONE


def _unwrapped(values: tuple[Value, ...]) -> tuple[Value, ...]:
    for one in values:
        if type(one) is not Optional:
            raise EvaluationFault(f"value {written(one)} is not optional")
    return tuple(one.value for one in values if one.present)


def _inserted(into: dict[Value, Value], *given: Value) -> dict[Value, Value]:
    """A map with one more entry, or with those of another map; no key comes twice."""
    more = {key_of(given[0]): given[1]} if len(given) == 2 else given[0]
    for key in more:
        if key in into:
            raise EvaluationFault(f"insert failed: key {written(key)} already exists")
    return {**into, **more}


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "optional.of": _of,
    "optional.ofNonZeroValue": _of_non_zero,
    "optional.none": _none,
    "optional.unwrap": _unwrapped,
    "unwrapOpt": _unwrapped,
    "value": _value,
    "hasValue": _has_value,
    "first": _first,
    "last": _last,
    "cel.@mapInsert": _inserted,
}
