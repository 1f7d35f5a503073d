"""Requests into a simulated cluster: what its programs answer, and what they write meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kelm.adapters.simulator.calls.on_demand import OnDemand
from kelm.adapters.simulator.inputs import FilesChanged
from kelm.adapters.simulator.loop import Simulator
from kelm.adapters.simulator.machines import Machines, kubelet_name
from kelm.core.network.affinity import NO_SESSIONS, Sessions
from kelm.core.network.calls import Calls, Source, World
from kelm.core.network.proxy import POLICIES, SLICES, Network
from kelm.core.network.reach import ByStatus
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.program import Kubelet
from kelm.core.node.programs.http import Reply
from kelm.core.node.programs.process import Fetch
from kelm.core.store.small_map import SmallMap
from kelm.effects.address import Key, Resource
from kelm.effects.document import text
from kelm.effects.messages import Cache

if TYPE_CHECKING:
    from kelm.adapters.simulator.cluster import Cluster


def local_pod(cluster: Cluster, key: Key) -> tuple[Kubelet, LocalPod] | None:
    """A pod as its machine knows it, and the machine; None where no kubelet has it."""
    return pod_in(cluster.simulator, key)


def pod_in(simulator: Simulator, key: Key) -> tuple[Kubelet, LocalPod] | None:
    """The same for who has no cluster in hand.

    Who looks sees the API's present ConfigMaps and Secrets, and tokens as he opens them.
    """
    doc = simulator.api.store.get("pods", key)
    if doc is None:
        return None
    process = simulator.processes.get(kubelet_name(text(doc, "spec", "nodeName")))
    if process is None:
        return None
    found = process.state.pods.get(key)
    assert isinstance(process.program, Kubelet)
    if found is None or found.uid != text(doc, "metadata", "uid"):
        return None
    store, promises = simulator.api.store, OnDemand(found.promises, simulator, found)
    sources: SmallMap[Resource, Cache] = SmallMap(
        configmaps=store.table("configmaps"), secrets=store.table("secrets")
    )
    host = process.state.host
    return process.program, msgspec.structs.replace(
        found, sources=sources, host=host, promises=promises
    )


def world_of(cluster: Cluster) -> World:
    """A cluster as programs in it meet it now."""
    return world_in(cluster.simulator, cluster.machines, cluster.machines.sessions)


def world_in(simulator: Simulator, machines: Machines, sessions: Sessions = NO_SESSIONS) -> World:
    """The same for who has no cluster in hand, but what it is made of."""
    table = simulator.api.store.table
    believed = table("services"), table(SLICES), table("nodes"), table("pods")
    network = Network(*believed, table(POLICIES), table("namespaces"))
    reach = ByStatus(table("pods"), machines.down())
    return World(network, lambda key: pod_in(simulator, key), simulator.now_ms, reach, sessions)


def remember(cluster: Cluster, calls: Calls) -> None:
    """Have the proxies know which clients they served, and by whom."""
    cluster.machines.sessions = calls.sessions


def take_over(cluster: Cluster, calls: Calls) -> None:
    """Tell the machines what their programs wrote, and whom their proxies served."""
    remember(cluster, calls)
    for change in changed_files(calls):
        cluster.inject(change)


def changed_files(calls: Calls) -> tuple[FilesChanged, ...]:
    """What programs wrote while they answered."""
    found = ((one.pod.partition("/"), one) for one in calls.changes)
    return tuple(
        FilesChanged(namespace, name, one.uid, one.changes) for (namespace, _, name), one in found
    )


def fetch(cluster: Cluster, wanted: Fetch, source: Source = Source()) -> Reply:  # noqa: B008  # frozen
    """What a simulated cluster answers to a request from within it.

    >>> from kelm.adapters.simulator.cluster import Cluster
    >>> fetch(Cluster(nodes=0), Fetch("nowhere"))
    Unreachable(kind='name', why='nowhere')
    """
    calls = Calls(world_of(cluster), cluster.now_ms)
    reply = calls.fetch(source, wanted)
    take_over(cluster, calls)
    return reply
