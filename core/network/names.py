"""Cluster DNS: what a name has, as CoreDNS answers a pod.

    web.shop.svc.cluster.local              a Service's address, or those of a headless one's pods
    db-0.db.shop.svc.cluster.local          one pod behind a headless Service
    _http._tcp.web.shop.svc.cluster.local   SRV: the port of a Service by its name
    10-244-0-2.shop.pod.cluster.local       a pod by its address
    2.0.244.10.in-addr.arpa                 PTR: the name of a Service or of a headless one's pod

Source: https://github.com/kubernetes/dns/blob/master/docs/specification.md.
"""

from __future__ import annotations

from typing import Final

from kelm.core.network.proxy import Network, node_addresses, slices_of
from kelm.core.network.resolver import Resolver, candidates, is_address
from kelm.core.node.pods.dns import DOMAIN
from kelm.core.objects.service import HEADLESS, SERVICE_NAME, Endpoint, Service, endpoint, service
from kelm.effects.address import key_of
from kelm.effects.document import Document, child, children, elements, number, text

REVERSE: Final = ".in-addr.arpa"
MOST_ALIASES: Final = 4


def look_up(
    network: Network, name: str, resolver: Resolver, record: str = "A"
) -> tuple[str, tuple[str, ...]]:
    """The full name under which a container finds a host, and its records; none: no such name."""
    if record in ("A", "AAAA"):
        if is_address(name):
            return name, (name,)
        known = resolver.hosts.get(name.lower().rstrip("."))
        if known is not None:
            return name, (known,)
    for full in candidates(name.lower(), resolver):
        found = _records(network, full, resolver, record)
        if found:
            return full, found
    return name, ()


def _records(network: Network, full: str, resolver: Resolver, record: str) -> tuple[str, ...]:
    if record in ("A", "AAAA"):
        found = addresses_of_name(network, full, resolver)
        return tuple(one for one in found if (":" in one) is (record == "AAAA"))
    if not resolver.knows_cluster:
        return ()
    if record == "PTR":
        return _names_of(network, full)
    if record == "SRV":
        return _servers(network, full)
    external = _external_name(_service_of(network, full)) if record == "CNAME" else ""
    return (f"{external}.",) if external else ()


def addresses_of_name(
    network: Network, full: str, resolver: Resolver, aliases: int = 0
) -> tuple[str, ...]:
    """The addresses of a full name."""
    if not full.endswith(f".{DOMAIN}"):
        return node_addresses(network.nodes.get(full)) if resolver.knows_machines else ()
    if aliases > MOST_ALIASES or not resolver.knows_cluster:
        return ()
    labels = _labels(full)
    if len(labels) == 3 and labels[2] == "pod":
        dashed = labels[0]
        address = dashed.replace("-", "." if dashed.count("-") == 3 else ":")
        return (address,) if is_address(address) else ()
    doc = _service_of(network, full)
    if doc is None or len(labels) > 4:
        return ()
    external = _external_name(doc)
    if external:
        return addresses_of_name(network, external, resolver, aliases + 1)
    one = service(doc)
    if one.cluster_ip != HEADLESS:
        if len(labels) > 3:
            return ()
        every = tuple(str(ip) for ip in elements(doc, "spec", "clusterIPs"))
        return every or ((one.cluster_ip,) if one.cluster_ip else ())
    return _endpoints(network, one, labels[0] if len(labels) == 4 else "")


def _labels(full: str) -> list[str]:
    return full.removesuffix(f".{DOMAIN}").split(".")


def _service_of(network: Network, full: str) -> Document | None:
    """The Service that a full name is about."""
    labels = _labels(full)
    if not full.endswith(f".{DOMAIN}") or len(labels) < 3 or labels[-1] != "svc":
        return None
    return network.services.get(key_of(labels[-2], labels[-3]))


def _external_name(doc: Document | None) -> str:
    if doc is None or text(doc, "spec", "type") != "ExternalName":
        return ""
    return text(doc, "spec", "externalName")


def _endpoints(network: Network, one: Service, host: str) -> tuple[str, ...]:
    """The addresses of a headless Service's pods, or of the one with this host name."""
    found: set[str] = set()
    for listed in slices_of(network.slices, one):
        for doc in listed.endpoints:
            view = endpoint(doc)
            if not view.ready or (host and host not in _hosts(doc, view)):
                continue
            found.add(view.address)
    return tuple(sorted(found))


def _hosts(doc: Document, view: Endpoint) -> tuple[str, str]:
    return text(doc, "hostname"), view.address.replace(".", "-").replace(":", "-")


def _servers(network: Network, full: str) -> tuple[str, ...]:
    """SRV records: priority, weight, port, and the host that serves it."""
    labels = _labels(full)
    doc = _service_of(network, full)
    if doc is None or len(labels) != 5 or not (labels[0][:1] == labels[1][:1] == "_"):
        return ()
    one, own = service(doc), ".".join(labels[2:])
    port_name, protocol = labels[0][1:], labels[1][1:].upper()
    found: dict[tuple[int, str], None] = {}
    if one.cluster_ip != HEADLESS:
        for port in one.ports:
            if port.name == port_name and port.protocol == protocol:
                found[port.port, f"{own}.{DOMAIN}."] = None
    else:
        for listed in slices_of(network.slices, one):
            for shown in listed.ports:
                if text(shown, "name") == port_name and text(shown, "protocol") == protocol:
                    for each in listed.endpoints:
                        host = _host_name(each, endpoint(each))
                        found[number(shown, "port"), f"{host}.{own}.{DOMAIN}."] = None
    weight = 100 // len(found) if found else 0
    return tuple(f"0 {weight} {port} {host}" for port, host in sorted(found))


def _host_name(doc: Document, view: Endpoint) -> str:
    named, dashed = _hosts(doc, view)
    return named or dashed


def _names_of(network: Network, full: str) -> tuple[str, ...]:
    """The names of an address that is written backwards."""
    if not full.endswith(REVERSE):
        return ()
    address = ".".join(reversed(full.removesuffix(REVERSE).split(".")))
    for doc in network.services.select("clusterIP", address):
        one = service(doc).metadata
        return (f"{one.name}.{one.namespace}.svc.{DOMAIN}.",)
    for doc in network.slices.objects():
        owner = text(child(doc, "metadata", "labels"), SERVICE_NAME)
        namespace = text(doc, "metadata", "namespace")
        known = network.services.get(key_of(namespace, owner))
        if known is None or service(known).cluster_ip != HEADLESS:
            continue
        for each in children(doc, "endpoints"):
            view = endpoint(each)
            if view.address == address:
                return (f"{_host_name(each, view)}.{owner}.{namespace}.svc.{DOMAIN}.",)
    return ()
