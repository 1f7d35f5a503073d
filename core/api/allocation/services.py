"""Which cluster IPs and node ports a Service gets.

What is taken is what Services have: an address or port is free as soon as no stored Service
names it, so nothing must be released. The store files Services under both (indexes `clusterIP`
and `nodePort`). An address is taken, too, while there is an IPAddress of its name that is not the
Service's own.

Source: kubernetes v1.36, pkg/registry/core/service/storage/alloc.go.
"""

from __future__ import annotations

from typing import Final

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.api.allocation.bands import (
    Ranges,
    address_at,
    draw,
    family,
    is_allocatable,
    network,
    parse_address,
    static_addresses,
    static_ports,
    usable_addresses,
)
from kelm.core.api.allocation.families import with_families
from kelm.core.api.validation.violation import Violation, invalid, invalid_value
from kelm.effects.document import Document, child, children, elements, number, text
from kelm.effects.messages import Cache
from kelm.effects.refusals import Reason, Refusal

HEADLESS: Final = "None"
FULL: Final = "range is full"
TAKEN_PORT: Final = "provided port is already allocated"


class Allocator(msgspec.Struct, frozen=True):
    """What is given out, what is taken, and the chance by which a fresh one is drawn."""

    services: Cache
    addresses: Cache | None
    ranges: Ranges
    chance: str
    key: str
    """The Service itself, `namespace/name`: what it has, it may keep."""

    def address_is_free(self, address: str) -> bool:
        held = None if self.addresses is None else self.addresses.get(address)
        if held is not None and _parent(held) != ("", "services", self.key):
            return False
        return not self._taken("clusterIP", address)

    def port_is_free(self, port: int) -> bool:
        return not self._taken("nodePort", str(port))

    def _taken(self, index: str, value: str) -> bool:
        return any(_key(doc) != self.key for doc in self.services.select(index, value))


def _key(doc: Document) -> str:
    return f"{text(doc, 'metadata', 'namespace')}/{text(doc, 'metadata', 'name')}"


def _parent(address: Document) -> tuple[str, str, str]:
    """Whose an IPAddress is: group, resource and key."""
    parent = child(address, "spec", "parentRef")
    key = f"{text(parent, 'namespace')}/{text(parent, 'name')}"
    return text(parent, "group"), text(parent, "resource"), key


Allocated = Result[Document, Refusal]


DEFAULT_RANGES: Final = Ranges()


def allocate(
    service: Document,
    services: Cache,
    *,
    addresses: Cache | None = None,
    ranges: Ranges = DEFAULT_RANGES,
    chance: str = "",
) -> Allocated:
    """Give a Service what its type needs and it does not have yet.

    For a new Service and for one that is to replace another; it comes defaulted, prepared
    (`prepare.py`) and valid. `chance` decides which of the free ones: one seed, one answer.
    """
    allocator = Allocator(services, addresses, ranges, chance, _key(service))
    kind = text(service, "spec", "type")
    if kind == "ExternalName":
        return Success(service)
    spec = with_families(child(service, "spec"), ranges)
    if isinstance(spec, Violation):
        return _wrong(service, spec)
    for step in (_with_addresses, _with_node_ports, _with_health_check_port):
        found = step(spec, allocator)
        if isinstance(found, Violation):
            return _wrong(service, found)
        if isinstance(found, Refusal):
            return Failure(found)
        spec = found
    if spec is service.get("spec"):
        return Success(service)
    return Success(Document({**service, "spec": spec}))


def _wrong(service: Document, violation: Violation) -> Allocated:
    return Failure(invalid("Service", "", text(service, "metadata", "name"), (violation,)))


def _full(what: str) -> Refusal:
    message = f"Internal error occurred: failed to allocate a {what}: {FULL}"
    return Refusal(Reason.INTERNAL_ERROR, message)


Step = Document | Violation | Refusal


def _with_addresses(spec: Document, allocator: Allocator) -> Step:
    """One address of each of the Service's families."""
    given = tuple(str(item) for item in elements(spec, "clusterIPs"))
    if HEADLESS in given:
        return spec
    for address in given:
        why = _why_not(address, allocator)
        if why:
            wrong = f"failed to allocate IP {address}: {why}"
            return invalid_value("spec.clusterIPs", tuple(given), wrong)
    addresses = list(given)
    for which in elements(spec, "ipFamilies")[len(given) :]:
        fresh = _fresh_address(str(which), allocator)
        if fresh is None:
            return _full("serviceIP")
        addresses.append(fresh)
    if tuple(addresses) == given and spec.get("clusterIP") == given[0]:
        return spec
    return Document({**spec, "clusterIP": addresses[0], "clusterIPs": tuple(addresses)})


