"""Fields, keys and indexes: what `a.b`, `a[b]` and their optional forms find.

Source: cel-go v0.26, interpreter/attributes.go (refQualify).
"""

from __future__ import annotations

from typing import Final

from kelm.core.cel.running.frame import Frame
from kelm.core.cel.running.values import (
    NONE,
    EvaluationFault,
    Optional,
    UInt,
    Value,
    key_of,
    type_name,
)
from kelm.core.cel.running.writing import written

MISSING: Final = object()
"""What a look-up answers where nothing is."""


def looked_up(value: Value, key: Value) -> Value:
    """What stands under a key or index, MISSING where nothing does.

    >>> looked_up({"a": 1}, "a"), looked_up((1, 2), 5) is MISSING
    (1, True)
    """
    if isinstance(value, dict):
        try:
            return value.get(key if type(key) is str else key_of(key), MISSING)
        except TypeError:
            return MISSING
    if isinstance(value, tuple):
        index = _index(key)
        return value[index] if 0 <= index < len(value) else MISSING
    return MISSING


def _index(key: Value) -> int:
    if type(key) is int or type(key) is UInt:
        return int(key)
    if type(key) is float:
        if key.is_integer():
            return int(key)
        raise EvaluationFault(f"unsupported index value {written(key)} in list")
    raise EvaluationFault(f"unsupported index type '{type_name(key)}' in list")


def absent(value: Value, key: Value) -> EvaluationFault:
    if isinstance(value, tuple):
        return EvaluationFault(f"index out of bounds: {written(key)}")
    return EvaluationFault(f"no such key: {written(key)}")


def indexed(value: Value, key: Value, frame: Frame) -> Value:
    """`value[key]`; of an optional, an optional."""
    found = value.get(key, MISSING) if type(key) is str and isinstance(value, dict) else MISSING
    if found is not MISSING:
        return found
    if type(value) is Optional:
        return tried(value, key, frame)
    if hasattr(value, "field"):
        return value.field(key, frame)
    found = looked_up(value, key)
    if found is MISSING:
        raise absent(value, key)
    return found


def tried(value: Value, key: Value, frame: Frame) -> Optional:
    """`value[?key]` or `value.?key`: what is there, or nothing."""
    if type(value) is Optional:
        if not value.present:
            return NONE
        value = value.value
    if hasattr(value, "field"):
        return Optional(value.field(key, frame))
    found = looked_up(value, key)
    return NONE if found is MISSING else Optional(found)


def has(value: Value, field: str, frame: Frame) -> bool:
    """Whether there is such a field."""
    if type(value) is Optional:
        return value.present and has(value.value, field, frame)
    if isinstance(value, dict):
        return field in value or looked_up(value, field) is not MISSING
    if hasattr(value, "field"):
        try:
            value.field(field, frame)
        except EvaluationFault:
            return False
        return True
    return False
