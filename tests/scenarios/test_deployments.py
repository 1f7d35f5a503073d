"""Deployments, as test/integration/deployment/deployment_test.go has them."""

from __future__ import annotations

from typing import Any

from kelm.effects.commands import Get, Patch, Update
from kelm.effects.document import document
from kelm.effects.refusals import Reason
from tests.scenarios.stage import (
    DEPLOYMENTS,
    REPLICA_SETS,
    Stage,
    controller_uid,
    image_patch,
    name_of,
    uid_of,
    workload,
)

PREFIX = "deployment.kubernetes.io/"
HASH = "pod-template-hash"


def annotation(one: Any, key: str) -> str | None:
    found: str | None = one["metadata"].get("annotations", {}).get(PREFIX + key)
    return found


def complete(stage: Stage, name: str = "web") -> bool:
    found = stage.get(DEPLOYMENTS, name)
    status, wanted = found.get("status", {}), found["spec"]["replicas"]
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    return status.get("observedGeneration") == found["metadata"]["generation"] and counts == [
        wanted,
        wanted,
        wanted,
    ]


def rolled_out(replicas: int = 3, **spec: Any) -> Stage:
    stage = Stage()
    stage.create(DEPLOYMENTS, workload("web", replicas, **spec))
    stage.roll(lambda: complete(stage))
    return stage


def sets(stage: Stage, name: str = "web") -> list[Any]:
    """The Deployment's ReplicaSets by revision."""
    found = [
        one
        for one in stage.all(REPLICA_SETS)
        if controller_uid(one) == uid_of(stage.get(DEPLOYMENTS, name))
    ]
    return sorted(found, key=lambda one: int(annotation(one, "revision") or 0))


def test_new_deployment() -> None:
    """TestNewDeployment."""
    stage = Stage()
    body = workload("web", 2)
    body["metadata"]["annotations"] = {"test": "should-copy-to-replica-set"}
    body["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = "no"
    body["spec"]["template"]["metadata"]["annotations"] = {"test": "should-not-copy"}
    made = stage.create(DEPLOYMENTS, body)
    stage.roll(lambda: complete(stage))
    (found,) = sets(stage)
    assert found["metadata"]["annotations"] == {
        "test": "should-copy-to-replica-set",
        PREFIX + "revision": "1",
        PREFIX + "desired-replicas": "2",
        PREFIX + "max-replicas": "3",
    }
    hashed = found["metadata"]["labels"][HASH]
    assert name_of(found) == f"{name_of(made)}-{hashed}"
    assert found["spec"]["selector"]["matchLabels"][HASH] == hashed
    assert found["spec"]["template"]["metadata"]["labels"][HASH] == hashed
    assert [one["metadata"]["labels"][HASH] for one in stage.all("pods")] == [hashed] * 2
    assert annotation(stage.get(DEPLOYMENTS, "web"), "revision") == "1"


def test_rolling_update_rollback_and_rollover() -> None:
    """TestDeploymentRollingUpdate."""
    stage = rolled_out(20, minReadySeconds=4)
    (first,) = sets(stage)
    stage.patch(DEPLOYMENTS, "web", image_patch("nginx:2"))
    stage.roll(lambda: complete(stage))
    old, new = sets(stage)
    assert (old["spec"]["replicas"], new["spec"]["replicas"]) == (0, 20)
    stage.patch(DEPLOYMENTS, "web", image_patch("nginx:1"))
    stage.roll(lambda: complete(stage))
    assert [uid_of(one) for one in sets(stage)] == [uid_of(new), uid_of(first)]
    again = stage.get(REPLICA_SETS, name_of(first))
    assert annotation(again, "revision") == "3"
    assert annotation(again, "revision-history") == "1"
    stage.patch(DEPLOYMENTS, "web", image_patch("nginx:3"))
    stage.settle(2_000)
    assert not complete(stage)
    stage.patch(DEPLOYMENTS, "web", image_patch("nginx:4"))
    least = 20 - 5
    available = []

    def done() -> bool:
        status = stage.get(DEPLOYMENTS, "web")["status"]
        available.append(status.get("availableReplicas", 0))
        return complete(stage)

    stage.roll(done)
    assert min(available) >= least
    assert [one["spec"]["replicas"] for one in sets(stage)] == [0, 0, 0, 20]


def test_selector_immutability() -> None:
    """TestDeploymentSelectorImmutability."""
    stage = rolled_out(1)
    found = stage.get(DEPLOYMENTS, "web")
    found["spec"]["selector"]["matchLabels"] = {"app": "other"}
    found["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    said = stage.refused(Update(DEPLOYMENTS, "default", "web", document(found)))
    assert said.reason is Reason.INVALID
    assert "spec.selector" in said.message and "field is immutable" in said.message


def test_paused_deployment() -> None:
    """TestPausedDeployment."""
    stage = Stage()
    body = workload("web", 1, paused=True)
    body["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 1
    stage.create(DEPLOYMENTS, body)
    stage.settle()
    assert sets(stage) == []
    stage.patch(DEPLOYMENTS, "web", {"spec": {"paused": False}})
    stage.roll(lambda: complete(stage))
    (first,) = sets(stage)
    stage.patch(DEPLOYMENTS, "web", {"spec": {"paused": True}})
    grace = {"terminationGracePeriodSeconds": 5}
    stage.patch(DEPLOYMENTS, "web", {"spec": {"template": {"spec": grace}}})
    stage.settle()
    assert [uid_of(one) for one in sets(stage)] == [uid_of(first)]
    assert sets(stage)[0]["spec"]["template"] == first["spec"]["template"]
    stage.patch(DEPLOYMENTS, "web", {"spec": {"paused": False}})
    stage.roll(lambda: complete(stage))
    assert [one["spec"]["replicas"] for one in sets(stage)] == [0, 1]


def test_scale_paused_deployment() -> None:
    """TestScalePausedDeployment."""
    stage = rolled_out(1)
    template = {"spec": {"terminationGracePeriodSeconds": 5}}
    stage.patch(DEPLOYMENTS, "web", {"spec": {"paused": True, "template": template}})
    stage.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 4}})
    stage.settle()
    (found,) = sets(stage)
    assert found["spec"]["replicas"] == 4
    assert (annotation(found, "desired-replicas"), annotation(found, "max-replicas")) == ("4", "5")


