"""Draining a node, and marks and taints, in a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from kelm import Cluster, Refused
from kelm.adapters.simulator.inputs import AnswersLost, NodeDrained
from kelm.adapters.simulator.targets import missing_target
from kelm.core.operations.marks import Mark, Taint, Taints
from kelm.core.operations.verbs import Cordon, EvictPod
from kelm.effects.address import ObjectRef
from kelm.effects.document import child

NODE = ObjectRef("nodes", "", "node-1")
LABELS = {"app": "web"}
BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "web"},
    "spec": {"maxUnavailable": 1, "selector": {"matchLabels": LABELS}},
}


def workload(kind: str, replicas: int = 6, **of: Any) -> dict[str, Any]:
    container = {"name": "app", "image": "nginx"}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container], **of}}
    spec: dict[str, Any] = {"selector": {"matchLabels": LABELS}, "template": template}
    if kind == "Deployment":
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec}


def playing(*manifests: Any) -> Cluster:
    cluster = Cluster(nodes=3, keep_history=False)
    for manifest in manifests:
        cluster.apply(manifest)
    cluster.run_until_converged()
    return cluster


def on(cluster: Cluster, node: str) -> list[str]:
    pods = cluster.store.table("pods").select("spec.nodeName", node)
    return sorted(str(child(doc, "metadata")["name"]) for doc in pods)


def drain(cluster: Cluster, **flags: Any) -> None:
    given = NodeDrained("node-1", **flags)
    assert missing_target(given, cluster) == ""
    cluster.inject(given)


def test_a_drained_node_is_empty_and_stays_so_and_all_pods_run_elsewhere() -> None:
    cluster = playing(workload("Deployment"))
    assert on(cluster, "node-1")
    drain(cluster)
    cluster.run_until_converged()
    assert on(cluster, "node-1") == []
    assert cluster.get("nodes", "node-1")["spec"]["unschedulable"] is True  # type: ignore[index,call-overload]
    assert len(cluster.list("pods")) == 6
    cluster.do(Cordon(NODE, undo=True))
    assert "unschedulable" not in cluster.get("nodes", "node-1")["spec"]  # type: ignore[index,operator]


def test_a_budget_lets_pods_go_one_after_the_other() -> None:
    cluster = playing(workload("Deployment"), BUDGET)
    assert len(on(cluster, "node-1")) == 2
    drain(cluster)
    cluster.run(1_000)
    assert len(on(cluster, "node-1")) == 1
    cluster.run(10_000)
    assert on(cluster, "node-1") == []


def test_a_lost_answer_is_asked_for_again() -> None:
    cluster = playing(workload("Deployment"), BUDGET)
    drain(cluster)
    cluster.run(1)
    cluster.inject(AnswersLost("drain/node-1", 3))
    cluster.run(120_000)
    assert on(cluster, "node-1") == []


def test_pods_of_daemon_sets_stay_if_they_are_to_be_ignored_and_else_prevent_it() -> None:
    cluster = playing(workload("DaemonSet"))
    why = missing_target(NodeDrained("node-1"), cluster)
    name = on(cluster, "node-1")[0]
    told = "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)"
    assert why == f"{told}: default/{name}"
    drain(cluster, ignore_daemon_sets=True)
    cluster.run(60_000)
    assert on(cluster, "node-1") == [name]


@pytest.mark.parametrize(
    ("spec", "flag", "told"),
    [
        ({"volumes": [{"name": "v", "emptyDir": {}}]}, "delete_local_data", "local storage"),
        ({}, "force", "declare no controller"),
    ],
)
def test_what_a_drain_would_lose_has_to_be_said(spec: dict[str, Any], flag: str, told: str) -> None:
    if flag == "force":
        alone = {"nodeName": "node-1", "containers": [{"name": "a", "image": "nginx"}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "alone"}, "spec": alone}
        cluster = playing(pod)
    else:
        cluster = playing(workload("Deployment", **spec))
    assert told in missing_target(NodeDrained("node-1"), cluster)
    drain(cluster, **{flag: True})
    cluster.run(60_000)
    assert on(cluster, "node-1") == []


def test_only_nodes_that_there_are_can_be_drained() -> None:
    cluster = playing()
    told = missing_target(NodeDrained("node-9"), cluster)
    assert told == "no node is called 'node-9'; there are node-1, node-2, node-3"


def test_taints_come_and_go_and_drive_pods_away() -> None:
    cluster = playing(workload("Deployment"))
    cluster.do(Taints(NODE, (Taint("dedicated", "db", "NoExecute"),)))
    cluster.run(5_000)
    assert on(cluster, "node-1") == []
    with pytest.raises(Refused, match=r"already has dedicated:NoExecute taint.*overwrite is false"):
        cluster.do(Taints(NODE, (Taint("dedicated", "web", "NoExecute"),)))
    cluster.do(Taints(NODE, (Taint("dedicated", "web", "NoExecute"),), overwrite=True))
    cluster.do(Taints(NODE, gone=(Taint("dedicated"),)))
    assert "taints" not in cluster.get("nodes", "node-1")["spec"]  # type: ignore[index,operator]
    with pytest.raises(Refused, match='taint "dedicated" not found on node node-1'):
        cluster.do(Taints(NODE, gone=(Taint("dedicated"),)))


def test_labels_are_put_on_and_not_overwritten_unasked() -> None:
    cluster = playing(workload("Deployment", replicas=1))
    web = ObjectRef("deployments.apps", "default", "web")
    cluster.do(Mark(web, "labels", (("tier", "front"),)))
    assert cluster.get(web.resource, "web")["metadata"]["labels"] == {"tier": "front"}  # type: ignore[index,call-overload]
    with pytest.raises(Refused, match=r"'tier' already has a value \(front\), and --overwrite"):
        cluster.do(Mark(web, "labels", (("tier", "back"),)))
    cluster.do(Mark(web, "labels", (("tier", "back"),), overwrite=True))
    cluster.do(Mark(web, "labels", (("tier", None),)))
    with pytest.raises(Refused, match='label "tier" not found on'):
        cluster.do(Mark(web, "labels", (("tier", None),)))


def test_a_pod_is_evicted_if_its_budget_allows() -> None:
    cluster = playing(workload("Deployment", replicas=2), BUDGET)
    first, second = (
        ObjectRef("pods", "default", str(child(doc, "metadata")["name"]))
        for doc in cluster.list("pods")
    )
    cluster.do(EvictPod(first))
    with pytest.raises(Refused, match="violate the pod's disruption budget"):
        cluster.do(EvictPod(second))
