"""Cluster DNS: which addresses a name has, as CoreDNS answers a pod.

    web.shop.svc.cluster.local              a Service's address, or those of a headless one's pods
    db-0.db.shop.svc.cluster.local          one pod behind a headless Service
    10-244-0-2.shop.pod.cluster.local       a pod by its address

A name with fewer than five dots is tried under the pod's search domains first.

Source: https://github.com/kubernetes/dns/blob/master/docs/specification.md;
kubernetes v1.36, pkg/kubelet/network/dns/dns.go (search domains, ndots).
"""

from __future__ import annotations

import re
from typing import Final

from kelm.core.network.proxy import Network, slices_of
from kelm.core.objects.service import HEADLESS, Service, endpoint, service
from kelm.effects.address import key_of
from kelm.effects.document import Document, children, elements, text

DOMAIN: Final = "cluster.local"
NDOTS: Final = 5
_ADDRESS: Final = re.compile(r"\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:]*")


def is_address(name: str) -> bool:
    """Whether a host is an IP address and no name.

    >>> is_address("10.0.0.1"), is_address("fd00::1"), is_address("web")
    (True, True, False)
    """
    return _ADDRESS.fullmatch(name) is not None


def search_domains(namespace: str) -> tuple[str, ...]:
    """The domains under which a pod's short names are looked up.

    >>> search_domains("shop")[0]
    'shop.svc.cluster.local'
    """
    return (f"{namespace}.svc.{DOMAIN}", f"svc.{DOMAIN}", DOMAIN)


def candidates(name: str, namespace: str) -> tuple[str, ...]:
    """The full names that a pod's resolver tries, in order.

    >>> candidates("web", "shop")[0], candidates("web.", "shop")
    ('web.shop.svc.cluster.local', ('web',))
    """
    if name.endswith("."):
        return (name[:-1],)
    searched = tuple(f"{name}.{domain}" for domain in search_domains(namespace))
    return (*searched, name) if name.count(".") < NDOTS else (name, *searched)


def look_up(network: Network, name: str, namespace: str) -> tuple[str, tuple[str, ...]]:
    """The full name under which a pod finds a host, and its addresses; none: there is no such."""
    if is_address(name):
        return name, (name,)
    for full in candidates(name.lower(), namespace):
        found = addresses_of_name(network, full)
        if found:
            return full, found
    return name, ()


def addresses_of_name(network: Network, full: str, depth: int = 0) -> tuple[str, ...]:
    """The addresses of a full name."""
    if not full.endswith(f".{DOMAIN}") or depth > 4:
        return _node_addresses(network, full)
    labels = full.removesuffix(f".{DOMAIN}").split(".")
    if len(labels) == 3 and labels[2] == "pod":
        dashed = labels[0]
        address = dashed.replace("-", "." if dashed.count("-") == 3 else ":")
        return (address,) if is_address(address) else ()
    if len(labels) < 3 or labels[-1] != "svc":
        return ()
    doc = network.services.get(key_of(labels[-2], labels[-3]))
    if doc is None:
        return ()
    external = text(doc, "spec", "externalName")
    if text(doc, "spec", "type") == "ExternalName":
        return addresses_of_name(network, external, depth + 1)
    one = service(doc)
    if one.cluster_ip != HEADLESS:
        if len(labels) > 3:
            return ()
        every = tuple(str(ip) for ip in elements(doc, "spec", "clusterIPs"))
        return every or ((one.cluster_ip,) if one.cluster_ip else ())
    return _endpoints(network, one, labels[0] if len(labels) == 4 else "")


def _endpoints(network: Network, one: Service, host: str) -> tuple[str, ...]:
    """The addresses of a headless Service's pods, or of the one with this host name."""
    found: set[str] = set()
    for listed in slices_of(network.slices, one):
        for doc in listed.endpoints:
            view = endpoint(doc)
            if not view.ready or (host and host not in _hosts(doc, view.address)):
                continue
            found.add(view.address)
    return tuple(sorted(found))


def _hosts(doc: Document, address: str) -> tuple[str, str]:
    return text(doc, "hostname"), address.replace(".", "-").replace(":", "-")


def _node_addresses(network: Network, name: str) -> tuple[str, ...]:
    node = network.nodes.get(name)
    if node is None:
        return ()
    listed = children(node, "status", "addresses")
    return tuple(text(one, "address") for one in listed if text(one, "type") == "InternalIP")
