"""Validating policies: what those that concern a request have against it.

The first no is said, in the policy's words. Bindings that only warn or audit let a request pass,
and say so beside.

Source: kubernetes v1.36, apiserver/pkg/admission/plugin/policy/validating/dispatcher.go,
validator.go, policy_decision.go (codes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from returns.result import Failure

from kelm.core.api.policies.bindings import bindings
from kelm.core.api.policies.conditions import Unclear as UnclearConditions
from kelm.core.api.policies.conditions import matches
from kelm.core.api.policies.expressions import BUDGET, Evaluator, Spent, Wrong
from kelm.core.api.policies.matching import Unclear, binding_matches, matched, params_of
from kelm.core.api.policies.policy import Binding, Policy, Validation, bound
from kelm.core.api.policies.refusing import validation_refusal
from kelm.core.api.policies.registered import VALIDATING, VALIDATING_BINDINGS
from kelm.core.api.webhooks.asking import requested_version
from kelm.core.api.webhooks.attributes import Attributes
from kelm.core.api.webhooks.hearing import Hearing
from kelm.core.api.webhooks.hooks import EXEMPT
from kelm.core.cel.running.values import Value, type_name
from kelm.core.store.store import Store
from kelm.effects.refusals import Refusal

MOST_MESSAGE_BYTES: Final = 5 * 1024
MOST_ANNOTATION_BYTES: Final = 10 * 1024
FAILURE_KEY: Final = "validation.policy.admission.k8s.io/validation_failure"


class Objection(msgspec.Struct, frozen=True):
    """Why a policy is against a request. `index` is its validation's, `reason` "" for Invalid."""

    message: str
    index: int = 0
    reason: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """What all policies say: a refusal or none, and what they say beside."""

    refusal: Refusal | None = None
    warnings: tuple[str, ...] = ()
    annotations: Mapping[str, str] = {}


def refused_by_policies(store: Store, hearing: Hearing, asked: Attributes) -> Refusal | None:
    """Why policies refuse a request; what they say beside is noted."""
    found = judged(store, hearing, asked)
    if hearing.notes is not None:
        hearing.notes.warnings.extend(found.warnings)
        hearing.notes.annotations.update(found.annotations)
    return found.refusal


def judged(store: Store, hearing: Hearing, asked: Attributes) -> Verdict:
    """What the validating policies say of a request."""
    if VALIDATING_BINDINGS not in store.number_of or asked.info.resource in EXEMPT:
        return Verdict()
    said = _Said()
    version = requested_version(hearing, asked)
    for policy, its_bindings in bound(store, VALIDATING, VALIDATING_BINDINGS):
        meant = matched(store, policy.constraints, asked, version)
        if isinstance(meant, Unclear):
            said.unclear(policy, None, meant.said)
        elif meant is not None:
            for binding in its_bindings:
                _ask(store, hearing, asked, policy, binding, (meant, version), said)
            said.publish(policy)
    return said.verdict(asked)


class _Said:
    """What was said so far about one request. Lives for one call of `judged`."""

    def __init__(self) -> None:
        self.denied: list[tuple[str, str]] = []
        self.warnings: list[str] = []
        self.annotations: dict[str, str] = {}
        self.audited: dict[str, list[str]] = {}

    def unclear(self, policy: Policy, binding: Binding | None, said: str) -> None:
        """A policy that cannot be asked: it counts as a no, unless failures are ignored."""
        if policy.ignores_failure:
            return
        what = "policy" if binding is None else "binding"
        self.deny(policy, binding, f"failed to configure {what}: {said}", "")

    def deny(self, policy: Policy, binding: Binding | None, said: str, reason: str) -> None:
        through = "" if binding is None else f" with binding '{binding.name}'"
        message = f"ValidatingAdmissionPolicy '{policy.name}'{through} denied request: {said}"
        self.denied.append((message, reason))

    def object(self, policy: Policy, binding: Binding, objection: Objection) -> None:
        """Do with an objection what its binding says."""
        for action in binding.actions:
            if action == "Deny":
                self.deny(policy, binding, objection.message, objection.reason)
            elif action == "Warn":
                self.warnings.append(
                    f"Validation failed for ValidatingAdmissionPolicy '{policy.name}' with "
                    f"binding '{binding.name}': {objection.message}"
                )
            elif action == "Audit":
                self.annotations[FAILURE_KEY] = _audited(policy, binding, objection)

    def audit(self, key: str, value: str) -> None:
        values = self.audited.setdefault(key, [])
        if value not in values:
            values.append(value)

    def publish(self, policy: Policy) -> None:
        for key, values in self.audited.items():
            self.annotations[f"{policy.name}/{key}"] = ", ".join(values)
        self.audited = {}

    def verdict(self, asked: Attributes) -> Verdict:
        refusal = validation_refusal(asked, *self.denied[0]) if self.denied else None
        return Verdict(refusal, tuple(self.warnings), self.annotations)


