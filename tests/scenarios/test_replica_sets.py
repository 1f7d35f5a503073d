"""ReplicaSets and ReplicationControllers, as test/integration/replicaset and
replicationcontroller have them: both kinds follow the same rules."""

from __future__ import annotations

from typing import Any

import pytest

from kelm.effects.commands import Delete, Get, Update
from kelm.effects.document import document
from kelm.effects.refusals import Reason
from tests.scenarios.stage import (
    REPLICA_SETS,
    Stage,
    controller_uid,
    name_of,
    pod_spec,
    uid_of,
    workload,
)

REPLICATION_CONTROLLERS = "replicationcontrollers"
COST = "controller.kubernetes.io/pod-deletion-cost"
KINDS = pytest.mark.parametrize("resource", [REPLICA_SETS, REPLICATION_CONTROLLERS])


def body_of(resource: str, name: str, replicas: int, **spec: Any) -> dict[str, Any]:
    body = workload(name, replicas, **spec)
    if resource == REPLICATION_CONTROLLERS:
        body["spec"]["selector"] = body["spec"]["selector"]["matchLabels"]
    return body


def started(resource: str, replicas: int, **spec: Any) -> Stage:
    stage = Stage()
    stage.create(resource, body_of(resource, "rs", replicas, **spec))
    stage.settle()
    return stage


def lone_pod(name: str, app: str = "rs", **metadata: Any) -> dict[str, Any]:
    meta = {"name": name, "labels": {"app": app}, **metadata}
    return {"metadata": meta, "spec": pod_spec()}


def owner_reference(stage: Stage, resource: str, **more: Any) -> dict[str, Any]:
    kind, version = {
        REPLICA_SETS: ("ReplicaSet", "apps/v1"),
        REPLICATION_CONTROLLERS: ("ReplicationController", "v1"),
    }[resource]
    uid = uid_of(stage.get(resource, "rs"))
    return {"apiVersion": version, "kind": kind, "name": "rs", "uid": uid, **more}


@KINDS
def test_a_pod_without_an_owner_is_adopted(resource: str) -> None:
    """TestAdoption."""
    stage = started(resource, 1)
    (made,) = stage.all("pods")
    stage.patch(resource, "rs", {"spec": {"replicas": 2}})
    stage.create("pods", lone_pod("mine"))
    stage.settle()
    assert sorted(stage.names("pods")) == sorted([name_of(made), "mine"])
    assert controller_uid(stage.get("pods", "mine")) == uid_of(stage.get(resource, "rs"))


@KINDS
def test_a_pod_of_somebody_else_is_left_alone(resource: str) -> None:
    """TestAdoption: the pod's controller has another uid."""
    stage = started(resource, 1)
    theirs = {**owner_reference(stage, resource, controller=True), "uid": "someone-else"}
    stage.create("pods", lone_pod("theirs", ownerReferences=[theirs], finalizers=["test/stay"]))
    stage.settle()
    assert len(stage.owned("pods", stage.get(resource, "rs"))) == 1
    assert controller_uid(stage.get("pods", "theirs")) == "someone-else"


@KINDS
def test_an_owner_that_is_no_controller_becomes_one(resource: str) -> None:
    """TestAdoption, TestGeneralPodAdoption."""
    stage = started(resource, 1)
    (made,) = stage.all("pods")
    owners = [{**one, "controller": False} for one in made["metadata"]["ownerReferences"]]
    stage.patch("pods", name_of(made), {"metadata": {"ownerReferences": owners}})
    stage.settle()
    (adopted,) = stage.get("pods", name_of(made))["metadata"]["ownerReferences"]
    assert adopted["controller"] is True


@KINDS
def test_a_pod_with_other_labels_is_not_adopted(resource: str) -> None:
    """TestAdoption: the labels do not match, though the pod names the set as an owner."""
    stage = started(resource, 1)
    stage.create("pods", lone_pod("other", app="other"))
    stage.settle()
    assert len(stage.owned("pods", stage.get(resource, "rs"))) == 1
    assert controller_uid(stage.get("pods", "other")) == ""


def test_the_selector_of_a_replica_set_is_immutable() -> None:
    """TestRSSelectorImmutability."""
    stage = started(REPLICA_SETS, 0)
    body = stage.get(REPLICA_SETS, "rs")
    body["spec"]["selector"]["matchLabels"] = {"app": "changed"}
    body["spec"]["template"]["metadata"]["labels"] = {"app": "changed"}
    said = stage.refused(Update(REPLICA_SETS, "default", "rs", document(body)))
    assert said.reason is Reason.INVALID and "spec.selector" in said.message


