"""Match conditions: does a webhook or policy concern a request, beyond what its rules say?

    conditions_of(webhook)            -> compiled, kept by whoever asks for them
    matches(conditions, evaluator...) -> Matched | Unclear

One that is false ends it. An error counts only where none is false; then the failure policy
decides.

Source: kubernetes v1.36, apiserver/pkg/admission/plugin/webhook/matchconditions/matcher.go.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.core.api.policies.expressions import (
    MATCH_BUDGET,
    Evaluator,
    Expression,
    Scope,
    Spent,
    Wrong,
    compiled,
)
from kelm.core.cel.checking.types import BOOL
from kelm.core.cel.running.values import Value
from kelm.effects.document import Document, children, text


class Condition(msgspec.Struct, frozen=True):
    name: str
    expression: Expression


class Unclear(msgspec.Struct, frozen=True):
    """Whether the conditions match cannot be said: why, as refusals say it."""

    said: str


def conditions_of(doc: Document, scope: Scope | None = None) -> tuple[Condition, ...]:
    """The compiled match conditions of a webhook; of a policy with a scope of its own."""
    asked = scope or Scope(authorizer=True)
    return tuple(
        Condition(text(one, "name"), compiled(text(one, "expression"), asked, (BOOL,)))
        for one in children(doc, "matchConditions")
    )


def matches(
    conditions: tuple[Condition, ...],
    bindings: Mapping[str, Value],
    variables: Mapping[str, Expression] | None = None,
) -> bool | Unclear:
    """Whether all conditions hold for a request with these variables (see `bindings.py`)."""
    if not conditions:
        return True
    evaluator = Evaluator(bindings, variables or {}, MATCH_BUDGET)
    wrong: list[str] = []
    try:
        for one in conditions:
            found = evaluator.evaluate(one.expression)
            if isinstance(found, Wrong):
                wrong.append(found.said)
            elif found is False:
                return False
    except Spent as spent:
        return Unclear(spent.said)
    if not wrong:
        return True
    distinct = tuple(dict.fromkeys(wrong))
    return Unclear(distinct[0] if len(distinct) == 1 else f"[{', '.join(distinct)}]")
