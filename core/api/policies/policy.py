"""Policies and bindings as their documents describe them, compiled once and kept with them.

Source: kubernetes v1.36, apiserver/pkg/admission/plugin/policy/validating/plugin.go
(compilePolicy), mutating/compilation.go, api/admissionregistration/v1/types.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

from kelm.core.api.policies.conditions import Condition, conditions_of
from kelm.core.api.policies.expressions import ANYTHING, Expression, Scope, compiled
from kelm.core.api.policies.patches import mutation_scope, mutation_type
from kelm.core.api.webhooks.hooks import Rule
from kelm.core.cel.checking.types import BOOL, NULL, STRING, Type
from kelm.core.objects.selectors.labels import EVERYTHING, Selector, selector_of
from kelm.core.store.store import Store
from kelm.effects.document import Document, child, children, elements, text


class NamedRule(msgspec.Struct, frozen=True):
    """Which requests are meant, and of which objects: of all where no names are given."""

    rule: Rule
    names: tuple[str, ...]


class Constraints(msgspec.Struct, frozen=True):
    """Which requests a policy or a binding is about."""

    rules: tuple[NamedRule, ...] = ()
    excluded: tuple[NamedRule, ...] = ()
    equivalent: bool = True
    namespaces: Selector = EVERYTHING
    objects: Selector = EVERYTHING


class ParamRef(msgspec.Struct, frozen=True):
    """Which objects are a binding's parameters."""

    name: str
    namespace: str
    selector: Selector | None
    denies: bool


class Binding(msgspec.Struct, frozen=True):
    name: str
    policy: str
    constraints: Constraints | None
    params: ParamRef | None
    actions: tuple[str, ...]


class Validation(msgspec.Struct, frozen=True):
    expression: Expression
    message: str
    message_expression: Expression | None
    reason: str


class AuditAnnotation(msgspec.Struct, frozen=True):
    key: str
    expression: Expression


class Mutation(msgspec.Struct, frozen=True):
    kind: str
    expression: Expression


class Policy(msgspec.Struct, frozen=True):
    """A policy of either kind.

    param_kind: the version and kind of its parameters, empty where it takes none.
    """

    name: str
    constraints: Constraints
    ignores_failure: bool
    takes_params: bool
    param_kind: tuple[str, str]
    conditions: tuple[Condition, ...]
    variables: Mapping[str, Expression]
    validations: tuple[Validation, ...]
    annotations: tuple[AuditAnnotation, ...]
    mutations: tuple[Mutation, ...]
    reinvoked: bool


def policy_of(doc: Document) -> Policy:
    """A stored policy, compiled."""
    return _kept(doc, Policy) or _keep(doc, _policy(doc))


def binding_of(doc: Document) -> Binding:
    """A stored binding."""
    return _kept(doc, Binding) or _keep(doc, _binding(doc))


T = TypeVar("T")


def _kept(doc: Document, kind: type[T]) -> T | None:
    try:
        known = doc.derived
    except AttributeError:
        return None
    return known if isinstance(known, kind) else None


def _keep(doc: Document, found: T) -> T:
    doc.derived = found
    return found


def bound(
    store: Store, policies: str, with_bindings: str
) -> Iterator[tuple[Policy, list[Binding]]]:
    """All policies with their bindings, each in the order of names. One without is asleep."""
    table, by_policy = store.table(with_bindings), dict[str, list[Binding]]()
    for key in table.sorted_keys():
        doc = table.get(key)
        assert doc is not None
        binding = binding_of(doc)
        by_policy.setdefault(binding.policy, []).append(binding)
    for name in sorted(by_policy):
        doc = store.get(policies, name)
        if doc is not None:
            yield policy_of(doc), by_policy[name]


def scopes_of(spec: Document) -> tuple[Scope, dict[str, Expression]]:
    """What the expressions of a policy may name, and its variables compiled one after the other."""
    scope = Scope(params="paramKind" in spec, authorizer=True, variables={})
    types: dict[str, Type] = {}
    variables: dict[str, Expression] = {}
    for one in children(spec, "variables"):
        name = text(one, "name")
        found = compiled(text(one, "expression"), scope, ANYTHING)
        variables[name] = found
        if found.program is not None:
            types[name] = found.program.type
        scope = msgspec.structs.replace(scope, variables=dict(types))
    return scope, variables


def _policy(doc: Document) -> Policy:
    spec = child(doc, "spec")
    scope, variables = scopes_of(spec)
    messages = msgspec.structs.replace(scope, authorizer=False)
    return Policy(
        text(doc, "metadata", "name"),
        constraints_of(child(spec, "matchConstraints")),
        text(spec, "failurePolicy") == "Ignore",
        "paramKind" in spec,
        (text(spec, "paramKind", "apiVersion"), text(spec, "paramKind", "kind")),
        conditions_of(spec, scope),
        variables,
        tuple(_validation(one, scope, messages) for one in children(spec, "validations")),
        tuple(
            AuditAnnotation(
                text(one, "key"),
                compiled(text(one, "valueExpression"), scope, (STRING, NULL)),
            )
            for one in children(spec, "auditAnnotations")
        ),
        tuple(_mutation(one, scope) for one in children(spec, "mutations")),
        text(spec, "reinvocationPolicy") == "IfNeeded",
    )


def _validation(given: Document, scope: Scope, messages: Scope) -> Validation:
    asked = text(given, "messageExpression")
    return Validation(
        compiled(text(given, "expression"), scope, (BOOL,)),
        text(given, "message"),
        compiled(asked, messages, (STRING,)) if asked else None,
        text(given, "reason"),
    )


def _mutation(given: Document, scope: Scope) -> Mutation:
    kind = text(given, "patchType")
    field = "applyConfiguration" if kind == "ApplyConfiguration" else "jsonPatch"
    source = text(given, field, "expression")
    return Mutation(kind, compiled(source, mutation_scope(scope), (mutation_type(kind),)))


def _binding(doc: Document) -> Binding:
    spec = child(doc, "spec")
    given = spec.get("paramRef")
    resources = spec.get("matchResources")
    return Binding(
        text(doc, "metadata", "name"),
        text(spec, "policyName"),
        constraints_of(resources) if isinstance(resources, Document) else None,
        _param_ref(given) if isinstance(given, Document) else None,
        tuple(map(str, elements(spec, "validationActions"))),
    )


def _param_ref(given: Document) -> ParamRef:
    selector = given.get("selector")
    return ParamRef(
        text(given, "name"),
        text(given, "namespace"),
        selector_of(selector) if isinstance(selector, Document) else None,
        text(given, "parameterNotFoundAction") == "Deny",
    )


def constraints_of(given: Document) -> Constraints:
    return Constraints(
        tuple(map(_named_rule, children(given, "resourceRules"))),
        tuple(map(_named_rule, children(given, "excludeResourceRules"))),
        text(given, "matchPolicy") != "Exact",
        selector_of(child(given, "namespaceSelector")),
        selector_of(child(given, "objectSelector")),
    )


def _named_rule(given: Document) -> NamedRule:
    def words(key: str) -> tuple[str, ...]:
        return tuple(map(str, elements(given, key)))

    rule = Rule(
        words("operations"),
        words("apiGroups"),
        words("apiVersions"),
        words("resources"),
        text(given, "scope") or "*",
    )
    return NamedRule(rule, words("resourceNames"))
