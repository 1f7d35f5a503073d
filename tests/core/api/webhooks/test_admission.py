"""Admission webhooks: who is asked what, and what the answers make of a request."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kelm.core.api.conversation import Asker, Conversation, begin
from kelm.core.api.rest.access import User
from kelm.core.api.webhooks.hearing import NotReached, Replied
from kelm.core.api.webhooks.rules import VALIDATING
from kelm.effects.address import key_of
from kelm.effects.commands import (
    Bind,
    Create,
    Delete,
    DeleteCollection,
    Evict,
    Patch,
    Update,
)
from kelm.effects.document import child, document, value_at, with_value
from kelm.effects.refusals import Reason
from tests.core.api.clusters import NOW_MS, config, deployment, meta, pod, server_with
from tests.core.api.webhooks.callers import (
    RULE,
    allow,
    configured,
    deny,
    hook,
    made,
    patching,
    played,
    said,
)

MAPS = [{**RULE, "resources": ["configmaps"]}]
LABEL = {"op": "add", "path": "/metadata/labels", "value": {"a": "1"}}


def create(name: str = "c") -> Create:
    return Create("configmaps", "default", config(name, k="v"))


def test_a_request_that_no_rule_means_asks_nobody() -> None:
    server = server_with(configured("Validating", hook("deny", rules=MAPS)))
    _, turn, calls = played(server, Create("pods", "default", pod()), {})
    assert calls == []
    assert meta(made(turn), "name") == "web"


def test_match_conditions_say_which_requests_a_webhook_is_asked_about() -> None:
    late = {"name": "late", "expression": "object.data.k != 'v' || request.name == 'x'"}
    broken = {"name": "broken", "expression": "object.data.nothing == 'v'"}
    for kind in ("Validating", "Mutating"):
        server = server_with(configured(kind, hook("deny", rules=MAPS, matchConditions=[late])))
        _, turn, calls = played(server, create(), {})
        assert calls == []
        assert made(turn)
        assert len(played(server, create("x"), {"deny": allow})[2]) == 1
        server = server_with(configured(kind, hook("deny", rules=MAPS, matchConditions=[broken])))
        assert said(played(server, create(), {})[1]) == (
            "configmaps \"c\" is forbidden: expression 'object.data.nothing == 'v'' "
            "resulted in error: no such key: nothing"
        )
        passing = hook("deny", rules=MAPS, matchConditions=[broken], failurePolicy="Ignore")
        assert made(played(server_with(configured(kind, passing)), create(), {})[1])


def test_a_review_says_all_of_a_request() -> None:
    server = server_with(configured("Validating", hook("ask", rules=MAPS)))
    seen: list[dict[str, Any]] = []

    def ask(request: dict[str, Any]) -> dict[str, Any]:
        seen.append(request)
        return {"allowed": True}

    asker = Asker(User("ann", ("devs",), "u1"))
    server, turn, calls = played(server, create(), {"ask": ask}, asker=asker)
    request = seen[0]
    stored = made(turn)
    assert request.pop("uid") == calls[0].uid
    shown = request.pop("object")
    assert shown["metadata"] == {
        "name": "c",
        "namespace": "default",
        "uid": meta(stored, "uid"),
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    assert request == {
        "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
        "resource": {"group": "", "version": "v1", "resource": "configmaps"},
        "requestKind": {"group": "", "version": "v1", "kind": "ConfigMap"},
        "requestResource": {"group": "", "version": "v1", "resource": "configmaps"},
        "name": "c",
        "namespace": "default",
        "operation": "CREATE",
        "userInfo": {"username": "ann", "uid": "u1", "groups": ["devs"]},
        "oldObject": None,
        "dryRun": False,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
    }
    assert server.store.get("configmaps", "default/c") is stored


@pytest.mark.parametrize(
    ("status", "code", "reason", "message"),
    [
        (
            {"message": "no", "code": 403, "reason": "Forbidden"},
            403,
            Reason.FORBIDDEN,
            "denied the request: no",
        ),
        ({"reason": "Odd", "code": 418}, 418, Reason.UNKNOWN, "denied the request: Odd"),
        ({"code": 200}, 400, Reason.UNKNOWN, "denied the request without explanation"),
        (None, 400, Reason.UNKNOWN, "denied the request without explanation"),
    ],
)
def test_a_no_is_the_webhooks_own(
    status: dict[str, Any] | None, code: int, reason: Reason, message: str
) -> None:
    server = server_with(configured("Validating", hook("deny", rules=MAPS)))
    no = {"allowed": False, **({"status": status} if status is not None else {})}
    after, turn, _ = played(server, create(), {"deny": lambda _request: no})
    refusal = turn.outcome.failure()
    assert refusal.message == f'admission webhook "deny.example.com" {message}'
    assert (refusal.code, refusal.reason, refusal.status()["code"]) == (code, reason, code)
    assert after.store.revision == server.store.revision


def test_a_webhook_that_is_down_blocks_unless_it_may_be_ignored() -> None:
    url = "https://hooks.example.com/deny?timeout=10s"
    for policy, blocked in (("Fail", True), ("Ignore", False)):
        server = server_with(
            configured("Validating", hook("deny", rules=MAPS, failurePolicy=policy))
        )
        _, turn, _ = played(server, create(), {})
        if blocked:
            assert turn.outcome.failure().code == 500
            assert said(turn) == (
                'Internal error occurred: failed calling webhook "deny.example.com": failed to '
                f'call webhook: Post "{url}": dial tcp 10.0.0.1:443: connect: connection refused'
            )
        else:
            assert meta(made(turn), "name") == "c"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (NotReached("context deadline exceeded"), "context deadline exceeded"),
        (Replied(404, b"nope", "text/plain"), "the server could not find the requested resource"),
        (
            Replied(500, b"boom\n", "text/plain; charset=utf-8"),
            'an error on the server ("boom") has prevented the request from succeeding',
        ),
        (
            Replied(200, b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}'),
            "received invalid webhook response: webhook response was absent",
        ),
        (
            Replied(
                200,
                b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1",'
                b'"response":{"uid":"x","allowed":true}}',
            ),
            'received invalid webhook response: expected response.uid="',
        ),
        (Replied(200, b"{}"), "Object 'Kind' is missing in '{}'"),
    ],
)
def test_a_senseless_reply_counts_as_a_failed_call(
    reply: NotReached | Replied, message: str
) -> None:
    server = server_with(configured("Validating", hook("odd", rules=MAPS)))
    _, turn, _ = played(server, create(), {"odd": lambda _request: reply})
    assert message in said(turn)
    assert said(turn).startswith("Internal error occurred: failed calling webhook")


def test_a_mutating_webhook_changes_what_is_stored() -> None:
    server = server_with(configured("Mutating", hook("label", rules=MAPS)))
    server, turn, calls = played(server, create(), {"label": patching(LABEL)})
    assert meta(made(turn), "labels") == {"a": "1"}
    assert "uid" not in child(calls[0].question.review, "request", "object", "metadata")
    assert server.store.get("configmaps", "default/c") is made(turn)


def test_what_a_webhook_patches_is_completed_and_judged() -> None:
    pods = [{**RULE, "resources": ["pods"]}]
    server = server_with(configured("Mutating", hook("sidecar", rules=pods)))
    add = {"op": "add", "path": "/spec/containers/-", "value": {"name": "s", "image": "proxy"}}
    _, turn, _ = played(server, Create("pods", "default", pod()), {"sidecar": patching(add)})
    containers = value_at(made(turn), "spec", "containers")
    assert isinstance(containers, tuple)
    assert containers[1]["imagePullPolicy"] == "Always"
    add["value"] = {"name": "c", "image": "proxy"}
    _, turn, _ = played(server, Create("pods", "default", pod()), {"sidecar": patching(add)})
    assert "spec.containers[1].name: Duplicate value" in said(turn)


def test_webhooks_are_asked_by_name_of_configuration_and_again_where_they_want_to() -> None:
    server = server_with(
        configured("Mutating", hook("second", rules=MAPS), name="b"),
        configured("Mutating", hook("first", rules=MAPS, reinvocationPolicy="IfNeeded"), name="a"),
    )
    data = {"op": "add", "path": "/data/x", "value": "1"}
    hooks = {"first": allow, "second": patching(data)}
    _, _, calls = played(server, create(), hooks)
    names = [call.question.webhook.partition(".")[0] for call in calls]
    assert names == ["first", "second", "first"]
    assert value_at(calls[2].question.review, "request", "object", "data", "x") == "1"
    _, _, calls = played(server, create(), {"first": allow, "second": allow})
    assert len(calls) == 2


def test_validating_webhooks_are_asked_at_once_about_what_the_mutating_ones_left() -> None:
    server = server_with(
        configured("Mutating", hook("label", rules=MAPS)),
        configured("Validating", hook("one", rules=MAPS), hook("two", rules=MAPS)),
    )
    server, turn = begin(server, create(), NOW_MS)
    assert isinstance(turn, Conversation)
    assert [call.question.webhook for call in turn.calls] == ["label.example.com"]
    hooks = {"label": patching(LABEL), "one": allow, "two": deny}
    _, turn, calls = played(server, create(), hooks)
    labels = [
        value_at(one.question.review, "request", "object", "metadata", "labels") for one in calls
    ]
    assert labels == [None, {"a": "1"}, {"a": "1"}]
    assert said(turn) == 'admission webhook "two.example.com" denied the request: no'


def test_selectors_choose_by_object_and_by_namespace() -> None:
    chosen = {"matchLabels": {"watched": "yes"}}
    server = server_with(
        Create(
            "namespaces", "", document({"metadata": {"name": "shop", "labels": {"watched": "yes"}}})
        ),
        configured("Validating", hook("ns", rules=MAPS, namespaceSelector=chosen)),
        configured("Validating", hook("obj", rules=MAPS, objectSelector=chosen), name="z"),
    )
    watched = with_value(config(), ("metadata", "labels"), document({"watched": "yes"}))
    for namespace, doc, wanted in (
        ("default", config(), []),
        ("shop", config(), ["ns"]),
        ("default", watched, ["obj"]),
        ("shop", watched, ["ns", "obj"]),
    ):
        _, _, calls = played(
            server, Create("configmaps", namespace, doc), {"ns": allow, "obj": allow}
        )
        assert [call.question.webhook.partition(".")[0] for call in calls] == wanted


def test_scope_tells_namespaced_from_cluster_wide() -> None:
    for scope, wanted in (("Namespaced", ["c"]), ("Cluster", ["n"]), ("*", ["c", "n"])):
        rules = [{**RULE, "scope": scope}]
        server = server_with(configured("Validating", hook("a", rules=rules)))
        namespace = Create("namespaces", "", document({"metadata": {"name": "n"}}))
        asked = [
            meta_name
            for command, meta_name in ((create(), "c"), (namespace, "n"))
            if played(server, command, {"a": allow})[2]
        ]
        assert asked == wanted


def test_an_equivalent_version_is_asked_about_in_its_own_words() -> None:
    rules = [{**RULE, "apiGroups": ["autoscaling"], "apiVersions": ["v1"]}]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 3}
    scaler = document({"metadata": {"name": "s"}, "spec": spec})
    command = Create("horizontalpodautoscalers.autoscaling", "default", scaler)
    for policy, version in (("Equivalent", "v1"), ("Exact", None)):
        server = server_with(configured("Validating", hook("a", rules=rules, matchPolicy=policy)))
        _, _, calls = played(server, command, {"a": allow})
        request = [child(call.question.review, "request") for call in calls]
        assert [one["kind"]["version"] for one in request] == ([version] if version else [])  # type: ignore[index]
        for one in request:
            assert one["requestKind"]["version"] == "v2"  # type: ignore[index]
            assert value_at(one, "object", "apiVersion") == "autoscaling/v1"


def test_configurations_are_not_subject_to_webhooks() -> None:
    server = server_with(configured("Validating", hook("deny")))
    server, turn, calls = played(server, configured("Mutating", hook("x")), {})
    assert calls == []
    _, turn, calls = played(server, Delete(VALIDATING, "", "policy"), {})
    assert calls == []
    assert turn.outcome.unwrap()["status"] == "Success"


def test_a_dry_run_asks_only_those_without_side_effects() -> None:
    server = server_with(configured("Validating", hook("old", rules=MAPS)))
    server = _with_side_effects(server)
    _, turn, calls = played(server, create(), {"old": allow})
    assert len(calls) == 1
    dry = Create("configmaps", "default", config(), dry_run=True)
    _, turn, calls = played(server, dry, {"old": allow})
    assert calls == []
    assert said(turn) == 'admission webhook "old.example.com" does not support dry run'


def _with_side_effects(server: Any) -> Any:
    """As an older server would have let it in."""
    doc = server.store.get(VALIDATING, "policy")
    hooks = ({**doc["webhooks"][0], "sideEffects": "Some"},)
    store = server.store.put(
        VALIDATING, "policy", with_value(doc, ("webhooks",), document({"w": hooks})["w"])
    )
    return type(server)(store, server.events, server.ranges)


def test_deletions_and_parts_are_reviewed() -> None:
    server = server_with(
        Create("pods", "default", pod()),
        Create("configmaps", "default", config()),
        Create("configmaps", "default", config("d")),
        Create("deployments.apps", "default", deployment()),
        configured("Validating", hook("a")),
    )
    uid = str(meta(server.store.get("pods", "default/web"), "uid"))  # type: ignore[arg-type]
    scale = document({"metadata": {"name": "web", "namespace": "default"}, "spec": {"replicas": 5}})
    status = document({"status": {"phase": "Running"}})
    commands = {
        ("DELETE", "configmaps", ""): Delete("configmaps", "default", "c"),
        ("CREATE", "pods", "binding"): Bind("default", "web", uid, "n1"),
        ("CREATE", "pods", "eviction"): Evict("default", "web"),
        ("UPDATE", "pods", "status"): Patch("pods", "default", "web", status, subresource="status"),
        ("UPDATE", "deployments", "scale"): Update(
            "deployments.apps", "default", "web", scale, "scale"
        ),
        ("UPDATE", "deployments", ""): Patch(
            "deployments.apps", "default", "web", document({"spec": {"replicas": 3}})
        ),
    }
    for (operation, plural, part), command in commands.items():
        after, turn, calls = played(server, command, {"a": deny})
        assert said(turn) == 'admission webhook "a.example.com" denied the request: no'
        assert after.store.revision == server.store.revision
        request = child(calls[0].question.review, "request")
        assert request["operation"] == operation
        assert child(request, "resource")["resource"] == plural
        assert request.get("subResource", "") == part
        assert (request["object"] is None) is (operation == "DELETE")
        assert (request["oldObject"] is None) is (operation == "CREATE")
        after, turn, calls = played(server, command, {"a": allow})
        assert after.store.revision > server.store.revision, command
        assert len(calls) == 1
    _, turn, calls = played(server, DeleteCollection("configmaps", "default"), {"a": allow})
    assert [child(call.question.review, "request").get("name") for call in calls] == [None, None]
    assert [
        value_at(call.question.review, "request", "oldObject", "metadata", "name") for call in calls
    ] == ["c", "d"]


def test_of_many_those_before_the_first_refusal_stay_deleted() -> None:
    server = server_with(
        *(create(name) for name in "abc"), configured("Validating", hook("a", rules=MAPS))
    )

    def not_b(request: dict[str, Any]) -> dict[str, Any]:
        return deny(request) if request["oldObject"]["metadata"]["name"] == "b" else allow(request)

    everything = DeleteCollection("configmaps", "default")
    tried, turn, _ = played(server, msgspec.structs.replace(everything, dry_run=True), {"a": not_b})
    assert turn.outcome.failure().reason is Reason.FORBIDDEN
    assert tried.store.table("configmaps") is server.store.table("configmaps")
    after, turn, _ = played(server, everything, {"a": not_b})
    assert turn.outcome.failure().reason is Reason.FORBIDDEN
    left = {key for key in after.store.table("configmaps").sorted_keys() if "default/" in key}
    assert left >= {"default/b", "default/c"}
    assert "default/a" not in left


def test_a_scale_is_shown_as_a_scale() -> None:
    rules = [{**RULE, "resources": ["deployments/scale"]}]
    server = server_with(
        Create("deployments.apps", "default", deployment()),
        configured("Mutating", hook("cap", rules=rules)),
    )
    cap = patching({"op": "replace", "path": "/spec/replicas", "value": 2})
    patch = document({"spec": {"replicas": 9}})
    command = Patch("deployments.apps", "default", "web", patch, subresource="scale")
    after, _, calls = played(server, command, {"cap": cap})
    request = child(calls[0].question.review, "request")
    assert request["kind"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    assert value_at(request, "object", "spec", "replicas") == 9
    web = after.store.get("deployments.apps", key_of("default", "web"))
    assert value_at(web, "spec", "replicas") == 2  # type: ignore[arg-type]


def test_a_deletion_cannot_be_patched() -> None:
    server = server_with(
        Create("configmaps", "default", config()), configured("Mutating", hook("a", rules=MAPS))
    )
    _, turn, _ = played(server, Delete("configmaps", "default", "c"), {"a": patching(LABEL)})
    assert said(turn) == (
        'Internal error occurred: admission webhook "a.example.com" attempted to modify the '
        "object, which is not supported for this operation"
    )


def test_warnings_and_notes_come_with_the_answer() -> None:
    server = server_with(configured("Validating", hook("a", rules=MAPS)))
    reply = {"allowed": True, "warnings": ["mind"], "auditAnnotations": {"k": "v"}}
    _, turn, _ = played(server, create(), {"a": lambda _request: reply})
    assert turn.warnings == ("mind",)
    assert turn.annotations == {"a.example.com/k": "v"}


def test_a_validating_webhook_may_not_patch() -> None:
    server = server_with(configured("Validating", hook("a", rules=MAPS)))
    _, turn, _ = played(server, create(), {"a": patching(LABEL)})
    assert (
        "received invalid webhook response: validating webhook may not return response.patch"
        in (said(turn))
    )
