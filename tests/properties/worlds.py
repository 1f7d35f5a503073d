"""What may befall a small cluster, for the properties of sets of pods."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from kelm import Cluster, Refused
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    ContainerCrashed,
    FaultsEnded,
    ImagePullFailed,
    NodeBooted,
    NodeCrashed,
    NodePartitioned,
    NodeReconnected,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.core.operations.verbs import Remove, Scale, SetImage
from kelm.core.store.store import Store
from kelm.effects.address import ObjectRef
from kelm.effects.refusals import Reason

NODES = 3
CALM_MS = 400_000
"""By then every consequence of a storm has shown: a silent node's pods leave after 340 s."""


PROCESSES = sorted(Cluster(nodes=NODES).simulator.processes)
ANYONE = st.sampled_from([*PROCESSES, ""])
NODE = st.integers(1, NODES).map(lambda number: f"node-{number}")
FAULTS = st.one_of(
    st.builds(NodeCrashed, NODE),
    st.builds(NodeBooted, NODE),
    st.builds(NodePartitioned, NODE),
    st.builds(NodeReconnected, NODE),
    st.builds(ImagePullFailed, st.just("nginx:2"), st.integers(1, 100_000)),
    st.builds(RequestsRefused, ANYONE, st.sampled_from(list(Reason)), st.integers(1, 5)),
    st.builds(AnswersLost, ANYONE, st.integers(1, 5)),
    st.builds(WatchStalled, st.sampled_from(PROCESSES), st.integers(1, 60_000)),
    st.builds(ProcessRestarted, st.sampled_from(PROCESSES)),
)
PODS = st.tuples(st.sampled_from(["delete", "crash"]), st.integers(0, 5))
PAUSES_MS = st.sampled_from([1, 10, 500, 5_000, 50_000, 400_000])


def pods(cluster: Cluster) -> list[str]:
    """The names of all pods, sorted."""
    return [str(doc["metadata"]["name"]) for doc in cluster.list("pods")]  # type: ignore[index,call-overload]


def rage(cluster: Cluster, storm: list[tuple[Any, int]]) -> None:
    """Let a storm happen, then bring every machine back."""
    for what, pause_ms in storm:
        if isinstance(what, tuple):
            _hit_a_pod(cluster, *what)
        elif isinstance(what, Scale | SetImage):
            try:
                cluster.do(what)
            except Refused as refused:
                raise AssertionError(f"a valid change was refused: {refused}") from refused
        else:
            cluster.inject(what)
        cluster.run(pause_ms)
    for number in range(1, NODES + 1):
        cluster.inject(NodeBooted(f"node-{number}"))
        cluster.inject(NodeReconnected(f"node-{number}"))
    cluster.inject(FaultsEnded())
    cluster.run(CALM_MS)


def _hit_a_pod(cluster: Cluster, how: str, index: int) -> None:
    names = pods(cluster)
    if not names:
        return
    name = names[index % len(names)]
    if how == "delete":
        cluster.do(Remove(ObjectRef("pods", "default", name)))
    else:
        cluster.inject(ContainerCrashed("default", name))


def moved(before: Store, after: Store, resources: tuple[str, ...]) -> list[tuple[str, object]]:
    """What changed that must not once a cluster has settled: the changes of each such resource."""
    changes = [
        (resource, after.table(resource).changes_since(before.table(resource).revision))
        for resource in resources
    ]
    return [(resource, change) for resource, change in changes if change != ()]
