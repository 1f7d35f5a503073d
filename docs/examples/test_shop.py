"""A test of one's own manifests: pytest, the fixture `kelm_cluster`, and any client of Kubernetes.

pip install kelm kubernetes pytest
pytest docs/examples/test_shop.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, utils

from kelm.adapters.simulator.inputs import ImagePullFailed, NodeCrashed
from kelm.adapters.testing.served import ServedCluster

GUESTBOOK = Path(__file__).parent / "guestbook.yaml"


@pytest.fixture(scope="session")
def kelm_settings() -> dict[str, Any]:
    return {"nodes": 3, "zones": ("a", "b", "c")}


@pytest.fixture
def api(kelm_cluster: ServedCluster) -> Iterator[Any]:
    with config.new_client_from_config(str(kelm_cluster.kubeconfig)) as connected:
        utils.create_from_yaml(connected, str(GUESTBOOK))
        assert kelm_cluster.settle()
        yield connected
        connected.rest_client.pool_manager.clear()


def ready(api: Any, name: str) -> int:
    status = client.AppsV1Api(api).read_namespaced_deployment_status(name, "default").status
    return status.ready_replicas or 0


def test_a_lost_machine_is_made_up_for_within_six_minutes(
    kelm_cluster: ServedCluster, api: Any
) -> None:
    (pod, *_) = client.CoreV1Api(api).list_namespaced_pod("default").items
    kelm_cluster.inject(NodeCrashed(pod.spec.node_name))
    kelm_cluster.advance(360_000)  # six minutes, in less than a second
    assert kelm_cluster.settle()
    assert ready(api, "frontend") == 3


def test_a_bad_image_takes_nothing_down(kelm_cluster: ServedCluster, api: Any) -> None:
    kelm_cluster.inject(ImagePullFailed("guestbook-frontend:v6", 3_600_000))
    container = {"name": "php", "image": "guestbook-frontend:v6"}
    change = {"spec": {"template": {"spec": {"containers": [container]}}}}
    client.AppsV1Api(api).patch_namespaced_deployment("frontend", "default", change)
    kelm_cluster.advance(900_000)
    assert ready(api, "frontend") == 3  # a surge of one, and nobody leaves before it is ready
    found = client.AppsV1Api(api).read_namespaced_deployment("frontend", "default")
    (progressing,) = [one for one in found.status.conditions if one.type == "Progressing"]
    assert progressing.reason == "ProgressDeadlineExceeded"
