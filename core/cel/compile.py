"""Expressions: compiled once, evaluated as often as wanted.

    compile_expression(text, environment) -> Result[Program, CompileErrors]
    program.evaluate(bindings)            -> Evaluation: a Result and what it cost

Both are total and pure: for every text and every bindings there is an answer, and always the same.
A Program is a value to keep with what it was compiled from (a definition, a policy).

Why an evaluator of our own: docs/decisions/0016-cel.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.cel.checking.checker import Checked, check
from kelm.core.cel.checking.environment import TYPES, Environment
from kelm.core.cel.checking.literals import judged
from kelm.core.cel.checking.types import Type
from kelm.core.cel.libraries.table import FUNCTIONS
from kelm.core.cel.running.frame import CANCELLED, PER_CALL_LIMIT, Frame, Step
from kelm.core.cel.running.plan import Function, Planner
from kelm.core.cel.running.values import EvaluationFault, OverBudget, Value
from kelm.core.cel.syntax.errors import CompileErrors
from kelm.core.cel.syntax.macros import expand
from kelm.core.cel.syntax.parser import parse


class EvaluationError(msgspec.Struct, frozen=True):
    """Why an expression has no value. `over_budget` where it only cost too much."""

    message: str
    over_budget: bool = False


class Evaluation(msgspec.Struct, frozen=True):
    """What an expression is worth, and what working that out has cost."""

    result: Result[Value, EvaluationError]
    cost: int


class Program(msgspec.Struct, frozen=True):
    """An expression that is ready to be evaluated."""

    source: str
    checked: Checked
    run: Step
    slots: int

    @property
    def type(self) -> Type:
        """The type of what it evaluates to."""
        return self.checked.type

    def evaluate(self, bindings: Mapping[str, Value], limit: int = PER_CALL_LIMIT) -> Evaluation:
        """Work the expression out with these variables, for at most this cost.

        >>> from kelm.core.cel.checking.types import INT
        >>> program = compile_expression("x * 2", Environment({"x": INT})).unwrap()
        >>> program.evaluate({"x": 21})
        Evaluation(result=<Success: 42>, cost=2)
        >>> program.evaluate({"x": 2**62}).result.failure().message
        'integer overflow'
        """
        frame = Frame(bindings, min(limit, PER_CALL_LIMIT), self.slots)
        try:
            value = self.run(frame)
        except OverBudget as fault:
            return Evaluation(Failure(EvaluationError(fault.message, True)), frame.cost)
        except EvaluationFault as fault:
            if frame.cost > frame.limit:
                return Evaluation(Failure(EvaluationError(CANCELLED, True)), frame.cost)
            return Evaluation(Failure(EvaluationError(fault.message)), frame.cost)
        if frame.cost > frame.limit:
            return Evaluation(Failure(EvaluationError(CANCELLED, True)), frame.cost)
        return Evaluation(Success(value), frame.cost)


def _same(_type: str, field: str) -> str:
    return field


def compile_expression(
    text: str,
    environment: Environment,
    functions: Mapping[str, Function] | None = None,
    properties: Callable[[str, str], str] = _same,
) -> Result[Program, CompileErrors]:
    """Parse, check and plan an expression.

    Args:
        functions: what the environment's own functions do.
        properties: the property that a field of an object type stands for, by the type's name and
            the field's; where both are named alike it is not needed.

    >>> print(compile_expression("1 + 'a'", Environment({})).failure().text.splitlines()[0])
    ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'
    """
    checked = parse_and_check(text, environment)
    if isinstance(checked, Failure):
        return Failure(checked.failure())
    known = checked.unwrap()
    table = FUNCTIONS if functions is None else {**FUNCTIONS, **functions}
    planner = Planner(known, table, frozenset(TYPES), properties)
    try:
        run = planner.run(known.node)
    except EvaluationFault as fault:
        return Failure(CompileErrors(text, (), fault.message))
    return Success(Program(text, known, run, planner.slots))


def parse_and_check(text: str, environment: Environment) -> Result[Checked, CompileErrors]:
    """An expression with its types, or everything that is wrong with it."""
    parsed = parse(text)
    if isinstance(parsed, Failure):
        return Failure(parsed.failure())
    expanded = expand(text, parsed.unwrap(), environment.binds)
    if isinstance(expanded, Failure):
        return Failure(expanded.failure())
    checked = check(text, expanded.unwrap(), environment)
    if isinstance(checked, Failure):
        return checked
    issues = judged(checked.unwrap())
    return Failure(CompileErrors(text, issues)) if issues else checked
