"""Services, EndpointSlices and Endpoints as decisions read them.

A Service's view holds what every one of its pods needs again and again: its selector, and its
ports where they do not depend on the pod. An EndpointSlice's view finds an endpoint by its pod.

Source: kubernetes v1.36, api/core/v1/types.go (Service); api/discovery/v1/types.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self, TypeAlias

import msgspec

from kelm.core.objects.int_or_string import IntOrString
from kelm.core.objects.meta import Metadata, annotations_of
from kelm.core.objects.selectors.labels import Selector, map_selector
from kelm.core.objects.views import convert, view, whole
from kelm.effects.document import EMPTY, Document, Json, child, children, elements, flag, text

HEADLESS = "None"
"""The clusterIP of a Service that wants no address of its own."""
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
HEADLESS_LABEL = "service.kubernetes.io/headless"
LAST_CHANGE_TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"
TOPOLOGY_MODES = (
    "service.kubernetes.io/topology-aware-hints",
    "service.kubernetes.io/topology-mode",
)
ZONE_LABEL = "topology.kubernetes.io/zone"

PortKey: TypeAlias = "tuple[tuple[str, str, int, str], ...]"
"""Ports as a value to group by: (name, protocol, number, app protocol), sorted."""


class ServicePort(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: str = ""
    protocol: str = "TCP"
    port: int = 0
    target_port: IntOrString = 0
    node_port: int = 0
    app_protocol: str | None = None


class Service(msgspec.Struct, frozen=True, gc=False):
    """`selector` None: nobody's pods are chosen, endpoints are somebody else's business.

    `fixed_ports` are the ports of every endpoint where no target port is a name, else None.
    `hints_by_cpu`: endpoints are given to zones by their share of cpu; `traffic_distribution` does
    not count then.
    """

    doc: Document
    metadata: Metadata
    type: str
    selector: Selector | None
    ports: tuple[ServicePort, ...]
    fixed_ports: tuple[Document, ...] | None
    cluster_ip: str
    ip_families: tuple[str, ...]
    publish_not_ready_addresses: bool
    traffic_distribution: str
    hints_by_cpu: bool

    @classmethod
    def decode(cls, doc: Document) -> Self:
        spec = child(doc, "spec")
        selector = spec.get("selector")
        ports = tuple(convert(ServicePort, port) for port in children(spec, "ports"))
        by_cpu = wants_hints_by_cpu(annotations_of(doc))
        named = any(isinstance(port.target_port, str) for port in ports)
        return cls(
            doc=doc,
            metadata=view(Metadata, child(doc, "metadata")),
            type=text(spec, "type", default="ClusterIP"),
            selector=map_selector(selector)
            if isinstance(selector, Document) and selector
            else None,
            ports=ports,
            fixed_ports=None if named else tuple(endpoint_port(p, _number(p)) for p in ports),
            cluster_ip=text(spec, "clusterIP"),
            ip_families=tuple(f for f in elements(spec, "ipFamilies") if isinstance(f, str)),
            publish_not_ready_addresses=flag(spec, "publishNotReadyAddresses"),
            traffic_distribution="" if by_cpu else text(spec, "trafficDistribution"),
            hints_by_cpu=by_cpu,
        )

    @property
    def headless(self) -> bool:
        """Whether the Service has no address of its own.

        Source: pkg/apis/core/v1/helper/helpers.go, IsServiceIPSet, denied.
        """
        return self.cluster_ip in (HEADLESS, "")

    @property
    def has_managed_endpoints(self) -> bool:
        """Whether controllers choose its endpoints: by selector, and not for an ExternalName."""
        return self.selector is not None and self.type != "ExternalName"


def wants_hints_by_cpu(annotations: Mapping[str, str]) -> bool:
    """Whether a Service asks for hints for zones; the older annotation goes before the newer one.

    Source: endpointslice/utils.go, hintsEnabled.

    >>> wants_hints_by_cpu({"service.kubernetes.io/topology-mode": "Auto"})
    True
    """
    given = [annotations[name] for name in TOPOLOGY_MODES if name in annotations]
    return bool(given) and given[0] in ("Auto", "auto")


def _number(port: ServicePort) -> int:
    return port.target_port if isinstance(port.target_port, int) else 0


def service(doc: Document) -> Service:
    """The view of a Service."""
    return whole(Service, doc)


def endpoint_port(port: ServicePort, number: int) -> Document:
    """One port of an EndpointSlice."""
    fields: dict[str, Json] = {"name": port.name, "protocol": port.protocol, "port": number}
    if port.app_protocol is not None:
        fields["appProtocol"] = port.app_protocol
    return Document(fields)


def port_key(ports: tuple[Document, ...]) -> PortKey:
    """Ports as a value to group by: in which order they are listed does not matter.

    Source: endpointslice/util/controller_utils.go, NewPortMapKey.

    >>> port_key((Document(name="b", port=2), Document(name="a", port=1)))
    (('a', 'TCP', 1, ''), ('b', 'TCP', 2, ''))
    """
    return tuple(
        sorted(
            (text(p, "name"), text(p, "protocol", default="TCP"), _port(p), text(p, "appProtocol"))
            for p in ports
        )
    )


def _port(port: Document) -> int:
    number = port.get("port")
    return number if isinstance(number, int) else 0


class EndpointSlice(msgspec.Struct, frozen=True, gc=False):
    """`by_pod` finds the endpoint of a pod by the pod's name, in the order of the slice.

    `irregular`: some endpoint names no pod of the namespace, or two name one pod. No controller
    writes such a slice for a Service with a selector.
    """

    doc: Document
    metadata: Metadata
    address_type: str
    ports: tuple[Document, ...]
    port_key: PortKey
    endpoints: tuple[Document, ...]
    by_pod: Mapping[str, Document]
    irregular: bool

    @classmethod
    def decode(cls, doc: Document) -> Self:
        metadata = view(Metadata, child(doc, "metadata"))
        ports, endpoints = children(doc, "ports"), children(doc, "endpoints")
        by_pod = pods_of_endpoints(endpoints, metadata.namespace)
        return cls(
            doc=doc,
            metadata=metadata,
            address_type=text(doc, "addressType"),
            ports=ports,
            port_key=port_key(ports),
            endpoints=endpoints,
            by_pod=by_pod,
            irregular=len(by_pod) != len(endpoints),
        )


def pods_of_endpoints(endpoints: tuple[Document, ...], namespace: str) -> dict[str, Document]:
    """Endpoints by the names of their pods; what belongs to no pod of the namespace is left out."""
    found: dict[str, Document] = {}
    for endpoint in endpoints:
        ref = endpoint.get("targetRef")
        if isinstance(ref, Document) and ref.get("kind") == "Pod":
            name = ref.get("name")
            if ref.get("namespace") == namespace and isinstance(name, str):
                found[name] = endpoint
    return found


def endpoint_slice(doc: Document) -> EndpointSlice:
    """The view of an EndpointSlice."""
    return whole(EndpointSlice, doc)


class Endpoint(msgspec.Struct, frozen=True, gc=False):
    """One endpoint of a slice, as a proxy sees it. An unknown `serving` is as `ready` is.

    Source: pkg/proxy/endpointslicecache.go: unknown readiness counts as ready.
    """

    address: str
    ready: bool
    serving: bool
    terminating: bool
    node_name: str
    zone: str
    pod_uid: str
    pod_name: str
    zone_hints: frozenset[str]
    node_hints: frozenset[str]

    @classmethod
    def decode(cls, doc: Document) -> Self:
        conditions, ref = child(doc, "conditions"), child(doc, "targetRef")
        ready = flag(conditions, "ready", default=True)
        addresses = elements(doc, "addresses")
        is_pod = ref.get("kind") == "Pod"
        return cls(
            address=str(addresses[0]) if addresses else "",
            ready=ready,
            serving=flag(conditions, "serving", default=ready),
            terminating=flag(conditions, "terminating"),
            node_name=text(doc, "nodeName"),
            zone=text(doc, "zone"),
            pod_uid=text(ref, "uid") if is_pod else "",
            pod_name=text(ref, "name") if is_pod else "",
            zone_hints=_hinted(doc, "forZones"),
            node_hints=_hinted(doc, "forNodes"),
        )


def _hinted(endpoint: Document, field: str) -> frozenset[str]:
    hints = endpoint.get("hints")
    if not isinstance(hints, Document):
        return frozenset()
    return frozenset(text(hint, "name") for hint in children(hints, field))


def endpoint(doc: Document) -> Endpoint:
    """The view of one endpoint of a slice."""
    return view(Endpoint, doc)


def zone_of(node: Document | None) -> str:
    """The zone that a node's labels name, "" where they do not (or there is no node)."""
    return "" if node is None else text(child(node, "metadata", "labels"), ZONE_LABEL)


def labels_document(doc: Document) -> Document:
    """An object's labels as they are stored."""
    return child(doc, "metadata", "labels") or EMPTY


def target_ref(pod: Metadata) -> Document:
    """How an endpoint names its pod."""
    ref = (("namespace", pod.namespace), ("name", pod.name), ("uid", pod.uid))
    return Document({"kind": "Pod", **{key: value for key, value in ref if value}})
