"""Delete, evict, bind: how objects go, and what must be true first."""

from __future__ import annotations

from kelm.core.api.server import ApiServer, handle, watch_events
from kelm.effects.commands import (
    Bind,
    Create,
    Delete,
    DeleteCollection,
    Evict,
    Get,
    Patch,
    Update,
)
from kelm.effects.document import Document, child, document, value_at, with_value
from kelm.effects.refusals import Reason
from tests.core.api.clusters import (
    NOW_MS,
    config,
    deployment,
    done,
    meta,
    pod,
    refused,
    server_with,
)

LATER_MS = NOW_MS + 10_000
NODE = document({"metadata": {"name": "n", "labels": {"topology.kubernetes.io/zone": "z"}}})


def bound_pod() -> ApiServer:
    return server_with(
        Create("nodes", "", NODE), Create("pods", "default", pod()), Bind("default", "web", "", "n")
    )


def seen(server: ApiServer, resource: str) -> list[str]:
    return [change.type for change in watch_events(server, resource, 0).unwrap()]


def test_what_nothing_holds_goes_at_once() -> None:
    server = server_with(Create("configmaps", "default", config()))
    server, answer = done(server, Delete("configmaps", "default", "c"))
    assert answer["status"] == "Success"
    assert child(answer, "details")["kind"] == "configmaps"
    assert refused(server, Get("configmaps", "default", "c")).code == 404
    assert refused(server, Delete("configmaps", "default", "c")).code == 404


def test_a_finalizer_holds_an_object_until_it_is_taken_away() -> None:
    held = with_value(config(), ("metadata", "finalizers"), ("a.io/b",))
    server = server_with(Create("configmaps", "default", held))
    server, marked = done(server, Delete("configmaps", "default", "c"))
    assert meta(marked, "deletionTimestamp") == "2026-01-01T00:00:00Z"
    assert meta(marked, "deletionGracePeriodSeconds") == 0
    again, same = done(server, Delete("configmaps", "default", "c"), LATER_MS)
    assert again is server and same is marked
    patch = Patch("configmaps", "default", "c", document({"metadata": {"finalizers": None}}))
    server, answer = done(server, patch)
    assert meta(answer, "finalizers") is None, "the answer is what was asked for"
    assert refused(server, Get("configmaps", "default", "c")).code == 404
    last = watch_events(server, "configmaps", 0).unwrap()[-1]
    assert last.type == "DELETED"
    assert meta(last.object, "finalizers") == ("a.io/b",), "watches see the stored state"
    assert meta(last.object, "resourceVersion") == str(server.store.revision)


def test_a_deletion_may_mean_one_object_or_one_version() -> None:
    server, web = done(server_with(), Create("deployments.apps", "default", deployment()))
    uid = refused(server, Delete("deployments.apps", "default", "web", uid="x"))
    assert uid.reason is Reason.CONFLICT and (uid.kind, uid.group) == ("Deployment", "apps")
    assert uid.message == (
        'Operation cannot be fulfilled on Deployment.apps "web": the UID in the precondition (x) '
        f"does not match the UID in record ({meta(web, 'uid')}). The object might have been "
        "deleted and then recreated"
    )
    version = Delete("deployments.apps", "default", "web", resource_version="1")
    assert "the ResourceVersion in the precondition (1)" in refused(server, version).message


def test_policies_become_finalizers() -> None:
    server = server_with(Create("deployments.apps", "default", deployment()))
    foreground = Delete("deployments.apps", "default", "web", propagation_policy="Foreground")
    _, marked = done(server, foreground)
    assert meta(marked, "finalizers") == ("foregroundDeletion",)
    assert meta(marked, "generation") == 2
    orphan = Delete("deployments.apps", "default", "web", propagation_policy="Orphan")
    assert meta(done(server, orphan)[1], "finalizers") == ("orphan",)
    assert done(server, Delete("deployments.apps", "default", "web"))[1]["kind"] == "Status"
    sideways = Delete("deployments.apps", "default", "web", propagation_policy="Sideways")  # type: ignore[arg-type]
    assert refused(server, sideways).message == (
        'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: '
        '"Sideways": supported values: "Foreground", "Background", "Orphan", "nil"'
    )


def test_replication_controllers_orphan_unless_told_otherwise() -> None:
    labels = {"app": "rc"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": "x"}]},
    }
    wanted = document({"metadata": {"name": "rc"}, "spec": {"template": template}})
    server = server_with(Create("replicationcontrollers", "default", wanted))
    _, marked = done(server, Delete("replicationcontrollers", "default", "rc"))
    assert meta(marked, "finalizers") == ("orphan",)


