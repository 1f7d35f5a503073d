"""Pods as the API keeps them, as test/integration/pods and the scheduler's gates have them."""

from __future__ import annotations

from typing import Any

import pytest

from kelm.effects.commands import Create, Patch
from kelm.effects.document import document
from kelm.effects.refusals import Reason, Refusal
from tests.scenarios.stage import Stage, pod_spec


@pytest.fixture
def stage() -> Stage:
    return Stage()


def pod(name: str = "p", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": pod_spec(**spec)}


def tried(stage: Stage, **spec: Any) -> Refusal | None:
    command = Patch("pods", "default", "p", document({"spec": spec}), patch_type="strategic")
    outcome = stage.cluster.ask(command)
    return outcome.swap().value_or(None)


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        (None, 5, True),
        (10, 10, True),
        (10, 5, True),
        (10, 11, False),
        (10, None, False),
        (10, -1, False),
        (None, -1, False),
    ],
)
def test_a_deadline_may_come_sooner_and_never_later(
    stage: Stage, before: int | None, after: int | None, allowed: bool
) -> None:
    """TestPodUpdateActiveDeadlineSeconds."""
    stage.create("pods", pod(**({} if before is None else {"activeDeadlineSeconds": before})))
    said = tried(stage, activeDeadlineSeconds=after)
    assert (said is None) is allowed
    if said is not None:
        assert said.reason is Reason.INVALID and "activeDeadlineSeconds" in said.message


GATE = {"name": "example.com/gate"}


def test_gates_may_go_and_none_may_come(stage: Stage) -> None:
    """TestSchedulingGates: update of a pod's gates."""
    stage.create("pods", pod(schedulingGates=[GATE, {"name": "example.com/other"}]))
    stage.settle()
    found = stage.get("pods", "p")
    (condition,) = found["status"]["conditions"]
    assert (condition["type"], condition["reason"]) == ("PodScheduled", "SchedulingGated")
    more = [GATE, {"name": "example.com/other"}, {"name": "example.com/new"}]
    said = tried(stage, schedulingGates=more)
    assert said is not None and said.reason is Reason.INVALID
    assert tried(stage, schedulingGates=[GATE]) is None


def test_a_gated_pod_may_want_less_nodes_and_not_others(stage: Stage) -> None:
    """TestNodeSelectorUpdate: nodeSelector and affinity may only be narrowed."""
    stage.create("pods", pod(schedulingGates=[GATE], nodeSelector={"a": "b"}))
    assert tried(stage, nodeSelector={"a": "b", "c": "d"}) is None
    said = tried(stage, nodeSelector={"a": "other"})
    assert said is not None and said.reason is Reason.INVALID
    said = tried(stage, nodeSelector={"c": None})
    assert said is not None and said.reason is Reason.INVALID


def test_what_a_pod_is_stays(stage: Stage) -> None:
    """TestPodReadOnlyFilesystem's neighbours: most of a pod's spec cannot be changed."""
    stage.create("pods", pod())
    for change in (
        {"restartPolicy": "Never"},
        {"serviceAccountName": "other"},
        {"hostNetwork": True},
        {"containers": [{"name": "c", "image": "nginx:1", "command": ["x"]}]},
    ):
        said = tried(stage, **change)
        assert said is not None and said.reason is Reason.INVALID, change
        assert "pod updates may not change fields other than" in said.message
    assert tried(stage, containers=[{"name": "c", "image": "nginx:2"}]) is None


def test_everybody_bears_a_lost_node_for_five_minutes(stage: Stage) -> None:
    """TestAdmission of DefaultTolerationSeconds."""
    stage.create("pods", pod())
    found = stage.get("pods", "p")["spec"]["tolerations"]
    assert [(one["key"], one["effect"], one["tolerationSeconds"]) for one in found] == [
        ("node.kubernetes.io/not-ready", "NoExecute", 300),
        ("node.kubernetes.io/unreachable", "NoExecute", 300),
    ]


@pytest.mark.parametrize(
    ("volumes", "mounts"),
    [
        ([{"name": "a", "secret": {"secretName": "s"}}] * 2, []),
        ([], [{"name": "missing", "mountPath": "/x"}]),
    ],
)
def test_volumes_have_names_of_their_own_and_mounts_have_volumes(
    stage: Stage, volumes: list[Any], mounts: list[Any]
) -> None:
    body = pod(volumes=volumes)
    body["spec"]["containers"][0]["volumeMounts"] = mounts
    assert stage.refused(Create("pods", "default", document(body))).reason is Reason.INVALID


def test_a_bound_pod_knows_the_place_of_its_node() -> None:
    """TestBinding's topology labels."""
    stage = Stage(nodes=1)
    stage.create("pods", pod())
    stage.settle()
    labels = stage.get("pods", "p")["metadata"]["labels"]
    assert labels["topology.kubernetes.io/zone"] == "zone-a"
