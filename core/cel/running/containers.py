"""Lists, maps and objects that an expression makes, and searches in lists of literals."""

from __future__ import annotations

from collections.abc import Callable

from kelm.core.cel.running.costs import LIST_COST, MAP_COST, OBJECT_COST
from kelm.core.cel.running.frame import Frame, Step
from kelm.core.cel.running.values import (
    EvaluationFault,
    Optional,
    UInt,
    Value,
    key_of,
    no_such_overload,
    type_name,
)


def list_step(runs: tuple[Step, ...], optional: tuple[int, ...]) -> Step:
    """A list; elements at the optional places are there if they have a value."""
    if optional:
        return _with_optional(runs, optional)

    def make(frame: Frame) -> Value:
        made = tuple([run(frame) for run in runs])
        frame.cost += LIST_COST
        return made

    return make


def map_step(runs: tuple[tuple[Step, Step, bool], ...]) -> Step:
    """A map of keys, values, and whether an entry is optional."""

    def make(frame: Frame) -> Value:
        made: dict[Value, Value] = {}
        for key, value, maybe in runs:
            where, what = map_key(key(frame)), value(frame)
            if not maybe:
                made[where] = what
            elif _optional(what).present:
                made[where] = what.value
        frame.cost += MAP_COST
        return made

    return make


def object_step(
    name: str,
    runs: tuple[tuple[str, Step, bool], ...],
    make_object: Callable[[str, dict[str, Value]], Value],
) -> Step:
    """An object of a type with fields, their values, and whether they are optional."""

    def make(frame: Frame) -> Value:
        made: dict[str, Value] = {}
        for field, run, maybe in runs:
            what = run(frame)
            if not maybe:
                made[field] = what
            elif _optional(what).present:
                made[field] = what.value
        frame.cost += OBJECT_COST
        return make_object(name, made)

    return make


def _optional(value: Value) -> Optional:
    if type(value) is not Optional:
        raise EvaluationFault(
            f"cannot initialize optional list element from non-optional value {value}"
        )
    return value


def map_key(value: Value) -> Value:
    if isinstance(value, str | bool | int | float | UInt):
        return key_of(value)
    if value is None:
        return value
    raise EvaluationFault(f"unsupported key type: {type_name(value)}")


def _with_optional(runs: tuple[Step, ...], optional: tuple[int, ...]) -> Step:
    def make(frame: Frame) -> Value:
        made = []
        for index, run in enumerate(runs):
            value = run(frame)
            if index not in optional:
                made.append(value)
            elif _optional(value).present:
                made.append(value.value)
        frame.cost += LIST_COST
        return tuple(made)

    return make


def membership(wanted: Step, values: tuple[Value, ...]) -> Step | None:
    """A search in a list of literals: a look-up, which upstream does not count."""
    if not all(isinstance(one, str | int | float) for one in values):
        return None
    known = frozenset(map(key_of, values))

    def search(frame: Frame) -> bool:
        value = wanted(frame)
        try:
            return key_of(value) in known
        except TypeError:
            raise no_such_overload() from None

    return search
