"""Whether somebody may do something: the decision, and who gave the permission.

Two modes, as upstream's `--authorization-mode`: everybody who is known may do everything, or roles
decide. The group `system:masters` may do everything under both.

Source: kubernetes v1.36, plugin/pkg/auth/authorizer/rbac/rbac.go (VisitRulesFor, the words of a
reason), apiserver/pkg/authorization/authorizerfactory/builtin.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from kelm.core.api.authorization.rbac import Binding, Request, Rule, Subject, allows, is_subject
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.document import Document, child, children, elements, text
from kelm.effects.messages import Cache

Mode: TypeAlias = Literal["AlwaysAllow", "RBAC"]
MASTERS: Final = "system:masters"
PUBLIC: Final = ("/healthz", "/livez", "/readyz", "/version", "/version/")
ANONYMOUS_NAME: Final = "system:anonymous"
_GROUP: Final = "rbac.authorization.k8s.io"
ROLES: Final = f"roles.{_GROUP}"
CLUSTER_ROLES: Final = f"clusterroles.{_GROUP}"
BINDINGS: Final = f"rolebindings.{_GROUP}"
CLUSTER_BINDINGS: Final = f"clusterrolebindings.{_GROUP}"
TABLES: Final = (ROLES, CLUSTER_ROLES, BINDINGS, CLUSTER_BINDINGS)


class Grant(msgspec.Struct, frozen=True):
    """A binding with its rules and the words in which a reason names it."""

    binding: Binding
    words: str


class Decision(msgspec.Struct, frozen=True):
    """Yes or no, and why."""

    allowed: bool
    reason: str = ""


class Roles(Protocol):
    """Where roles and bindings are. `kelm.core.store.store.Store` is one."""

    def table(self, resource: Resource) -> Cache: ...

    def get(self, resource: Resource, key: Key) -> Document | None: ...


def grants(store: Roles) -> tuple[Grant, ...]:
    """Everything that roles and bindings permit, those of the whole cluster first."""
    return (*_grants(store, CLUSTER_BINDINGS), *_grants(store, BINDINGS))


def _grants(store: Roles, resource: str) -> Iterator[Grant]:
    for doc in store.table(resource).objects():
        reference, namespace = child(doc, "roleRef"), text(doc, "metadata", "namespace")
        kind, name = text(reference, "kind"), text(reference, "name")
        rules = _rules(store, kind, namespace, name)
        subjects = tuple(
            Subject(text(one, "kind"), text(one, "name"), text(one, "namespace"))
            for one in children(doc, "subjects")
        )
        own = text(doc, "metadata", "name")
        named = (
            f'{text(doc, "kind")} "{own}/{namespace}"'
            if namespace
            else f'{text(doc, "kind")} "{own}"'
        )
        yield Grant(Binding(subjects, rules, namespace), f'{named} of {kind} "{name}"')


def _rules(store: Roles, kind: str, namespace: str, name: str) -> tuple[Rule, ...]:
    resource, place = (CLUSTER_ROLES, "") if kind == "ClusterRole" else (ROLES, namespace)
    role = store.get(resource, key_of(place, name))
    if role is None:
        return ()
    return tuple(rule_of(one) for one in children(role, "rules"))


def rule_of(doc: Document) -> Rule:
    """A rule of a role."""
    fields = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
    return Rule(*(tuple(map(str, elements(doc, field))) for field in fields))


def decide(mode: Mode, known: tuple[Grant, ...], asked: Request) -> Decision:
    """Whether a request is let in; `known` are the grants, which only one of the modes needs.

    >>> decide("AlwaysAllow", (), Request("get", resource="pods", user="ann")).allowed
    True
    >>> decide("RBAC", (), Request("get", resource="pods", user="ann")).allowed
    False
    """
    if asked.user == ANONYMOUS_NAME and asked.path in PUBLIC:
        return Decision(True)
    if MASTERS in asked.groups:
        return Decision(True)
    if mode == "AlwaysAllow":
        return Decision(asked.user != ANONYMOUS_NAME)
    for grant in known:
        binding = grant.binding
        if binding.namespace not in ("", asked.namespace):
            continue
        subject = next(
            (one for one in binding.subjects if is_subject(one, binding.namespace, asked)), None
        )
        if subject is not None and any(allows(rule, asked) for rule in binding.rules):
            return Decision(True, f"RBAC: allowed by {grant.words} to {_named(subject, binding)}")
    return Decision(False)


def _named(subject: Subject, binding: Binding) -> str:
    if subject.kind != "ServiceAccount":
        return f'{subject.kind} "{subject.name}"'
    return f'{subject.kind} "{subject.name}/{subject.namespace or binding.namespace}"'


def rules_for(mode: Mode, known: tuple[Grant, ...], user: Request) -> tuple[Rule, ...]:
    """All rules that somebody has in a namespace, for a review of them."""
    everything = Rule(("*",), ("*",), ("*",)), Rule(("*",), non_resource_urls=("*",))
    if mode == "AlwaysAllow":
        return everything
    found = tuple(
        rule
        for grant in known
        if grant.binding.namespace in ("", user.namespace)
        and any(is_subject(one, grant.binding.namespace, user) for one in grant.binding.subjects)
        for rule in grant.binding.rules
    )
    return found or (everything if MASTERS in user.groups else ())
