"""What one pod becomes in the slices of a Service: its ports and an endpoint a family.

Source: kubernetes v1.36, endpointslice/utils.go (podToEndpoint) and reconciler.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.network.hints import hints_for
from kelm.core.network.membership import (
    address_conditions,
    address_type_of,
    addresses_of,
    endpoint_ports,
    hostname_of,
    may_be_endpoint,
)
from kelm.core.objects.pod import Pod
from kelm.core.objects.service import PortKey, Service, port_key, target_ref
from kelm.effects.document import Document, Json


class Listed(msgspec.Struct, frozen=True, gc=False):
    """A pod that belongs into slices: `endpoints` are in the order of the address types."""

    port_key: PortKey
    ports: tuple[Document, ...]
    endpoints: tuple[Document | None, ...]


def listed(pod: Pod, zone: str | None, service: Service, types: tuple[str, ...]) -> Listed | None:
    """What a pod becomes; None while it is not to be listed.

    zone: of its node, "" if the node names none, None if there is no such node. A pod of a lost
    node is left out, unless the Service wants every address.

    Source: reconciler.go, reconcileByAddressType.
    """
    if not may_be_endpoint(pod, include_terminating=True):
        return None
    if zone is None and not service.publish_not_ready_addresses:
        return None
    ports = endpoint_ports(service, pod)
    endpoints = tuple(endpoint_of(pod, zone or "", service, kind) for kind in types)
    return Listed(port_key(ports), ports, endpoints)


def endpoint_of(pod: Pod, zone: str, service: Service, address_type: str) -> Document | None:
    """The endpoint of a pod in slices of this family; None if the pod has no such address.

    Source: utils.go, podToEndpoint.
    """
    addresses = tuple(ip for ip in addresses_of(pod) if address_type_of(ip) == address_type)
    if not addresses:
        return None
    conditions = address_conditions(pod, service)
    endpoint: dict[str, Json] = {"addresses": addresses, "conditions": conditions}
    if hostname := hostname_of(pod, service):
        endpoint["hostname"] = hostname
    endpoint["targetRef"] = target_ref(pod.metadata)
    if pod.spec.node_name:
        endpoint["nodeName"] = pod.spec.node_name
    if zone:
        endpoint["zone"] = zone
    if service.traffic_distribution and conditions["ready"] is True:
        hints = hints_for(service.traffic_distribution, zone, pod.spec.node_name)
        if hints is not None:
            endpoint["hints"] = hints
    return Document(endpoint)