def test_hash_collision() -> None:
    """TestDeploymentHashCollision."""
    stage = Stage()
    made = stage.create(DEPLOYMENTS, workload("web", 1))
    stage.settle()
    (taken,) = sets(stage)
    stage.delete(DEPLOYMENTS, "web", propagation_policy="Background")
    stage.settle(60_000)
    stranger = workload(name_of(taken), 0)
    stage.create(REPLICA_SETS, stranger)
    again = stage.create(DEPLOYMENTS, workload("web", 1))
    assert uid_of(again) != uid_of(made)
    stage.roll(lambda: complete(stage))
    assert stage.get(DEPLOYMENTS, "web")["status"]["collisionCount"] == 1
    (found,) = sets(stage)
    assert name_of(found) != name_of(taken)


def test_failed_deployment() -> None:
    """TestFailedDeployment."""
    stage = Stage()
    stage.create(DEPLOYMENTS, workload("web", 1, progressDeadlineSeconds=2))
    stage.settle(10_000)
    deadline = ("False", "ProgressDeadlineExceeded")
    assert stage.condition(DEPLOYMENTS, "web", "Progressing") == deadline
    stage.roll(lambda: complete(stage))
    done = ("True", "NewReplicaSetAvailable")
    assert stage.condition(DEPLOYMENTS, "web", "Progressing") == done


