"""Questions to the authorizer: `authorizer.group("apps").resource("deployments").check("create")`.

Source: kubernetes v1.36, apiserver/pkg/cel/library/authz.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from kelm.core.api.validation.names import dns1123_label, dns1123_subdomain
from kelm.core.cel.running.values import EvaluationFault, Value


class Question(msgspec.Struct, frozen=True):
    """What is asked: may this user do that? `path` where it is about no resource."""

    user: str
    groups: tuple[str, ...]
    verb: str = ""
    path: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    field_selector: str = ""
    label_selector: str = ""


class Decision(msgspec.Struct, frozen=True):
    allowed: bool
    reason: str = ""
    error: str = ""
    type_name = "kubernetes.authorization.Decision"


Decide: TypeAlias = Callable[[Question], Decision]


def _always(_question: Question) -> Decision:
    return Decision(True)


class Authorizer(msgspec.Struct, frozen=True):
    """Who asks, and who answers."""

    question: Question
    decide: Decide = _always
    type_name = "kubernetes.authorization.Authorizer"


class PathCheck(msgspec.Struct, frozen=True):
    question: Question
    decide: Decide
    type_name = "kubernetes.authorization.PathCheck"


class GroupCheck(msgspec.Struct, frozen=True):
    question: Question
    decide: Decide
    type_name = "kubernetes.authorization.GroupCheck"


class ResourceCheck(msgspec.Struct, frozen=True):
    question: Question
    decide: Decide
    type_name = "kubernetes.authorization.ResourceCheck"


def _asked(asked: Question, **fields: str) -> Question:
    return msgspec.structs.replace(asked, **fields)


def _path(authorizer: Authorizer, path: str) -> PathCheck:
    if not path.strip():
        raise EvaluationFault("path must not be empty")
    return PathCheck(_asked(authorizer.question, path=path), authorizer.decide)


def _group(authorizer: Authorizer, group: str) -> GroupCheck:
    return GroupCheck(_asked(authorizer.question, group=group), authorizer.decide)


def _service_account(authorizer: Authorizer, namespace: str, name: str) -> Authorizer:
    if dns1123_subdomain(name):
        raise EvaluationFault("Invalid service account name")
    if dns1123_label(namespace):
        raise EvaluationFault("Invalid service account namespace")
    user = f"system:serviceaccount:{namespace}:{name}"
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    return Authorizer(Question(user, groups), authorizer.decide)


def _resource(check: GroupCheck, resource: str) -> ResourceCheck:
    if not resource.strip():
        raise EvaluationFault("resource must not be empty")
    return ResourceCheck(_asked(check.question, resource=resource), check.decide)


def _narrowed(field: str) -> Callable[[ResourceCheck, str], ResourceCheck]:
    def narrow(check: ResourceCheck, value: str) -> ResourceCheck:
        return ResourceCheck(_asked(check.question, **{field: value}), check.decide)

    return narrow


def _check(check: PathCheck | ResourceCheck, verb: str) -> Decision:
    return check.decide(_asked(check.question, verb=verb))


def _allowed(decision: Decision) -> bool:
    return decision.allowed


def _reason(decision: Decision) -> str:
    return decision.reason


def _errored(decision: Decision) -> bool:
    return bool(decision.error)


def _error(decision: Decision) -> str:
    return decision.error


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "path": _path,
    "group": _group,
    "serviceAccount": _service_account,
    "resource": _resource,
    "subresource": _narrowed("subresource"),
    "namespace": _narrowed("namespace"),
    "name": _narrowed("name"),
    "fieldSelector": _narrowed("field_selector"),
    "labelSelector": _narrowed("label_selector"),
    "check": _check,
    "allowed": _allowed,
    "reason": _reason,
    "errored": _errored,
    "error": _error,
}
