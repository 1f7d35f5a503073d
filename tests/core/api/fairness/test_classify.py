"""Which flow a request is part of: the flows of a real server, and rules one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kelm.core.api.authorization.rbac import Request
from kelm.core.api.fairness.classify import classify, is_unclassified, ordered
from kelm.core.api.flow_control.first import SCHEMAS
from kelm.core.store.store import Store
from kelm.effects.document import document, text
from tests.adapters.apiserver.edges.record import FLOWS

ACCOUNTS = ("system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated")
ACCOUNT = "system:serviceaccount:shop:till"
KUBE = ("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated")
NODES = ("system:nodes", "system:authenticated")
ANN = ("system:authenticated",)


def real() -> list[Any]:
    found = json.loads(FLOWS.read_text())["flowschemas"]
    return [
        document({**one, "metadata": {**one["metadata"], "uid": one["metadata"]["name"]}})
        for one in found
    ]


def first(request: Request) -> str:
    schemas = sorted(real(), key=lambda one: one["spec"]["matchingPrecedence"])
    found = classify(schemas, Store(), request)
    return found.schema_uid if found else ""


@pytest.mark.parametrize(
    ("request_", "flow"),
    [
        (
            Request(
                "get", path="/livez", user="system:anonymous", groups=("system:unauthenticated",)
            ),
            "probes",
        ),
        (Request("list", resource="pods", user="root", groups=("system:masters",)), "exempt"),
        (Request("list", resource="pods", user=ACCOUNT, groups=ACCOUNTS), "service-accounts"),
        (Request("get", path="/api", user=ACCOUNT, groups=ACCOUNTS), "service-accounts"),
        (
            Request(
                "update",
                "coordination.k8s.io",
                "leases",
                namespace="kube-node-lease",
                user="system:node:a",
                groups=NODES,
            ),
            "system-node-high",
        ),
        (Request("list", resource="pods", user="system:node:a", groups=NODES), "system-nodes"),
        (
            Request(
                "get", resource="pods", namespace="a", user="system:kube-scheduler", groups=ANN
            ),
            "kube-scheduler",
        ),
        (Request("get", resource="pods", user="ann", groups=ANN), "global-default"),
        (Request("get", path="/none", user="ann"), "catch-all"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_requests_have_the_flows_of_a_real_server(request_: Request, flow: str) -> None:
    assert first(request_) == flow


def schema(**rule: Any) -> Any:
    subject = {"kind": "User", "user": {"name": "ann"}}
    rules = [{"subjects": [rule.pop("subject", subject)], **rule}]
    return document({"metadata": {"name": "a", "uid": "1"}, "spec": {"rules": rules}})


RESOURCE = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods/status"], "namespaces": ["x"]}


@pytest.mark.parametrize(
    ("change", "there"),
    [
        ({}, True),
        ({"verbs": ["list"]}, False),
        ({"apiGroups": ["apps"]}, False),
        ({"resources": ["pods"]}, False),
        ({"resources": ["*"]}, True),
        ({"namespaces": ["y"]}, False),
        ({"namespaces": ["*"]}, True),
    ],
)
def test_a_resource_rule_is_about_all_that_it_names(change: Any, there: bool) -> None:
    asked = Request("get", "", "pods", "status", "x", "a", user="ann")
    found = classify((schema(resourceRules=[{**RESOURCE, **change}]),), Store(), asked)
    assert (found is not None) == there


def test_what_is_in_no_namespace_needs_a_rule_for_that() -> None:
    asked = Request("get", "", "nodes", user="ann")
    rule = {**RESOURCE, "resources": ["nodes"], "namespaces": ["*"]}
    assert classify((schema(resourceRules=[rule]),), Store(), asked) is None
    wide = schema(resourceRules=[{**rule, "clusterScope": True}])
    assert classify((wide,), Store(), asked) is not None


@pytest.mark.parametrize(
    ("name", "namespace", "there"),
    [("till", "shop", True), ("*", "shop", True), ("*", "sho", False), ("other", "shop", False)],
)
def test_an_account_is_named_with_its_namespace(name: str, namespace: str, there: bool) -> None:
    subject = {"kind": "ServiceAccount", "serviceAccount": {"name": name, "namespace": namespace}}
    rule = {"verbs": ["*"], "nonResourceURLs": ["*"]}
    asked = Request("get", path="/x", user=ACCOUNT)
    found = classify((schema(subject=subject, nonResourceRules=[rule]),), Store(), asked)
    assert (found is not None) == there


def test_the_lower_precedence_is_asked_first_and_then_the_name() -> None:
    store, names = Store(), (("b", 1), ("c", 2), ("a", 2), ("d", 1))
    for name, precedence in names:
        spec = {"matchingPrecedence": precedence}
        store = store.put(SCHEMAS, name, document({"metadata": {"name": name}, "spec": spec}))
    assert [text(one, "metadata", "name") for one in ordered(store)] == ["b", "d", "a", "c"]


def test_what_lasts_is_part_of_no_flow() -> None:
    assert is_unclassified(Request("get", path="/debug/pprof/heap"))
    assert is_unclassified(Request("create", resource="pods", subresource="exec"))
    assert not is_unclassified(Request("get", resource="pods", subresource="status"))
