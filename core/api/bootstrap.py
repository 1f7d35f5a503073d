"""What a new cluster's API server makes for itself before anybody asks.

Source: kubernetes v1.36, pkg/controlplane/controller/systemnamespaces,
pkg/controlplane/controller/kubernetesservice, pkg/controlplane/controller/defaultservicecidr,
pkg/registry/scheduling/rest/storage_scheduling.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.allocation.bands import Ranges, address_at
from kelm.core.api.allocation.services import DEFAULT_RANGES
from kelm.core.api.server import ApiServer, handle
from kelm.core.api.validation.service_addresses import RANGES
from kelm.core.objects.time import format_time
from kelm.core.store.store import Store
from kelm.effects.commands import Command, Create, Patch, by
from kelm.effects.document import Document, document

API_ADDRESS: Final = "172.18.0.1"
"""The API server's address in the network of the machines: that of no machine."""
_API_PORT: Final = {"name": "https", "port": 6443, "protocol": "TCP"}
API_SERVER: Final = "kube-apiserver"
"""As whom an API server owns fields."""
SYSTEM_NAMESPACES: Final = ("kube-system", "kube-public", "kube-node-lease", "default")
SYSTEM_PRIORITIES: Final = (
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another "
        "node if necessary.",
    ),
)


def new_server(
    *, seed: int = 0, now_ms: int = 0, ranges: Ranges = DEFAULT_RANGES, owned: bool = False
) -> ApiServer:
    """The API server of a cluster that was just made; `owned`: it owns what it makes for itself.

    It has the system's namespaces and priority classes and the Service `kubernetes`, with the
    range that its address is from and the address behind it.

    >>> server = new_server()
    >>> [doc["metadata"]["name"] for doc in server.store.table("namespaces").objects()]
    ['kube-system', 'kube-public', 'kube-node-lease', 'default']
    """
    server = ApiServer(store=Store(seed=seed), ranges=ranges)
    for command in _first_requests(ranges, now_ms):
        server, outcome = handle(server, by(command, API_SERVER) if owned else command, now_ms)
        outcome.unwrap()
    return server


def _first_requests(ranges: Ranges, now_ms: int) -> tuple[Command, ...]:
    namespaces = (document({"metadata": {"name": name}}) for name in SYSTEM_NAMESPACES)
    return (
        *(Create("namespaces", "", doc) for doc in namespaces),
        *first_priorities(),
        Create("services", "default", _kubernetes_service(ranges)),
        *_service_range(ranges, now_ms),
        Create("endpoints", "default", _endpoints()),
        Create("endpointslices.discovery.k8s.io", "default", _endpoint_slice()),
    )


def first_priorities() -> tuple[Command, ...]:
    """What makes the system's priority classes."""
    return tuple(
        Create("priorityclasses.scheduling.k8s.io", "", _priority(name, value, description))
        for name, value, description in SYSTEM_PRIORITIES
    )


def _priority(name: str, value: int, description: str) -> Document:
    return document({"metadata": {"name": name}, "value": value, "description": description})


def _kubernetes_service(ranges: Ranges) -> Document:
    """The Service under which pods find the API: the first address of the range."""
    labels = {"component": "apiserver", "provider": "kubernetes"}
    port = {"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}
    spec = {"clusterIP": address_at(ranges.service_cidrs[0], 1), "ports": [port]}
    return document({"metadata": {"name": "kubernetes", "labels": labels}, "spec": spec})


def _service_range(ranges: Ranges, now_ms: int) -> tuple[Command, ...]:
    """The ServiceCIDR that says where Services' addresses come from."""
    metadata = {"name": "kubernetes"}
    ready = {
        "type": "Ready",
        "status": "True",
        "lastTransitionTime": format_time(now_ms),
        "reason": "",
        "message": "Kubernetes default Service CIDR is ready",
    }
    whole = {"metadata": metadata, "spec": {"cidrs": list(ranges.service_cidrs)}}
    status = {"status": {"conditions": [ready]}}
    return (
        Create(RANGES, "", document(whole)),
        Patch(RANGES, "", "kubernetes", document(status), subresource="status"),
    )


def _endpoints() -> Document:
    """Where the API server is, for those who still read Endpoints; nobody mirrors it."""
    labels = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    subset = {"addresses": [{"ip": API_ADDRESS}], "ports": [_API_PORT]}
    return document({"metadata": {"name": "kubernetes", "labels": labels}, "subsets": [subset]})


def _endpoint_slice() -> Document:
    labels = {"kubernetes.io/service-name": "kubernetes"}
    return document(
        {
            "metadata": {"name": "kubernetes", "labels": labels},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [API_ADDRESS], "conditions": {"ready": True}}],
            "ports": [_API_PORT],
        }
    )
