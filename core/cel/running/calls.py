"""Calls of functions and operators, with what they cost.

A value may be of another type than the checker was told, so every call looks at what it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from returns.result import Failure

from kelm.core.cel.running.costs import Cost, cost_of, walk
from kelm.core.cel.running.frame import Frame, Step
from kelm.core.cel.running.patterns import compiled
from kelm.core.cel.running.values import (
    EvaluationFault,
    Optional,
    UInt,
    Value,
    equal,
    no_such_overload,
)

Signature: TypeAlias = "tuple[frozenset[type] | None, ...]"
"""The classes that each argument may have; None where it may have any."""

_SIZED: Final = (str, bytes, tuple, dict)
_SIMPLE: Final = frozenset({int, bool, float, UInt, type(None)})
_PATTERNED: Final = frozenset({"matches", "find", "findAll"})


def call_step(
    name: str,
    overloads: tuple[str, ...],
    function: Callable[..., Value],
    signatures: tuple[Signature, ...],
    args: tuple[Step, ...],
    constants: tuple[Optional, ...],
) -> Step:
    """A call that is ready to run; `constants` are the arguments that are known already.

    Functions without signatures look at their arguments themselves.
    """
    if name in ("_==_", "_!=_"):
        return _equality(args[0], args[1], name == "_==_")
    if name in _PATTERNED and constants[1].present:
        read = compiled(constants[1].value)
        if isinstance(read, Failure):
            raise EvaluationFault(read.failure())
    cost = cost_of(name, overloads)
    if cost is None and not signatures and len(args) == 2:
        return _binary(function, args[0], args[1])
    return _guarded(name, function, signatures, args, cost)


def _guarded(
    name: str,
    function: Callable[..., Value],
    signatures: tuple[Signature, ...],
    args: tuple[Step, ...],
    cost: Cost | None,
) -> Step:
    def run(frame: Frame) -> Value:
        values = tuple([arg(frame) for arg in args])
        if signatures and not any(_fits(values, one) for one in signatures):
            frame.cost += 1
            raise no_such_overload()
        result = function(*values)
        frame.cost += 1 if cost is None else cost(values, result)
        if frame.cost > frame.limit:
            frame.check()
        return result

    return run


def _fits(values: tuple[Value, ...], signature: Signature) -> bool:
    return len(values) == len(signature) and all(
        classes is None or type(value) in classes
        for value, classes in zip(values, signature, strict=True)
    )


def _binary(function: Callable[..., Value], left: Step, right: Step) -> Step:
    def run(frame: Frame) -> Value:
        first, second = left(frame), right(frame)
        frame.cost += 1
        return function(first, second)

    return run


def _equality(left: Step, right: Step, wanted: bool) -> Step:
    """`==` and `!=`: what is compared is walked through, as far as the smaller goes."""

    def run(frame: Frame) -> bool:
        first, second = left(frame), right(frame)
        kind, other = type(first), type(second)
        if kind is other and kind in _SIMPLE:
            frame.cost += 1
            return (first == second) is wanted
        if isinstance(first, _SIZED) and isinstance(second, _SIZED):
            frame.cost += walk(min(len(first), len(second)))
        else:
            frame.cost += 1
        return equal(first, second) is wanted

    return run