def _why_not(address: str, allocator: Allocator) -> str:
    found = parse_address(address)
    for cidr in allocator.ranges.service_cidrs:
        whole = network(cidr)
        if found is not None and found.version == whole.version and found in whole:
            if not is_allocatable(cidr, address):
                return (
                    f"the provided IP ({address}) is not in the valid range. The range of valid "
                    f"IPs is {cidr}"
                )
            free = allocator.address_is_free(address)
            return "" if free else "provided IP is already allocated"
    return "the provided network does not match the current range"


def _fresh_address(which: str, allocator: Allocator) -> str | None:
    for cidr in allocator.ranges.service_cidrs:
        if family(cidr) != which:
            continue
        # Offsets count from the base address, which nobody gets.
        size = usable_addresses(cidr) + 1
        offset = draw(
            size,
            max(1, static_addresses(cidr)),
            f"{allocator.chance}/{cidr}",
            lambda n, cidr=cidr: n > 0 and allocator.address_is_free(address_at(cidr, n)),  # type: ignore[misc]
        )
        if offset is not None:
            return address_at(cidr, offset)
    return None


def gets_node_ports(spec: Document) -> bool:
    """Whether ports that name no node port get one."""
    kind = spec.get("type")
    return kind == "NodePort" or (
        kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False
    )


def _with_node_ports(spec: Document, allocator: Allocator) -> Step:
    """A node port for each port; one port number (DNS over TCP and UDP) gets one for both."""
    if spec.get("type") not in ("NodePort", "LoadBalancer"):
        return spec
    ports = children(spec, "ports")
    asked = {number(port, "port"): number(port, "nodePort") for port in reversed(ports)
             if number(port, "nodePort")}  # fmt: skip
    used = set(asked.values())
    done: list[Document] = []
    for index, port in enumerate(ports):
        wanted = number(port, "nodePort")
        if wanted:
            why = _why_not_port(wanted, allocator)
            if why:
                return invalid_value(f"spec.ports[{index}].nodePort", wanted, why)
        elif gets_node_ports(spec):
            wanted = asked.get(number(port, "port")) or _fresh_port(allocator, used, index)
            if not wanted:
                return _full("nodePort")
            asked[number(port, "port")] = wanted
            used.add(wanted)
        same = not wanted or wanted == port.get("nodePort")
        done.append(port if same else Document({**port, "nodePort": wanted}))
    if all(one is other for one, other in zip(ports, done, strict=True)):
        return spec
    return Document({**spec, "ports": tuple(done)})


def _why_not_port(port: int, allocator: Allocator) -> str:
    if port not in allocator.ranges.node_ports:
        valid = allocator.ranges.node_ports
        return (
            "provided port is not in the valid range. The range of valid ports is "
            f"{valid.base}-{valid.base + valid.size - 1}"
        )
    return "" if allocator.port_is_free(port) else TAKEN_PORT


def _fresh_port(allocator: Allocator, used: set[int], index: int) -> int:
    """A free node port, 0 where there is none."""
    ports = allocator.ranges.node_ports
    offset = draw(
        ports.size,
        static_ports(ports.size),
        f"{allocator.chance}/{index}",
        lambda n: ports.base + n not in used and allocator.port_is_free(ports.base + n),
    )
    return 0 if offset is None else ports.base + offset


def needs_health_check_port(spec: Document) -> bool:
    """Whether a load balancer asks every node whether it has an endpoint of its own."""
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _with_health_check_port(spec: Document, allocator: Allocator) -> Step:
    if not needs_health_check_port(spec):
        return spec
    wanted = number(spec, "healthCheckNodePort")
    if wanted:
        why = _why_not_port(wanted, allocator)
        return invalid_value("spec.healthCheckNodePort", wanted, why) if why else spec
    used = {number(port, "nodePort") for port in children(spec, "ports")}
    found = _fresh_port(allocator, used, -1)
    return Document({**spec, "healthCheckNodePort": found}) if found else _full("nodePort")
