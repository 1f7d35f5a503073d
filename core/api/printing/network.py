"""Rows of Services and what is behind them.

Source: kubernetes v1.36, pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from kelm.core.objects.duration import age
from kelm.effects.document import Document, Json, children, elements, number, strings, text

SERVICE = ("NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE")
SERVICE_WIDE = ("SELECTOR",)
ENDPOINTS = ("NAME", "ENDPOINTS", "AGE")
ENDPOINT_SLICE = ("NAME", "ADDRESSTYPE", "PORTS", "ENDPOINTS", "AGE")
SHOWN = 3


def _age(doc: Document, now_ms: int) -> str:
    return age(text(doc, "metadata", "creationTimestamp") or None, now_ms)


def service(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a Service."""
    selector = strings(doc, "spec", "selector")
    addresses = elements(doc, "spec", "clusterIPs")
    cluster_ip = str(addresses[0]) if addresses else text(doc, "spec", "clusterIP")
    return (
        text(doc, "metadata", "name"),
        text(doc, "spec", "type"),
        cluster_ip or "<none>",
        _external(doc),
        ",".join(_port(port) for port in children(doc, "spec", "ports")) or "<none>",
        _age(doc, now_ms),
        ",".join(f"{key}={value}" for key, value in sorted(selector.items())) or "<none>",
    )


def _port(port: Document) -> str:
    node_port = number(port, "nodePort")
    middle = f":{node_port}" if node_port else ""
    return f"{number(port, 'port')}{middle}/{text(port, 'protocol')}"


def _external(doc: Document) -> str:
    kind = text(doc, "spec", "type")
    external = [str(address) for address in elements(doc, "spec", "externalIPs")]
    if kind == "ExternalName":
        return text(doc, "spec", "externalName")
    if kind == "LoadBalancer":
        ingress = children(doc, "status", "loadBalancer", "ingress")
        shown = [text(one, "ip") or text(one, "hostname") for one in ingress]
        return ",".join([*(one for one in shown if one), *external]) or "<pending>"
    return ",".join(external) or "<none>"


def endpoints(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of an Endpoints object."""
    found = [
        f"{text(address, 'ip')}:{number(port, 'port')}"
        for subset in children(doc, "subsets")
        for port in children(subset, "ports")
        for address in children(subset, "addresses")
    ] or [
        text(address, "ip")
        for subset in children(doc, "subsets")
        for address in children(subset, "addresses")
    ]
    return text(doc, "metadata", "name"), _shortened(found, "<none>"), _age(doc, now_ms)


def endpoint_slice(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of an EndpointSlice."""
    ports = [str(number(p, "port")) if p.get("port") else "*" for p in children(doc, "ports")]
    found = [
        str(address)
        for endpoint in children(doc, "endpoints")
        for address in elements(endpoint, "addresses")
    ]
    return (
        text(doc, "metadata", "name"),
        text(doc, "addressType"),
        _shortened(ports, "<unset>"),
        _shortened(found, "<unset>"),
        _age(doc, now_ms),
    )


def _shortened(found: list[str], none: str) -> str:
    if not found:
        return none
    more = f" + {len(found) - SHOWN} more..." if len(found) > SHOWN else ""
    return ",".join(found[:SHOWN]) + more
