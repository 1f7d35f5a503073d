"""Who answers a request now: to a Service's address, to a node's port, or to a pod.

A pure function of what the proxies believe (Services, slices, nodes), of who really answers
(`Reach`), of the sessions that a proxy remembers, and of a draw: kube-proxy picks at random, so
whoever wants another pick passes another number.

Source: kubernetes v1.36, pkg/proxy/iptables/proxier.go: no endpoints at all are refused; endpoints
that the traffic policy keeps out of reach make packets vanish. pkg/proxy/endpointslicecache.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from kelm.core.network.affinity import NO_SESSIONS, Client, Sessions, choose, timeout_ms
from kelm.core.network.membership import address_type_of, addresses_of
from kelm.core.network.policies import NOTHING, Connection, Party, party_at, verdict
from kelm.core.network.reach import Everything, Reach
from kelm.core.network.topology import Choice, Policy, categorize
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import pod
from kelm.core.objects.service import (
    HEADLESS,
    SERVICE_NAME,
    Endpoint,
    EndpointSlice,
    Service,
    ServicePort,
    endpoint,
    endpoint_slice,
    service,
    zone_of,
)
from kelm.effects.address import Key, Uid, key_of
from kelm.effects.document import Document, children, elements, flag, number, text
from kelm.effects.messages import Cache

SLICES = "endpointslices.discovery.k8s.io"
POLICIES = "networkpolicies.networking.k8s.io"
LOOPBACK = ("127.0.0.1", "::1")


class Network(msgspec.Struct, frozen=True):
    """What the proxies believe, and what the network obeys."""

    services: Cache
    slices: Cache
    nodes: Cache
    pods: Cache
    policies: Cache = NOTHING
    namespaces: Cache = NOTHING

    def party(self, address: str) -> Party:
        """Who has an address."""
        return party_at(pods_at(self, address), self.nodes, address)


class Request(msgspec.Struct, frozen=True):
    """One connection.

    to: an IP address; a node's name stands for the node's addresses, and 127.0.0.1 for whatever
        the machine `node` has there.
    node: whose proxy handles it: the client's node, or where it enters the cluster from outside.
    draw: which endpoint, where several are as good.
    """

    to: str
    port: int
    protocol: str = "TCP"
    node: str = ""
    from_outside: bool = False
    client_ip: str = ""
    at_ms: int = 0
    draw: int = 0


class Answered(msgspec.Struct, frozen=True):
    """A pod (or, with no uid, an address outside) answered."""

    address: str
    port: int
    pod: Key = ""
    uid: Uid = ""


class Refused(msgspec.Struct, frozen=True):
    """The connection was refused at once."""

    why: str


class TimedOut(msgspec.Struct, frozen=True):
    """Nothing came back: the client gives up when it has waited long enough."""

    why: str


Answer: TypeAlias = Answered | Refused | TimedOut


class Target(msgspec.Struct, frozen=True):
    """One endpoint of a Service's port."""

    endpoint: Endpoint
    port: int
    namespace: str

    @property
    def name(self) -> str:
        """Address and port, which tell endpoints apart."""
        return f"{self.endpoint.address}:{self.port}"

    @property
    def pod(self) -> Key:
        found = self.endpoint.pod_name
        return key_of(self.namespace, found) if found else ""


def slices_of(slices: Cache, one: Service) -> Iterable[EndpointSlice]:
    """All slices of a Service, whoever made them."""
    meta = one.metadata
    label = f"{meta.namespace}/{SERVICE_NAME}={meta.name}"
    return (endpoint_slice(doc) for doc in slices.select("label", label))


def targets(slices: Iterable[EndpointSlice], port: ServicePort, address_type: str) -> list[Target]:
    """The endpoints of one port of a Service, each once, sorted by address.

    Source: endpointslicecache.go, addEndpoints.
    """
    found: dict[str, Target] = {}
    for one in slices:
        if one.address_type != address_type:
            continue
        for listed in one.ports:
            if text(listed, "name") != port.name:
                continue
            for doc in one.endpoints:
                target = Target(endpoint(doc), number(listed, "port"), one.metadata.namespace)
                if target.endpoint.address:
                    found.setdefault(target.name, target)
    return [found[name] for name in sorted(found)]


