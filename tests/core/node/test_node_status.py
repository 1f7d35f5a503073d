"""What a kubelet writes of its node, and what it leaves alone."""

from __future__ import annotations

from typing import Any

from kelm import Cluster
from kelm.effects.commands import Patch
from kelm.effects.document import document

DEVICE = "example.com/dongle"


def status(cluster: Cluster) -> Any:
    node: Any = cluster.list("nodes")[0]
    return node["status"]


def patched(cluster: Cluster, value: object) -> None:
    patch = document({"status": {"capacity": {DEVICE: value}}})
    cluster.ask(Patch("nodes", "", "node-1", patch, "merge", "status")).unwrap()
    cluster.run(700_000)


def test_a_resource_that_somebody_adds_to_a_node_stays_and_can_be_asked_for() -> None:
    cluster = Cluster(nodes=1)
    before = status(cluster)
    patched(cluster, "2")
    assert status(cluster)["capacity"] == {DEVICE: "2", **before["capacity"]}
    assert status(cluster)["allocatable"][DEVICE] == "2"
    container = {"name": "c", "image": "web:1", "resources": {"limits": {DEVICE: "2"}}}
    meta = {"name": "p", "namespace": "default"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}}
    cluster.apply(pod)
    cluster.run_until_converged()
    found: Any = cluster.list("pods")[0]
    assert found["status"]["phase"] == "Running"


def test_a_resource_that_is_taken_from_a_node_is_gone() -> None:
    cluster = Cluster(nodes=1)
    before = status(cluster)["capacity"]
    patched(cluster, "2")
    patched(cluster, None)
    assert status(cluster)["capacity"] == status(cluster)["allocatable"] == before


def test_a_node_tells_what_it_has_whatever_others_write() -> None:
    cluster = Cluster(nodes=1)
    before = status(cluster)["capacity"]
    patch = document({"status": {"capacity": {"cpu": "64"}, "allocatable": {"cpu": "64"}}})
    cluster.ask(Patch("nodes", "", "node-1", patch, "merge", "status")).unwrap()
    cluster.run(700_000)
    assert status(cluster)["capacity"] == status(cluster)["allocatable"] == before
