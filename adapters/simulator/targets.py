"""Whether a fault's target exists: a fault that hits nothing is a typing error."""

from __future__ import annotations

from kelm.adapters.simulator.cluster import Cluster
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    ContainerCrashed,
    Fault,
    FaultsEnded,
    ImagePullFailed,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.core.objects.pod import pod


def missing_target(fault: Fault, cluster: Cluster) -> str:
    """Why a fault makes no sense now, "" if it does."""
    if isinstance(fault, ContainerCrashed):
        return _missing_container(fault, cluster)
    if isinstance(fault, ImagePullFailed | FaultsEnded):
        return ""
    if isinstance(fault, ProcessRestarted | WatchStalled | RequestsRefused | AnswersLost):
        known = sorted(cluster.simulator.processes)
        if not fault.process or fault.process in known:
            return ""
        return f"no process is called {fault.process!r}; there are {', '.join(known)}"
    hosts = sorted(name for name, host in cluster.machines.hosts.items() if host.state == "running")
    if fault.node in hosts:
        return ""
    return f"no node is called {fault.node!r}; there are {', '.join(hosts)}"


def _missing_container(fault: ContainerCrashed, cluster: Cluster) -> str:
    doc = cluster.get("pods", fault.pod, fault.namespace)
    if doc is None:
        return f"no pod is called {fault.pod!r} in namespace {fault.namespace!r}"
    names = [container.name for container in pod(doc).spec.containers]
    if fault.container and fault.container not in names:
        return f"pod {fault.pod!r} has no container {fault.container!r}, only {', '.join(names)}"
    return ""
