"""Rules of NetworkPolicies.

Source: kubernetes v1.36, pkg/apis/networking/validation/validation.go.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from kelm.core.api.validation.addresses import cidr
from kelm.core.api.validation.fields import Rules, at, complaints, items, whole_number
from kelm.core.api.validation.labels import label_selector
from kelm.core.api.validation.metadata import metadata, metadata_update
from kelm.core.api.validation.names import port_name, port_number
from kelm.core.api.validation.violation import (
    Violations,
    forbidden,
    invalid_value,
    not_supported,
    required,
)
from kelm.effects.document import Document, child, elements, text

POLICIES: Final = "networkpolicies.networking.k8s.io"
PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
TYPES: Final = ("Ingress", "Egress")
DIRECTIONS: Final = (("ingress", "from"), ("egress", "to"))


def policy_create(doc: Document) -> Violations:
    return (*metadata(doc, POLICIES), *_spec(child(doc, "spec")))


def policy_update(old: Document, new: Document) -> Violations:
    return (*metadata_update(old, new), *_spec(child(new, "spec")))


def _spec(spec: Document) -> Rules:
    yield from label_selector(child(spec, "podSelector"), "spec.podSelector")
    for direction, peers in DIRECTIONS:
        for here, rule in items(spec, "spec", direction):
            for place, port in items(rule, here, "ports"):
                yield from _port(port, place)
            for place, peer in items(rule, here, peers):
                yield from _peer(peer, place)
    kinds = elements(spec, "policyTypes")
    if len(kinds) > len(TYPES):
        yield invalid_value("spec.policyTypes", kinds, "may not specify more than two policyTypes")
        return
    for index, kind in enumerate(kinds):
        if kind not in TYPES:
            yield not_supported(f"spec.policyTypes[{index}]", kind, TYPES)


def _port(doc: Document, path: str) -> Rules:
    protocol, port, end = doc.get("protocol"), doc.get("port"), whole_number(doc, "endPort")
    if protocol is not None and protocol not in PROTOCOLS:
        yield not_supported(at(path, "protocol"), protocol, PROTOCOLS)
    here = at(path, "endPort")
    if isinstance(port, int):
        yield from complaints(at(path, "port"), port, port_number(port))
        if end is not None and end < port:
            yield invalid_value(here, port, "must be greater than or equal to `port`")
        if end is not None:
            yield from complaints(here, end, port_number(end))
        return
    if end is not None:
        what = "specified" if port is None else "numeric"
        how = f"not {what}" if port is None else f"non-{what}"
        yield invalid_value(here, end, f"may not be specified when `port` is {how}")
    if isinstance(port, str):
        yield from complaints(at(path, "port"), port, port_name(port))


def _peer(peer: Document, path: str) -> Rules:
    selectors = [
        key for key in ("podSelector", "namespaceSelector") if isinstance(peer.get(key), Document)
    ]
    for key in selectors:
        yield from label_selector(child(peer, key), at(path, key))
    block = peer.get("ipBlock")
    if isinstance(block, Document):
        yield from _block(block, at(path, "ipBlock"))
        if selectors:
            yield forbidden(path, "may not specify both ipBlock and another peer")
    elif not selectors:
        yield required(path, "must specify a peer")


def _block(block: Document, path: str) -> Rules:
    value = text(block, "cidr")
    if not value:
        yield required(at(path, "cidr"))
        return
    yield from cidr(at(path, "cidr"), value)
    whole = _network(value)
    if whole is None:
        return
    for index, part in enumerate(elements(block, "except")):
        here = f"{at(path, 'except')}[{index}]"
        yield from cidr(here, str(part))
        inner = _network(str(part))
        if inner is not None and not _is_part(inner, whole):
            yield invalid_value(here, part, "must be a strict subset of `cidr`")


Network = IPv4Network | IPv6Network


def _network(value: str) -> Network | None:
    """A network, whatever bits are set beyond its prefix."""
    if any(True for _ in cidr("", value)) and "/" not in value:
        return None
    try:
        return ip_network(value, strict=False)
    except ValueError:
        return None


def _is_part(inner: Network, whole: Network) -> bool:
    return (
        inner.version == whole.version
        and inner.prefixlen > whole.prefixlen
        and inner.network_address in whole
    )
