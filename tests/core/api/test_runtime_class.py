"""Pods with a runtime class, and kernel parameters that a pod asks for."""

from __future__ import annotations

from typing import Any

import pytest

from kelm import Cluster
from kelm.core.api.server import ApiServer
from kelm.effects.commands import Create, Delete
from kelm.effects.document import child, document
from tests.core.api.clusters import done, pod, refused, server_with

CLASSES = "runtimeclasses.node.k8s.io"
KATA: dict[str, Any] = {
    "metadata": {"name": "kata"},
    "handler": "kata",
    "overhead": {"podFixed": {"cpu": "250m", "memory": "120Mi"}},
    "scheduling": {
        "nodeSelector": {"runtime": "kata"},
        "tolerations": [{"key": "kata", "operator": "Exists"}],
    },
}


def with_kata() -> ApiServer:
    return server_with(Create(CLASSES, "", document(KATA)))


def test_a_pod_of_a_runtime_class_costs_more_and_goes_where_the_class_says() -> None:
    web = pod(runtimeClassName="kata", nodeSelector={"disk": "ssd"})
    spec = child(done(with_kata(), Create("pods", "default", web))[1], "spec")
    assert spec["overhead"] == {"cpu": "250m", "memory": "120Mi"}
    assert spec["nodeSelector"] == {"disk": "ssd", "runtime": "kata"}
    tolerations: Any = spec["tolerations"]
    assert tolerations[-1] == {"key": "kata", "operator": "Exists"}
    assert len(tolerations) == 3


def test_a_toleration_that_another_one_covers_is_left_out() -> None:
    own = [{"key": "kata", "operator": "Equal", "value": "a", "effect": "NoSchedule"}]
    web = pod(runtimeClassName="kata", tolerations=own)
    spec = child(done(with_kata(), Create("pods", "default", web))[1], "spec")
    tolerations: Any = spec["tolerations"]
    assert [one["key"] for one in tolerations].count("kata") == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"runtimeClassName": "gone"}, 'pod rejected: RuntimeClass "gone" not found'),
        ({"overhead": {"cpu": "1"}}, "without corresponding RuntimeClass defined Overhead"),
        (
            {"runtimeClassName": "kata", "overhead": {"cpu": "1"}},
            "Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        ),
        (
            {"runtimeClassName": "kata", "nodeSelector": {"runtime": "runc"}},
            "conflict: runtimeClass.scheduling.nodeSelector[runtime] = kata; "
            "pod.spec.nodeSelector[runtime] = runc",
        ),
    ],
)
def test_a_pod_and_its_runtime_class_must_agree(fields: dict[str, Any], words: str) -> None:
    refusal = refused(with_kata(), Create("pods", "default", pod(**fields)))
    assert refusal.code == 403
    assert words in refusal.message


def test_a_class_that_is_gone_is_not_remembered() -> None:
    server, _ = done(with_kata(), Create("pods", "default", pod("a", runtimeClassName="kata")))
    server, _ = done(server, Delete(CLASSES, "", "kata"))
    assert refused(server, Create("pods", "default", pod("b", runtimeClassName="kata"))).code == 403


def sysctls(*names: str) -> dict[str, Any]:
    return {"securityContext": {"sysctls": [{"name": name, "value": "1"} for name in names]}}


def test_names_of_kernel_parameters_are_judged() -> None:
    names = ("foo-", "kernel.shmmax", "safe-and-unsafe", "bar..", "kernel/a", "kernel/a")
    refusal = refused(server_with(), Create("pods", "default", pod(**sysctls(*names))))
    wrong = [cause.field for cause in refusal.causes]
    assert wrong == [f"spec.securityContext.sysctls[{index}].name" for index in (0, 3, 5)]
    assert "must have at most 253 characters and match regex ^" in refusal.message


@pytest.mark.parametrize(
    ("name", "phase"),
    [("kernel.msgmax", "Failed"), ("kernel/shm_rmid_forced", "Running")],
)
def test_a_node_sets_only_parameters_that_are_the_pods_own(name: str, phase: str) -> None:
    cluster = Cluster(nodes=1)
    cluster.apply(document({"apiVersion": "v1", "kind": "Pod", **pod(**sysctls(name))}))
    cluster.run(10_000)
    status: Any = cluster.list("pods")[0]["status"]
    assert status["phase"] == phase
    if phase == "Failed":
        words = 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted'
        assert (status["reason"], status["message"]) == ("SysctlForbidden", words)
