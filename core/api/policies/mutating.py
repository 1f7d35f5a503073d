"""Mutating policies: what those that concern a request make of its object, one after the other.

They come before the mutating webhooks. When anything has changed the object after them, those that
want to be asked again are asked once more.

Source: kubernetes v1.36, apiserver/pkg/admission/plugin/policy/mutating/dispatcher.go,
reinvocationcontext.go, policy/generic/policy_dispatcher.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec
from returns.result import Failure

from kelm.core.api.conversion import stored
from kelm.core.api.policies.bindings import bindings
from kelm.core.api.policies.conditions import Unclear as UnclearConditions
from kelm.core.api.policies.conditions import matches
from kelm.core.api.policies.expressions import BUDGET, Evaluator, Spent, Wrong
from kelm.core.api.policies.matching import Unclear, binding_matches, matched, params_of
from kelm.core.api.policies.patches import patched
from kelm.core.api.policies.policy import Binding, Mutation, Policy, bound
from kelm.core.api.policies.refusing import mutation_refusal
from kelm.core.api.policies.registered import MUTATING, MUTATING_BINDINGS
from kelm.core.api.webhooks.asking import requested_version
from kelm.core.api.webhooks.attributes import Attributes, shown
from kelm.core.api.webhooks.hearing import Hearing
from kelm.core.api.webhooks.hooks import EXEMPT
from kelm.core.cel.running.values import Value
from kelm.core.store.store import Store
from kelm.effects.document import Document, text
from kelm.effects.refusals import Refusal

Answer: TypeAlias = "Document | Refusal"
Read: TypeAlias = Callable[[Document], Answer]


class Round(msgspec.Struct, frozen=True):
    """How far the policies have come.

    eager: those asked already that want to be asked again after a change. again: those that will.
    """

    object: Document | None
    eager: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    changed: bool = False


class _Invocation(msgspec.Struct, frozen=True):
    """One policy through one binding with one parameter."""

    policy: Policy
    binding: Binding
    version: str
    params: Document | None

    @property
    def key(self) -> str:
        named = ("namespace", "name")
        parts = (
            ()
            if self.params is None
            else tuple(text(self.params, "metadata", one) for one in named)
        )
        return "/".join(("policy", self.policy.name, self.binding.name, *parts))


def through_policies(
    store: Store, hearing: Hearing, asked: Attributes, read: Read, state: Round, number: int
) -> Round | Refusal:
    """The object as the policies leave it, or why one of them could not change it.

    Args:
        read: decodes and completes what a policy has made.
        number: 0 at first, 1 when those that want to are asked again.
    """
    if MUTATING_BINDINGS not in store.number_of or asked.info.resource in EXEMPT:
        return state
    run = _Run(store, hearing, asked, read, state)
    for one in run.invocations():
        if number and one.key not in state.again:
            continue
        refusal = run.invoke(one)
        if refusal is not None:
            return refusal
    if run.wrong:
        reason = run.wrong[0][1]
        return mutation_refusal(asked, tuple(said for said, _ in run.wrong), reason)
    return run.state


class _Run:
    """One round of the policies over one request. Lives for one call of `through_policies`."""

    def __init__(
        self, store: Store, hearing: Hearing, asked: Attributes, read: Read, state: Round
    ) -> None:
        self.store = store
        self.hearing = hearing
        self.asked = asked
        self.read = read
        self.state = state
        self.version = requested_version(hearing, asked)
        self.wrong: list[tuple[str, str]] = []

    def invocations(self) -> tuple[_Invocation, ...]:
        """Who is to be asked, all of them decided before the first changes anything."""
        now = msgspec.structs.replace(self.asked, object=self.state.object)
        found: list[_Invocation] = []
        for policy, its_bindings in bound(self.store, MUTATING, MUTATING_BINDINGS):
            meant = matched(self.store, policy.constraints, now, self.version)
            if isinstance(meant, Unclear):
                self.unclear(policy, None, f"failed to configure policy: {meant.said}", "")
            elif meant is not None:
                for binding in its_bindings:
                    found.extend(self.with_params(policy, binding, now, meant))
        return tuple(found)

    def with_params(
        self, policy: Policy, binding: Binding, now: Attributes, version: str
    ) -> list[_Invocation]:
        concerns = binding_matches(self.store, binding, now, self.version)
        if isinstance(concerns, Unclear):
            self.unclear(policy, binding, f"failed to configure binding: {concerns.said}", "")
            return []
        if not concerns:
            return []
        params = params_of(self.store, policy, binding, now.namespace)
        if isinstance(params, Failure):
            said = f"failed to configure binding: {params.failure()}"
            self.unclear(policy, binding, said, "")
            return []
        return [_Invocation(policy, binding, version, one) for one in params.unwrap()]

    def unclear(self, policy: Policy, binding: Binding | None, said: str, reason: str) -> None:
        """A policy that cannot do its work: a no, unless its failures are ignored."""
        if policy.ignores_failure:
            return
        who = f'policy "{policy.name}"'
        if binding is not None:
            who = f"policy '{policy.name}' with binding '{binding.name}'"
        self.wrong.append((f"{who} denied request: {said}", reason))

    def invoke(self, one: _Invocation) -> Refusal | None:
        """Let one policy change the object; the refusal of what nobody can read any more."""
        before = self.state.object
        values = self.values(one)
        concerns = matches(one.policy.conditions, values, one.policy.variables)
        if isinstance(concerns, UnclearConditions):
            self.unclear(one.policy, one.binding, concerns.said, "Invalid")
            return None
        if not concerns:
            return None
        for mutation in one.policy.mutations:
            if self.state.object is None:
                continue
            refusal = self.mutate(one, mutation)
            if refusal is not None:
                return refusal
        if self.state.object != before:
            again = (*self.state.again, *self.state.eager)
            self.state = Round(self.state.object, (), again, True)
        if one.policy.reinvoked:
            eager = (*self.state.eager, one.key)
            self.state = msgspec.structs.replace(self.state, eager=eager)
        return None

    def values(self, one: _Invocation) -> dict[str, Value]:
        now = msgspec.structs.replace(self.asked, object=self.state.object)
        return bindings(self.store, self.hearing, now, one.version, self.version, one.params)

    def mutate(self, one: _Invocation, mutation: Mutation) -> Refusal | None:
        expression = mutation.expression
        if expression.program is None:
            self.unclear(one.policy, one.binding, expression.wrong, "Invalid")
            return None
        try:
            made = Evaluator(self.values(one), one.policy.variables, BUDGET).evaluate(expression)
        except Spent as spent:
            self.unclear(one.policy, one.binding, spent.said, "Invalid")
            return None
        if isinstance(made, Wrong):
            self.unclear(one.policy, one.binding, made.said, "Invalid")
            return None
        now = msgspec.structs.replace(self.asked, object=self.state.object)
        doc = shown(now, now.object, one.version)
        assert doc is not None
        done = patched(mutation.kind, made, doc)
        if isinstance(done, Failure):
            self.unclear(one.policy, one.binding, done.failure(), "Invalid")
            return None
        new = done.unwrap()
        found = self.read(stored(self.asked.info, new, str(new.get("apiVersion"))))
        if isinstance(found, Refusal):
            return found
        self.state = msgspec.structs.replace(self.state, object=found)
        return None