def test_overlapping_deployments() -> None:
    """TestOverlappingDeployments."""
    stage = Stage()
    bodies = [workload(name, 1) for name in ("first", "second")]
    bodies[1]["spec"]["template"]["spec"]["containers"][0]["image"] = "nginx:2"
    for body in bodies:
        body["spec"]["selector"]["matchLabels"] = {"name": "test"}
        body["spec"]["template"]["metadata"]["labels"] = {"name": "test"}
        stage.create(DEPLOYMENTS, body)
    stage.roll(lambda: complete(stage, "first") and complete(stage, "second"))
    owned = {name: sets(stage, name) for name in ("first", "second")}
    assert [len(found) for found in owned.values()] == [1, 1]
    stage.patch(DEPLOYMENTS, "first", {"spec": {"replicas": 2}})
    stage.roll(lambda: complete(stage, "first"))
    assert complete(stage, "second")
    pods = {name: len(stage.owned("pods", found[0])) for name, found in owned.items()}
    assert pods == {"first": 2, "second": 1}


def test_scaled_rollout() -> None:
    """TestScaledRolloutDeployment: scaled, and given another template, in the middle of it."""
    strategy = {"rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}
    stage = rolled_out(10, strategy=strategy)
    stage.patch(DEPLOYMENTS, "web", image_patch("nginx:2"))
    stage.settle()
    sizes = [one["spec"]["replicas"] for one in sets(stage)]
    assert sizes == [8, 5]
    stage.patch(DEPLOYMENTS, "web", {"spec": {**image_patch("nginx:3")["spec"], "replicas": 20}})
    stage.settle()
    assert sum(one["spec"]["replicas"] for one in sets(stage)) <= 23
    assert stage.get(DEPLOYMENTS, "web")["status"]["availableReplicas"] >= 8
    stage.roll(lambda: complete(stage))
    assert [annotation(one, "desired-replicas") for one in sets(stage)] == ["20"] * 3
    stage.patch(DEPLOYMENTS, "web", image_patch("nginx:4"))
    stage.settle()
    stage.patch(DEPLOYMENTS, "web", {"spec": {**image_patch("nginx:5")["spec"], "replicas": 5}})
    stage.settle()
    assert stage.get(DEPLOYMENTS, "web")["status"]["availableReplicas"] >= 3
    stage.roll(lambda: complete(stage))
    assert [one["spec"]["replicas"] for one in sets(stage)] == [0, 0, 0, 0, 5]
    assert {annotation(one, "desired-replicas") for one in sets(stage)[-3:]} == {"5"}


def test_replicas_change_and_the_observed_generation_follows() -> None:
    """TestSpecReplicasChange."""
    stage = rolled_out(2)
    for replicas in (3, 1, 0):
        before = stage.get(DEPLOYMENTS, "web")["metadata"]["generation"]
        stage.patch(DEPLOYMENTS, "web", {"spec": {"replicas": replicas}})
        stage.roll(lambda: complete(stage))
        found = stage.get(DEPLOYMENTS, "web")
        assert found["metadata"]["generation"] == before + 1
        assert found["status"]["observedGeneration"] == before + 1
    stage.patch(DEPLOYMENTS, "web", {"metadata": {"annotations": {"test": "x"}}})
    stage.settle()
    found = stage.get(DEPLOYMENTS, "web")
    assert found["metadata"]["generation"] == before + 2, "they are copied to ReplicaSets"
    assert found["status"]["observedGeneration"] == before + 2


def test_available_condition() -> None:
    """TestDeploymentAvailableCondition."""
    stage = Stage()
    slow = {"minReadySeconds": 3600, "progressDeadlineSeconds": 7200}
    stage.create(DEPLOYMENTS, workload("web", 10, **slow))
    stage.settle()
    few = ("False", "MinimumReplicasUnavailable")
    assert stage.condition(DEPLOYMENTS, "web", "Available") == few
    stage.make_ready(stage.all("pods"))
    stage.settle()
    status = stage.get(DEPLOYMENTS, "web")["status"]
    assert (status["readyReplicas"], status.get("availableReplicas", 0)) == (10, 0)
    assert stage.condition(DEPLOYMENTS, "web", "Available") == few
    stage.patch(DEPLOYMENTS, "web", {"spec": {"minReadySeconds": 1}})
    stage.settle(5_000)
    assert stage.get(DEPLOYMENTS, "web")["status"]["availableReplicas"] == 10
    many = ("True", "MinimumReplicasAvailable")
    assert stage.condition(DEPLOYMENTS, "web", "Available") == many


def test_general_replica_set_adoption() -> None:
    """TestGeneralReplicaSetAdoption."""
    stage = rolled_out(1)
    (found,) = sets(stage)
    (owner,) = found["metadata"]["ownerReferences"]
    owners = [{**owner, "controller": False}]
    stage.patch(REPLICA_SETS, name_of(found), {"metadata": {"ownerReferences": owners}})
    stage.settle()
    (adopted,) = stage.get(REPLICA_SETS, name_of(found))["metadata"]["ownerReferences"]
    assert adopted["controller"] is True
    status = stage.get(DEPLOYMENTS, "web")
    assert status["status"]["observedGeneration"] == status["metadata"]["generation"]


def test_the_scale_subresource() -> None:
    """TestDeploymentScaleSubresource."""
    stage = rolled_out(2)
    scale = stage.ask(Get(DEPLOYMENTS, "default", "web", subresource="scale"))
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (2, 2)
    scale["spec"]["replicas"] = 10
    after = stage.update(DEPLOYMENTS, scale, "scale")
    assert after["spec"]["replicas"] == 10
    assert stage.get(DEPLOYMENTS, "web")["spec"]["replicas"] == 10


def test_replica_sets_are_orphaned_and_adopted_when_labels_change() -> None:
    """TestReplicaSetOrphaningAndAdoptionWhenLabelsChange."""
    stage = rolled_out(1)
    (found,) = sets(stage)
    body = stage.get(REPLICA_SETS, name_of(found))
    body["metadata"]["labels"]["app"] = "orphaned"
    stage.update(REPLICA_SETS, body)
    stage.settle()
    assert controller_uid(stage.get(REPLICA_SETS, name_of(found))) == ""
    (other,) = sets(stage)
    assert name_of(other) != name_of(found)
    stage.delete(REPLICA_SETS, name_of(other))
    labels = {"metadata": {"labels": {"app": "web"}}}
    stage.patch(REPLICA_SETS, name_of(found), labels)
    stage.settle()
    adopted = stage.get(REPLICA_SETS, name_of(found))
    assert controller_uid(adopted) == uid_of(stage.get(DEPLOYMENTS, "web"))


def held(stage: Stage) -> None:
    """Pods that are told to go stay, as if their machines took their time."""
    for one in stage.all("pods"):
        finalizers = {"metadata": {"finalizers": ["test/stay"]}}
        stage.patch("pods", name_of(one), finalizers)


def let_go(stage: Stage) -> None:
    for one in stage.all("pods"):
        stage.patch("pods", name_of(one), {"metadata": {"finalizers": None}})


def test_terminating_replicas() -> None:
    """TestTerminatingReplicasDeploymentStatus."""
    stage = rolled_out(3)
    held(stage)
    stage.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 1}})
    stage.settle()
    status = stage.get(DEPLOYMENTS, "web")["status"]
    assert (status["replicas"], status["terminatingReplicas"]) == (1, 2)
    let_go(stage)
    stage.settle()
    assert stage.get(DEPLOYMENTS, "web")["status"]["terminatingReplicas"] == 0


def test_recreate_waits_for_old_pods() -> None:
    """TestRecreateDeploymentForPodReplacement."""
    stage = rolled_out(2, strategy={"type": "Recreate"})
    held(stage)
    stage.patch(DEPLOYMENTS, "web", image_patch("nginx:2"))
    stage.settle(10_000)
    assert [one["metadata"].get("deletionTimestamp") is not None for one in stage.all("pods")] == [
        True,
        True,
    ]
    let_go(stage)
    stage.roll(lambda: complete(stage))
    assert [one["spec"]["replicas"] for one in sets(stage)] == [0, 2]


def test_a_patch_that_fits_an_old_version_only_is_a_conflict() -> None:
    stage = rolled_out(1)
    old = {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 3}}
    said = stage.refused(Patch(DEPLOYMENTS, "default", "web", document(old)))
    assert said.reason is Reason.CONFLICT
