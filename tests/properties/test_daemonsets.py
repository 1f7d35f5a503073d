"""DaemonSets: converge after any storm, keep an update's bounds, rest when all is done."""

from __future__ import annotations

from math import ceil
from typing import Any

from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from pyrsistent import pmap

from kelm import Cluster
from kelm.adapters.simulator.inputs import (
    NodeCrashed,
    NodePartitioned,
    ProcessRestarted,
    RequestsRefused,
)
from kelm.core.controllers.workloads.daemonset.controller import DAEMON_SET_CONTROLLER as LOOP
from kelm.core.controllers.workloads.daemonset.fit import fit_of
from kelm.core.objects.daemon_set import daemon_set
from kelm.core.objects.pod import pod
from kelm.core.operations.verbs import SetImage
from kelm.core.runtime.controller import Plan, Sync
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Patch
from kelm.effects.document import document
from kelm.effects.refusals import Reason
from tests.properties.worlds import FAULTS, NODES, PAUSES_MS, PODS, moved, rage

DS = ObjectRef("daemonsets.apps", "default", "agent")
CONTROLLER = "daemonset-controller"
WRITTEN = ("daemonsets.apps", "pods", "controllerrevisions.apps")
HOUR_MS = 3_600_000


def manifest(strategy: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "agent"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "updateStrategy": strategy or {"type": "RollingUpdate"},
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {"containers": [{"name": "c", "image": "nginx:1"}], **spec},
            },
        },
    }


def plan_now(cluster: Cluster) -> Plan:
    """What the controller would do, if it saw everything and remembered nothing."""
    caches = {watch.resource: cluster.store.table(watch.resource) for watch in LOOP.watches}
    return LOOP.reconcile(Sync("default/agent", cluster.now_ms, pmap(caches)))


def placed(cluster: Cluster) -> list[str]:
    """The node of every pod, sorted."""
    return sorted(pod(doc).spec.node_name for doc in cluster.list("pods"))


def chosen(cluster: Cluster) -> list[str]:
    """The nodes on which a pod should run, sorted."""
    one = daemon_set(cluster.get(DS.resource, "agent"))
    nodes: list[Any] = [node for node in cluster.list("nodes") if fit_of(one, node).run]
    return sorted(node["metadata"]["name"] for node in nodes)


CHANGES = st.builds(lambda n: SetImage(DS, (("c", f"nginx:{n}"),)), st.integers(1, 3))
STORM = st.lists(st.tuples(FAULTS | CHANGES | PODS, PAUSES_MS), min_size=1, max_size=8)
DELETION_NOT_FOUND = [
    (NodeCrashed("node-2"), 1),
    (RequestsRefused("cloud-node-lifecycle-controller", Reason.NOT_FOUND, 4), 400_000),
    (NodePartitioned("node-2"), 500),
]
"""A controller that believed this answer left the Node of a dead machine there for ever."""
SURGING = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


@settings(max_examples=max(8, settings.default.max_examples // 3))
@given(
    storm=STORM,
    seed=st.integers(0, 2**32),
    order=st.sampled_from(["fifo", "random"]),
    surging=st.booleans(),
)
@example(storm=DELETION_NOT_FOUND, seed=6775, order="random", surging=False)
def test_after_any_storm_every_node_has_its_pod_and_a_restart_writes_nothing(
    storm, seed, order, surging
):
    cluster = Cluster(nodes=NODES, seed=seed, order=order)
    cluster.apply(manifest(SURGING if surging else None))
    rage(cluster, storm)
    cluster.run_until_converged(HOUR_MS)
    assert placed(cluster) == chosen(cluster) != []
    settled = cluster.store
    cluster.run(100_000)
    cluster.inject(ProcessRestarted(CONTROLLER))
    cluster.run(100_000)
    assert moved(settled, cluster.store, WRITTEN) == []
    assert plan_now(cluster).batches == ()


AMOUNTS = st.integers(1, 4) | st.sampled_from(["10%", "34%", "50%", "100%"])


def nodes_of(amount: Any, nodes: int) -> int:
    return amount if isinstance(amount, int) else ceil(int(amount[:-1]) * nodes / 100)


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(
    nodes=st.integers(1, 6),
    amount=AMOUNTS,
    surging=st.booleans(),
    seed=st.integers(0, 1_000),
    order=st.sampled_from(["fifo", "random"]),
)
def test_a_rolling_update_keeps_its_bounds_at_every_moment(nodes, amount, surging, seed, order):
    bounds = {"maxSurge": amount, "maxUnavailable": 0}
    if not surging:
        bounds = {"maxSurge": 0, "maxUnavailable": amount}
    cluster = Cluster(nodes=nodes, seed=seed, order=order)
    cluster.apply(manifest({"type": "RollingUpdate", "rollingUpdate": bounds}))
    cluster.run_until_converged()
    start = len(cluster.history)
    cluster.do(SetImage(DS, (("c", "nginx:2"),)))
    cluster.run_until_converged()
    allowed = nodes_of(amount, nodes)
    for at_ms, store in cluster.history[start:]:
        views = [pod(doc) for doc in store.table("pods").objects()]
        serving = {view.spec.node_name for view in views if view.ready and view.active}
        missing = nodes - len(serving)
        assert missing <= (0 if surging else allowed), f"{missing} nodes without at {at_ms}"
        twice = len([view for view in views if view.active]) - nodes
        assert twice <= (allowed if surging else 0), f"{twice} pods too many at {at_ms}"
    event(f"{len(cluster.history) - start} moments")
    images = {doc["spec"]["containers"][0]["image"] for doc in cluster.list("pods")}
    assert images == {"nginx:2"}
    assert len(cluster.list("controllerrevisions.apps")) == 2


LABELS = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(["edge", "core", None]), st.booleans()),
    min_size=1,
    max_size=6,
)


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(labels=LABELS, seed=st.integers(0, 100), order=st.sampled_from(["fifo", "random"]))
def test_pods_follow_the_labels_and_taints_of_nodes(labels, seed, order):
    cluster = Cluster(nodes=3, seed=seed, order=order)
    cluster.apply(manifest(nodeSelector={"role": "edge"}))
    for node, role, tainted in labels:
        taints = [{"key": "own", "value": "x", "effect": "NoExecute"}] if tainted else []
        change = {"metadata": {"labels": {"role": role}}, "spec": {"taints": taints}}
        cluster.ask(Patch("nodes", "", f"node-{node}", document(change))).unwrap()
        cluster.run(300)
    cluster.run_until_converged(HOUR_MS)
    last = {node: (role, tainted) for node, role, tainted in labels}
    wanted = [f"node-{node}" for node, state in sorted(last.items()) if state == ("edge", False)]
    assert placed(cluster) == wanted == chosen(cluster)
