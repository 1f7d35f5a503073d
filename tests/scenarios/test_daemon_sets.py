"""DaemonSets, as test/integration/daemonset has them; the machines are simulated ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.stage import DAEMON_SETS, Stage, is_ready, name_of, pod_spec, uid_of

CRITICAL = "system-node-critical"


def body_of(**more: Any) -> dict[str, Any]:
    labels = {"app": "ds"}
    template = {"metadata": {"labels": labels}, "spec": pod_spec(**more.pop("pod", {}))}
    spec = {"selector": {"matchLabels": labels}, "template": template, **more}
    return {"metadata": {"name": "ds", "namespace": "default"}, "spec": spec}


def started(nodes: int, **more: Any) -> Stage:
    stage = Stage(nodes=nodes)
    stage.create(DAEMON_SETS, body_of(**more))
    stage.settle(15_000)
    return stage


def places(stage: Stage) -> list[str]:
    """The nodes that the pods are meant for."""
    found = []
    for one in stage.all("pods"):
        affinity = one["spec"]["affinity"]["nodeAffinity"]
        (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        (field,) = term["matchFields"]
        assert (field["key"], field["operator"]) == ("metadata.name", "In")
        found += field["values"]
    return sorted(found)


@pytest.mark.parametrize("nodes", [1, 3])
def test_one_pod_for_every_node(nodes: int) -> None:
    """TestOneNodeDaemonLaunchesPod, TestSimpleDaemonSetLaunchesPods."""
    stage = started(nodes)
    assert places(stage) == [f"node-{n + 1}" for n in range(nodes)]
    assert all(is_ready(one) for one in stage.all("pods"))
    status = stage.get(DAEMON_SETS, "ds")["status"]
    assert status["desiredNumberScheduled"] == status["numberAvailable"] == nodes


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
@pytest.mark.parametrize("finalizer", [False, True])
def test_pods_that_have_ended_are_replaced(phase: str, finalizer: bool) -> None:
    """TestSimpleDaemonSetRestartsPodsOnTerminalPhase."""
    stage = started(1)
    (pod,) = stage.all("pods")
    if finalizer:
        stage.patch("pods", name_of(pod), {"metadata": {"finalizers": ["test/stay"]}})
    stage.say(name_of(pod), phase=phase)
    stage.settle(2_000)
    if finalizer:
        assert stage.get("pods", name_of(pod))["metadata"].get("deletionTimestamp")
        stage.patch("pods", name_of(pod), {"metadata": {"finalizers": None}})
    stage.settle(60_000)
    (new,) = stage.all("pods")
    assert uid_of(new) != uid_of(pod) and is_ready(new)


def test_labels_choose_the_nodes() -> None:
    """TestDaemonSetWithNodeSelectorLaunchesPods."""
    stage = Stage(nodes=3)
    stage.patch("nodes", "node-2", {"metadata": {"labels": {"zone": "test"}}}, namespace="")
    stage.create(DAEMON_SETS, body_of(pod={"nodeSelector": {"zone": "test"}}))
    stage.settle(10_000)
    assert places(stage) == ["node-2"]
    stage.patch("nodes", "node-3", {"metadata": {"labels": {"zone": "test"}}}, namespace="")
    stage.patch("nodes", "node-2", {"metadata": {"labels": {"zone": None}}}, namespace="")
    stage.settle(60_000)
    assert places(stage) == ["node-3"]


def test_affinity_chooses_the_nodes() -> None:
    """TestDaemonSetWithNodeSelectorLaunchesPods: terms, of which one must hold."""
    field = {"key": "metadata.name", "operator": "In", "values": ["node-1"]}
    label = {"key": "zone", "operator": "In", "values": ["test"]}
    terms = [{"matchFields": [field]}, {"matchExpressions": [label]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    stage = Stage(nodes=3)
    stage.patch("nodes", "node-3", {"metadata": {"labels": {"zone": "test"}}}, namespace="")
    stage.create(DAEMON_SETS, body_of(pod={"affinity": {"nodeAffinity": required}}))
    stage.settle(10_000)
    assert places(stage) == ["node-1", "node-3"]


def test_cordoned_nodes_get_their_pod_and_tainted_ones_do_not() -> None:
    """TestUnschedulableNodeDaemonDoesLaunchPod, TestTaintedNode."""
    stage = Stage(nodes=2)
    taint = {"key": "key", "value": "value", "effect": "NoSchedule"}
    stage.patch("nodes", "node-1", {"spec": {"unschedulable": True}}, namespace="")
    stage.patch("nodes", "node-2", {"spec": {"taints": [taint]}}, namespace="")
    stage.create(DAEMON_SETS, body_of())
    stage.settle(10_000)
    assert places(stage) == ["node-1"]
    stage.patch("nodes", "node-2", {"spec": {"taints": None}}, namespace="")
    stage.settle(10_000)
    assert places(stage) == ["node-1", "node-2"]


def test_who_bears_the_taint_gets_in() -> None:
    """TestTaintedNode."""
    stage = Stage(nodes=1)
    taint = {"key": "key", "value": "value", "effect": "NoSchedule"}
    stage.patch("nodes", "node-1", {"spec": {"taints": [taint]}}, namespace="")
    bears = [{"key": "key", "operator": "Equal", "value": "value", "effect": "NoSchedule"}]
    stage.create(DAEMON_SETS, body_of(pod={"tolerations": bears}))
    stage.settle(10_000)
    assert places(stage) == ["node-1"]


def asking(cpu: str) -> dict[str, Any]:
    requests = {"cpu": cpu, "memory": "1Mi"}
    return {"containers": [{"name": "c", "image": "nginx", "resources": {"requests": requests}}]}


def test_a_pod_without_room_waits_until_there_is_some() -> None:
    """TestInsufficientCapacityNode."""
    stage = Stage(nodes=1)
    everything = stage.get("nodes", "node-1", "")["status"]["allocatable"]["cpu"]
    stage.create("pods", {"metadata": {"name": "glutton"}, "spec": asking(everything)})
    stage.settle(10_000)
    stage.create(DAEMON_SETS, body_of(pod=asking("1")))
    stage.settle(10_000)
    (pod,) = stage.all("pods", "app=ds")
    (scheduled,) = [c for c in pod["status"]["conditions"] if c["type"] == "PodScheduled"]
    assert (scheduled["status"], scheduled["reason"]) == ("False", "Unschedulable")
    assert "Insufficient cpu" in scheduled["message"]
    stage.delete("pods", "glutton")
    stage.settle(60_000)
    assert is_ready(stage.get("pods", name_of(pod)))


def test_a_taken_revision_name_gives_another_hash() -> None:
    """TestDSCUpdatesPodLabelAfterDedupCurHistories, TestHashCollision."""
    stage = started(1)
    (revision,) = stage.all("controllerrevisions.apps")
    stage.delete(DAEMON_SETS, "ds")
    stage.settle(60_000)
    stranger = {
        "metadata": {"name": name_of(revision), "labels": {"other": "one"}},
        "revision": 1,
        "data": {"spec": "of somebody else"},
    }
    stage.create("controllerrevisions.apps", stranger)
    stage.create(DAEMON_SETS, body_of())
    stage.settle(10_000)
    assert stage.get(DAEMON_SETS, "ds")["status"]["collisionCount"] == 1
    assert len(stage.all("controllerrevisions.apps")) == 2


def test_the_status_is_written_though_no_pod_can_be_made() -> None:
    """TestUpdateStatusDespitePodCreationFailure."""
    stage = Stage(nodes=3)
    quota = {"metadata": {"name": "two"}, "spec": {"hard": {"pods": "2"}}}
    stage.create("resourcequotas", quota)
    stage.settle()
    stage.create(DAEMON_SETS, body_of())
    stage.settle(15_000)
    status = stage.get(DAEMON_SETS, "ds")["status"]
    assert (status["desiredNumberScheduled"], status["currentNumberScheduled"]) == (3, 2)
    assert any("exceeded quota" in said for said in stage.told("FailedCreate"))


def test_a_rolling_update_reaches_new_nodes_within_its_bounds() -> None:
    """TestDaemonSetRollingUpdateWithTolerations."""
    stage = Stage(nodes=4)
    taint = {"key": "key", "effect": "NoSchedule"}
    for name in ("node-3", "node-4"):
        stage.patch("nodes", name, {"spec": {"taints": [taint]}}, namespace="")
    stage.create(DAEMON_SETS, body_of())
    stage.settle(15_000)
    assert places(stage) == ["node-1", "node-2"]
    bears = [{"key": "key", "operator": "Exists"}]
    stage.patch(DAEMON_SETS, "ds", {"spec": {"template": {"spec": {"tolerations": bears}}}})
    least = 4
    for _ in range(400):
        stage.settle(100)
        serving = {
            one["spec"]["nodeName"]
            for one in stage.all("pods")
            if is_ready(one) and not one["metadata"].get("deletionTimestamp")
        }
        least = min(least, len(serving & {"node-1", "node-2"}))
    assert places(stage) == ["node-1", "node-2", "node-3", "node-4"]
    assert least == 1
    assert stage.get(DAEMON_SETS, "ds")["status"]["updatedNumberScheduled"] == 4