def _audited(policy: Policy, binding: Binding, objection: Objection) -> str:
    failure = {
        "message": objection.message,
        "policy": policy.name,
        "binding": binding.name,
        "expressionIndex": objection.index,
        "validationActions": binding.actions,
    }
    return msgspec.json.encode([failure]).decode()


def _ask(
    store: Store,
    hearing: Hearing,
    asked: Attributes,
    policy: Policy,
    binding: Binding,
    versions: tuple[str, str],
    said: _Said,
) -> None:
    """Ask a policy about a request, through one of its bindings, with each of its parameters."""
    concerns = binding_matches(store, binding, asked, versions[1])
    if isinstance(concerns, Unclear):
        said.unclear(policy, binding, concerns.said)
        return
    if not concerns:
        return
    params = params_of(store, policy, binding, asked.namespace)
    if isinstance(params, Failure):
        said.unclear(policy, binding, params.failure())
        return
    for one in params.unwrap():
        values = bindings(store, hearing, asked, *versions, one)
        for objection in _objections(policy, values):
            said.object(policy, binding, objection)
        for key, found in _annotations(policy, values):
            if isinstance(found, Wrong):
                said.deny(policy, binding, found.said, "")
            else:
                said.audit(key, found)


def _objections(policy: Policy, values: Mapping[str, Value]) -> Iterator[Objection]:
    """What the validations of a policy have against a request; errors if they count as a no."""
    concerns = matches(policy.conditions, values, policy.variables)
    if concerns is False:
        return
    if isinstance(concerns, UnclearConditions):
        if not policy.ignores_failure:
            yield Objection(concerns.said)
        return
    evaluator = Evaluator(values, policy.variables, BUDGET)
    try:
        answers = [evaluator.evaluate(one.expression) for one in policy.validations]
    except Spent as spent:
        if not policy.ignores_failure:
            yield Objection(spent.said)
        return
    messages = _messages(policy, values, evaluator.budget)
    for index, (validation, answer) in enumerate(zip(policy.validations, answers, strict=True)):
        if isinstance(answer, Wrong):
            if not policy.ignores_failure:
                yield Objection(answer.said, index)
        elif isinstance(messages, str):
            if not policy.ignores_failure:
                yield Objection(f"failed messageExpression: {messages}", index)
        elif answer is not True:
            said = messages[index] or _standing(validation)
            yield Objection(said, index, validation.reason)


def _standing(validation: Validation) -> str:
    """The message of a validation that has found none of its own."""
    said = validation.message.strip()
    return said or f"failed expression: {validation.expression.source.strip()}"


def _messages(policy: Policy, values: Mapping[str, Value], budget: int) -> list[str] | str:
    """What the message expressions say, "" where there is nothing to be said; or why none can."""
    evaluator = Evaluator(values, policy.variables, budget)
    found: list[str] = []
    try:
        for one in policy.validations:
            asked = one.message_expression
            answer = None if asked is None else evaluator.evaluate(asked)
            found.append(_usable(answer))
    except Spent as spent:
        return spent.said
    return found


def _usable(message: Value) -> str:
    trimmed = message.strip() if isinstance(message, str) else ""
    fits = "\n" not in trimmed and len(trimmed.encode()) <= MOST_MESSAGE_BYTES
    return trimmed if fits else ""


def _annotations(policy: Policy, values: Mapping[str, Value]) -> Iterator[tuple[str, str | Wrong]]:
    """The audit annotations of a policy for a request that concerns it."""
    if not policy.annotations or matches(policy.conditions, values, policy.variables) is not True:
        return
    evaluator = Evaluator(values, policy.variables, BUDGET)
    for one in policy.annotations:
        try:
            found = evaluator.evaluate(one.expression)
        except Spent as spent:
            if not policy.ignores_failure:
                yield one.key, Wrong(spent.said)
            return
        if isinstance(found, Wrong):
            if not policy.ignores_failure:
                yield one.key, found
        elif isinstance(found, str):
            if found.strip():
                yield one.key, found.strip()[:MOST_ANNOTATION_BYTES]
        elif found is not None:
            said = (
                f"valueExpression '{one.expression.source}' resulted in unsupported return type: "
                f"{type_name(found)}. Return type must be either string or null."
            )
            yield one.key, Wrong(said)
