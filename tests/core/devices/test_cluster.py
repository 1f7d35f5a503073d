"""A whole cluster with devices: a Deployment whose pods each get one, and give it back."""

from __future__ import annotations

from typing import Any

from kelm import Cluster
from kelm.core.objects.devices import CLAIMS
from kelm.effects.document import children, document, text

CLASS = {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "gpu"}}
TEMPLATE = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "ResourceClaimTemplate",
    "metadata": {"name": "one-gpu"},
    "spec": {
        "spec": {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu"}}]}}
    },
}


def slice_of(node: str, count: int) -> dict[str, Any]:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{node}-gpus"},
        "spec": {
            "driver": "gpu.example.com",
            "nodeName": node,
            "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
            "devices": [{"name": f"gpu-{number}"} for number in range(count)],
        },
    }


def deployment(replicas: int) -> dict[str, Any]:
    labels = {"app": "train"}
    claims = [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}]
    resources = {"claims": [{"name": "gpu"}]}
    container = {"name": "c", "image": "nginx:1.25", "resources": resources}
    spec = {"containers": [container], "resourceClaims": claims}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "train"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def devices(cluster: Cluster) -> list[tuple[str, str]]:
    return sorted(
        (text(result, "pool"), text(result, "device"))
        for doc in cluster.store.table(CLAIMS).objects()
        for result in children(doc, "status", "allocation", "devices", "results")
    )


def test_each_pod_of_a_deployment_gets_a_device_and_gives_it_back() -> None:
    cluster = Cluster(nodes=2)
    for doc in (CLASS, TEMPLATE, slice_of("node-1", 2), slice_of("node-2", 1), deployment(3)):
        cluster.apply(doc)
    cluster.run_until_converged()
    assert devices(cluster) == [("node-1", "gpu-0"), ("node-1", "gpu-1"), ("node-2", "gpu-0")]
    pods = cluster.list("pods")
    assert {text(document(one), "status", "phase") for one in pods} == {"Running"}
    cluster.apply(deployment(1))
    cluster.run_until_converged()
    cluster.run(60_000)
    assert len(devices(cluster)) == 1 and len(list(cluster.store.table(CLAIMS).objects())) == 1
