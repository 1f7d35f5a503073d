"""What a pod asks of a node: amounts, ports, taints it bears, nodes it wants.

The effective request of a resource is the larger of what all containers and sidecars need together
and of the peak while the init containers run one after the other, each beside the sidecars that
were started before it; the pod's overhead comes on top.

Source: kubernetes v1.36, component-helpers/resource/helpers.go (PodRequests),
pkg/scheduler/framework/types.go (nonzero requests for scoring).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from kelm.core.objects.pod import Container, PodSpec, QuantityText, Toleration
from kelm.core.objects.quantity import cpu_milli, whole_units
from kelm.effects.document import Document, child, children, text

DEFAULT_CPU_MILLI = 100
DEFAULT_MEMORY_BYTES = 200 * 2**20
"""What a container that asks for nothing counts as when nodes are compared."""
Amounts = dict[str, int]
Port = tuple[str, str, int]


class Needs(msgspec.Struct, frozen=True):
    """`amounts` in milli-cpu for cpu, whole units for the rest; zero amounts are left out."""

    amounts: Mapping[str, int]
    scored_cpu: int
    scored_memory: int
    ports: tuple[Port, ...]
    tolerations: tuple[Toleration, ...]
    node_selector: Document
    affinity: Document


def amount(name: str, value: QuantityText) -> int:
    """A quantity in the unit in which the scheduler counts a resource.

    >>> amount("cpu", "1500m"), amount("memory", "1Ki")
    (1500, 1024)
    """
    return cpu_milli(value) if name == "cpu" else whole_units(value)


def _requests(container: Container) -> Amounts:
    return {
        name: amount(name, value) for name, value in (container.resources.requests or {}).items()
    }


def _add(total: Amounts, more: Mapping[str, int]) -> Amounts:
    return {name: total.get(name, 0) + more.get(name, 0) for name in sorted({*total, *more})}


def _peak(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in sorted({*one, *other})}


def pod_requests(spec: PodSpec) -> Amounts:
    """The effective request of a pod, by resource."""
    total: Amounts = {}
    for container in spec.containers:
        total = _add(total, _requests(container))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.init_containers:
        if container.restart_policy == "Always":
            sidecars = _add(sidecars, _requests(container))
            total = _add(total, _requests(container))
            peak = _peak(peak, sidecars)
        else:
            peak = _peak(peak, _add(sidecars, _requests(container)))
    effective = _peak(total, peak)
    overhead = child(spec.doc, "overhead")
    more = {name: amount(name, value) for name, value in overhead.items()}  # type: ignore[arg-type]
    return _add(effective, more)


def _scored(spec: PodSpec, name: str, default: int) -> int:
    return sum(_requests(container).get(name, default) for container in spec.containers)


def host_ports(containers: Iterable[Container]) -> tuple[Port, ...]:
    """The host's ports that containers take: protocol, address, number."""
    return tuple(
        (port.protocol or "TCP", port.host_ip or "0.0.0.0", port.host_port)
        for container in containers
        for port in container.ports
        if port.host_port > 0
    )


def needs_of(spec_doc: Document) -> Needs:
    """Everything that a pod's spec asks of a node."""
    spec = PodSpec.decode(spec_doc)
    sidecars = [one for one in spec.init_containers if one.restart_policy == "Always"]
    return Needs(
        amounts={name: value for name, value in pod_requests(spec).items() if value > 0},
        scored_cpu=_scored(spec, "cpu", DEFAULT_CPU_MILLI),
        scored_memory=_scored(spec, "memory", DEFAULT_MEMORY_BYTES),
        ports=host_ports((*spec.containers, *sidecars)),
        tolerations=spec.tolerations,
        node_selector=spec.node_selector,
        affinity=child(spec_doc, "affinity", "nodeAffinity"),
    )


def gates(spec_doc: Document) -> tuple[str, ...]:
    """The names of the gates that still keep a pod from being scheduled."""
    return tuple(text(gate, "name") for gate in children(spec_doc, "schedulingGates"))
