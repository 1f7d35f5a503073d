"""NetworkPolicies as a list of all that they let through: too dull to be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any, NamedTuple

from hypothesis import strategies as st

from kelm.core.network.policies import Party
from tests.core.network.policy_world import EVERYBODY, NAMESPACES, Doc, policy


class Way(NamedTuple):
    """A direction as a policy writes it."""

    type: str
    rules: str
    peers: str


WAYS = (Way("Ingress", "ingress", "from"), Way("Egress", "egress", "to"))
ALL_PORTS = tuple(product((79, 80, 81, 82), ("TCP", "UDP", "SCTP")))


def chosen(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for term in selector.get("matchExpressions", ()):
        has, within = term["key"] in labels, labels.get(term["key"]) in term.get("values", ())
        if not {
            "In": has and within,
            "NotIn": not (has and within),
            "Exists": has,
            "DoesNotExist": not has,
        }[term["operator"]]:
            return False
    return True


def within(address: str, block: str) -> bool:
    return ip_address(address) in ip_network(block)


def listed(found: Doc, way: Way, server: Party) -> set[tuple[str, int, str]]:
    """Every address, port and protocol that a policy lets through, written out."""
    result = set()
    for rule in found["spec"].get(way.rules, ()):
        ports = set()
        for port in rule.get("ports") or [{"protocol": each} for each in ("TCP", "UDP", "SCTP")]:
            kind, number = port.get("protocol", "TCP"), port.get("port")
            if isinstance(number, str):
                ports |= {(n, p) for p, name, n in server.ports if (p, name) == (kind, number)}
            else:
                last = port.get("endPort", number)
                ports |= {
                    (n, p)
                    for n, p in ALL_PORTS
                    if p == kind and (number is None or number <= n <= last)
                }
        addresses = set()
        for peer in rule.get(way.peers) or [None]:
            for one in EVERYBODY:
                if peer is None:
                    addresses.add(one.address)
                elif "ipBlock" in peer:
                    inside = ip_address(one.address) in ip_network(peer["ipBlock"]["cidr"])
                    outside = peer["ipBlock"].get("except", ())
                    if inside and not any(
                        ip_address(one.address) in ip_network(x) for x in outside
                    ):
                        addresses.add(one.address)
                elif one.pod:
                    space = found["metadata"]["namespace"]
                    near = (
                        chosen(peer["namespaceSelector"], NAMESPACES[one.namespace])
                        if "namespaceSelector" in peer
                        else one.namespace == space
                    )
                    if near and chosen(peer.get("podSelector", {}), one.labels):
                        addresses.add(one.address)
        result |= {(address, n, p) for address in addresses for n, p in ports}
    return result


class Reference:
    """What some policies let through, with each list made only once."""

    def __init__(self, policies: list[Doc]) -> None:
        self.policies = policies
        self._listed: dict[Any, set[tuple[str, int, str]]] = {}

    def lets(self, client: Party, server: Party, port: int, protocol: str) -> bool:
        for way, own, other in ((WAYS[1], client, server), (WAYS[0], server, client)):
            if not own.pod or client.address == server.address:
                continue
            from_its_machine = not client.pod and client.node and client.node == server.node
            if way.type == "Ingress" and from_its_machine:
                continue
            above = [number for number, one in enumerate(self.policies) if about(one, way, own)]
            allowed = set().union(*(self.listed(number, way, server) for number in above))
            if above and (other.address, port, protocol) not in allowed:
                return False
        return True

    def listed(self, number: int, way: Way, server: Party) -> set[tuple[str, int, str]]:
        key = number, way, server.ports
        if key not in self._listed:
            self._listed[key] = listed(self.policies[number], way, server)
        return self._listed[key]


def about(one: Doc, way: Way, pod: Party) -> bool:
    spec = one["spec"]
    types = spec.get("policyTypes", ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    near = one["metadata"]["namespace"] == pod.namespace
    return near and chosen(spec["podSelector"], pod.labels) and way.type in types


VALUES = st.sampled_from(["a", "b", "c", "x", "y", "z", "True"])
SELECTORS = st.one_of(
    st.just({}),
    st.dictionaries(st.sampled_from(["pod", "even", "ns"]), VALUES, min_size=1, max_size=1).map(
        lambda labels: {"matchLabels": labels}
    ),
    st.builds(
        lambda key, operator, values: {
            "matchExpressions": [
                {"key": key, "operator": operator}
                | ({"values": values} if operator in ("In", "NotIn") else {})
            ]
        },
        st.sampled_from(["pod", "even", "ns", "none"]),
        st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
        st.lists(VALUES, min_size=1, max_size=3, unique=True),
    ),
)
BLOCKS = st.sampled_from(
    [
        {"cidr": "0.0.0.0/0"},
        {"cidr": "10.0.0.0/16", "except": ["10.0.1.0/24"]},
        {"cidr": "10.0.0.1/32"},
        {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "172.18.0.1/32"]},
        {"cidr": "fd00::/8"},
    ]
)
PEERS = st.one_of(
    BLOCKS.map(lambda block: {"ipBlock": block}),
    st.fixed_dictionaries(
        {}, optional={"podSelector": SELECTORS, "namespaceSelector": SELECTORS}
    ).filter(bool),
)
RULE_PORTS = st.one_of(
    st.fixed_dictionaries({}, optional={"protocol": st.sampled_from(["TCP", "UDP", "SCTP"])}),
    st.builds(
        lambda protocol, first, more: {
            "protocol": protocol,
            "port": first,
            "endPort": first + more,
        },
        st.sampled_from(["TCP", "UDP"]),
        st.integers(79, 82),
        st.integers(0, 2),
    ),
    st.builds(
        lambda protocol, name: {"protocol": protocol, "port": name},
        st.sampled_from(["TCP", "UDP"]),
        st.sampled_from(["http", "more", "dns", "none"]),
    ),
)


def rules(peers: str) -> st.SearchStrategy[list[Doc]]:
    return st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "ports": st.lists(RULE_PORTS, max_size=2),
                peers: st.lists(PEERS, max_size=2),
            },
        ),
        max_size=2,
    )


SPECS = st.fixed_dictionaries(
    {"podSelector": SELECTORS},
    optional={
        "ingress": rules("from"),
        "egress": rules("to"),
        "policyTypes": st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
    },
)
POLICIES = st.lists(st.tuples(st.sampled_from("xyz"), SPECS), max_size=3).map(
    lambda pairs: [policy(space, f"p{n}", **spec) for n, (space, spec) in enumerate(pairs)]
)
ENDS = st.tuples(st.sampled_from(EVERYBODY), st.sampled_from(EVERYBODY))
