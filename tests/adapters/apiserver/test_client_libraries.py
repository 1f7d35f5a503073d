"""Client libraries as people use them: each creates, watches, patches and deletes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from kelm.adapters.testing.plugin import _kelm_folder, kelm_cluster
from kelm.adapters.testing.served import ServedCluster, served
from tests.adapters.apiserver.node_tools import node, node_folder

HERE = Path(__file__).parent
LABELS = {"app": "web"}
LONGEST_S = 60


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedCluster]:
    with served(tmp_path_factory.mktemp("kelm"), {"nodes": 2, "seed": 7}) as one:
        yield one


def deployment(replicas: int, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {"containers": [{"name": "c", "image": "nginx"}]},
            },
        },
    }


def eventually(holds: Callable[[], Any]) -> Any:
    """What `holds` gives once it is true."""
    end = time.monotonic() + LONGEST_S
    while not (got := holds()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)
    return got


@contextmanager
def official(cluster: ServedCluster) -> Iterator[Any]:
    """The official client, whose connections are closed afterwards."""
    from kubernetes import config

    with config.new_client_from_config(str(cluster.kubeconfig)) as api:
        yield api
        api.rest_client.pool_manager.clear()


def test_kubernetes_the_official_client_of_python(cluster: ServedCluster) -> None:
    with official(cluster) as api:
        _official_round(api)


def _official_round(api: Any) -> None:
    from kubernetes import client, dynamic, watch

    apps = client.AppsV1Api(api)
    apps.create_namespaced_deployment("default", deployment(2, "official"))
    selector = "metadata.name=official"
    for event in watch.Watch().stream(
        apps.list_namespaced_deployment, "default", field_selector=selector, timeout_seconds=20
    ):
        if event["object"].status.ready_replicas == 2:
            break
    apps.patch_namespaced_deployment("official", "default", {"spec": {"replicas": 1}})
    kinds = dynamic.DynamicClient(api).resources
    found = kinds.get(api_version="apps/v1", kind="Deployment").get("official", "default")
    assert found.spec.replicas == 1
    apps.delete_namespaced_deployment("official", "default")
    with pytest.raises(client.ApiException) as refused:
        apps.read_namespaced_deployment("official", "default")
    assert refused.value.status == 404


@pytest.mark.filterwarnings("ignore:Kubernetes version .* is not supported:UserWarning")
def test_kr8s(cluster: ServedCluster) -> None:
    async def a_round() -> None:
        import kr8s.asyncio
        from kr8s.asyncio.objects import Deployment

        api = await kr8s.asyncio.api(kubeconfig=str(cluster.kubeconfig))
        web = await Deployment(deployment(2, "kr8s"), api=api)
        await web.create()
        await web.wait("condition=Available", timeout=20)
        async for kind, seen in api.watch("deployments", namespace="default"):
            if seen.name == "kr8s" and kind != "DELETED" and seen.status.readyReplicas == 2:
                break
        await web.scale(1)
        await web.patch({"metadata": {"labels": {"tier": "front"}}})
        assert (web.spec.replicas, web.labels["tier"]) == (1, "front")
        await web.delete()
        assert not await web.exists()

    asyncio.run(a_round())


def test_lightkube(cluster: ServedCluster) -> None:
    from lightkube import ApiError, Client, KubeConfig
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.apps_v1 import Deployment
    from lightkube.resources.core_v1 import ConfigMap

    client = Client(KubeConfig.from_file(str(cluster.kubeconfig)), field_manager="shop")
    client.create(Deployment.from_dict(deployment(2, "lightkube")))
    by_name = {"metadata.name": "lightkube"}
    for _, seen in client.watch(Deployment, fields=by_name):
        if seen.status is not None and seen.status.readyReplicas == 2:
            break
    patched = client.patch(Deployment, "lightkube", {"spec": {"replicas": 1}})
    assert patched.spec is not None and patched.spec.replicas == 1
    settings = ConfigMap(
        apiVersion="v1", kind="ConfigMap", metadata=ObjectMeta(name="settings"), data={"a": "b"}
    )
    assert client.apply(settings).data == {"a": "b"}
    client.delete(Deployment, "lightkube")
    with pytest.raises(ApiError) as refused:
        client.get(Deployment, "lightkube")
    assert refused.value.status.code == 404
    client._client.close()  # it has no way of its own to close its connections


def test_the_client_of_node(cluster: ServedCluster) -> None:
    done = subprocess.run(
        [node().node, "round.js"],
        cwd=node_folder(),
        env=cluster.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr


SHOPS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "shops.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "shops", "singular": "shop", "kind": "Shop"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {"counters": {"type": "integer", "minimum": 1}},
                            },
                            "status": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": True,
                            },
                        },
                    }
                },
            }
        ],
    },
}


@pytest.fixture
def operator(kelm_cluster: ServedCluster, tmp_path: Path) -> Iterator[ServedCluster]:
    """A cluster with Shops, and kopf running the operator beside it."""
    from kubernetes import client

    with official(kelm_cluster) as api:
        client.ApiextensionsV1Api(api).create_custom_resource_definition(SHOPS)
    command = [sys.executable, "-m", "kopf", "run", "--namespace=default", "--standalone"]
    log = tmp_path / "kopf.log"
    with log.open("w") as told:
        process = subprocess.Popen(
            [*command, str(HERE / "shop_operator.py")],
            env={**kelm_cluster.environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=told,
            stderr=subprocess.STDOUT,
        )
        try:
            yield kelm_cluster
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()
    assert "Traceback" not in log.read_text(), log.read_text()


def test_kopf_runs_an_operator(operator: ServedCluster) -> None:
    with official(operator) as api:
        _open_and_close_a_shop(operator, api)


def _open_and_close_a_shop(operator: ServedCluster, api: Any) -> None:
    from kubernetes import client

    shops = client.CustomObjectsApi(api)
    where = ("example.com", "v1", "default", "shops")
    shop = {
        "apiVersion": "example.com/v1",
        "kind": "Shop",
        "metadata": {"name": "corner"},
        "spec": {"counters": 2},
    }

    def ready() -> int:
        found = operator.store.get("deployments.apps", "default/corner")
        return 0 if found is None else found.get("status", {}).get("readyReplicas", 0)

    shops.create_namespaced_custom_object(*where, shop)
    eventually(lambda: ready() == 2)
    shops.patch_namespaced_custom_object(*where, "corner", {"spec": {"counters": 3}})
    eventually(lambda: ready() == 3)
    shops.delete_namespaced_custom_object(*where, "corner")
    eventually(lambda: operator.store.get("shops.example.com", "default/corner") is None)
    eventually(lambda: operator.store.get("deployments.apps", "default/corner") is None)


FIXTURES = (_kelm_folder, kelm_cluster)
"""Where kelm is installed they come with its entry point; a checkout has them from here."""
