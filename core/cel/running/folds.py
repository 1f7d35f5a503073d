"""Folds: how the comprehensions that macros make are run.

What `all`, `exists`, `map` and `filter` make has a shape of its own, and is run as a loop with the
same result and the same cost; everything else is folded step by step.

Source: cel-go v0.26, interpreter/interpretable.go (evalFold).
"""

from __future__ import annotations

from collections.abc import Iterator

from kelm.core.cel.running.costs import LIST_COST
from kelm.core.cel.running.frame import Frame, Step
from kelm.core.cel.running.values import (
    EvaluationFault,
    OverBudget,
    Value,
    no_such_overload,
    of_key,
    type_name,
)

_GO_NAMES = {
    "int": "Int", "uint": "Uint", "double": "Double", "string": "String", "bool": "Bool",
    "bytes": "Bytes", "null_type": "Null",
}  # fmt: skip


def _items(over: Value) -> Iterator[Value]:
    """What a fold of one variable walks over: elements, or the keys of a map."""
    if isinstance(over, tuple):
        return iter(over)
    if isinstance(over, dict):
        return map(of_key, over)
    name = type_name(over)
    raise EvaluationFault(f"got 'types.{_GO_NAMES.get(name, name)}', expected iterable type")


def _pairs(over: Value) -> Iterator[tuple[Value, Value]]:
    """What a fold of two variables walks over: index and element, or key and value."""
    if isinstance(over, tuple):
        return iter(enumerate(over))
    if isinstance(over, dict):
        return ((of_key(key), value) for key, value in over.items())
    _items(over)
    return iter(())


def _walk(frame: Frame, over: Value, first: int, second: int) -> Iterator[None]:
    """Set the variables for each round."""
    slots = frame.locals
    if second < 0:
        for item in _items(over):
            slots[first] = item
            yield
    else:
        for slots[first], slots[second] in _pairs(over):
            yield


def quantified(
    over: Step, first: int, second: int, holds: Step, *, stops_at: bool, cost: int
) -> Step:
    """`all` stops at the first False, `exists` at the first True; either absorbs errors before it.

    `cost` is what the test costs whether to go on.
    """

    def run(frame: Frame) -> Value:
        fault: EvaluationFault | None = None
        stopped = False
        for _ in _walk(frame, over(frame), first, second):
            frame.cost += cost
            if stopped:
                break
            frame.cost += 1
            try:
                answer = holds(frame)
            except OverBudget:
                raise
            except EvaluationFault as raised:
                fault = fault or raised
                answer = not stops_at
            if answer is stops_at:
                stopped = True
            elif answer is (not stops_at):
                pass
            else:
                fault = fault or no_such_overload()
            if frame.cost > frame.limit:
                frame.check()
        frame.cost += 1
        if stopped:
            return stops_at
        if fault is not None:
            raise fault
        return not stops_at

    return run


def gathered(over: Step, first: int, second: int, condition: Step | None, element: Step) -> Step:
    """A list of what each round makes, of those rounds that meet the condition."""

    def run(frame: Frame) -> Value:
        made: list[Value] = []
        for _ in _walk(frame, over(frame), first, second):
            if condition is not None:
                chosen = condition(frame)
                if chosen is False:
                    continue
                if chosen is not True:
                    raise no_such_overload()
            made.append(element(frame))
            frame.cost += LIST_COST + 2
            if frame.cost > frame.limit:
                frame.check()
        frame.cost += 1
        return tuple(made)

    return run


def folded(
    over: Step, names: tuple[int, int, int], init: Step, condition: Step, step: Step, result: Step
) -> Step:
    """A fold in general; `names` are the slots of the two variables and of what is gathered."""
    first, second, accumulated = names

    def run(frame: Frame) -> Value:
        slots = frame.locals
        walked = over(frame)
        slots[accumulated] = init(frame)
        for _ in _walk(frame, walked, first, second):
            if condition(frame) is False:
                break
            slots[accumulated] = step(frame)
            if frame.cost > frame.limit:
                frame.check()
        return result(frame)

    return run


def bound(slot: int, value: Step, inner: Step) -> Step:
    """`cel.bind`: a name for a value that is worked out once, when it is first needed."""

    def run(frame: Frame) -> Value:
        frame.locals[slot] = value(frame)
        return inner(frame)

    return run
