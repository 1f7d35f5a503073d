"""ResourceQuotas: nobody gets more than was granted, and what ends is given back."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.testing.storms import rage, storms
from kelm.core.objects.pod import pod
from kelm.core.operations.verbs import Scale
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Create, Delete, Patch
from kelm.effects.document import Document, child, document

WEB = ObjectRef("deployments.apps", "default", "web")
STORMS = storms(processes=("resourcequota-controller", "replicaset-controller"), most=5)


def quota(**hard: str) -> dict[str, Any]:
    names = {name.replace("__", "/").replace("_", "."): amount for name, amount in hard.items()}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q"},
        "spec": {"hard": names},
    }


def deployment(replicas: int, cpu: str = "150m") -> dict[str, Any]:
    labels = {"app": "web"}
    asks = {"requests": {"cpu": cpu}} if cpu else {}
    spec = {"containers": [{"name": "c", "image": "nginx:1.25", "resources": asks}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def used(cluster: Cluster) -> Document:
    return child(cluster.get("resourcequotas", "q"), "status", "used")


def test_a_full_quota_lets_nobody_in_and_one_that_grows_does() -> None:
    cluster = Cluster(nodes=2)
    cluster.apply(quota(pods="2", requests_cpu="500m"))
    cluster.run(1_000)
    assert used(cluster) == {"pods": "0", "requests.cpu": "0"}
    cluster.apply(deployment(3))
    cluster.run(10_000)
    assert len(cluster.list("pods")) == 2
    assert used(cluster) == {"pods": "2", "requests.cpu": "300m"}
    why = "exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"
    (condition,) = (
        one
        for one in cluster.list("replicasets.apps")[0]["status"]["conditions"]  # type: ignore[index,call-overload,union-attr]
        if one["type"] == "ReplicaFailure"  # type: ignore[index,call-overload]
    )
    assert str(condition["message"]).endswith(why)  # type: ignore[index,call-overload]
    grown = document({"spec": {"hard": {"pods": "10", "requests.cpu": "5"}}})
    cluster.ask(Patch("resourcequotas", "default", "q", grown)).unwrap()
    cluster.run_until_converged()
    assert used(cluster) == {"pods": "3", "requests.cpu": "450m"}
    cluster.do(Scale(WEB, 1))
    cluster.run_until_converged()
    assert used(cluster) == {"pods": "1", "requests.cpu": "150m"}


def test_objects_of_any_kind_can_be_counted() -> None:
    cluster = Cluster(nodes=1)
    cluster.apply(quota(count__deployments_apps="1", services="1", configmaps="3"))
    cluster.run(1_000)
    cluster.apply(deployment(1, cpu=""))
    second = document({**deployment(1), "metadata": {"name": "web2"}})
    refused = cluster.ask(Create("deployments.apps", "default", second)).failure()
    assert refused.message == (
        'deployments.apps "web2" is forbidden: exceeded quota: q, requested: '
        "count/deployments.apps=1, used: count/deployments.apps=1, "
        "limited: count/deployments.apps=1"
    )
    cluster.ask(Delete("deployments.apps", "default", "web", propagation_policy="Background"))
    cluster.run(10_000)
    assert used(cluster)["count/deployments.apps"] == "0"
    cluster.ask(Create("deployments.apps", "default", second)).unwrap()


def test_a_quota_counts_itself_and_those_beside_it() -> None:
    cluster = Cluster(nodes=1)
    cluster.apply(quota(resourcequotas="2", count__resourcequotas="5"))
    cluster.run(1_000)
    assert used(cluster) == {"resourcequotas": "1", "count/resourcequotas": "1"}
    other = quota(pods="1")
    other["metadata"]["name"] = "other"
    cluster.apply(other)
    cluster.run(1_000)
    assert used(cluster)["resourcequotas"] == "2"
    other["metadata"]["name"] = "third"
    third = Create("resourcequotas", "default", document(other))
    assert "exceeded quota: q" in cluster.ask(third).failure().message
    cluster.ask(Delete("resourcequotas", "default", "other")).unwrap()
    cluster.run(1_000)
    assert used(cluster) == {"resourcequotas": "1", "count/resourcequotas": "1"}


def test_what_is_deleted_is_given_back() -> None:
    cluster = Cluster(nodes=1)
    cluster.run(1_000)
    # The certificate of the cluster is there already.
    cluster.apply(quota(configmaps="2"))
    cluster.run(1_000)
    one = document({"metadata": {"name": "mine"}})
    for _ in range(3):
        cluster.ask(Create("configmaps", "default", one)).unwrap()
        cluster.run(1_000)
        assert used(cluster) == {"configmaps": "2"}
        cluster.ask(Delete("configmaps", "default", "mine")).unwrap()
        cluster.run(1_000)
        assert used(cluster) == {"configmaps": "1"}


def test_what_is_limited_must_be_asked_for() -> None:
    cluster = Cluster(nodes=1)
    cluster.apply(quota(requests_cpu="1", limits_memory="1Gi"))
    cluster.run(1_000)
    spec = {"containers": [{"name": "b", "image": "x"}, {"name": "a", "image": "x"}]}
    lone = document({"metadata": {"name": "lone"}, "spec": spec})
    refused = cluster.ask(Create("pods", "default", lone)).failure()
    assert refused.message == (
        'pods "lone" is forbidden: failed quota: q: must specify '
        "limits.memory for: a,b; requests.cpu for: a,b"
    )


def test_a_quota_with_a_scope_is_about_some_pods_only() -> None:
    cluster = Cluster(nodes=1)
    limited = quota(pods="1")
    limited["spec"]["scopes"] = ["BestEffort"]
    cluster.apply(limited)
    cluster.run(1_000)
    cluster.apply(deployment(3))
    cluster.run_until_converged()
    assert used(cluster) == {"pods": "0"}


@settings(max_examples=10)
@given(storm=STORMS, scales=st.lists(st.integers(0, 8), min_size=1, max_size=4))
def test_a_quota_is_never_exceeded_and_in_the_end_it_is_right(storm, scales):
    cluster = Cluster(nodes=2)
    cluster.apply(quota(pods="4", requests_cpu="2"))
    cluster.run(1_000)
    cluster.apply(deployment(2))
    for replicas in scales:
        cluster.do(Scale(WEB, replicas))
        cluster.run(2_000)
    rage(cluster, storm)
    cluster.run(700_000)
    alive: set[str] = set()
    for change in cluster.store.table("pods").changes_since(0) or ():
        alive.discard(change.key)
        if change.new is not None and pod(change.new).status.phase not in ("Failed", "Succeeded"):
            alive.add(change.key)
        assert len(alive) <= 4
    assert used(cluster)["pods"] == str(len(cluster.list("pods")))
