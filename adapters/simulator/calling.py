"""Requests into a simulated cluster: what its programs answer, and what they write meanwhile."""

from __future__ import annotations

import msgspec

from kelm.adapters.simulator.cluster import Cluster
from kelm.adapters.simulator.inputs import FilesChanged
from kelm.adapters.simulator.machines import kubelet_name
from kelm.core.network.affinity import NO_SESSIONS, Sessions
from kelm.core.network.calls import Calls, Source, World
from kelm.core.network.proxy import SLICES, Network
from kelm.core.network.reach import ByStatus
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.program import Kubelet
from kelm.core.node.programs.http import Reply
from kelm.core.node.programs.process import Fetch
from kelm.core.store.small_map import SmallMap
from kelm.effects.address import Key, Resource
from kelm.effects.document import text
from kelm.effects.messages import Cache


def local_pod(cluster: Cluster, key: Key) -> tuple[Kubelet, LocalPod] | None:
    """A pod as its machine knows it, and the machine; None where no kubelet has it."""
    doc = cluster.store.get("pods", key)
    if doc is None:
        return None
    process = cluster.simulator.processes.get(kubelet_name(text(doc, "spec", "nodeName")))
    if process is None:
        return None
    found = process.state.pods.get(key)
    assert isinstance(process.program, Kubelet)
    if found is None or found.uid != text(doc, "metadata", "uid"):
        return None
    store = cluster.store
    sources: SmallMap[Resource, Cache] = SmallMap(
        configmaps=store.table("configmaps"), secrets=store.table("secrets")
    )
    return process.program, msgspec.structs.replace(found, sources=sources)


def world_of(cluster: Cluster, sessions: Sessions = NO_SESSIONS) -> World:
    """A cluster as programs in it meet it now."""
    table = cluster.store.table
    network = Network(table("services"), table(SLICES), table("nodes"), table("pods"))
    reach = ByStatus(table("pods"), cluster.machines.down())
    return World(network, lambda key: local_pod(cluster, key), cluster.now_ms, reach, sessions)


def take_over(cluster: Cluster, calls: Calls) -> None:
    """Tell the machines what their programs wrote."""
    for written in calls.changes:
        namespace, _, name = written.pod.partition("/")
        cluster.inject(FilesChanged(namespace, name, written.uid, written.changes))


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
