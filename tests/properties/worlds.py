"""A small cluster for the properties: one Deployment behind a Service, and what may befall it."""

from __future__ import annotations

from collections.abc import Iterator
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

WEB = ObjectRef("deployments.apps", "default", "web")
SUBSTANCE = ("deployments.apps", "replicasets.apps", "pods", "endpointslices.discovery.k8s.io")
NODES = 3
CALM_MS = 400_000
"""By then every consequence of a storm has shown: a silent node's pods leave after 340 s."""


def deployment(replicas: int = 3, **strategy: Any) -> dict[str, Any]:
    """A Deployment of one container; `strategy` is its rollingUpdate."""
    spec: dict[str, Any] = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": "nginx:1"}]},
        },
    }
    if strategy:
        spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": strategy}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": spec,
    }


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}
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
CHANGES = st.one_of(
    st.builds(Scale, st.just(WEB), st.integers(0, 6)),
    st.builds(lambda n: SetImage(WEB, (("c", f"nginx:{n}"),)), st.integers(1, 4)),
)
PODS = st.tuples(st.sampled_from(["delete", "crash"]), st.integers(0, 5))
PAUSES_MS = st.sampled_from([1, 10, 500, 5_000, 50_000, 400_000])
STORM = st.lists(st.tuples(FAULTS | CHANGES | PODS, PAUSES_MS), min_size=1, max_size=10)


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


def moved(
    before: Store, after: Store, resources: tuple[str, ...] = SUBSTANCE
) -> list[tuple[str, object]]:
    """What changed that must not once a cluster has settled: the changes of each such resource."""
    changes = [
        (resource, after.table(resource).changes_since(before.table(resource).revision))
        for resource in resources
    ]
    return [(resource, change) for resource, change in changes if change != ()]


def orphans(cluster: Cluster) -> Iterator[str]:
    """Pods and ReplicaSets whose controller does not exist."""
    owners = {doc["metadata"]["uid"] for doc in cluster.list("replicasets.apps")}  # type: ignore[index,call-overload]
    owners |= {doc["metadata"]["uid"] for doc in cluster.list("deployments.apps")}  # type: ignore[index,call-overload]
    for resource in ("pods", "replicasets.apps"):
        for doc in cluster.list(resource):
            meta: Any = doc["metadata"]
            if not any(owner["uid"] in owners for owner in meta.get("ownerReferences", ())):
                yield meta["name"]
