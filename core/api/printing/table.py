"""The table that `kubectl get` prints of a resource, as data: columns and cells.

Source: kubernetes v1.36, pkg/printers/internalversion/printers.go, AddHandlers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from kelm.core.api.printing import batch, network, node, others, pod, workloads
from kelm.core.objects.duration import age
from kelm.effects.address import Resource
from kelm.effects.document import Document, Json, text

Row = Callable[[Document, int], tuple[Json, ...]]


class Layout(msgspec.Struct, frozen=True):
    """The columns of a resource, those that only `-o wide` shows, and how a row is filled."""

    columns: tuple[str, ...]
    wide: tuple[str, ...]
    row: Row


def _plain(doc: Document, now_ms: int) -> tuple[Json, ...]:
    created = text(doc, "metadata", "creationTimestamp") or None
    return text(doc, "metadata", "name"), age(created, now_ms)


PLAIN = Layout(("NAME", "AGE"), (), _plain)
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


class Table(msgspec.Struct, frozen=True):
    """Column names and rows of cells."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Json, ...], ...]


def table(
    resource: Resource, docs: Iterable[Document], now_ms: int, *, wide: bool = False
) -> Table:
    """The table of some objects of a resource.

    >>> from kelm.effects.document import document
    >>> table("services", [document({"metadata": {"name": "web"}})], 0).columns[:3]
    ('NAME', 'TYPE', 'CLUSTER-IP')
    """
    layout = LAYOUTS.get(resource, PLAIN)
    columns = layout.columns + layout.wide if wide else layout.columns
    return Table(columns, tuple(layout.row(doc, now_ms)[: len(columns)] for doc in docs))
