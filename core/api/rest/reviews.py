"""Questions about who may do what, and who somebody is: answered, never stored.

Source: kubernetes v1.36, pkg/registry/authorization, pkg/registry/authentication.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.core.api import refuse
from kelm.core.api.authorization.decide import Decision
from kelm.core.api.authorization.rbac import Request as Question
from kelm.core.api.authorization.rbac import Rule
from kelm.core.api.rest.access import User
from kelm.core.api.rest.request import Review
from kelm.core.api.tokens.bearers import Bearer, Unproven
from kelm.core.api.tokens.requests import AUDIENCES
from kelm.core.api.validation.violation import invalid, required
from kelm.core.api.verbs.owners import owned_at_first, owning
from kelm.core.api.verbs.request import Call
from kelm.core.objects.time import format_time
from kelm.core.store.store import Store
from kelm.effects.document import Document, Json, child, elements, text, without
from kelm.effects.refusals import Refusal

Decide = Callable[[Question], Decision]
Rules = Callable[[Question], "tuple[Rule, ...]"]
Identify = Callable[[str, "tuple[str, ...]"], "Bearer | Unproven"]
INVALID: Final = "invalid bearer token"
ACCESS: Final = frozenset(
    {"SelfSubjectAccessReview", "SubjectAccessReview", "LocalSubjectAccessReview"}
)


def reviewed(
    review: Review, user: User, decide: Decide, rules: Rules, identify: Identify, now_ms: int = 0
) -> Document | Refusal:
    """A review with its answer, and who asked it as whoever creates an object would own it."""
    kind = review.target.info.kind
    spec = child(review.body, "spec")
    status: Document | Refusal
    if kind == "SelfSubjectReview":
        status = Document(userInfo=user.info)
    elif kind == "TokenReview":
        status = _token_status(spec, identify)
    elif kind == "SelfSubjectRulesReview":
        namespace = text(spec, "namespace")
        status = _rules_status(rules(_question(user, Document(namespace=namespace), Document())))
    else:
        status = _access_status(review, spec, user, decide)
    if isinstance(status, Refusal):
        return status
    dated = {"creationTimestamp": format_time(now_ms)} if kind == "SelfSubjectReview" else {}
    return Document(
        {
            "kind": kind,
            "apiVersion": review.target.api_version,
            **review.body,
            "metadata": Document({**_metadata(review, now_ms), **dated}),
            "status": status,
        }
    )


def _metadata(review: Review, now_ms: int) -> Document:
    info, meta = review.target.info, child(review.body, "metadata")
    call = Call(now_ms, manager=review.manager)
    fields = owned_at_first(Store(), info, _typed(review))
    owners = owning(info, review.body, fields, call).owners
    return Document({**meta, "managedFields": owners}) if owners else meta


def _typed(review: Review) -> Document:
    target = review.target
    typed = {"apiVersion": target.api_version, "kind": target.info.kind}
    return without(Document({**typed, **review.body}), ("status",))


def _token_status(spec: Document, identify: Identify) -> Document | Refusal:
    """Whose a token is, and for whom.

    Source: pkg/registry/authentication/tokenreview/storage.go.
    """
    if not text(spec, "token"):
        return refuse.bad_request("token is required for TokenReview in authentication")
    found = identify(text(spec, "token"), tuple(map(str, elements(spec, "audiences"))) or AUDIENCES)
    if isinstance(found, Unproven):
        why = f"[{INVALID}, {found.why}]" if found.why else INVALID
        return Document(user=Document(), error=why)
    return Document(authenticated=True, user=found.user.info, audiences=found.audiences)


def _question(user: User, resource: Document, other: Document) -> Question:
    if other:
        return Question(
            text(other, "verb"), path=text(other, "path"), user=user.name, groups=user.groups
        )
    return Question(
        text(resource, "verb"),
        text(resource, "group"),
        text(resource, "resource"),
        text(resource, "subresource"),
        text(resource, "namespace"),
        text(resource, "name"),
        user=user.name,
        groups=user.groups,
    )


def _access_status(
    review: Review, spec: Document, user: User, decide: Decide
) -> Document | Refusal:
    kind = review.target.info.kind
    resource, other = child(spec, "resourceAttributes"), child(spec, "nonResourceAttributes")
    if bool(resource) == bool(other):
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        violation = required("spec.resourceAttributes", why)
        return invalid(kind, "authorization.k8s.io", "", (violation,))
    if kind != "SelfSubjectAccessReview":
        user = User(text(spec, "user"), tuple(map(str, elements(spec, "groups"))))
        if not user.name and not user.groups:
            why = "at least one of user or group must be specified"
            return invalid(kind, "authorization.k8s.io", "", (required("spec.user", why),))
    decision = decide(_question(user, resource, other))
    fields: dict[str, Json] = {"allowed": decision.allowed}
    if decision.reason:
        fields["reason"] = decision.reason
    return Document(fields)


def _rules_status(rules: tuple[Rule, ...]) -> Document:
    resource = tuple(_resource_rule(rule) for rule in rules if not rule.non_resource_urls)
    other = tuple(
        Document(verbs=rule.verbs, nonResourceURLs=rule.non_resource_urls)
        for rule in rules
        if rule.non_resource_urls
    )
    return Document(resourceRules=resource, nonResourceRules=other, incomplete=False)


def _resource_rule(rule: Rule) -> Document:
    fields: dict[str, Json] = {
        "verbs": rule.verbs,
        "apiGroups": rule.api_groups,
        "resources": rule.resources,
    }
    if rule.resource_names:
        fields["resourceNames"] = rule.resource_names
    return Document(fields)
