"""Whether NetworkPolicies let a connection through.

Two questions, and both must be answered with yes: may the pod that connects send this (egress),
may the pod that is connected to receive it (ingress). A pod that no policy selects for a direction
is free in it; one that some select may do what at least one rule of any of them says. Replies
belong to the connection and are not asked about.

    verdict(policies, namespaces, Connection(client, server, 80, "TCP"))   "" or why not

Free of all policies: a pod and itself; what comes from the pod's own machine (so probes are); and
pods of their machine's network, which are to others no pods but an address.

Source: kubernetes v1.36, api/networking/v1/types.go; test/e2e/network/netpol (what is checked);
https://kubernetes.io/docs/concepts/services-networking/network-policies/. What of it is left open
there is as most networks do it: policies see addresses and ports behind Services, not theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.node.pods.dns import CLUSTER_DNS
from kelm.core.objects.meta import metadata
from kelm.core.objects.network_policy import (
    EGRESS,
    INGRESS,
    NetworkPolicy,
    Peer,
    Ports,
    Rule,
    network_policy,
)
from kelm.core.store.small_map import SmallMap
from kelm.core.store.table import Table
from kelm.effects.document import Document, child, children, flag, number, strings, text
from kelm.effects.messages import Cache

NO_LABELS: Final[SmallMap[str, str]] = SmallMap()
NOTHING: Final = Table("nothing")


class Party(msgspec.Struct, frozen=True):
    """One end of a connection.

    pod: its key, "" for what is no pod, or one of its machine's network.
    node: the machine that it is on, or is; "" outside of the cluster.
    ports: protocol, name and number of the ports that its containers name.
    """

    address: str = ""
    pod: str = ""
    namespace: str = ""
    labels: SmallMap[str, str] = NO_LABELS
    node: str = ""
    ports: tuple[tuple[str, str, int], ...] = ()


CLUSTER_DNS_POD: Final = Party(
    CLUSTER_DNS,
    "kube-system/coredns",
    "kube-system",
    SmallMap({"k8s-app": "kube-dns"}),
    ports=(("UDP", "dns", 53), ("TCP", "dns-tcp", 53)),
)
"""Who answers for the cluster's DNS: no such pod runs here, but rules may name it as everywhere."""


def party_at(pods: Iterable[Document], nodes: Cache, address: str) -> Party:
    """Who has an address: of these running pods one, a machine, or somebody outside."""
    for doc in pods:
        if not flag(doc, "spec", "hostNetwork"):
            meta = metadata(doc)
            labels = SmallMap(meta.labels or {})
            node = text(doc, "spec", "nodeName")
            return Party(address, meta.key, meta.namespace, labels, node, _named_ports(doc))
    for node_doc in nodes.objects():
        listed = children(node_doc, "status", "addresses")
        if any(text(one, "address") == address for one in listed):
            return Party(address, node=metadata(node_doc).name)
    return Party(address)


def _named_ports(doc: Document) -> tuple[tuple[str, str, int], ...]:
    return tuple(
        (text(port, "protocol", default="TCP"), text(port, "name"), number(port, "containerPort"))
        for field in ("containers", "initContainers")
        for container in children(doc, "spec", field)
        for port in children(container, "ports")
        if text(port, "name")
    )


def name_servers(
    policies: Cache, namespaces: Cache, client: Party, servers: tuple[str, ...]
) -> tuple[str, ...]:
    """Those of a client's name servers that it may ask: over UDP, or else over TCP."""

    def may_ask(server: str) -> bool:
        party = CLUSTER_DNS_POD if server == CLUSTER_DNS else Party(server)
        return any(
            not verdict(policies, namespaces, Connection(client, party, 53, protocol))
            for protocol in ("UDP", "TCP")
        )

    return tuple(server for server in servers if may_ask(server))


class Connection(msgspec.Struct, frozen=True):
    """A client, a server, and the port that it is asked on, behind every Service.

    seen: whom the server sees instead of the client, where a proxy hides him.
    """

    client: Party
    server: Party
    port: int
    protocol: str = "TCP"
    seen: Party | None = None


def verdict(policies: Cache, namespaces: Cache, asked: Connection) -> str:
    """Why a connection is cut off, "" where it is let through.

    >>> sealed = Connection(Party("10.0.0.1"), Party("10.0.0.2", "shop/db", "shop"), 80)
    >>> verdict(NOTHING, NOTHING, sealed)
    ''
    """
    client, server = asked.client, asked.server
    if client.pod and client.pod == server.pod:
        return ""
    sends = _isolating(policies, client, EGRESS)
    if sends and not _lets(sends, namespaces, EGRESS, server, asked):
        return _told(client, "send", "to", server.pod or server.address, sends)
    seen = asked.seen or client
    if server.node and not seen.pod and seen.node == server.node:
        return ""
    receives = _isolating(policies, server, INGRESS)
    if receives and not _lets(receives, namespaces, INGRESS, seen, asked):
        return _told(server, "receive", "from", seen.pod or seen.address, receives)
    return ""


def _isolating(policies: Cache, party: Party, direction: str) -> list[NetworkPolicy]:
    """The policies that a pod is under in a direction."""
    if not party.pod:
        return []
    found = [network_policy(doc) for doc in policies.select("namespace", party.namespace)]
    return [
        one for one in found if one.rules(direction) is not None and one.pods.matches(party.labels)
    ]


def _lets(
    policies: Iterable[NetworkPolicy],
    namespaces: Cache,
    direction: str,
    other: Party,
    asked: Connection,
) -> bool:
    return any(
        _port_fits(rule, asked) and _peer_fits(rule, one.namespace, namespaces, other)
        for one in policies
        for rule in one.rules(direction) or ()
    )


def _port_fits(rule: Rule, asked: Connection) -> bool:
    return not rule.ports or any(_has(ports, asked) for ports in rule.ports)


def _has(ports: Ports, asked: Connection) -> bool:
    if ports.protocol != asked.protocol:
        return False
    if ports.name:
        return (asked.protocol, ports.name, asked.port) in asked.server.ports
    return ports.first <= asked.port <= ports.last


def _peer_fits(rule: Rule, namespace: str, namespaces: Cache, other: Party) -> bool:
    return not rule.peers or any(_is(peer, namespace, namespaces, other) for peer in rule.peers)


def _is(peer: Peer, namespace: str, namespaces: Cache, other: Party) -> bool:
    if peer.block is not None:
        return peer.block.has(other.address)
    if not peer.pods.matches(other.labels):
        return False
    if peer.namespaces is None:
        return other.namespace == namespace
    doc = namespaces.get(other.namespace)
    return doc is not None and peer.namespaces.matches(strings(child(doc, "metadata", "labels")))


def _told(party: Party, does: str, way: str, other: str, policies: Iterable[NetworkPolicy]) -> str:
    names = ", ".join(sorted(one.name for one in policies))
    return f"pod {party.pod} may not {does} this {way} {other}: NetworkPolicies {names}"
