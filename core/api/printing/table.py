"""The table that `kubectl get` prints of a resource, as data: columns and cells.

Source: kubernetes v1.36, pkg/printers/internalversion/printers.go, AddHandlers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

import msgspec

from kelm.core.api.printing import (
    access,
    batch,
    network,
    node,
    others,
    pod,
    policy,
    scaling,
    storage,
    workloads,
)
from kelm.core.api.printing.columns import columns_of
from kelm.effects.address import Resource
from kelm.effects.document import Document, Json

Row = Callable[[Document, int], tuple[Json, ...]]


class Layout(msgspec.Struct, frozen=True):
    """The columns of a resource, those that only `-o wide` shows, and how a row is filled."""

    columns: tuple[str, ...]
    wide: tuple[str, ...]
    row: Row


LAYOUTS: dict[Resource, Layout] = {
    "pods": Layout(pod.COLUMNS, pod.WIDE, pod.row),
    "nodes": Layout(node.COLUMNS, node.WIDE, node.row),
    "deployments.apps": Layout(workloads.DEPLOYMENT, workloads.CONTAINERS, workloads.deployment),
    "replicasets.apps": Layout(workloads.REPLICA_SET, workloads.CONTAINERS, workloads.replica_set),
    "replicationcontrollers": Layout(
        workloads.REPLICA_SET, workloads.CONTAINERS, workloads.replica_set
    ),
    "statefulsets.apps": Layout(
        workloads.STATEFUL_SET, workloads.CONTAINERS[:2], workloads.stateful_set
    ),
    "daemonsets.apps": Layout(workloads.DAEMON_SET, workloads.CONTAINERS, workloads.daemon_set),
    "jobs.batch": Layout(batch.JOB, workloads.CONTAINERS, batch.job_row),
    "cronjobs.batch": Layout(batch.CRON_JOB, workloads.CONTAINERS, batch.cron_job_row),
    "services": Layout(network.SERVICE, network.SERVICE_WIDE, network.service),
    "endpoints": Layout(network.ENDPOINTS, (), network.endpoints),
    "endpointslices.discovery.k8s.io": Layout(network.ENDPOINT_SLICE, (), network.endpoint_slice),
    "namespaces": Layout(others.NAMESPACE, (), others.namespace),
    "configmaps": Layout(others.CONFIG_MAP, (), others.config_map),
    "secrets": Layout(others.SECRET, (), others.secret),
    "events": Layout(others.EVENT, others.EVENT_WIDE, others.event),
}


_MORE: dict[Resource, Row] = {
    "podtemplates": scaling.pod_template,
    "horizontalpodautoscalers.autoscaling": scaling.autoscaler,
    "persistentvolumes": storage.volume,
    "persistentvolumeclaims": storage.claim,
    "storageclasses.storage.k8s.io": storage.storage_class,
    "volumeattributesclasses.storage.k8s.io": storage.attributes_class,
    "volumeattachments.storage.k8s.io": storage.attachment,
    "csinodes.storage.k8s.io": storage.csi_node,
    "csidrivers.storage.k8s.io": storage.csi_driver,
    "csistoragecapacities.storage.k8s.io": storage.capacity,
    "rolebindings.rbac.authorization.k8s.io": access.binding,
    "clusterrolebindings.rbac.authorization.k8s.io": access.binding,
    "certificatesigningrequests.certificates.k8s.io": access.signing_request,
    "leases.coordination.k8s.io": access.lease,
    "controllerrevisions.apps": access.controller_revision,
    "serviceaccounts": access.aged,
    "deviceclasses.resource.k8s.io": access.aged,
    "resourceclaimtemplates.resource.k8s.io": access.aged,
    "resourceclaims.resource.k8s.io": policy.resource_claim,
    "resourceslices.resource.k8s.io": policy.resource_slice,
    "poddisruptionbudgets.policy": policy.budget,
    "resourcequotas": policy.quota,
    "priorityclasses.scheduling.k8s.io": policy.priority,
    "runtimeclasses.node.k8s.io": policy.runtime_class,
    "flowschemas.flowcontrol.apiserver.k8s.io": policy.flow_schema,
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": policy.priority_level,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": policy.webhooks,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": policy.webhooks,
    "validatingadmissionpolicies.admissionregistration.k8s.io": policy.validating_policy,
    "mutatingadmissionpolicies.admissionregistration.k8s.io": policy.mutating_policy,
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": policy.policy_binding,
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": policy.policy_binding,
    "ingresses.networking.k8s.io": policy.ingress,
    "ingressclasses.networking.k8s.io": policy.ingress_class,
    "networkpolicies.networking.k8s.io": policy.network_policy,
    "servicecidrs.networking.k8s.io": policy.service_range,
    "ipaddresses.networking.k8s.io": policy.address,
    "apiservices.apiregistration.k8s.io": policy.api_service,
}
"""Rows whose columns are in the API's order already."""


@lru_cache(maxsize=256)
def layout_of(resource: Resource) -> Layout:
    """How a resource is printed."""
    found = LAYOUTS.get(resource)
    if resource == "events.events.k8s.io":
        return LAYOUTS["events"]
    if found is not None:
        return found
    columns = columns_of(resource)
    narrow = tuple(column.name.upper() for column in columns if not column.wide)
    wide = tuple(column.name.upper() for column in columns if column.wide)
    return Layout(narrow, wide, _MORE.get(resource, access.created))


class Table(msgspec.Struct, frozen=True):
    """Column names and rows of cells."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Json, ...], ...]


def table(
    resource: Resource, docs: Iterable[Document], now_ms: int, *, wide: bool = False
) -> Table:
    """The table of some objects of a resource, its columns in the order that kubectl shows.

    >>> from kelm.effects.document import document
    >>> table("services", [document({"metadata": {"name": "web"}})], 0).columns[:3]
    ('NAME', 'TYPE', 'CLUSTER-IP')
    """
    layout = layout_of(resource)
    if not wide:
        narrow = len(layout.columns)
        return Table(layout.columns, tuple(layout.row(doc, now_ms)[:narrow] for doc in docs))
    names, order = _wide(resource)
    rows = [layout.row(doc, now_ms) for doc in docs]
    return Table(names, tuple(tuple([row[index] for index in order]) for row in rows))


@lru_cache(maxsize=256)
def _wide(resource: Resource) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """All columns in the API's order, and where a row has the cell of each.

    >>> _wide("events")[0][4:8]
    ('SUBOBJECT', 'SOURCE', 'MESSAGE', 'FIRST SEEN')
    """
    layout = layout_of(resource)
    filled = layout.columns + layout.wide
    names = tuple(column.name.upper() for column in columns_of(resource))
    return names, tuple(filled.index(name) for name in names)
