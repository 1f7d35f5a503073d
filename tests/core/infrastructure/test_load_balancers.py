"""Load balancers: Services get addresses of the cloud, each one its own, and give them back."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from pyrsistent import pmap

from kelm import Cluster
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    FaultsEnded,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.core.infrastructure.load_balancers import FINALIZER, LoadBalancers, address_for, is_ours
from kelm.core.runtime.controller import Sync
from kelm.core.store.table import Table, put
from kelm.effects.commands import Create, Delete, List, Patch
from kelm.effects.document import document, elements
from kelm.effects.refusals import Reason

LOOP = LoadBalancers()


def service(name: str, kind: str = "LoadBalancer", **spec: Any) -> Create:
    body = {"type": kind, "ports": [{"port": 80}], "selector": {"app": "web"}, **spec}
    return Create("services", "default", document({"metadata": {"name": name}, "spec": body}))


def typed(name: str, kind: str) -> Patch:
    return Patch("services", "default", name, document({"spec": {"type": kind}}))


def get(cluster: Cluster, name: str) -> Any:
    return cluster.get("services", name, "default")


def addresses(cluster: Cluster, name: str) -> list[str]:
    ingress = get(cluster, name)["status"]["loadBalancer"].get("ingress", ())
    return [one["ip"] for one in ingress]


def told(cluster: Cluster, name: str) -> list[str]:
    events: Any = cluster.ask(List("events", "default")).unwrap()["items"]
    return [one["reason"] for one in events if one["involvedObject"]["name"] == name]


def test_a_service_gets_an_address_and_is_kept_until_the_balancer_is_gone() -> None:
    cluster = Cluster(nodes=1)
    cluster.ask(service("web")).unwrap()
    cluster.run(2_000)
    (address,) = addresses(cluster, "web")
    assert is_ours(address)
    assert get(cluster, "web")["status"]["loadBalancer"]["ingress"][0]["ipMode"] == "VIP"
    assert get(cluster, "web")["metadata"]["finalizers"] == (FINALIZER,)
    cluster.ask(Delete("services", "default", "web")).unwrap()
    cluster.run(2_000)
    assert get(cluster, "web") is None
    assert told(cluster, "web") == [
        "EnsuringLoadBalancer",
        "EnsuredLoadBalancer",
        "DeletingLoadBalancer",
        "DeletedLoadBalancer",
    ]


def test_another_type_gives_the_address_back() -> None:
    cluster = Cluster(nodes=1)
    cluster.ask(service("web")).unwrap()
    cluster.run(2_000)
    cluster.ask(typed("web", "ClusterIP")).unwrap()
    cluster.run(2_000)
    assert addresses(cluster, "web") == []
    assert elements(get(cluster, "web"), "metadata", "finalizers") == ()


def test_an_address_that_is_asked_for_is_given_and_another_class_is_left_alone() -> None:
    cluster = Cluster(nodes=1)
    cluster.ask(service("own", loadBalancerIP="203.0.113.7")).unwrap()
    cluster.ask(service("other", loadBalancerClass="example.com/mine")).unwrap()
    cluster.run(2_000)
    assert addresses(cluster, "own") == ["203.0.113.7"]
    assert addresses(cluster, "other") == []
    cluster.ask(
        Patch("services", "default", "own", document({"spec": {"loadBalancerIP": None}}))
    ).unwrap()
    cluster.run(2_000)
    assert is_ours(addresses(cluster, "own")[0])


def test_without_machines_it_is_said_that_nobody_answers() -> None:
    cluster = Cluster(nodes=0)
    cluster.ask(service("web")).unwrap()
    cluster.run(2_000)
    assert "UnAvailableLoadBalancer" in told(cluster, "web")


def balanced(name: str, created: str, *ips: str) -> Any:
    ingress = [{"ip": ip} for ip in ips]
    return document(
        {
            "metadata": {
                "name": name,
                "namespace": "default",
                "uid": "u",
                "creationTimestamp": created,
            },
            "spec": {"type": "LoadBalancer"},
            "status": {"loadBalancer": {"ingress": ingress}},
        }
    )


def test_of_two_services_with_one_address_the_younger_takes_another() -> None:
    old = balanced("old", "2026-01-01T00:00:00Z", "198.18.0.9")
    young = balanced("young", "2026-01-02T00:00:00Z", "198.18.0.9")
    services = Table("services")
    for number, doc in enumerate((old, young), 1):
        services = put(services, f"default/{doc['metadata']['name']}", doc, number)
    assert address_for(old, services) == "198.18.0.9"
    assert address_for(young, services) not in ("198.18.0.9", "")
    # Both would come to the same by their uid.
    fresh = balanced("fresh", "2026-01-03T00:00:00Z")
    services = put(Table("services"), "default/fresh", fresh, 1)
    first = address_for(fresh, services)
    services = put(services, "default/old", balanced("old", "2026-01-01T00:00:00Z", first), 2)
    assert address_for(fresh, services) != first


FAULTS = st.lists(
    st.one_of(
        st.builds(ProcessRestarted, st.just(LOOP.name)),
        st.builds(RequestsRefused, st.just(LOOP.name), st.sampled_from(list(Reason)), st.just(2)),
        st.builds(AnswersLost, st.just(LOOP.name), st.integers(1, 3)),
        st.builds(WatchStalled, st.just(LOOP.name), st.integers(1, 5_000)),
    ),
    max_size=3,
)
DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["make", "make", "type", "delete", "steal"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["LoadBalancer", "LoadBalancer", "NodePort"]),
        st.sampled_from([0, 1, 300]),
    ),
    min_size=4,
    max_size=14,
)


def play(cluster: Cluster, deeds: list[Any], faults: list[Any]) -> None:
    stolen = {"status": {"loadBalancer": {"ingress": [{"ip": "198.18.0.1"}]}}}
    for number, (what, name, kind, pause_ms) in enumerate(deeds):
        if number < len(faults):
            cluster.inject(faults[number])
        command = {
            "make": service(name, kind),
            "type": typed(name, kind),
            "delete": Delete("services", "default", name),
            "steal": Patch("services", "default", name, document(stolen), subresource="status"),
        }[what]
        cluster.simulator.ask(command)
        cluster.run(pause_ms)
    cluster.inject(FaultsEnded())
    cluster.run(100_000)


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(
    deeds=DEEDS, faults=FAULTS, seed=st.integers(0, 100), order=st.sampled_from(["fifo", "random"])
)
def test_at_rest_every_balanced_service_has_an_address_of_its_own_and_nobody_else(
    deeds, faults, seed, order
):
    cluster = Cluster(nodes=0, seed=seed, order=order)
    play(cluster, deeds, faults)
    found: list[str] = []
    for one in cluster.store.table("services").select("namespace", "default"):
        name = one["metadata"]["name"]  # type: ignore[index,call-overload]
        balanced = one["spec"]["type"] == "LoadBalancer"  # type: ignore[index,call-overload]
        if name == "kubernetes":
            continue
        have = addresses(cluster, str(name))
        held = FINALIZER in elements(one, "metadata", "finalizers")
        assert held == balanced
        # What somebody else writes into the status of another type stays there.
        assert len(have) == 1 if balanced else True
        found += have if balanced else []
    assert len(set(found)) == len(found)
    event(f"{len(found)} balanced")
    caches = pmap({w.resource: cluster.store.table(w.resource) for w in LOOP.watches})
    for key in LOOP.every_key(caches):
        assert LOOP.reconcile(Sync(key, cluster.now_ms, caches)).batches == ()
