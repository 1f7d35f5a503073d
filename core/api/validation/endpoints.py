"""Rules of Endpoints and EndpointSlices.

Source: kubernetes v1.36, pkg/apis/core/validation/validation.go (ValidateEndpoints) and
pkg/apis/discovery/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.allocation.bands import family
from kelm.core.api.validation.addresses import endpoint_ip, ip
from kelm.core.api.validation.fields import (
    IMMUTABLE,
    Rules,
    at,
    choice,
    complaints,
    items,
    whole_number,
)
from kelm.core.api.validation.metadata import metadata, metadata_update
from kelm.core.api.validation.names import (
    dns1123_label,
    dns1123_subdomain,
    port_number,
    qualified_name,
)
from kelm.core.api.validation.violation import (
    Violations,
    duplicate,
    invalid_value,
    required,
    too_many,
)
from kelm.effects.document import EMPTY, Document, elements, text

PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
ADDRESS_TYPES: Final = ("FQDN", "IPv4", "IPv6")
MOST_PORTS: Final = 20_000
MOST_ENDPOINTS: Final = 1_000
MOST_ADDRESSES: Final = 100


def endpoints_create(doc: Document) -> Violations:
    return (*metadata(doc, "endpoints"), *_endpoints(doc))


def endpoints_update(old: Document, new: Document) -> Violations:
    found = tuple(metadata_update(old, new))
    return found if old.get("subsets") is new.get("subsets") else (*found, *_endpoints(new))


def _endpoints(doc: Document) -> Rules:
    for here, subset in items(doc, "", "subsets"):
        if not elements(subset, "addresses") and not elements(subset, "notReadyAddresses"):
            yield required(here, "must specify `addresses` or `notReadyAddresses`")
        for key in ("addresses", "notReadyAddresses"):
            for place, address in items(subset, here, key):
                yield from _ip_of(text(address, "ip"), at(place, "ip"))
                hostname = text(address, "hostname")
                if hostname:
                    yield from complaints(at(place, "hostname"), hostname, dns1123_label(hostname))
        several = len(elements(subset, "ports")) > 1
        for place, port in items(subset, here, "ports"):
            yield from _port(port, place, several)


def _ip_of(address: str, path: str) -> Rules:
    wrong = tuple(ip(path, address))
    yield from wrong or endpoint_ip(path, address)


def _port(port: Document, path: str, several: bool) -> Rules:
    name = text(port, "name")
    if name:
        yield from complaints(at(path, "name"), name, dns1123_label(name))
    elif several:
        yield required(at(path, "name"))
    number = whole_number(port, "port") or 0
    yield from complaints(at(path, "port"), number, port_number(number))
    yield from choice(port, path, "protocol", PROTOCOLS)


def endpoint_slice_create(doc: Document) -> Violations:
    return (*metadata(doc, "endpointslices.discovery.k8s.io"), *_slice(doc))


def endpoint_slice_update(old: Document, new: Document) -> Violations:
    found = tuple(metadata_update(old, new))
    if text(old, "addressType") != text(new, "addressType"):
        found = (*found, invalid_value("addressType", text(new, "addressType"), IMMUTABLE))
    same = old.get("endpoints") is new.get("endpoints") and old.get("ports") is new.get("ports")
    return found if same else (*found, *_slice(new, old))


def _slice(doc: Document, old: Document = EMPTY) -> Rules:
    """Endpoints that the old slice has too, as the same documents, were judged with it."""
    kind = text(doc, "addressType")
    judged = set(map(id, elements(old, "endpoints")))
    yield from choice(doc, "", "addressType", ADDRESS_TYPES)
    found = elements(doc, "endpoints")
    if len(found) > MOST_ENDPOINTS:
        yield too_many("endpoints", len(found), MOST_ENDPOINTS)
        return
    for index, endpoint in enumerate(found):
        if id(endpoint) not in judged and isinstance(endpoint, Document):
            yield from _endpoint(endpoint, f"endpoints[{index}]", kind)
    yield from _slice_ports(doc)


def _endpoint(endpoint: Document, path: str, kind: str) -> Rules:
    addresses = elements(endpoint, "addresses")
    if not addresses:
        yield required(at(path, "addresses"), "must contain at least 1 address")
    elif len(addresses) > MOST_ADDRESSES:
        yield too_many(at(path, "addresses"), len(addresses), MOST_ADDRESSES)
    for index, address in enumerate(addresses):
        yield from _address(str(address), f"{at(path, 'addresses')}[{index}]", kind)
    hostname = text(endpoint, "hostname")
    if hostname:
        yield from complaints(at(path, "hostname"), hostname, dns1123_label(hostname))
    node = text(endpoint, "nodeName")
    if node:
        yield from complaints(at(path, "nodeName"), node, dns1123_subdomain(node))


def _address(address: str, path: str, kind: str) -> Rules:
    if kind == "FQDN":
        yield from complaints(path, address, dns1123_subdomain(address))
        return
    wrong = tuple(ip(path, address))
    yield from wrong
    if wrong:
        return
    if kind in ("IPv4", "IPv6") and family(address) != kind:
        yield invalid_value(path, address, f"must be a valid {kind} address")
    yield from endpoint_ip(path, address)


def _slice_ports(doc: Document) -> Rules:
    names: set[str] = set()
    if len(elements(doc, "ports")) > MOST_PORTS:
        yield too_many("ports", len(elements(doc, "ports")), MOST_PORTS)
        return
    for here, port in items(doc, "", "ports"):
        name = text(port, "name")
        if name:
            yield from complaints(at(here, "name"), name, dns1123_label(name))
        if name in names:
            yield duplicate(at(here, "name"), name)
        names.add(name)
        yield from choice(port, here, "protocol", PROTOCOLS)
        number = whole_number(port, "port")
        if number is not None:
            yield from complaints(at(here, "port"), number, port_number(number))
        protocol = port.get("appProtocol")
        if isinstance(protocol, str):
            yield from complaints(at(here, "appProtocol"), protocol, qualified_name(protocol))
