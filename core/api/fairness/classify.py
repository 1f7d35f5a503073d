"""Which FlowSchema a request belongs to, and which priority level that gives it.

Schemas are asked in the order of their precedence, those of equal precedence by name; the first
whose rules match has the request. A rule matches when one of its subjects is who asks and one of
its resource rules (or non-resource rules, for a path) is what is asked.

Source: kubernetes v1.36.2, apiserver/pkg/util/flowcontrol/rule.go and apf_controller.go,
apiserver/pkg/apis/flowcontrol/bootstrap/default.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.api.authorization.rbac import Request
from kelm.core.api.flow_control.first import LEVELS, SCHEMAS
from kelm.core.store.store import Store
from kelm.effects.document import Document, child, children, elements, flag, number, text

LASTING: Final = frozenset({"attach", "exec", "proxy", "log", "portforward"})
ALL: Final = "*"
CATCH_ALL: Final = "catch-all"
"""What no schema has is part of this one, whatever its rules."""
ACCOUNT: Final = "system:serviceaccount:"


class Flow(msgspec.Struct, frozen=True):
    """What a request was found to be part of."""

    schema_uid: str
    level_uid: str
    level: str


def is_unclassified(request: Request) -> bool:
    """Whether a request lasts as long as its client wants, and is part of no flow; watches are.

    Source: pkg/controlplane/apiserver/config.go (BasicLongRunningRequestCheck).

    >>> is_unclassified(Request("get", resource="pods", subresource="log"))
    True
    >>> is_unclassified(Request("watch", resource="pods"))
    False
    """
    if request.path:
        return request.path.startswith("/debug/pprof/")
    return request.subresource in LASTING or request.resource == "proxy"


def ordered(store: Store) -> tuple[Document, ...]:
    """All FlowSchemas, in the order in which they are asked."""
    if SCHEMAS not in store.number_of:
        return ()
    return tuple(sorted(store.table(SCHEMAS).objects(), key=_precedence))


def _precedence(schema: Document) -> tuple[int, str]:
    return (number(schema, "spec", "matchingPrecedence"), text(schema, "metadata", "name"))


def classify(schemas: Iterable[Document], store: Store, request: Request) -> Flow | None:
    """The flow that a request is part of, None where no schema has it.

    >>> from kelm.effects.document import document
    >>> rule = {"subjects": [{"kind": "Group", "group": {"name": "dev"}}],
    ...         "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["/live/*"]}]}
    >>> schema = document({"metadata": {"uid": "1"}, "spec": {"rules": [rule]}})
    >>> classify((schema,), Store(), Request("get", path="/live/x", user="ann", groups=("dev",)))
    Flow(schema_uid='1', level_uid='', level='')
    >>> classify((schema,), Store(), Request("get", path="/live/x", user="ann")) is None
    True
    """
    rest = None
    for schema in schemas:
        if any(_is_part(rule, request) for rule in children(schema, "spec", "rules")):
            return _flow(schema, store)
        if text(schema, "metadata", "name") == CATCH_ALL:
            rest = schema
    return None if rest is None else _flow(rest, store)


def _flow(schema: Document, store: Store) -> Flow:
    level = text(schema, "spec", "priorityLevelConfiguration", "name")
    found = store.get(LEVELS, level) if LEVELS in store.number_of else None
    uid = "" if found is None else text(found, "metadata", "uid")
    return Flow(text(schema, "metadata", "uid"), uid, level)


def _is_part(rule: Document, request: Request) -> bool:
    if not any(_asks(subject, request) for subject in children(rule, "subjects")):
        return False
    if request.path:
        return any(_of_path(one, request) for one in children(rule, "nonResourceRules"))
    return any(_of_resource(one, request) for one in children(rule, "resourceRules"))


def _asks(subject: Document, request: Request) -> bool:
    """Whether a subject is who asks."""
    kind = text(subject, "kind")
    if kind == "User":
        return text(subject, "user", "name") in (ALL, request.user)
    if kind == "Group":
        name = text(subject, "group", "name")
        return name == ALL or name in request.groups
    if kind != "ServiceAccount" or not request.user.startswith(ACCOUNT):
        return False
    account = child(subject, "serviceAccount")
    namespace, _, name = request.user.removeprefix(ACCOUNT).partition(":")
    return namespace == text(account, "namespace") and text(account, "name") in (ALL, name)


def _of_resource(rule: Document, request: Request) -> bool:
    whole = f"{request.resource}/{request.subresource}" if request.subresource else request.resource
    if not (
        _has(rule, "verbs", request.verb)
        and _has(rule, "resources", whole)
        and _has(rule, "apiGroups", request.api_group)
    ):
        return False
    if not request.namespace:
        return flag(rule, "clusterScope")
    return _has(rule, "namespaces", request.namespace)


def _of_path(rule: Document, request: Request) -> bool:
    return _has(rule, "verbs", request.verb) and any(
        _leads_to(one, request.path)
        for one in elements(rule, "nonResourceURLs")
        if isinstance(one, str)
    )


def _leads_to(pattern: str, path: str) -> bool:
    """Whether a path is meant by a pattern: itself, or what is below it.

    >>> _leads_to("/healthz", "/healthz/ping"), _leads_to("/healthz", "/healthzz")
    (True, False)
    """
    if pattern in (ALL, path):
        return True
    below = pattern.removesuffix(ALL)
    return path.startswith(below if below.endswith("/") else f"{below}/")


def _has(rule: Document, field: str, value: str) -> bool:
    listed = elements(rule, field)
    return value in listed or listed == (ALL,)
