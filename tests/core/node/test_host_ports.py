"""Pods that were bound to a node by their maker, and ports that are taken there."""

from __future__ import annotations

from typing import Any

import pytest

from kelm import Cluster
from kelm.effects.commands import Delete


def pod(name: str, **port: Any) -> dict[str, Any]:
    ports = [{"containerPort": 80, "hostPort": 8080, **port}]
    container = {"name": "c", "image": "web:1", "ports": ports}
    meta = {"name": name, "namespace": "default"}
    spec = {"nodeName": "node-1", "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def second(first: dict[str, Any], other: dict[str, Any]) -> Any:
    cluster = Cluster(nodes=1)
    cluster.apply(first)
    cluster.run(5_000)
    cluster.apply(other)
    cluster.run(5_000)
    doc: Any = cluster.get("pods", "b")
    return doc["status"]


def test_a_pod_fails_whose_port_is_taken() -> None:
    status = second(pod("a"), pod("b"))
    assert (status["phase"], status["reason"]) == ("Failed", "NodePorts")
    assert "Predicate NodePorts failed: node(s) didn't have free ports" in status["message"]


@pytest.mark.parametrize(
    ("first", "other", "phase"),
    [
        ({"hostIP": "10.0.0.1"}, {}, "Failed"),
        ({"hostIP": "0.0.0.0"}, {"hostIP": "10.0.0.1"}, "Failed"),
        ({"hostIP": "10.0.0.1"}, {"hostIP": "10.0.0.2"}, "Running"),
        ({}, {"protocol": "UDP"}, "Running"),
        ({}, {"hostPort": 8081}, "Running"),
    ],
)
def test_a_port_is_an_address_a_protocol_and_a_number(
    first: dict[str, Any], other: dict[str, Any], phase: str
) -> None:
    assert second(pod("a", **first), pod("b", **other))["phase"] == phase


def test_a_port_is_free_again_when_its_pod_is_gone() -> None:
    cluster = Cluster(nodes=1)
    cluster.apply(pod("a"))
    cluster.run(5_000)
    cluster.ask(Delete("pods", "default", "a")).unwrap()
    cluster.run(60_000)
    cluster.apply(pod("b"))
    cluster.run(5_000)
    found: Any = cluster.get("pods", "b")
    assert found["status"]["phase"] == "Running"
