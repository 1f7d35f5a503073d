"""`&&`, `||` and `? :`, which do not need all of their parts.

An error on one side is no error where the other side decides.

Source: cel-go v0.26, interpreter/interpretable.go (evalAnd, evalOr), attributes.go
(conditionalAttribute).
"""

from __future__ import annotations

from kelm.core.cel.running.frame import Frame, Step
from kelm.core.cel.running.values import EvaluationFault, OverBudget, Value, no_such_overload


def both(left: Step, right: Step) -> Step:
    """`left && right`."""
    return _joined(left, right, False)


def either(left: Step, right: Step) -> Step:
    """`left || right`."""
    return _joined(left, right, True)


def _joined(left: Step, right: Step, decides: bool) -> Step:
    def run(frame: Frame) -> Value:
        fault: EvaluationFault
        try:
            first = left(frame)
        except OverBudget:
            raise
        except EvaluationFault as raised:
            fault = raised
        else:
            if first is decides:
                return decides
            if first is (not decides):
                second = right(frame)
                if second is True or second is False:
                    return second
                raise no_such_overload()
            fault = no_such_overload()
        if _answer(right, frame) is decides:
            return decides
        raise fault

    return run


def _answer(step: Step, frame: Frame) -> Value:
    """What the other side says, None where it is an error too."""
    try:
        return step(frame)
    except OverBudget:
        raise
    except EvaluationFault:
        return None


def chosen(condition: Step, yes: Step, no: Step) -> Step:
    """`condition ? yes : no`."""

    def run(frame: Frame) -> Value:
        choice = condition(frame)
        if choice is True:
            return yes(frame)
        if choice is False:
            return no(frame)
        raise no_such_overload()

    return run
