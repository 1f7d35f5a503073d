"""StatefulSets, as test/integration/statefulset has them."""

from __future__ import annotations

from typing import Any

import pytest

from kelm.effects.commands import Update
from kelm.effects.document import document
from kelm.effects.refusals import Reason
from tests.scenarios.stage import STATEFUL_SETS, Stage, image_patch, name_of, uid_of, workload

CLAIMS = "persistentvolumeclaims"
REVISION = "controller-revision-hash"


def claim_template(name: str = "www", size: str = "1Gi") -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"metadata": {"name": name}, "spec": spec}


def body_of(replicas: int, **spec: Any) -> dict[str, Any]:
    return workload("sts", replicas, **{"serviceName": "fake-service", **spec})


def started(replicas: int, **spec: Any) -> Stage:
    stage = Stage()
    stage.create(STATEFUL_SETS, body_of(replicas, **spec))
    stage.roll(lambda: len(stage.all("pods")) == replicas)
    stage.make_ready(stage.all("pods"))
    stage.settle()
    return stage


def status(stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = stage.get(STATEFUL_SETS, "sts")["status"]
    return found


def test_claim_templates_may_be_written_back_and_not_changed() -> None:
    """TestVolumeTemplateNoopUpdate."""
    stage = started(1, volumeClaimTemplates=[claim_template()])
    stage.update(STATEFUL_SETS, stage.get(STATEFUL_SETS, "sts"))
    changed = stage.get(STATEFUL_SETS, "sts")
    changed["spec"]["volumeClaimTemplates"] = [claim_template(size="2Gi")]
    said = stage.refused(Update(STATEFUL_SETS, "default", "sts", document(changed)))
    assert said.reason is Reason.INVALID
    assert "updates to statefulset spec for fields other than" in said.message


def test_replicas_change_and_the_generation_is_observed() -> None:
    """TestSpecReplicasChange."""
    stage = started(3)
    for replicas in (2, 0, 1):
        stage.patch(STATEFUL_SETS, "sts", {"spec": {"replicas": replicas}})
        stage.settle(60_000)
        found = stage.get(STATEFUL_SETS, "sts")
        assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
        assert found["status"]["replicas"] == replicas
    before = found["metadata"]["generation"]
    stage.patch(STATEFUL_SETS, "sts", {"metadata": {"annotations": {"test": "x"}}})
    stage.settle()
    assert stage.get(STATEFUL_SETS, "sts")["metadata"]["generation"] == before


@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
def test_a_pod_comes_back_under_its_name_once_it_is_gone(policy: str) -> None:
    """TestDeletingAndTerminatingPods, TestStatefulSetPodSubdomain's pods: every end of a pod."""
    stage = started(4, podManagementPolicy=policy)
    before = {name_of(one): uid_of(one) for one in stage.all("pods")}
    for name in ("sts-0", "sts-2"):
        stage.patch("pods", name, {"metadata": {"finalizers": ["fake/stay"]}})
        stage.delete("pods", name, grace_period_seconds=0)
    stage.fail("sts-1")
    stage.say("sts-3", phase="Succeeded")
    stage.settle(10_000)
    going = {name_of(p) for p in stage.all("pods") if p["metadata"].get("deletionTimestamp")}
    assert {"sts-0", "sts-2"} <= going, "nothing takes their place as long as they are there"
    for name in ("sts-0", "sts-2"):
        stage.patch("pods", name, {"metadata": {"finalizers": None}})

    def all_are_new() -> bool:
        now = {name_of(one): uid_of(one) for one in stage.all("pods")}
        return now.keys() == before.keys() and not now.items() & before.items()

    stage.roll(all_are_new)


@pytest.mark.parametrize(
    ("ready_for_ms", "available"), [((0, 0, 0), 0), ((0, 4_000_000, 4_000_000), 2)]
)
def test_pods_are_available_once_they_are_ready_for_long_enough(
    ready_for_ms: tuple[int, ...], available: int
) -> None:
    """TestStatefulSetAvailable."""
    stage = Stage()
    stage.create(STATEFUL_SETS, body_of(3, minReadySeconds=3600, podManagementPolicy="Parallel"))
    stage.settle()
    for one, since_ms in zip(stage.all("pods"), ready_for_ms, strict=True):
        stage.make_ready([one], since_ms)
    stage.settle()
    assert (status(stage)["readyReplicas"], status(stage)["availableReplicas"]) == (3, available)


def test_the_status_is_written_though_no_pod_can_be_made() -> None:
    """TestStatefulSetStatusWithPodFail: admission refuses every pod."""
    stage = Stage()
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    stage.create("resourcequotas", quota)
    stage.settle()
    stage.create(STATEFUL_SETS, body_of(4))
    stage.settle()
    assert stage.all("pods") == []
    assert status(stage)["observedGeneration"] == 1
    assert status(stage)["updateRevision"]
    assert any("exceeded quota" in said for said in stage.told("FailedCreate"))


@pytest.mark.parametrize(
    ("deleted", "scaled", "by_set", "by_pod"),
    [
        ("Retain", "Retain", False, False),
        ("Delete", "Retain", True, False),
        ("Retain", "Delete", False, True),
        ("Delete", "Delete", True, True),
    ],
)
def test_who_owns_the_claims(deleted: str, scaled: str, by_set: bool, by_pod: bool) -> None:
    """TestAutodeleteOwnerRefs: before and after the set is made smaller."""
    policy = {"whenDeleted": deleted, "whenScaled": scaled}
    stage = started(
        2,
        volumeClaimTemplates=[claim_template()],
        persistentVolumeClaimRetentionPolicy=policy,
    )

    def owners(claim: str) -> list[str]:
        meta = stage.get(CLAIMS, claim)["metadata"]
        return [one["kind"] for one in meta.get("ownerReferences", ())]

    kept = ["StatefulSet"] if by_set else []
    assert owners("www-sts-0") == owners("www-sts-1") == kept
    stage.patch("pods", "sts-1", {"metadata": {"finalizers": ["test/stay"]}})
    stage.patch(STATEFUL_SETS, "sts", {"spec": {"replicas": 1}})
    stage.settle()
    assert owners("www-sts-0") == kept
    assert owners("www-sts-1") == (["Pod"] if by_pod else kept)
    stage.patch("pods", "sts-1", {"metadata": {"finalizers": None}})
    stage.settle(60_000)
    assert stage.has(CLAIMS, "www-sts-1") is not by_pod


def test_a_stuck_pod_comes_back_at_the_right_revision() -> None:
    """TestDeletingPodForRollingUpdatePartition."""
    update = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    stage = started(2, updateStrategy=update)
    stage.patch(STATEFUL_SETS, "sts", image_patch("nginx:2"))
    stage.roll(lambda: status(stage).get("updatedReplicas") == 1)
    revisions = {name_of(p): p["metadata"]["labels"][REVISION] for p in stage.all("pods")}
    assert revisions["sts-0"] != revisions["sts-1"]
    for name in ("sts-0", "sts-1"):
        stage.patch("pods", name, {"metadata": {"finalizers": ["test/stay"]}})
        stage.delete("pods", name, grace_period_seconds=0)
        stage.settle()
        stage.patch("pods", name, {"metadata": {"finalizers": None}})
        stage.roll(lambda: len(stage.all("pods")) == 2)
    again = {name_of(p): p["metadata"]["labels"][REVISION] for p in stage.all("pods")}
    assert again == revisions


@pytest.mark.parametrize("start", [0, 4, 5])
def test_ordinals_start_where_they_are_told_to(start: int) -> None:
    """TestStatefulSetStartOrdinal."""
    stage = started(3, ordinals={"start": start}, podManagementPolicy="Parallel")
    assert stage.names("pods") == [f"sts-{start + n}" for n in range(3)]
    stage.patch(STATEFUL_SETS, "sts", {"spec": {"ordinals": {"start": start + 1}}})
    stage.roll(lambda: stage.names("pods") == [f"sts-{start + 1 + n}" for n in range(3)])


@pytest.mark.parametrize("service", ["test-service", ""])
def test_pods_have_names_below_the_service_if_there_is_one(service: str) -> None:
    """TestStatefulSetPodSubdomain."""
    stage = started(2, serviceName=service)
    for one in stage.all("pods"):
        assert one["spec"]["hostname"] == name_of(one)
        assert one["spec"].get("subdomain", "") == service