def test_a_running_pod_gets_its_grace_period() -> None:
    server, marked = done(bound_pod(), Delete("pods", "default", "web"))
    assert meta(marked, "deletionTimestamp") == "2026-01-01T00:00:30Z"
    assert meta(marked, "deletionGracePeriodSeconds") == 30
    assert meta(marked, "generation") == 2
    shorter = Delete("pods", "default", "web", grace_period_seconds=15)
    server, marked = done(server, shorter, LATER_MS)
    assert meta(marked, "deletionTimestamp") == "2026-01-01T00:00:15Z"
    longer = Delete("pods", "default", "web", grace_period_seconds=60)
    after, same = done(server, longer, LATER_MS)
    assert after is server and same is marked
    none = Delete("pods", "default", "web", grace_period_seconds=0)
    server, last = done(server, none, LATER_MS)
    assert meta(last, "deletionGracePeriodSeconds") == 0
    assert seen(server, "pods") == ["ADDED", *["MODIFIED"] * 4, "DELETED"]


def test_a_grace_period_that_was_over_long_ago_is_over_now() -> None:
    server, _ = done(bound_pod(), Delete("pods", "default", "web"))
    shorter = Delete("pods", "default", "web", grace_period_seconds=5)
    _, marked = done(server, shorter, LATER_MS)
    assert meta(marked, "deletionTimestamp") == "2026-01-01T00:00:10Z"
    assert meta(marked, "deletionGracePeriodSeconds") == 5


def test_a_pod_on_no_node_goes_at_once_but_is_marked_first() -> None:
    server = server_with(Create("pods", "default", pod()))
    server, _ = done(server, Delete("pods", "default", "web"))
    assert seen(server, "pods") == ["ADDED", "MODIFIED", "DELETED"]


def test_a_pod_that_ended_goes_at_once() -> None:
    server = bound_pod()
    ended = document({"status": {"phase": "Succeeded"}})
    server = done(server, Patch("pods", "default", "web", ended, subresource="status"))[0]
    server = done(server, Delete("pods", "default", "web"))[0]
    assert server.store.get("pods", "default/web") is None


def test_less_than_no_grace_is_a_second() -> None:
    negative = Delete("pods", "default", "web", grace_period_seconds=-1)
    _, marked = done(bound_pod(), negative)
    assert meta(marked, "deletionGracePeriodSeconds") == 1


def test_a_finalizer_holds_a_pod_past_its_grace_period() -> None:
    held = with_value(pod(), ("metadata", "finalizers"), ("a.io/b",))
    server = server_with(Create("pods", "default", held))
    server, marked = done(server, Delete("pods", "default", "web"))
    assert meta(marked, "deletionGracePeriodSeconds") == 0
    free = with_value(marked, ("metadata", "finalizers"), None)
    server = done(server, Update("pods", "default", "web", free))[0]
    assert server.store.get("pods", "default/web") is None


def test_many_are_deleted_by_selector() -> None:
    odd = document({"metadata": {"name": "odd", "labels": {"par": "o"}}})
    even = document({"metadata": {"name": "even", "labels": {"par": "e"}}})
    server = server_with(
        Create("configmaps", "default", odd), Create("configmaps", "default", even)
    )
    server, shown = done(server, DeleteCollection("configmaps", "default", "par=o"))
    (only,) = shown["items"]  # type: ignore[misc]
    assert meta(only, "name") == "odd"  # type: ignore[arg-type]
    assert [meta(doc, "name") for doc in server.store.table("configmaps").objects()] == ["even"]
    assert refused(server, DeleteCollection("namespaces", "")).code == 405


def test_a_namespace_closes_first_and_goes_when_its_finalizer_does() -> None:
    shop = document({"metadata": {"name": "shop"}})
    server = server_with(Create("namespaces", "", shop))
    server, closed = done(server, Delete("namespaces", "", "shop"))
    assert value_at(closed, "status", "phase") == "Terminating"
    assert meta(closed, "deletionGracePeriodSeconds") is None
    same, again = done(server, Delete("namespaces", "", "shop"), LATER_MS)
    assert same is server and again is closed
    emptied = with_value(closed, ("spec", "finalizers"), ())
    kept, unchanged = done(server, Update("namespaces", "", "shop", emptied))
    assert kept is server and unchanged is closed, "only its own subresource may"
    server = done(server, Update("namespaces", "", "shop", emptied, "finalize"))[0]
    assert server.store.get("namespaces", "shop") is None


def test_some_namespaces_are_immortal() -> None:
    refusal = refused(server_with(), Delete("namespaces", "", "default"))
    assert refusal.message == (
        'namespaces "default" is forbidden: this namespace may not be deleted'
    )