def test_deleting_a_replica_set_collects_its_pods_by_default() -> None:
    """TestReplicaSetsAppsV1DefaultGCPolicy."""
    stage = started(REPLICA_SETS, 2)
    stage.delete(REPLICA_SETS, "rs")
    assert not stage.has(REPLICA_SETS, "rs"), "in the background: it is gone before its pods are"
    stage.settle(60_000)
    assert stage.all("pods") == []


def test_deleting_a_replication_controller_orphans_its_pods_by_default() -> None:
    stage = started(REPLICATION_CONTROLLERS, 2)
    stage.delete(REPLICATION_CONTROLLERS, "rs")
    stage.settle(60_000)
    assert not stage.has(REPLICATION_CONTROLLERS, "rs")
    assert [one["metadata"].get("ownerReferences") for one in stage.all("pods")] == [None, None]


@KINDS
def test_replicas_go_up_down_and_to_none(resource: str) -> None:
    """TestSpecReplicasChange."""
    stage = started(resource, 2)
    before = stage.get(resource, "rs")
    for replicas in (3, 0, 2):
        stage.patch(resource, "rs", {"spec": {"replicas": replicas}})
        stage.settle(60_000)
        found = stage.get(resource, "rs")
        assert found["status"]["replicas"] == replicas == len(stage.all("pods"))
        assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
        assert found["spec"]["selector"] == before["spec"]["selector"]
        assert found["spec"]["template"] == before["spec"]["template"]


@KINDS
def test_pods_that_go_or_have_failed_are_replaced(resource: str) -> None:
    """TestDeletingAndFailedPods."""
    stage = started(resource, 2)
    going, failing = stage.all("pods")
    stage.patch("pods", name_of(going), {"metadata": {"finalizers": ["fake/one"]}})
    stage.delete("pods", name_of(going))
    stage.fail(name_of(failing))
    stage.settle()
    left = [one for one in stage.all("pods") if one["metadata"].get("deletionTimestamp") is None]
    running = [one for one in left if one.get("status", {}).get("phase") != "Failed"]
    assert len(running) == 2
    assert not {name_of(one) for one in running} & {name_of(going), name_of(failing)}


@pytest.mark.parametrize(
    ("costs", "kept"),
    [
        (("10", "100"), 1),
        (("100", "10"), 0),
        (("-5", "5"), 1),
        ((None, "-1"), 0),
    ],
)
def test_the_pod_that_costs_least_goes_first(costs: tuple[str | None, ...], kept: int) -> None:
    """TestPodDeletionCost."""
    stage = started(REPLICA_SETS, 2)
    pods = stage.owned("pods", stage.get(REPLICA_SETS, "rs"))
    stage.make_ready(pods)
    for one, cost in zip(pods, costs, strict=True):
        if cost is not None:
            stage.patch("pods", name_of(one), {"metadata": {"annotations": {COST: cost}}})
    stage.patch(REPLICA_SETS, "rs", {"spec": {"replicas": 1}})
    stage.settle(60_000)
    assert stage.names("pods") == [name_of(pods[kept])]


def test_the_younger_goes_first_by_orders_of_magnitude() -> None:
    """TestLogarithmicScaleDown: ages are compared by powers of two, then by uid."""
    stage = started(REPLICA_SETS, 1)
    (old,) = stage.all("pods")
    stage.make_ready([old])
    stage.settle(600_000)
    stage.patch(REPLICA_SETS, "rs", {"spec": {"replicas": 2}})
    stage.settle()
    stage.make_ready(one for one in stage.all("pods") if name_of(one) != name_of(old))
    stage.settle()
    stage.patch(REPLICA_SETS, "rs", {"spec": {"replicas": 1}})
    stage.settle(60_000)
    assert stage.names("pods") == [name_of(old)]


@KINDS
def test_a_pod_that_is_not_ready_goes_before_one_that_is(resource: str) -> None:
    stage = started(resource, 2)
    first, second = stage.owned("pods", stage.get(resource, "rs"))
    stage.make_ready([second])
    stage.patch(resource, "rs", {"spec": {"replicas": 1}})
    stage.settle(60_000)
    assert stage.names("pods") == [name_of(second)] != [name_of(first)]


