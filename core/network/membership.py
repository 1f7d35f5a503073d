"""Which pods stand behind a Service, on which ports, under which names.

A pod may stand behind a Service while it has an address and has not ended. Whether traffic goes
there is another question, answered per endpoint: *serving* is the pod's readiness, *terminating*
that it was asked to go, *ready* both together, unless the Service wants every address.

Source: kubernetes v1.36, endpointslice/util/controller_utils.go and endpointslice/utils.go;
pkg/api/v1/pod/util.go (FindPort).
"""

from __future__ import annotations

from collections.abc import Iterable

from kelm.core.objects.int_or_string import IntOrString
from kelm.core.objects.pod import ENDED, Container, Pod
from kelm.core.objects.service import HEADLESS, Service, ServicePort, endpoint_port
from kelm.effects.document import Document

IPV4 = "IPv4"
IPV6 = "IPv6"


def addresses_of(pod: Pod) -> tuple[str, ...]:
    """A pod's addresses; the first is `status.podIP`."""
    return pod.status.addresses


def address_type_of(address: str) -> str:
    """IPv4 or IPv6.

    >>> address_type_of("10.0.0.1"), address_type_of("2001:db8::1")
    ('IPv4', 'IPv6')
    """
    return IPV6 if ":" in address else IPV4


def may_be_endpoint(pod: Pod, *, include_terminating: bool) -> bool:
    """Whether a pod may be listed: it has an address and has not ended.

    Source: controller_utils.go, ShouldPodBeInEndpoints.
    """
    if pod.status.phase in ENDED or not addresses_of(pod):
        return False
    return include_terminating or pod.metadata.deletion_timestamp is None


def hostname_of(pod: Pod, service: Service) -> str:
    """The name under which DNS finds this one pod: its hostname, in the subdomain of its Service.

    Source: controller_utils.go, ShouldSetHostname.
    """
    spec = pod.spec.doc
    hostname = spec.get("hostname")
    if not isinstance(hostname, str) or spec.get("subdomain") != service.metadata.name:
        return ""
    return hostname if pod.metadata.namespace == service.metadata.namespace else ""


def target_port(
    containers: Iterable[Container],
    init_containers: Iterable[Container],
    wanted: IntOrString,
    protocol: str,
) -> int | None:
    """The number that a target port means in a pod; None for a name that the pod does not have.

    Names are looked up in containers, then in those init containers that go on running.

    Source: pkg/api/v1/pod/util.go, FindPort.

    >>> target_port((), (), 8080, "TCP"), target_port((), (), "http", "TCP")
    (8080, None)
    """
    if isinstance(wanted, int):
        return wanted
    for container in containers:
        for port in container.ports:
            if port.name == wanted and port.protocol == protocol:
                return port.container_port
    for container in init_containers:
        if container.restart_policy != "Always":
            continue
        for port in container.ports:
            if port.name == wanted and port.protocol == protocol:
                return port.container_port
    return None


def port_in_pod(pod: Pod, port: ServicePort) -> int | None:
    """The number that one port of a Service has in a pod."""
    spec = pod.spec
    return target_port(spec.containers, spec.init_containers, port.target_port, port.protocol)


def endpoint_ports(service: Service, pod: Pod) -> tuple[Document, ...]:
    """The ports of a pod's endpoint; those that the pod does not have are left out.

    Source: utils.go, getEndpointPorts.
    """
    if service.fixed_ports is not None:
        return service.fixed_ports
    if not service.ports and service.cluster_ip == HEADLESS:
        return ()
    found = ((port, port_in_pod(pod, port)) for port in service.ports)
    return tuple(endpoint_port(port, number) for port, number in found if number is not None)


def address_types(service: Service) -> tuple[str, ...]:
    """The families for which a Service has slices, IPv4 first.

    Source: utils.go, getAddressTypesForService.

    >>> from kelm.core.objects.service import service
    >>> address_types(service(Document(spec=Document(ipFamilies=("IPv6", "IPv4")))))
    ('IPv4', 'IPv6')
    """
    if service.ip_families:
        return tuple(sorted(set(service.ip_families)))
    if service.cluster_ip not in ("", HEADLESS):
        return (address_type_of(service.cluster_ip),)
    return (IPV4, IPV6)


def address_conditions(pod: Pod, service: Service) -> Document:
    """Whether traffic goes to a pod: its endpoint's conditions, one shared document a case.

    Source: utils.go, podToEndpoint.
    """
    terminating = pod.metadata.deletion_timestamp is not None
    ready = service.publish_not_ready_addresses or (pod.ready and not terminating)
    return _CONDITIONS[ready, pod.ready, terminating]


_CONDITIONS = {
    (ready, serving, terminating): Document(ready=ready, serving=serving, terminating=terminating)
    for ready in (False, True)
    for serving in (False, True)
    for terminating in (False, True)
}