def test_a_binding_gives_the_pod_its_node_and_the_nodes_zone() -> None:
    server = bound_pod()
    web = server.store.get("pods", "default/web")
    assert web is not None
    assert child(web, "spec")["nodeName"] == "n"
    assert meta(web, "labels") == {"app": "web", "topology.kubernetes.io/zone": "z"}
    assert child(web, "status")["conditions"] == (
        {
            "type": "PodScheduled",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        },
    )
    assert meta(web, "generation") == 1
    again = refused(server, Bind("default", "web", "", "m"))
    assert again.message == (
        'Operation cannot be fulfilled on pods/binding "web": pod web is already assigned to node '
        '"n"'
    )
    assert refused(server, Bind("default", "nobody", "", "n")).code == 404
    assert refused(server, Bind("default", "web", "other", "n")).reason is Reason.CONFLICT


def test_bindings_that_cannot_be() -> None:
    server = server_with(
        Create("pods", "default", pod("gated", schedulingGates=[{"name": "a.io/b"}]))
    )
    gated = refused(server, Bind("default", "gated", "", "n"))
    assert gated.message.endswith("pod gated has non-empty .spec.schedulingGates")
    binding = document({"metadata": {"name": "gated"}, "target": {"kind": "Pod", "name": "x"}})
    wrong = refused(server, Create("pods", "default", binding, "binding", "gated"))
    assert (wrong.code, wrong.message) == (
        500,
        'target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"',
    )


def budget(name: str = "b", **status: object) -> Document:
    spec = {"selector": {"matchLabels": {"app": "web"}}, "minAvailable": 1}
    return document({"metadata": {"name": name}, "spec": spec, "status": status})


def with_budget(server: ApiServer, name: str = "b", **status: object) -> ApiServer:
    budgets = "poddisruptionbudgets.policy"
    server, made = done(server, Create(budgets, "default", budget(name)))
    new = Document({**made, "status": document({"observedGeneration": 1, **status})})
    return done(server, Update(budgets, "default", name, new, "status"))[0]


def serving() -> ApiServer:
    ready = [{"type": "Ready", "status": "True"}]
    status = document({"status": {"phase": "Running", "conditions": ready}})
    return done(bound_pod(), Patch("pods", "default", "web", status, subresource="status"))[0]


def test_an_eviction_costs_the_budget_a_disruption() -> None:
    server = with_budget(serving(), disruptionsAllowed=1, currentHealthy=2, desiredHealthy=1)
    server, _ = done(server, Evict("default", "web"))
    web = server.store.get("pods", "default/web")
    spent = server.store.get("poddisruptionbudgets.policy", "default/b")
    assert web is not None and spent is not None
    assert meta(web, "deletionTimestamp") is not None
    assert value_at(spent, "status", "disruptionsAllowed") == 0
    assert value_at(spent, "status", "disruptedPods", "web") == "2026-01-01T00:00:00Z"
    (condition,) = child(spent, "status")["conditions"]  # type: ignore[misc]
    assert condition["reason"] == "InsufficientPods"  # type: ignore[index,call-overload]
    last = child(web, "status")["conditions"][-1]  # type: ignore[index]
    assert last["reason"] == "EvictionByEvictionAPI"  # type: ignore[index,call-overload]


def test_an_eviction_that_the_budget_cannot_afford() -> None:
    server = with_budget(serving(), currentHealthy=2, desiredHealthy=2)
    refusal = refused(server, Evict("default", "web"))
    assert refusal.code == 429
    assert refusal.causes[0].message == (
        "The disruption budget b needs 2 healthy pods and has 2 currently"
    )
    stale = with_budget(serving(), observedGeneration=0, disruptionsAllowed=1)
    assert refused(stale, Evict("default", "web")).retry_after_seconds == 10


def test_two_budgets_are_one_too_many() -> None:
    server = with_budget(with_budget(serving(), "a", disruptionsAllowed=1), "b")
    refusal = refused(server, Evict("default", "web"))
    assert (refusal.code, refusal.reason) == (500, Reason.UNKNOWN)


def test_a_dry_eviction_evicts_nobody() -> None:
    server = serving()
    eviction = document({"metadata": {"name": "web"}, "deleteOptions": {"dryRun": ["All"]}})
    after, outcome = handle(server, Create("pods", "default", eviction, "eviction", "web"), NOW_MS)
    assert after is server and outcome.unwrap()["status"] == "Success"
    other = Create("pods", "default", eviction, "eviction", "db")
    assert refused(server, other).message == "name in URL does not match name in Eviction object"
