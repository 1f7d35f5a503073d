"""A pod whose image is changed while it is on its node."""

from __future__ import annotations

from typing import Any

import pytest

from kelm import Cluster
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.node.containers.images import exits, image
from kelm.effects.commands import List, Patch
from kelm.effects.document import document

PLANE = ControlPlane().with_image("ends", image(exits(after_ms=100)))


def started(name: str, policy: str = "Always", init: bool = False) -> Cluster:
    spec: dict[str, Any] = {
        "restartPolicy": policy,
        "containers": [{"name": "c", "image": name}, {"name": "other", "image": "web:1"}],
    }
    if init:
        spec["initContainers"] = [{"name": "i", "image": "ends:1"}]
    meta = {"name": "p", "namespace": "default"}
    cluster = Cluster(nodes=1, control_plane=PLANE)
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    cluster.run(20_000)
    return cluster


def with_image(cluster: Cluster, name: str, field: str = "containers", of: str = "c") -> None:
    patch = document({"spec": {field: [{"name": of, "image": name}]}})
    cluster.ask(Patch("pods", "default", "p", patch, "strategic")).unwrap()


def status(cluster: Cluster, index: int = 0) -> Any:
    doc: Any = cluster.list("pods")[0]
    return doc["status"]["containerStatuses"][index]


def messages(cluster: Cluster) -> list[str]:
    events: Any = cluster.ask(List("events", "default")).unwrap()["items"]
    return [one["message"] for one in events]


@pytest.mark.parametrize("policy", ["Always", "Never"])
def test_a_container_whose_image_changes_is_restarted_with_it(policy: str) -> None:
    cluster = started("web:1", policy)
    with_image(cluster, "web:2")
    cluster.run(10_000)
    assert status(cluster)["image"].endswith("web:2")
    assert (status(cluster)["restartCount"], status(cluster)["ready"]) == (1, True)
    assert status(cluster, 1)["restartCount"] == 0
    assert "Container c definition changed, will be restarted" in messages(cluster)


def test_a_container_that_waits_for_an_image_tries_another_one_at_once() -> None:
    cluster = started("web:404")
    cluster.run(120_000)
    assert status(cluster)["state"]["waiting"]["reason"] == "ImagePullBackOff"
    with_image(cluster, "web:2")
    cluster.run(3_000)
    assert status(cluster)["ready"] and status(cluster)["restartCount"] == 0


def test_a_container_that_keeps_ending_is_not_held_back_by_its_old_image() -> None:
    cluster = started("ends:1")
    cluster.run(60_000)
    assert status(cluster)["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    with_image(cluster, "web:2")
    cluster.run(3_000)
    assert status(cluster)["ready"]


def test_what_has_ended_for_good_stays_ended() -> None:
    cluster = started("ends:1", "Never", init=True)
    with_image(cluster, "ends:2")
    with_image(cluster, "ends:2", "initContainers", "i")
    cluster.run(10_000)
    assert status(cluster)["restartCount"] == 0
    assert "terminated" in status(cluster)["state"]
