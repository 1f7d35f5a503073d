"""Where one evaluation stands: what its variables are worth, and what it has cost.

A frame lives for one evaluation and is seen by nobody else; that it changes is no state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeAlias

from kelm.core.cel.running.values import OverBudget, Value

PER_CALL_LIMIT: Final = 1_000_000
"""The most that one evaluation may cost.

Source: kubernetes v1.36, apiserver/pkg/apis/cel/config.go, PerCallLimit.
"""

CANCELLED: Final = "operation cancelled: actual cost limit exceeded"


class Frame:
    __slots__ = ("cost", "limit", "locals", "variables")

    def __init__(self, variables: Mapping[str, Value], limit: int, slots: int) -> None:
        self.variables = variables
        self.limit = limit
        self.cost = 0
        self.locals: list[Value] = [None] * slots

    def check(self) -> None:
        """Stop where the evaluation has cost too much."""
        if self.cost > self.limit:
            raise OverBudget(CANCELLED)


Step: TypeAlias = Callable[[Frame], Value]
"""One part of an expression, ready to run."""


class Fields(Protocol):
    """A value with fields that are computed when they are asked for."""

    def field(self, name: str, frame: Frame) -> Value:
        """The value of a field; raises EvaluationFault where there is none."""
