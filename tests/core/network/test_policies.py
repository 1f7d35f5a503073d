"""NetworkPolicies: which connections they let through."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import pytest

from kelm.core.network.policies import (
    CLUSTER_DNS_POD,
    Connection,
    Party,
    name_servers,
    party_at,
    verdict,
)
from kelm.core.store.small_map import SmallMap
from kelm.effects.document import document
from tests.core.network.policy_world import (
    MACHINES,
    OUTSIDE,
    PODS,
    SPACES,
    Doc,
    lets,
    policy,
    table,
)


def cut_off(*policies: Doc, port: int = 80, protocol: str = "TCP") -> set[str]:
    """The connections between pods that do not come about, as `x/a>y/b`."""
    return {
        f"{client}>{server}"
        for (client, one), (server, other) in product(PODS.items(), PODS.items())
        if not lets(policies, one, other, port, protocol)
    }


def lines(clients: Iterable[str], servers: Iterable[str]) -> set[str]:
    """All connections from some pods to others, but not from one to itself."""
    return {f"{one}>{other}" for one, other in product(clients, servers) if one != other}


def of(*namespaces: str) -> list[str]:
    return [name for name in PODS if name[0] in namespaces]


# -- what upstream's tests of NetworkPolicy check -----------------------------------------------

XA = {"matchLabels": {"pod": "a"}}
NS_Y = {"matchLabels": {"ns": "y"}}
NOT_X = {"matchExpressions": [{"key": "ns", "operator": "NotIn", "values": ["x"]}]}
B_OR_C = {"matchExpressions": [{"key": "pod", "operator": "In", "values": ["b", "c"]}]}
TCP_81 = {"protocol": "TCP", "port": 81}


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([], set()),
        ([policy("x")], lines(PODS, of("x"))),
        (
            [policy("x", policyTypes=["Ingress", "Egress"])],
            lines(PODS, of("x")) | lines(of("x"), PODS),
        ),
        ([policy("x", ingress=[{}])], set()),
        ([policy("x", ingress=[{"from": [{"podSelector": {}}]}])], lines(of("y", "z"), of("x"))),
        (
            [policy("x", podSelector=XA, ingress=[{"from": [{"podSelector": XA}]}])],
            lines(PODS, ["x/a"]),
        ),
        (
            [policy("x", podSelector=XA, ingress=[{"from": [{"podSelector": B_OR_C}]}])],
            lines(of("y", "z"), ["x/a"]),
        ),
        (
            [policy("x", podSelector=XA, ingress=[{"from": [{"namespaceSelector": {}}]}])],
            set(),
        ),
        (
            [policy("x", podSelector=XA, ingress=[{"from": [{"namespaceSelector": NS_Y}]}])],
            lines(of("x", "z"), ["x/a"]),
        ),
        (
            [policy("x", podSelector=XA, ingress=[{"from": [{"namespaceSelector": NOT_X}]}])],
            lines(of("x"), ["x/a"]),
        ),
        (  # either of two peers
            [
                policy(
                    "x",
                    podSelector=XA,
                    ingress=[{"from": [{"podSelector": B_OR_C}, {"namespaceSelector": NOT_X}]}],
                )
            ],
            set(),
        ),
        (  # both halves of one peer
            [
                policy(
                    "x",
                    podSelector=XA,
                    ingress=[{"from": [{"podSelector": B_OR_C, "namespaceSelector": NOT_X}]}],
                )
            ],
            lines([*of("x"), "y/a", "z/a"], ["x/a"]),
        ),
        ([policy("x", podSelector=XA, ingress=[{"ports": [TCP_81]}])], lines(PODS, ["x/a"])),
        ([policy("x", podSelector=XA, ingress=[{"ports": [{"port": "http"}]}])], set()),
        (
            [policy("x", podSelector=XA, ingress=[{"ports": [{"port": "more"}]}])],
            lines(PODS, ["x/a"]),
        ),
        (
            [policy("x", podSelector=XA, ingress=[{"ports": [{"port": 1, "endPort": 80}]}])],
            set(),
        ),
        (
            [policy("x", podSelector=XA, ingress=[{"ports": [{"port": 81, "endPort": 99}]}])],
            lines(PODS, ["x/a"]),
        ),
        (
            [policy("x", podSelector=XA, ingress=[{"ports": [{"protocol": "UDP"}]}])],
            lines(PODS, ["x/a"]),
        ),
        ([policy("x", podSelector=XA, ingress=[{"ports": [{"protocol": "TCP"}]}])], set()),
        (
            [policy("x", podSelector=XA, policyTypes=["Egress"], egress=[])],
            lines(["x/a"], PODS),
        ),
        ([policy("x", podSelector=XA, policyTypes=["Egress"], egress=[{}])], set()),
        (  # named ports are those of the pod that is connected to
            [policy("x", policyTypes=["Egress"], egress=[{"ports": [{"port": "http"}]}])],
            lines(of("x"), ["z/c"]),
        ),
        (
            [
                policy(
                    "x",
                    policyTypes=["Egress"],
                    egress=[{"to": [{"ipBlock": {"cidr": "10.0.1.1/32"}}]}],
                )
            ],
            lines(of("x"), PODS) - lines(of("x"), ["y/a"]),
        ),
        (  # more policies let more through
            [
                policy("x", "deny"),
                policy("x", "y", ingress=[{"from": [{"namespaceSelector": NS_Y}]}]),
                policy("x", "ports", podSelector=XA, ingress=[{"ports": [{"port": 80}]}]),
            ],
            lines(of("x", "z"), ["x/b", "x/c"]),
        ),
        (  # that a server would take it does not help a client that may not send it
            [
                policy("x", podSelector=XA, policyTypes=["Egress"]),
                policy("y", ingress=[{"from": [{"namespaceSelector": {}}]}]),
            ],
            lines(["x/a"], PODS),
        ),
        (  # egress rules alone isolate for ingress as well, unless the types say otherwise
            [policy("x", podSelector=XA, egress=[{}])],
            lines(PODS, ["x/a"]),
        ),
    ],
)
def test_the_connections_that_are_cut_off(policies: list[Doc], expected: set[str]) -> None:
    assert cut_off(*policies) == expected


def test_an_exception_from_a_block_counts_unless_another_block_has_it() -> None:
    block = {"cidr": "10.0.0.0/16", "except": ["10.0.1.0/24"]}
    egress = [{"to": [{"ipBlock": block}]}]
    kept = policy("x", policyTypes=["Egress"], egress=egress)
    assert cut_off(kept) == lines(of("x"), of("y"))
    again = [{"to": [{"ipBlock": block}, {"ipBlock": {"cidr": "10.0.1.0/25"}}]}]
    assert cut_off(policy("x", policyTypes=["Egress"], egress=again)) == set()


def test_other_protocols_are_told_apart() -> None:
    only_udp = policy("x", podSelector=XA, ingress=[{"ports": [{"protocol": "UDP", "port": 80}]}])
    assert cut_off(only_udp, protocol="UDP") == set()
    assert cut_off(only_udp, protocol="TCP") == lines(PODS, ["x/a"])
    sctp = policy("x", podSelector=XA, ingress=[{"ports": [{"protocol": "SCTP", "port": 80}]}])
    assert cut_off(sctp) == lines(PODS, ["x/a"])


def test_a_machine_reaches_its_own_pods_and_no_others() -> None:
    sealed = [policy("x"), policy("y")]
    assert lets(sealed, MACHINES["node-0"], PODS["x/a"], 80, "TCP")
    assert not lets(sealed, MACHINES["node-1"], PODS["x/a"], 80, "TCP")
    assert lets(sealed, MACHINES["node-1"], PODS["y/a"], 80, "TCP")
    # ... which does not mean that a pod may send to its machine.
    mute = [policy("x", policyTypes=["Egress"])]
    assert not lets(mute, PODS["x/a"], MACHINES["node-0"], 80, "TCP")


def test_whom_a_proxy_hides_is_judged_by_the_address_that_is_seen() -> None:
    only_y = [policy("x", ingress=[{"from": [{"namespaceSelector": NS_Y}]}])]
    policies = table("networkpolicies", only_y)
    for seen, expected in ((None, True), (MACHINES["node-1"], False), (MACHINES["node-0"], True)):
        asked = Connection(PODS["y/a"], PODS["x/a"], 80, "TCP", seen)
        assert (verdict(policies, SPACES, asked) == "") is expected
    mute = table("networkpolicies", [policy("y", policyTypes=["Egress"])])
    asked = Connection(PODS["y/a"], PODS["x/a"], 80, "TCP", MACHINES["node-0"])
    assert verdict(mute, SPACES, asked) != ""


def test_a_refusal_names_the_pod_the_other_side_and_the_policies() -> None:
    policies = table("networkpolicies", [policy("x", "b"), policy("x", "a")])
    said = verdict(policies, SPACES, Connection(OUTSIDE, PODS["x/a"], 80))
    assert said == "pod x/a may not receive this from 192.0.2.7: NetworkPolicies a, b"


def test_who_may_send_nothing_may_not_ask_for_names_either() -> None:
    servers = ("10.96.0.10", "9.9.9.9")
    client = PODS["x/a"]

    def asked(*egress: Doc) -> tuple[str, ...]:
        found = [policy("x", policyTypes=["Egress"], egress=list(egress))]
        return name_servers(table("networkpolicies", found), SPACES, client, servers)

    everywhere = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}
    assert asked() == ()
    assert asked({"ports": [{"protocol": "UDP", "port": 53}]}) == servers
    assert asked({"ports": [{"protocol": "TCP", "port": "dns-tcp"}]}) == ("10.96.0.10",)
    assert asked({"to": [everywhere]}) == ()  # no namespace kube-system in this world
    assert asked({"to": [{"ipBlock": {"cidr": "10.96.0.0/12"}}]}) == ("10.96.0.10",)
    assert CLUSTER_DNS_POD.namespace == "kube-system"


def test_who_has_an_address() -> None:
    labels = {"app": "web"}
    ports = [{"name": "http", "containerPort": 80}, {"containerPort": 81}]
    spec = {"nodeName": "node-1", "containers": [{"name": "a", "ports": ports}]}
    own = {"metadata": {"name": "web", "namespace": "x", "labels": labels}, "spec": spec}
    shared = {"metadata": {"name": "h", "namespace": "x"}, "spec": {**spec, "hostNetwork": True}}
    addresses = [{"type": "InternalIP", "address": "172.18.0.2"}]
    nodes = table("nodes", [{"metadata": {"name": "node-1"}, "status": {"addresses": addresses}}])
    assert party_at([document(own)], nodes, "10.0.0.1") == Party(
        "10.0.0.1", "x/web", "x", SmallMap(labels), "node-1", (("TCP", "http", 80),)
    )
    machine = Party("172.18.0.2", node="node-1")
    assert party_at([document(shared)], nodes, "172.18.0.2") == machine
    assert party_at([], nodes, "1.1.1.1") == Party("1.1.1.1")
