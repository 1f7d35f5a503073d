"""Addresses and ports in the shape of an Endpoints object: as few subsets as say everything.

A subset says that each of its addresses serves each of its ports. The canonical form regroups every
pair of port and address: ports with the same addresses, in the same readiness, share a subset. An
object holds at most a thousand addresses; ready ones come first, and every subset gives up the
same part.

Source: kubernetes v1.36, pkg/api/v1/endpoints/util.go (RepackSubsets);
pkg/controller/endpoint/endpoints_controller.go (truncateEndpoints). Differs: subsets and their
ports are sorted by what they say and not by a hash of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from kelm.effects.document import Document, Json, children, elements, text

MAX_ADDRESSES = 1000

AddressKey: TypeAlias = "tuple[str, str]"
PortFields: TypeAlias = "tuple[int, str, str, str]"


class Address(msgspec.Struct, frozen=True, gc=False):
    """One address with its readiness and the ports that it serves, also as sorted `fields`."""

    key: AddressKey
    ready: bool
    ports: tuple[Document, ...]
    fields: tuple[PortFields, ...]
    doc: Document


def address_key(address: Document) -> AddressKey:
    """What tells addresses apart: the IP, and the uid of what stands behind it."""
    return text(address, "ip"), text(address, "targetRef", "uid")


def port_fields(port: Document) -> PortFields:
    """A port as a value to sort and group by."""
    number = port.get("port")
    return (
        number if isinstance(number, int) else 0,
        text(port, "protocol"),
        text(port, "name"),
        text(port, "appProtocol"),
    )


def fields_of(ports: tuple[Document, ...]) -> tuple[PortFields, ...]:
    """Ports as a value to group by: in which order they are listed does not matter."""
    return tuple(sorted(port_fields(port) for port in ports))


def addresses_in(subset: Document) -> list[Address]:
    """All addresses of a subset, the ready ones first."""
    ports = children(subset, "ports")
    fields = fields_of(ports)
    return [
        Address(address_key(doc), ready, ports, fields, doc)
        for field, ready in (("addresses", True), ("notReadyAddresses", False))
        for doc in children(subset, field)
    ]


def repack(subsets: Iterable[Document]) -> tuple[Document, ...]:
    """The canonical form of any subsets.

    Source: util.go, RepackSubsets.

    >>> one = Document(addresses=(Document(ip="10.0.0.1"),), ports=(Document(port=80),))
    >>> two = Document(addresses=(Document(ip="10.0.0.1"),), ports=(Document(port=81),))
    >>> [len(subset["ports"]) for subset in repack((one, two))]
    [2]
    """
    given = [address for subset in subsets for address in addresses_in(subset)]
    first: dict[AddressKey, Document] = {}
    for address in given:
        first.setdefault(address.key, address.doc)
    ports, served = _by_port(given)
    groups: dict[tuple[tuple[AddressKey, bool], ...], list[Document]] = {}
    for port, readiness in served.items():
        sharing = groups.setdefault(tuple(sorted(readiness.items())), [])
        found = ports[port]
        if found is not None:
            sharing.append(found)
    packed = [
        _subset(
            tuple(first[key] for key, ready in addresses if ready),
            tuple(first[key] for key, ready in addresses if not ready),
            tuple(sorted(sharing, key=port_fields)),
        )
        for addresses, sharing in groups.items()
    ]
    return in_order(packed)


_NO_PORT: PortFields = (-1, "", "", "")


def _by_port(
    given: list[Address],
) -> tuple[dict[PortFields, Document | None], dict[PortFields, dict[AddressKey, bool]]]:
    """The distinct ports, and for each of them its addresses: not ready once is not ready."""
    ports: dict[PortFields, Document | None] = {}
    served: dict[PortFields, dict[AddressKey, bool]] = {}
    for address in given:
        for port in address.ports or (None,):
            fields = _NO_PORT if port is None else port_fields(port)
            ports.setdefault(fields, port)
            readiness = served.setdefault(fields, {})
            readiness[address.key] = readiness.get(address.key, True) and address.ready
    return ports, served


def _subset(
    ready: tuple[Document, ...], not_ready: tuple[Document, ...], ports: tuple[Document, ...]
) -> Document:
    fields: dict[str, Json] = {}
    if ready:
        fields["addresses"] = ready
    if not_ready:
        fields["notReadyAddresses"] = not_ready
    if ports:
        fields["ports"] = ports
    return Document(fields)


def in_order(subsets: list[Document]) -> tuple[Document, ...]:
    """Subsets sorted by their ports, then by their first address."""
    return tuple(subsets if len(subsets) < 2 else sorted(subsets, key=_order))


def _order(subset: Document) -> tuple[tuple[PortFields, ...], list[AddressKey]]:
    first = [*children(subset, "addresses")[:1], *children(subset, "notReadyAddresses")[:1]]
    return fields_of(children(subset, "ports")), [address_key(doc) for doc in first]


def subsets_of(addresses: Iterable[Address]) -> tuple[Document, ...]:
    """The canonical subsets of addresses that come sorted by key, each once.

    Addresses with the same ports usually have these to themselves: then they are a subset as
    they are. Only where some ports are shared by others too, everything is regrouped.
    """
    groups: dict[tuple[PortFields, ...], tuple[list[Document], list[Document]]] = {}
    ports_of: dict[tuple[PortFields, ...], tuple[Document, ...]] = {}
    fields: tuple[PortFields, ...] | None = None
    ready: list[Document] = []
    not_ready: list[Document] = []
    for address in addresses:
        if address.fields is not fields and address.fields != fields:
            fields = address.fields
            ready, not_ready = groups.setdefault(fields, ([], []))
            ports_of.setdefault(fields, address.ports)
        (ready if address.ready else not_ready).append(address.doc)
    subsets = [
        _subset(tuple(found[0]), tuple(found[1]), ports_of[fields])
        for fields, found in groups.items()
    ]
    several = [port for fields in groups for port in fields]
    if len(set(several)) < len(several):
        return repack(subsets)
    return in_order(subsets)


def truncate(
    subsets: tuple[Document, ...], limit: int = MAX_ADDRESSES
) -> tuple[tuple[Document, ...], bool]:
    """The subsets with at most `limit` addresses, and whether some had to go."""
    ready = [len(elements(subset, "addresses")) for subset in subsets]
    not_ready = [len(elements(subset, "notReadyAddresses")) for subset in subsets]
    kept = kept_of(ready, not_ready, limit)
    if kept == (ready, not_ready):
        return subsets, False
    return tuple(
        _subset(
            children(subset, "addresses")[:good],
            children(subset, "notReadyAddresses")[:bad],
            children(subset, "ports"),
        )
        for subset, good, bad in zip(subsets, *kept, strict=True)
    ), True


def kept_of(ready: list[int], not_ready: list[int], limit: int) -> tuple[list[int], list[int]]:
    """How many addresses each subset keeps: ready ones first, the cut in proportion, rounded up.

    Source: endpoints_controller.go, truncateEndpoints.

    >>> kept_of([600, 600], [10, 0], 1000)
    ([500, 500], [0, 0])
    """
    if sum(ready) + sum(not_ready) <= limit:
        return ready, not_ready
    if sum(ready) > limit:
        return _cut(ready, limit), [0 for _ in not_ready]
    return ready, _cut(not_ready, limit - sum(ready))


def _cut(counts: list[int], limit: int) -> list[int]:
    total, left = sum(counts), limit
    kept = []
    for count in counts:
        part = min(-(-count * limit // total), left)
        kept.append(part)
        left -= part
    return kept