@KINDS
def test_two_with_one_selector_stay_apart(resource: str) -> None:
    """TestOverlappingRSs, TestOverlappingRCs."""
    stage = Stage()
    for name in ("one", "two"):
        body = body_of(resource, "rs", 3)
        body["metadata"]["name"] = name
        stage.create(resource, body)
    stage.settle()
    for name in ("one", "two"):
        found = stage.get(resource, name)
        assert found["status"]["replicas"] == 3 == len(stage.owned("pods", found))


@KINDS
def test_a_pod_is_released_and_taken_back_by_its_labels(resource: str) -> None:
    """TestPodOrphaningAndAdoptionWhenLabelsChange."""
    stage = started(resource, 1)
    (pod,) = stage.all("pods")
    stage.patch("pods", name_of(pod), {"metadata": {"labels": {"app": "other"}}})
    stage.settle()
    assert controller_uid(stage.get("pods", name_of(pod))) == ""
    assert len(stage.owned("pods", stage.get(resource, "rs"))) == 1
    stage.patch("pods", name_of(pod), {"metadata": {"labels": {"app": "rs"}}})
    stage.settle(60_000)
    (left,) = stage.all("pods")
    assert controller_uid(left) == uid_of(stage.get(resource, "rs"))


@KINDS
def test_ready_is_not_yet_available(resource: str) -> None:
    """TestReadyAndAvailableReplicas."""
    stage = started(resource, 3, minReadySeconds=3600)
    first, second, _ = stage.all("pods")
    stage.make_ready([first])
    stage.make_ready([second], since_ms=120 * 60_000)
    stage.settle()
    status = stage.get(resource, "rs")["status"]
    counts = [status.get(key, 0) for key in ("replicas", "readyReplicas", "availableReplicas")]
    assert counts == [3, 2, 1]


@KINDS
def test_the_scale_subresource(resource: str) -> None:
    """TestRSScaleSubresource, TestRCScaleSubresource."""
    stage = started(resource, 1)
    scale = stage.ask(Get(resource, "default", "rs", subresource="scale"))
    assert (scale["kind"], scale["spec"]["replicas"], scale["status"]["replicas"]) == (
        "Scale",
        1,
        1,
    )
    assert scale["status"]["selector"] == "app=rs"
    scale["spec"]["replicas"] = 10
    stage.update(resource, scale, "scale")
    stage.settle()
    assert len(stage.all("pods")) == 10


@KINDS
def test_more_pods_than_wanted_are_adopted_and_one_goes(resource: str) -> None:
    """TestExtraPodsAdoptionAndDeletion."""
    stage = Stage()
    for name in ("a", "b", "c"):
        stage.create("pods", lone_pod(name))
    stage.create(resource, body_of(resource, "rs", 2))
    stage.settle(60_000)
    owner = uid_of(stage.get(resource, "rs"))
    assert [controller_uid(one) for one in stage.all("pods")] == [owner] * 2
    assert len(stage.told("SuccessfulDelete")) == 1


@KINDS
def test_fully_labelled_pods_have_all_labels_of_the_template(resource: str) -> None:
    """TestFullyLabeledReplicas."""
    stage = started(resource, 2)
    labels = {"app": "rs", "extra": "label"}
    stage.patch(resource, "rs", {"spec": {"template": {"metadata": {"labels": labels}}}})
    stage.settle()
    assert stage.get(resource, "rs")["status"].get("fullyLabeledReplicas", 0) == 0
    (one, _) = stage.all("pods")
    stage.patch("pods", name_of(one), {"metadata": {"labels": {"extra": "label"}}})
    stage.settle()
    assert stage.get(resource, "rs")["status"]["fullyLabeledReplicas"] == 1


def test_pods_that_are_about_to_go_are_counted_apart() -> None:
    """TestTerminatingReplicas."""
    stage = started(REPLICA_SETS, 3)
    for one in stage.all("pods")[:2]:
        stage.patch("pods", name_of(one), {"metadata": {"finalizers": ["test/stay"]}})
        stage.ask(Delete("pods", "default", name_of(one)))
    stage.settle()
    status = stage.get(REPLICA_SETS, "rs")["status"]
    assert (status["replicas"], status["terminatingReplicas"]) == (3, 2)
