"""Whether a fault's target exists: a fault that hits nothing is a typing error."""

from __future__ import annotations

from kelm.adapters.simulator.cluster import Cluster
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    CallsLost,
    ContainerCrashed,
    ConversationEnded,
    Fault,
    FaultsEnded,
    FilesChanged,
    ImagePullFailed,
    LoadOffered,
    NodeDrained,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.adapters.simulator.processes import drain_options
from kelm.core.metrics.loads import OUTSIDE, wrong_amounts
from kelm.core.objects.pod import pod
from kelm.core.operations.drain import objections
from kelm.core.store.store import Store
from kelm.effects.address import key_of


def missing_target(fault: Fault, cluster: Cluster) -> str:
    """Why a fault makes no sense now, "" if it does."""
    if isinstance(fault, ContainerCrashed):
        return _missing_container(fault, cluster)
    simple = ImagePullFailed | CallsLost | FaultsEnded | FilesChanged | ConversationEnded
    if isinstance(fault, simple):
        return ""
    if isinstance(fault, NodeDrained):
        if cluster.store.get("nodes", fault.node) is None:
            known = sorted(str(one) for one in cluster.store.table("nodes").sorted_keys())
            return f"no node is called {fault.node!r}; there are {', '.join(known)}"
        return objections(cluster.store, fault.node, drain_options(fault))
    if isinstance(fault, LoadOffered):
        return _unloadable(fault, cluster.store)
    if isinstance(fault, ProcessRestarted | WatchStalled | RequestsRefused | AnswersLost):
        known = sorted(cluster.simulator.processes)
        if not fault.process or fault.process in known:
            return ""
        return f"no process is called {fault.process!r}; there are {', '.join(known)}"
    hosts = sorted(name for name, host in cluster.machines.hosts.items() if host.state == "running")
    if fault.node in hosts:
        return ""
    return f"no node is called {fault.node!r}; there are {', '.join(hosts)}"


def _unloadable(load: LoadOffered, store: Store) -> str:
    """Why nothing there could do the work."""
    wrong = wrong_amounts(load.amounts)
    if wrong or load.resource == OUTSIDE:
        return wrong
    if store.get(load.resource, key_of(load.namespace, load.name)) is not None:
        return ""
    where = f" in namespace {load.namespace!r}" if load.namespace else ""
    return f"no {load.resource} is called {load.name!r}{where}"


def _missing_container(fault: ContainerCrashed, cluster: Cluster) -> str:
    doc = cluster.get("pods", fault.pod, fault.namespace)
    if doc is None:
        return f"no pod is called {fault.pod!r} in namespace {fault.namespace!r}"
    names = [container.name for container in pod(doc).spec.containers]
    if fault.container and fault.container not in names:
        return f"pod {fault.pod!r} has no container {fault.container!r}, only {', '.join(names)}"
    return ""
