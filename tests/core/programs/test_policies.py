"""NetworkPolicies in a running cluster: what commands, Services, names and the API server meet."""

from __future__ import annotations

from typing import Any

import pytest

from kelm import Cluster
from kelm.adapters.simulator.calls.calling import fetch
from kelm.core.network.calls import API_SERVER, Source
from kelm.core.node.programs.http import HttpResponse, Unreachable
from kelm.core.node.programs.process import Fetch
from kelm.core.operations.marks import Mark
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Delete
from tests.core.programs.clusters import agnhost, cluster_with, service, typed

DB = {"matchLabels": {"app": "db"}}
CONNECT = ("/agnhost", "connect", "--timeout=2s")


def policy(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"podSelector": {}, **spec},
    }


def shop() -> Cluster:
    """A front end, a database, somebody else, a machine's pod; all may talk to all."""
    probe = {"readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1}}
    host = agnhost("host", "netexec", "--http-port=99", "--udp-port=-1")
    host["spec"].update(hostNetwork=True, nodeName="node-1")
    db = agnhost("db", "netexec", ports=[{"name": "sql", "containerPort": 8080}], **probe)
    db["spec"]["nodeName"] = "node-1"
    return cluster_with(
        agnhost("front", "netexec"),
        agnhost("other", "netexec"),
        db,
        host,
        service("db", "db", 80, 8080),
        service("nodes", "db", 80, 8080, type="NodePort"),
    )


def applied(cluster: Cluster, *policies: dict[str, Any]) -> None:
    for one in policies:
        cluster.apply(one)
    cluster.run(5_000)


@pytest.fixture(scope="module")
def sealed() -> Cluster:
    """The shop, where only the front end may ask the database."""
    cluster = shop()
    front = {"podSelector": {"matchLabels": {"app": "front"}}}
    only_front = [{"from": [front], "ports": [{"port": "sql"}]}]
    applied(cluster, policy("db", podSelector=DB, ingress=only_front))
    return cluster


def address_of(cluster: Cluster, pod: str) -> str:
    doc = cluster.get("pods", pod)
    assert doc is not None
    return str(doc["status"]["podIP"])  # type: ignore[index,call-overload]


def test_whoever_is_let_through_is_answered_and_others_wait_in_vain(sealed: Cluster) -> None:
    own = address_of(sealed, "db")
    for place in ("db:80", f"{own}:8080"):
        assert typed(sealed, "front", *CONNECT, place) == ("", "", 0, 0)
        assert typed(sealed, "other", *CONNECT, place) == ("", "TIMEOUT\n", 1, 2_000)
    assert typed(sealed, "front", "curl", "-s", "http://db/hostname").out == "db"
    assert typed(sealed, "other", "curl", "-s", "-m", "3", "http://db/hostname")[2:] == (28, 3_000)
    assert typed(sealed, "front", "nc", "-u", "-w", "1", own, "8081", given=b"hostname").code == 1
    assert typed(sealed, "db", *CONNECT, f"{own}:8080").code == 0
    assert typed(sealed, "db", *CONNECT, "127.0.0.1:8080").code == 0


def test_the_database_may_still_ask_and_others_are_free(sealed: Cluster) -> None:
    other = address_of(sealed, "other")
    assert typed(sealed, "db", *CONNECT, f"{other}:8080").code == 0
    assert typed(sealed, "front", *CONNECT, f"{other}:8080").code == 0


def test_probes_and_the_own_machine_come_through(sealed: Cluster) -> None:
    sealed.run(10_000)
    doc = sealed.get("pods", "db")
    assert doc is not None
    ready = {one["type"]: one["status"] for one in doc["status"]["conditions"]}  # type: ignore[index,call-overload,union-attr]
    assert ready["Ready"] == "True"
    assert typed(sealed, "host", *CONNECT, f"{address_of(sealed, 'db')}:8080").code == 0


def test_the_api_server_is_somebody_outside(sealed: Cluster) -> None:
    source = Source(ip=API_SERVER, from_outside=True)
    asked = fetch(sealed, Fetch(address_of(sealed, "db"), 8080), source)
    assert asked == Unreachable(
        "timeout", f"pod default/db may not receive this from {API_SERVER}: NetworkPolicies db"
    )
    # a webhook's Service is asked without a pod behind the question
    assert isinstance(fetch(sealed, Fetch("db", 80), Source()), Unreachable)
    assert isinstance(fetch(sealed, Fetch("other.default.pod", 8080), Source()), Unreachable)


def test_a_nodes_port_hides_who_asks_but_for_the_own_node() -> None:
    cluster = shop()
    front = {"podSelector": {"matchLabels": {"app": "front"}}}
    applied(
        cluster,
        policy("db", podSelector=DB, ingress=[{"from": [front]}]),
    )
    doc = cluster.get("services", "nodes")
    assert doc is not None
    port = doc["spec"]["ports"][0]["nodePort"]  # type: ignore[index,call-overload]
    outside = "203.0.113.9"
    for node, expected in (("node-1", HttpResponse), ("node-2", Unreachable)):
        source = Source(ip=outside, node=node, from_outside=True)
        assert isinstance(fetch(cluster, Fetch(node, int(str(port))), source), expected)


def test_who_may_send_nothing_does_not_even_find_names() -> None:
    cluster = shop()
    client = {"matchLabels": {"app": "front"}}
    to_db = {"to": [{"podSelector": DB}]}
    applied(cluster, policy("out", podSelector=client, policyTypes=["Egress"], egress=[to_db]))
    own = address_of(cluster, "db")
    assert typed(cluster, "front", *CONNECT, f"{own}:8080").code == 0
    assert typed(cluster, "front", *CONNECT, "db:80").err == "DNS: lookup db: no such host\n"
    said = ";; connection timed out; no servers could be reached\n\n"
    assert typed(cluster, "front", "nslookup", "db") == (said, "", 1, 10_000)
    assert typed(cluster, "other", *CONNECT, "db:80").code == 0
    names = {"ports": [{"protocol": "UDP", "port": 53}], "to": [{"namespaceSelector": {}}]}
    applied(cluster, policy("names", podSelector=client, policyTypes=["Egress"], egress=[names]))
    assert typed(cluster, "front", *CONNECT, "db:80").code == 0
    assert (
        typed(cluster, "front", *CONNECT, f"{address_of(cluster, 'other')}:8080").err == "TIMEOUT\n"
    )


def test_a_policy_holds_from_its_creation_to_its_deletion_and_follows_labels() -> None:
    cluster = shop()

    def code() -> int | None:
        cluster.run(1_000)
        return typed(cluster, "other", *CONNECT, "db:80").code

    assert code() == 0
    helper = {"podSelector": {"matchLabels": {"role": "helper"}}}
    applied(cluster, policy("db", podSelector=DB, ingress=[{"from": [helper]}]))
    assert code() == 1
    cluster.do(Mark(ObjectRef("pods", "default", "other"), "labels", (("role", "helper"),)))
    assert code() == 0
    cluster.do(Mark(ObjectRef("pods", "default", "other"), "labels", (("role", None),)))
    assert code() == 1
    cluster.ask(Delete("networkpolicies.networking.k8s.io", "default", "db")).unwrap()
    assert code() == 0