def policy_of(one: Service) -> Policy:
    """A Service's traffic policies."""
    spec = one.doc.get("spec")
    assert isinstance(spec, Document)
    outside = one.type in ("NodePort", "LoadBalancer") or bool(elements(spec, "externalIPs"))
    return Policy(
        internal_local=spec.get("internalTrafficPolicy") == "Local",
        external_local=spec.get("externalTrafficPolicy") == "Local",
        externally_accessible=outside,
    )


def in_use(
    found: list[Target], policy: Policy, node: str, zone: str, *, local: bool
) -> tuple[list[Target], Choice]:
    """The endpoints that one node's proxy uses, for traffic that must or need not stay local."""
    choice = categorize([target.endpoint for target in found], policy, node, zone)
    return [found[place] for place in (choice.local if local else choice.cluster)], choice


def must_stay_local(policy: Policy, request: Request, *, to_cluster_ip: bool) -> bool:
    """Whether a request may only be answered on the node that it meets first.

    Traffic from inside to an external address takes a short cut past the external policy.
    """
    if to_cluster_ip:
        return policy.internal_local
    return policy.external_local and request.from_outside


class _Frontend(msgspec.Struct, frozen=True):
    service: Service
    port: ServicePort
    is_cluster_ip: bool


def answer(
    network: Network,
    request: Request,
    reach: Reach | None = None,
    sessions: Sessions = NO_SESSIONS,
) -> tuple[Answer, Sessions]:
    """What becomes of a request, and the sessions of the proxy after it."""
    reach = reach or Everything()
    if request.node and not reach.node_answers(request.node):
        return TimedOut(f"node {request.node} does not answer"), sessions
    frontend = _cluster_ip(network, request) or _external(network, request)
    if frontend is None:
        behind = behind_host_port(network, request) or (request.to, request.port)
        found = _at_pod(network, *behind, reach)
    else:
        found, sessions = _through(network, request, frontend, reach, sessions)
    if len(network.policies) and isinstance(found, Answered):
        why = _cut_off(network, request, frontend, found)
        if why:
            return TimedOut(why), sessions
    return found, sessions


def _cut_off(
    network: Network, request: Request, frontend: _Frontend | None, found: Answered
) -> str:
    """Why policies do not let a request through to who would answer, "" if they do.

    Whoever comes by a node's port or an external address has the address of the node that it
    came to, unless the traffic is to stay there: then there is no need to hide him.
    """
    seen: Party | None = None
    if frontend and not frontend.is_cluster_ip and not policy_of(frontend.service).external_local:
        address = next(iter(node_addresses(network.nodes.get(request.node))), "")
        seen = Party(address, node=request.node) if address else None
    client, server = network.party(request.client_ip), network.party(found.address)
    asked = Connection(client, server, found.port, request.protocol, seen)
    return verdict(network.policies, network.namespaces, asked)


def _cluster_ip(network: Network, request: Request) -> _Frontend | None:
    for doc in network.services.select("clusterIP", request.to):
        if request.to != HEADLESS:
            return _port(service(doc), request, "port", is_cluster_ip=True)
    return None


def _port(one: Service, request: Request, field: str, *, is_cluster_ip: bool) -> _Frontend | None:
    for port in one.ports:
        wanted = port.port if field == "port" else port.node_port
        if wanted == request.port and port.protocol == request.protocol:
            return _Frontend(one, port, is_cluster_ip)
    return None


def _external(network: Network, request: Request) -> _Frontend | None:
    """By node port on a node's address, or by an external or load balancer's address."""
    if request.to in LOOPBACK or is_node(network.nodes, request.to):
        for doc in network.services.select("nodePort", str(request.port)):
            found = _port(service(doc), request, "node_port", is_cluster_ip=False)
            if found is not None:
                return found
        return None
    for doc in network.services.objects():
        balancer = children(doc, "status", "loadBalancer", "ingress")
        external = {*elements(doc, "spec", "externalIPs"), *(text(one, "ip") for one in balancer)}
        if request.to and request.to in external:
            return _port(service(doc), request, "port", is_cluster_ip=False)
    return None


def is_node(nodes: Cache, to: str) -> bool:
    """Whether an address, or a name, is a machine's."""
    return nodes.get(to) is not None or any(
        text(address, "address") == to
        for node in nodes.objects()
        for address in children(node, "status", "addresses")
    )


