"""Where a request through the API server's proxy goes, and what is changed on its way back.

    /api/v1/namespaces/shop/pods/web:8080/proxy/healthz
    /api/v1/namespaces/shop/services/https:web:443/proxy/
    /api/v1/nodes/node-1/proxy/logs/

Source: kubernetes v1.36, pkg/registry/core/pod/strategy.go (ResourceLocation),
pkg/registry/core/service/storage/storage.go, pkg/registry/core/node/strategy.go,
apimachinery/pkg/util/proxy/{transport,upgradeaware}.go, apimachinery/pkg/util/net/port_split.go.
"""

from __future__ import annotations

import re
from posixpath import normpath
from typing import Final

import msgspec

from kelm.core.api import refuse
from kelm.core.api.rest.address import Target
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.document import Document, children, number, text
from kelm.effects.refusals import Reason, Refusal

KUBELET_PORT: Final = "10250"
SCHEMES: Final = ("http", "https", "")


class Location(msgspec.Struct, frozen=True):
    """The address behind a proxy. `node`: a machine's kubelet instead."""

    host: str = ""
    port: int = 80
    node: str = ""


def split_name(name: str) -> tuple[str, str, str] | None:
    """Scheme, name and port of `name`, `name:port` or `scheme:name:port`; None if it is neither.

    >>> split_name("web"), split_name("web:http"), split_name("https:web:443")
    (('', 'web', ''), ('', 'web', 'http'), ('https', 'web', '443'))
    >>> split_name("ftp:web:21") is None, split_name(":80") is None
    (True, True)
    """
    parts = name.split(":")
    if len(parts) > 3:
        return None
    scheme, host, port = ("", *parts, "")[:3] if len(parts) < 3 else tuple(parts)
    return (scheme, host, port) if host and scheme in SCHEMES else None


def proxied_name(target: Target) -> str:
    """The object's own name in an address behind a proxy."""
    found = split_name(target.name)
    return found[1] if found is not None else target.name


def location(store: Store, target: Target, draw: int = 0) -> Location | Refusal:
    """Where a request to the `proxy` of a pod, a Service or a node goes.

    draw: which endpoint of a Service, where there are several.
    """
    found = split_name(target.name)
    kind = target.info.kind.lower()
    if found is None:
        return refuse.bad_request(f'invalid {kind} request "{target.name}"')
    scheme, name, port = found
    if kind == "service":
        return _service(store, target, name, port, draw)
    doc = store.get(target.info.resource, key_of(target.namespace, name))
    if doc is None:
        return refuse.not_found(target.info, name)
    if kind == "pod":
        return _pod(doc, scheme, port)
    return _node(doc, name, port)


def _number(port: str, scheme: str) -> int:
    if port.isdigit():
        return int(port)
    return 443 if scheme == "https" else 80


def _pod(doc: Document, scheme: str, port: str) -> Location | Refusal:
    if not port:
        for container in children(doc, "spec", "containers"):
            ports = children(container, "ports")
            if ports:
                port = str(number(ports[0], "containerPort"))
                break
    address = text(doc, "status", "podIP")
    if not address:
        return refuse.bad_request("address not allowed")
    return Location(address, _number(port, scheme))


def _node(doc: Document, name: str, port: str) -> Location | Refusal:
    if port in ("", KUBELET_PORT):
        return Location(node=name)
    addresses = children(doc, "status", "addresses")
    host = next((text(one, "address") for one in addresses), "")
    return Location(host, _number(port, ""))


def _service(store: Store, target: Target, name: str, port: str, draw: int) -> Location | Refusal:
    if port.isdigit():
        doc = store.get("services", key_of(target.namespace, name))
        if doc is None:
            return refuse.not_found(target.info, name)
        named = [one for one in children(doc, "spec", "ports") if number(one, "port") == int(port)]
        if not named:
            why = f'no service port {port} found for service "{name}"'
            return Refusal(Reason.SERVICE_UNAVAILABLE, why)
        port = text(named[0], "name")
    endpoints = store.get("endpoints", key_of(target.namespace, name))
    if endpoints is None:
        said = f'endpoints "{name}" not found'
        return Refusal(Reason.NOT_FOUND, said, name=name, kind="endpoints")
    subsets = children(endpoints, "subsets")
    if not subsets:
        return _no_endpoints(name)
    for subset in subsets:
        addresses = children(subset, "addresses")
        for one in children(subset, "ports"):
            if text(one, "name") == port and addresses:
                chosen = addresses[draw % len(addresses)]
                return Location(text(chosen, "ip"), number(one, "port"))
    return _no_endpoints(target.name)


def _no_endpoints(name: str) -> Refusal:
    return Refusal(Reason.SERVICE_UNAVAILABLE, f'no endpoints available for service "{name}"')


def unreachable(place: Location, kind: str) -> Refusal:
    """The refusal of a request that the address behind the proxy did not answer."""
    at = f"{place.host}:{place.port}"
    why = "connect: connection refused" if kind == "refused" else "i/o timeout"
    said = f"error trying to reach service: dial tcp {at}: {why}"
    return Refusal(Reason.SERVICE_UNAVAILABLE, said)


# -- what comes back ---------------------------------------------------------------------------

_LINK: Final = re.compile(rb"""(\s(?:href|src|action|cite|data)\s*=\s*)(["'])(/[^"']*)\2""")


def prefix_of(path: str, rest: str) -> str:
    """The part of a request's path that leads to the proxy.

    >>> prefix_of("/api/v1/nodes/a/proxy/logs/", "logs")
    '/api/v1/nodes/a/proxy'
    """
    path = path.rstrip("/")
    return path[: len(path) - len(rest)].rstrip("/") if rest else path


def rewritten_location(value: str, prefix: str, place: Location) -> str:
    """A redirect, led through the proxy where it stays at the same host.

    >>> rewritten_location("/next/", "/api/v1/x/proxy", Location("10.0.0.1"))
    '/api/v1/x/proxy/next/'
    >>> rewritten_location("http://elsewhere/", "/p", Location("10.0.0.1"))
    'http://elsewhere/'
    """
    own = re.match(rf"https?://{re.escape(place.host)}(?::{place.port})?(?=/|$)", value)
    if place.host and own is not None:
        value = value[own.end() :] or "/"
    if not value.startswith("/") or value.startswith(("//", prefix + "/")):
        return value
    tail = "/" if value.endswith("/") else ""
    return (normpath(prefix + value) + tail).replace("//", "/")


def rewritten_html(body: bytes, prefix: str, place: Location) -> bytes:
    """A page whose links stay behind the proxy.

    >>> rewritten_html(b'<a href="/a">', "/p", Location("10.0.0.1"))
    b'<a href="/p/a">'
    """

    def rewrite(match: re.Match[bytes]) -> bytes:
        link = rewritten_location(match[3].decode("utf-8", "replace"), prefix, place)
        return match[1] + match[2] + link.encode() + match[2]

    return _LINK.sub(rewrite, body)
