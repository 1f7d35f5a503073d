"""Older kubectls against `kelm serve`: what they ask, and how, has changed over the years."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kelm.adapters.testing.served import ServedCluster, served
from tests.adapters.apiserver.test_kubectl import WEB, Kubectl
from tests.adapters.apiserver.tools import tool


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedCluster]:
    with served(tmp_path_factory.mktemp("kelm"), {"nodes": 2, "seed": 7}) as one:
        yield one


@pytest.mark.parametrize("version", ["v30", "v33", "v35"])
def test_an_older_kubectl_applies_watches_scales_reads_and_deletes(
    cluster: ServedCluster, version: str, tmp_path: Path
) -> None:
    kubectl = Kubectl(tool("kubectl", version), cluster.kubeconfig, tmp_path)
    assert f"v1.{version[1:]}" in kubectl("version")
    kubectl(f"create namespace {version}")
    kubectl.namespace = version
    assert "deployment.apps/web created" in kubectl("apply -f -", stdin=WEB)
    assert "successfully rolled out" in kubectl("rollout status deployment/web --timeout=30s")
    assert "serverside-applied" in kubectl("apply --server-side --force-conflicts -f -", stdin=WEB)
    kubectl("scale deployment/web --replicas=1")
    kubectl("wait deployment/web --for=jsonpath={.status.readyReplicas}=1 --timeout=30s")
    assert kubectl("get deployment web -o jsonpath={.spec.replicas}") == "1"
    assert "1/1     1            1" in kubectl("get deployments")
    assert "ScalingReplicaSet" in kubectl("describe deployment web")
    assert "FIELDS" in kubectl("explain deployment.spec")
    refused = kubectl.fails("apply -f -", stdin=WEB.replace("replicas: 2", "replikas: 2"))
    assert 'unknown field "spec.replikas"' in refused
    kubectl("delete deployment,service web")
    assert "No resources found" in kubectl.run("get", "deployments")[2]