def _through(
    network: Network, request: Request, frontend: _Frontend, reach: Reach, sessions: Sessions
) -> tuple[Answer, Sessions]:
    one, port = frontend.service, frontend.port
    family = address_type_of(request.to) if frontend.is_cluster_ip else "IPv4"
    found = targets(slices_of(network.slices, one), port, family)
    policy = policy_of(one)
    local = must_stay_local(policy, request, to_cluster_ip=frontend.is_cluster_ip)
    zone = zone_of(network.nodes.get(request.node))
    usable, choice = in_use(found, policy, request.node, zone, local=local)
    called = f"service {one.metadata.key} port {request.port}"
    if not choice.everywhere:
        return Refused(f"{called} has no endpoints"), sessions
    if not usable:
        return TimedOut(f"{called} has no local endpoints on {request.node or 'no node'}"), sessions
    by_name = {target.name: target for target in usable}
    client = Client(one.metadata.key, port.name, request.client_ip)
    name, sessions = choose(
        sessions, client, list(by_name), request.draw, timeout_ms(one), request.at_ms
    )
    return _at(network, by_name[name], reach), sessions


def _at(network: Network, target: Target, reach: Reach) -> Answer:
    """An endpoint that names no pod leads to whatever has its address."""
    if not target.endpoint.pod_uid and pods_at(network, target.endpoint.address):
        return _at_pod(network, target.endpoint.address, target.port, reach)
    if target.endpoint.pod_uid and not reach.pod_answers(target.pod, target.endpoint.pod_uid):
        return TimedOut(f"pod {target.pod} at {target.name} does not answer")
    address = target.endpoint.address
    return Answered(address, target.port, target.pod, target.endpoint.pod_uid)


def pods_at(network: Network, address: str) -> list[Document]:
    """The running pods with this address: one, or all of a machine that share its own."""
    return [
        doc
        for doc in network.pods.objects()
        if pod(doc).status.phase == "Running" and address in addresses_of(pod(doc))
    ]


def _at_pod(network: Network, address: str, port: int, reach: Reach) -> Answer:
    """A request past all Services, to a pod's own address."""
    found = pods_at(network, address)
    if not found:
        return TimedOut(f"nobody has the address {address}")
    key, uid = metadata(found[0]).key, metadata(found[0]).uid
    if reach.pod_answers(key, uid):
        return Answered(address, port, key, uid)
    return TimedOut(f"pod {key} at {address} does not answer")


def behind_host_port(network: Network, request: Request) -> tuple[str, int] | None:
    """The pod's address and port behind a `hostPort` of a machine.

    One that names the address that is asked comes before one that takes all.

    Source: the portmap plugin of CNI; api/core/v1/types.go (ContainerPort).
    """
    found: tuple[str, int] | None = None
    if not (request.to in LOOPBACK or is_node(network.nodes, request.to)):
        return None
    for node in _nodes_named(network, request):
        for doc in network.pods.select("spec.nodeName", node):
            for port in _host_ports(doc, request):
                here = (next(iter(addresses_of(pod(doc))), ""), number(port, "containerPort"))
                if text(port, "hostIP") == request.to:
                    return here
                found = found or here
    if request.to in LOOPBACK and found is None:
        addresses = node_addresses(network.nodes.get(request.node))
        return (addresses[0], request.port) if addresses else None
    return found


def _nodes_named(network: Network, request: Request) -> list[str]:
    """The machine that a request is for."""
    if request.to in LOOPBACK:
        return [request.node]
    return [
        metadata(node).name
        for node in network.nodes.objects()
        if metadata(node).name == request.to or request.to in node_addresses(node)
    ]


def node_addresses(node: Document | None) -> tuple[str, ...]:
    """A machine's addresses inside of the cluster's network."""
    listed = () if node is None else children(node, "status", "addresses")
    return tuple(text(one, "address") for one in listed if text(one, "type") == "InternalIP")


def _host_ports(doc: Document, request: Request) -> list[Document]:
    """The ports of a running pod, not on its machine's network, that this request may mean."""
    if pod(doc).status.phase != "Running" or flag(doc, "spec", "hostNetwork"):
        return []
    return [
        port
        for container in children(doc, "spec", "containers")
        for port in children(container, "ports")
        if number(port, "hostPort") == request.port
        and text(port, "protocol", default="TCP") == request.protocol
        and text(port, "hostIP") in ("", "0.0.0.0", "::", request.to)
    ]
