"""What a request is to the expressions of admission: the values of their variables.

Source: kubernetes v1.36, apiserver/pkg/admission/plugin/cel/condition.go (CreateAdmissionRequest,
CreateNamespaceObject), apiserver/pkg/cel/library/authz.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.authorization import decide as authorization
from kelm.core.api.authorization.decide import Mode
from kelm.core.api.authorization.rbac import Request
from kelm.core.api.rest.access import User
from kelm.core.api.webhooks.attributes import Attributes, kind_of, shown
from kelm.core.api.webhooks.hearing import Hearing
from kelm.core.cel.libraries.authorizers import Authorizer, Decision, Question, ResourceCheck
from kelm.core.cel.running.conversions import moment_of
from kelm.core.cel.running.values import Timestamp, Value
from kelm.core.store.store import Store
from kelm.effects.document import Document, Json, child, children

_OF_NAMESPACES: Final = frozenset(
    {
        "name", "generateName", "namespace", "uid", "resourceVersion", "generation",
        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "labels",
        "annotations", "finalizers",
    }
)  # fmt: skip


def bindings(
    store: Store,
    hearing: Hearing,
    asked: Attributes,
    version: str,
    requested: str,
    params: Document | None = None,
) -> dict[str, Value]:
    """The variables of a request.

    Args:
        version: the version in which a policy wants the object.
        requested: the request's own.
        params: the policy's parameters for this binding.
    """
    check = _authorizer(store, hearing.user, hearing.mode)
    return {
        "object": shown(asked, asked.object, version),
        "oldObject": shown(asked, asked.old, version),
        "request": request_of(hearing, asked, version, requested),
        "namespaceObject": namespace_object(store, asked),
        "params": params,
        "authorizer": check,
        "authorizer.requestResource": _of_request(check, asked),
    }


def request_of(hearing: Hearing, asked: Attributes, version: str, requested: str) -> Document:
    """The request, without its objects.

    Nothing is left out here: an empty name is a name to an expression.
    """

    def resource(of: str) -> Document:
        return Document(group=asked.info.group, version=of, resource=asked.info.plural)

    fields: dict[str, Json] = {
        "kind": kind_of(asked, version),
        "resource": resource(version),
        "requestKind": kind_of(asked, requested),
        "requestResource": resource(requested),
        "name": asked.name,
        "namespace": asked.namespace,
        "operation": asked.operation,
        "userInfo": Document({"groups": (), **hearing.user.info}),
        "dryRun": hearing.dry_run,
        "options": hearing.options or None,
    }
    if asked.subresource:
        fields["subResource"] = asked.subresource
        fields["requestSubResource"] = asked.subresource
    return Document(fields)


def namespace_object(store: Store, asked: Attributes) -> Value:
    """The namespace of a request as expressions see it; None where it has none."""
    if not asked.namespace or asked.info.resource == "namespaces":
        return None
    found = store.get("namespaces", asked.namespace)
    if found is None:
        return None
    meta = {key: one for key, one in child(found, "metadata").items() if key in _OF_NAMESPACES}
    timed = {key: _moment(one) if key.endswith("Timestamp") else one for key, one in meta.items()}
    timed["UID"] = timed.get("uid")
    status: dict[str, Value] = dict(child(found, "status"))
    if "conditions" in status:
        status["conditions"] = tuple(
            {**one, "lastTransitionTime": _moment(one.get("lastTransitionTime"))}
            for one in children(child(found, "status"), "conditions")
        )
    return {"metadata": timed, "spec": child(found, "spec"), "status": status}


def _moment(value: Json) -> Value:
    found = moment_of(value) if isinstance(value, str) else None
    return value if found is None else Timestamp(found)


def _authorizer(store: Store, user: User, mode: Mode) -> Authorizer:
    """Answers as the server does; where roles count, their sum is made when it is asked."""

    def decide(asked: Question) -> Decision:
        wanted = Request(
            asked.verb,
            asked.group,
            asked.resource,
            asked.subresource,
            asked.namespace,
            asked.name,
            asked.path,
            user=asked.user,
            groups=asked.groups,
        )
        known = authorization.grants(store) if mode == "RBAC" else ()
        found = authorization.decide(mode, known, wanted)
        return Decision(found.allowed, found.reason)

    return Authorizer(Question(user.name, user.groups), decide)


def _of_request(authorizer: Authorizer, asked: Attributes) -> ResourceCheck:
    question = Question(
        authorizer.question.user,
        authorizer.question.groups,
        group=asked.info.group,
        resource=asked.info.plural,
        subresource=asked.subresource,
        namespace=asked.namespace,
        name=asked.name,
    )
    return ResourceCheck(question, authorizer.decide)
