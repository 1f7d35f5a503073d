"""Client libraries and helm against a served cluster, through the pytest plugin's fixture."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kelm.adapters.simulator.inputs import NodeCrashed
from kelm.adapters.testing.plugin import _kelm_folder, kelm_cluster
from kelm.adapters.testing.served import ServedCluster
from kelm.core.laws.convergence import is_ready
from tests.adapters.apiserver.tools import tool

LABELS = {"app": "web"}
FIXTURES = (_kelm_folder, kelm_cluster)
"""Where kelm is installed they come with its entry point; a checkout has them from here."""


@pytest.fixture(scope="session")
def kelm_settings() -> dict[str, Any]:
    return {"nodes": 2, "seed": 7, "replace_machines": False}


def test_the_python_client_creates_watches_patches_and_deletes(
    kelm_cluster: ServedCluster,
) -> None:
    asyncio.run(_round(kelm_cluster))


async def _round(cluster: ServedCluster) -> None:
    from kubernetes_asyncio import client, config, watch

    await config.load_kube_config(str(cluster.kubeconfig))
    async with client.ApiClient() as api:
        apps, core = client.AppsV1Api(api), client.CoreV1Api(api)
        assert len((await core.list_node()).items) == 2
        container = client.V1Container(name="c", image="nginx")
        template = client.V1PodTemplateSpec(
            metadata=client.V1ObjectMeta(labels=LABELS),
            spec=client.V1PodSpec(containers=[container]),
        )
        selector = client.V1LabelSelector(match_labels=LABELS)
        spec = client.V1DeploymentSpec(replicas=2, selector=selector, template=template)
        body = client.V1Deployment(metadata=client.V1ObjectMeta(name="web"), spec=spec)
        await apps.create_namespaced_deployment("default", body)
        listed = apps.list_namespaced_deployment
        async with watch.Watch().stream(listed, "default", timeout_seconds=20) as events:
            async for event in events:
                if event["object"].status.ready_replicas == 2:
                    break
        await apps.patch_namespaced_deployment("web", "default", {"spec": {"replicas": 1}})
        scale = await apps.read_namespaced_deployment_scale("web", "default")
        assert scale.spec.replicas == 1
        await apps.delete_namespaced_deployment("web", "default")
        with pytest.raises(client.ApiException) as refused:
            await apps.read_namespaced_deployment("web", "default")
        assert refused.value.status == 404


def test_helm_installs_upgrades_rolls_back_and_uninstalls(
    kelm_cluster: ServedCluster, tmp_path: Path
) -> None:
    def helm(*words: str) -> str:
        done = subprocess.run(
            [str(tool("helm")), *words],
            env={**kelm_cluster.environment, "HOME": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    helm("create", "shop")
    assert "STATUS: deployed" in helm("install", "one", "shop", "--wait", "--timeout=60s")
    helm("upgrade", "one", "shop", "--set=replicaCount=3", "--wait", "--timeout=60s")
    assert "superseded" in helm("history", "one")
    helm("rollback", "one", "1", "--wait", "--timeout=60s")
    assert "Succeeded" in helm("test", "one", "--timeout=60s")
    assert "uninstalled" in helm("uninstall", "one", "--wait")


def test_a_test_moves_the_clock_and_breaks_machines(kelm_cluster: ServedCluster) -> None:
    assert kelm_cluster.settle()
    kelm_cluster.inject(NodeCrashed("node-1"))
    kelm_cluster.advance(60_000)
    lost, kept = (kelm_cluster.store.get("nodes", name) for name in ("node-1", "node-2"))
    assert lost is not None and not is_ready(lost)
    assert kept is not None and is_ready(kept)


def test_every_cluster_is_new(kelm_cluster: ServedCluster) -> None:
    assert kelm_cluster.settle(within_ms=60_000)
