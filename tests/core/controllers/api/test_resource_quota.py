"""ResourceQuotas: nobody gets more than was granted, and what ends is given back."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pyrsistent import pmap

from kelm import Cluster
from kelm.adapters.testing.storms import rage, storms
from kelm.core.controllers.api.resource_quota import Listed, ResourceQuotaController
from kelm.core.objects.pod import pod
from kelm.core.objects.pod_resources import amounts
from kelm.core.operations.verbs import Scale
from kelm.core.runtime.controller import Plan, Sync
from kelm.core.store.table import Table, put
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Create, Delete, List, Patch
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


def service(name: str, kind: str = "ClusterIP", ports: int = 1) -> Create:
    listed = [{"name": f"p{n}", "port": 80 + n} for n in range(ports)]
    spec = {"type": kind, "ports": listed}
    return Create("services", "default", document({"metadata": {"name": name}, "spec": spec}))


def typed(name: str, kind: str) -> Patch:
    return Patch("services", "default", name, document({"spec": {"type": kind}}))


def test_what_a_change_costs_more_is_charged_and_what_it_costs_less_is_given_back() -> None:
    cluster = Cluster(nodes=0)
    cluster.apply(quota(services_nodeports="3", services_loadbalancers="1"))
    cluster.run(1_000)
    cluster.ask(service("a", ports=2)).unwrap()
    cluster.ask(service("b", ports=2)).unwrap()
    cluster.ask(typed("a", "NodePort")).unwrap()
    assert used(cluster) == {"services.loadbalancers": "0", "services.nodeports": "2"}
    refused = cluster.ask(typed("b", "LoadBalancer")).failure()
    assert refused.message == (
        'services "b" is forbidden: exceeded quota: q, requested: services.nodeports=2, used: '
        "services.nodeports=2, limited: services.nodeports=3"
    )
    cluster.ask(typed("a", "LoadBalancer")).unwrap()
    assert used(cluster) == {"services.loadbalancers": "1", "services.nodeports": "2"}
    cluster.ask(typed("a", "ClusterIP")).unwrap()
    cluster.run(1_000)
    assert used(cluster) == {"services.loadbalancers": "0", "services.nodeports": "0"}


WIDGETS = "widgets.example.com"
DEFINITION = {
    "metadata": {"name": WIDGETS},
    "spec": {
        "group": "example.com",
        "names": {"kind": "Widget", "plural": "widgets"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }
        ],
    },
}


def widget(name: str) -> Create:
    body = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}}
    return Create(WIDGETS, "default", document(body))


def defined(cluster: Cluster) -> None:
    definitions = "customresourcedefinitions.apiextensions.k8s.io"
    cluster.ask(Create(definitions, "", document(DEFINITION))).unwrap()


def test_objects_of_custom_kinds_are_counted_and_given_back() -> None:
    cluster = Cluster(nodes=0)
    defined(cluster)
    cluster.ask(widget("a")).unwrap()
    cluster.apply(quota(count__widgets_example_com="2", count__leases_coordination_k8s_io="9"))
    cluster.run(1_000)
    names = (f"count/{WIDGETS}", "count/leases.coordination.k8s.io")
    assert used(cluster) == {names[1]: "0", names[0]: "1"}
    cluster.ask(widget("b")).unwrap()
    refused = cluster.ask(widget("c")).failure()
    assert f"exceeded quota: q, requested: {names[0]}=1" in refused.message
    cluster.ask(Delete(WIDGETS, "default", "a")).unwrap()
    cluster.run(1_000)
    assert used(cluster)[names[0]] == "1"


def test_a_kind_that_there_is_not_is_counted_once_it_is_defined() -> None:
    cluster = Cluster(nodes=0)
    cluster.apply(quota(count__widgets_example_com="2", configmaps="5"))
    cluster.run(1_000)
    assert used(cluster) == {"configmaps": "1"}
    defined(cluster)
    refused = cluster.ask(widget("a")).failure()
    assert "status unknown for quota: q, resources: count/widgets.example.com" in refused.message
    cluster.run(1_000)
    cluster.ask(widget("a")).unwrap()
    assert used(cluster) == {"configmaps": "1", f"count/{WIDGETS}": "1"}


def test_claims_are_charged_in_all_and_by_their_class() -> None:
    cluster = Cluster(nodes=0)
    of_class = "fast.storageclass.storage.k8s.io/requests.storage"
    limited = quota(requests_storage="10Gi", persistentvolumeclaims="5")
    limited["spec"]["hard"][of_class] = "3Gi"
    cluster.apply(limited)
    cluster.run(1_000)

    def claim(name: str, size: str, storage_class: str) -> Create:
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": size}},
        }
        body = {"metadata": {"name": name}, "spec": spec}
        return Create("persistentvolumeclaims", "default", document(body))

    cluster.ask(claim("a", "2Gi", "fast")).unwrap()
    cluster.ask(claim("b", "5Gi", "slow")).unwrap()
    assert used(cluster)[of_class] == "2Gi"
    assert used(cluster)["requests.storage"] == "7Gi"
    assert of_class in cluster.ask(claim("c", "2Gi", "fast")).failure().message
    assert "requests.storage=4Gi" in cluster.ask(claim("c", "4Gi", "slow")).failure().message


def test_a_pod_whose_time_is_limited_later_is_charged_to_the_quota_of_such_pods() -> None:
    cluster = Cluster(nodes=1)
    limited = quota(pods="1")
    limited["spec"]["scopes"] = ["Terminating"]
    cluster.apply(limited)
    cluster.run(1_000)
    for name in ("a", "b"):
        spec = {"containers": [{"name": "c", "image": "nginx"}]}
        pod = document({"metadata": {"name": name}, "spec": spec})
        cluster.ask(Create("pods", "default", pod)).unwrap()
    soon = document({"spec": {"activeDeadlineSeconds": 600}})
    cluster.ask(Patch("pods", "default", "a", soon)).unwrap()
    assert used(cluster) == {"pods": "1"}
    refused = cluster.ask(Patch("pods", "default", "b", soon)).failure()
    assert "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1" in refused.message


LOOP = ResourceQuotaController()


def looked(version: str, memory: object = None) -> Plan:
    """What the controller does that believes in one ConfigMap of the two that were charged."""
    meta = {"name": "q", "namespace": "default", "resourceVersion": version}
    status = {"hard": {"configmaps": "5"}, "used": {"configmaps": "2"}}
    limited = document({**quota(configmaps="5"), "metadata": meta, "status": status})
    one = document({"metadata": {"name": "a", "namespace": "default"}})
    tables = {watch.resource: Table(watch.resource) for watch in LOOP.watches}
    tables["resourcequotas"] = put(tables["resourcequotas"], "default/q", limited, 1)
    tables["configmaps"] = put(tables["configmaps"], "default/a", one, 2)
    return LOOP.reconcile(Sync("default/q", 0, pmap(tables), memory))


def test_nothing_is_given_back_on_a_belief_that_may_lack_what_was_charged() -> None:
    asked = looked("7")
    assert asked.batches == ((List("configmaps", "default"),),)
    both = tuple(document({"metadata": {"name": name}}) for name in ("a", "b"))
    known = (("configmaps", both),)
    assert looked("7", Listed("7", known)).batches == ()
    fewer = (("configmaps", both[:1]),)
    ((write,),) = looked("7", Listed("7", fewer)).batches
    assert child(write.object, "status", "used") == {"configmaps": "1"}
    assert looked("8", Listed("7", fewer)).batches == asked.batches, "it was charged meanwhile"


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["service", "service", "type", "map", "widget", "delete", "delete"]),
        st.integers(0, 5),
        st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
        st.sampled_from([0, 0, 1, 5, 100]),
    ),
    min_size=8,
    max_size=30,
)


def deed(what: str, number: int, kind: str) -> Any:
    name = f"o{number}"
    if what == "delete":
        resource = ("services", "configmaps", WIDGETS)[number % 3]
        return Delete(resource, "default", name)
    return {
        "service": service(name, kind),
        "type": typed(name, kind),
        "map": Create("configmaps", "default", document({"metadata": {"name": name}})),
        "widget": widget(name),
    }[what]


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(
    deeds=DEEDS, storm=STORMS, seed=st.integers(0, 100), order=st.sampled_from(["fifo", "random"])
)
def test_in_no_order_of_requests_is_more_used_than_granted(deeds, storm, seed, order):
    cluster = Cluster(nodes=0, seed=seed, order=order)
    defined(cluster)
    limited = quota(services="4", services_nodeports="2", configmaps="4")
    limited["spec"]["hard"][f"count/{WIDGETS}"] = "2"
    cluster.apply(limited)
    cluster.run(1_000)
    for what, number, kind, pause_ms in deeds:
        cluster.ask(deed(what, number, kind))
        cluster.run(pause_ms)
    rage(cluster, storm)
    for what, number, kind, pause_ms in deeds:
        cluster.ask(deed(what, number, kind))
        cluster.run(pause_ms)
    cluster.run(700_000)
    for change in cluster.store.table("resourcequotas").changes_since(0) or ():
        status = child(change.new or Document(), "status")
        granted, taken = amounts(child(status, "hard")), amounts(child(status, "used"))
        assert all(taken[name].compare(granted[name]) <= 0 for name in taken)

    def here(resource: str) -> list[Any]:
        return list(cluster.store.table(resource).select("namespace", "default"))

    node_ports = [one for one in here("services") if one["spec"]["type"] != "ClusterIP"]
    assert used(cluster) == {
        "services": str(len(here("services"))),
        "services.nodeports": str(len(node_ports)),
        "configmaps": str(len(here("configmaps"))),
        f"count/{WIDGETS}": str(len(here(WIDGETS))),
    }


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
