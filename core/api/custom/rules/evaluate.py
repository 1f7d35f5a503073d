"""What the rules of a schema have against an object.

A rule about what was there before (`oldSelf`) is only asked where there is a before. A value that
did not change is not refused for a rule that it breaks (ratcheting), so that objects from before
a rule can still be worked with.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go,
apiserver/pkg/cel/common/equality.go (what counts as the same value before and now).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from returns.result import Failure

from kelm.core.api.custom.rules.compiled import OLD, SELF, Expression, Rule, Rules, item_with
from kelm.core.api.validation.violation import (
    OMITTED,
    ErrorType,
    Violation,
    Violations,
    invalid_value,
)
from kelm.core.cel.compile import Evaluation
from kelm.core.cel.running.values import NONE, Optional, Value
from kelm.core.cel.schemas import value_of
from kelm.effects.document import Document, Json

BUDGET: Final = 10_000_000
"""What all rules of an object may cost together."""
MOST_MESSAGE_BYTES: Final = 5 * 1024
_OUT_OF_BUDGET: Final = (
    "validation failed due to running out of cost budget, no further validation rules will be run"
)
_REASONS: Final = {
    "FieldValueForbidden": ErrorType.FORBIDDEN,
    "FieldValueRequired": ErrorType.REQUIRED,
    "FieldValueDuplicate": ErrorType.DUPLICATE,
}


def rule_violations(rules: Rules, new: Json, old: Json, path: str = "") -> Violations:
    """What speaks against a new object or value at a path, or a new version of an old one.

    An object as a whole is never unchanged: its metadata says when it was written.
    """
    run = _Run()
    before = _Before(old is not None, old, False)
    run.value(rules, path, new, before)
    return tuple(run.found)


class _Before:
    """What a value was before, as far as that can be told, and whether it or what holds it is
    unchanged."""

    __slots__ = ("known", "unchanged", "value")

    def __init__(self, known: bool, value: Json, unchanged: bool) -> None:
        self.known = known
        self.value = value
        self.unchanged = unchanged

    def part(self, found: bool, old: Json, new: Json) -> _Before:
        """The same of a part of it."""
        if not self.known or not found:
            return _Before(False, None, self.unchanged)
        return _Before(True, old, old == new)


class _Stop(Exception):
    """No further rule is run: the budget is spent."""


class _Run:
    """One judgement of one object. Lives for one call of `rule_violations`."""

    def __init__(self) -> None:
        self.found: list[Violation] = []
        self.budget = BUDGET

    def value(self, rules: Rules, path: str, new: Json, before: _Before) -> None:
        try:
            self.parts(rules, path, new, before)
        except _Stop:
            return

    def parts(self, rules: Rules, path: str, new: Json, before: _Before) -> None:
        if new is None:
            return
        self.own(rules, path, new, before)
        for one in rules.all_of:
            self.parts(one, path, new, before)
        if isinstance(new, tuple):
            self.items(rules, path, new, before)
        elif isinstance(new, Document):
            self.fields(rules, path, new, before)

    def items(self, rules: Rules, path: str, new: tuple[Json, ...], before: _Before) -> None:
        if rules.element is None:
            return
        for index, one in enumerate(new):
            old = item_with(before.value, rules.keys, one)
            part = before.part(old is not None, old, one)
            self.parts(rules.element, f"{path}[{index}]", one, part)

    def fields(self, rules: Rules, path: str, new: Document, before: _Before) -> None:
        old = before.value if isinstance(before.value, Document) else Document()
        for key, one in new.items():
            part = before.part(key in old, old.get(key), one)
            if key in rules.properties:
                here = f"{path}.{key}" if path else key
                self.parts(rules.properties[key], here, one, part)
            elif rules.element is not None:
                self.parts(rules.element, f"{path}[{key}]", one, part)

    # -- one value -----------------------------------------------------------------------------

    def own(self, rules: Rules, path: str, new: Json, before: _Before) -> None:
        if not rules.rules:
            return
        where = path or "<nil>"
        if self.budget <= 0:
            self.found.append(invalid_value(where, rules.kind, _OUT_OF_BUDGET))
            raise _Stop
        bindings = _bindings(rules, new, before)
        for rule in rules.rules:
            self.rule(rules, rule, path, new, before, bindings)

    def rule(
        self,
        rules: Rules,
        rule: Rule,
        path: str,
        new: Json,
        before: _Before,
        bindings: tuple[Mapping[str, Value], Mapping[str, Value]],
    ) -> None:
        where, expression = path or "<nil>", rule.expression
        if expression.wrong:
            said = f"rule compile error: {expression.wrong}"
            self.found.append(invalid_value(where, rules.kind, said))
            return
        without = expression.uses_old and not _has_before(before)
        if expression.program is None or (without and not rule.optional_old):
            return
        bound = bindings[1] if rule.optional_old else bindings[0]
        evaluation = self.spent(expression, bound, rules.kind, where)
        if isinstance(evaluation.result, Failure):
            self.failed(evaluation, rules.kind, rule, where)
            return
        if evaluation.result.unwrap() is True:
            return
        shown = f"{path}.{rule.path}" if path and rule.path else (rule.path or where)
        violation = self.broken(rules, rule, shown, new, bound)
        if violation is not None and (expression.uses_old or not before.unchanged):
            self.found.append(violation)

    def spent(
        self, expression: Expression, bound: Mapping[str, Value], kind: str, where: str
    ) -> Evaluation:
        """The value of a rule, its cost taken off the budget."""
        assert expression.program is not None
        evaluation = expression.program.evaluate(bound)
        if evaluation.cost > self.budget:
            self.found.append(invalid_value(where, kind, _OUT_OF_BUDGET))
            raise _Stop
        self.budget -= evaluation.cost
        return evaluation

    def failed(self, evaluation: Evaluation, kind: str, rule: Rule, where: str) -> None:
        error = evaluation.result.failure()
        if error.over_budget:
            said = (
                f"'{error.message}': no further validation rules will be run due to call cost "
                f"exceeds limit for rule: {rule.shown}"
            )
            self.found.append(invalid_value(where, kind, said))
            raise _Stop
        if error.message.startswith("no such overload"):
            said = (
                f"'{error.message}': call arguments did not match a supported operator, function "
                f"or macro signature for rule: {rule.shown}"
            )
        else:
            said = f"{error.message} evaluating rule: {rule.shown}"
        self.found.append(invalid_value(where, kind, said))

    def broken(
        self, rules: Rules, rule: Rule, where: str, new: Json, bound: Mapping[str, Value]
    ) -> Violation | None:
        """A broken rule in its own words, or in those that its expression finds."""
        detail = self.message(rules, rule, where, bound)
        if detail is None:
            detail = rule.message.strip() or f"failed rule: {rule.shown}"
        value = OMITTED if rules.kind in ("object", "array") else new
        kind = _REASONS.get(rule.reason, ErrorType.INVALID)
        if kind is ErrorType.DUPLICATE:
            return Violation(where, kind, value)
        return Violation(where, kind, value, detail)

    def message(
        self, rules: Rules, rule: Rule, where: str, bound: Mapping[str, Value]
    ) -> str | None:
        asked = rule.message_expression
        if asked is None or asked.program is None:
            return None
        evaluation = asked.program.evaluate(bound)
        said = ""
        if evaluation.cost > self.budget:
            said = (
                "messageExpression evaluation failed due to running out of cost budget, "
                "no further validation rules will be run"
            )
        elif isinstance(evaluation.result, Failure):
            if not evaluation.result.failure().over_budget:
                self.budget -= evaluation.cost
                return None
            said = (
                "no further validation rules will be run due to call cost exceeds limit for "
                f'messageExpression: "{asked.source}"'
            )
        if said:
            self.found.append(invalid_value(where, rules.kind, said))
            raise _Stop
        self.budget -= evaluation.cost
        return _usable(evaluation.result.unwrap())


def _usable(message: Value) -> str | None:
    """A message that may be shown: one line, not empty, not too long."""
    trimmed = str(message).strip()
    if not trimmed or "\n" in trimmed or len(trimmed.encode()) > MOST_MESSAGE_BYTES:
        return None
    return trimmed


def _has_before(before: _Before) -> bool:
    return before.known and before.value is not None


def _bindings(
    rules: Rules, new: Json, before: _Before
) -> tuple[Mapping[str, Value], Mapping[str, Value]]:
    """The variables of rules, and of those that take an optional `oldSelf`."""
    own = value_of(rules.declared, new)
    if not any(rule.expression.uses_old for rule in rules.rules):
        return {SELF: own}, {SELF: own}
    if not _has_before(before):
        return {SELF: own}, {SELF: own, OLD: NONE}
    old = value_of(rules.declared, before.value)
    return {SELF: own, OLD: old}, {SELF: own, OLD: Optional(old)}
