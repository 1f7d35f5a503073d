"""Webhooks of a simulated cluster: calls take time, get lost, block, and replay."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.cluster import Refused
from kelm.adapters.simulator.inputs import CallsLost, FaultsEnded
from kelm.adapters.simulator.processes import ControlPlane
from kelm.adapters.simulator.trace import digest, follow, read_lines
from kelm.core.api.webhooks.rules import MUTATING, VALIDATING
from kelm.effects.commands import Create, Delete
from kelm.effects.document import children, document, text, value_at
from tests.core.api.clusters import config, deployment

URL = "https://hooks.example.com/pods"
RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}


def configuration(kind: str = "Validating", **fields: object) -> dict[str, Any]:
    hook = {
        "name": "pods.example.com",
        "clientConfig": {"url": URL},
        "rules": [RULE],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **fields,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": "policy"},
        "webhooks": [hook],
    }


def sidecar(request: dict[str, Any]) -> dict[str, Any]:
    patch = [{"op": "add", "path": "/metadata/annotations", "value": {"by": "hook"}}]
    encoded = base64.b64encode(json.dumps(patch).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": encoded}


def no_latest(request: dict[str, Any]) -> dict[str, Any]:
    images = [one["image"] for one in request["object"]["spec"]["containers"]]
    bad = [image for image in images if ":" not in image]
    return {"allowed": not bad, "status": {"message": f"no tag: {', '.join(bad)}"}}


def cluster_with(decide: Any, **settings: Any) -> Cluster:
    plane = ControlPlane().with_webhook(URL, decide)
    return Cluster(nodes=1, control_plane=plane, replace_machines=False, **settings)


def web(image: str = "nginx:1") -> dict[str, Any]:
    doc = json.loads(json.dumps(deployment()))
    doc["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return {"apiVersion": "apps/v1", "kind": "Deployment", **doc}


def test_pods_that_a_controller_creates_are_patched() -> None:
    cluster = cluster_with(sidecar)
    cluster.apply(configuration("Mutating"), web())
    cluster.run_until_converged()
    pods = cluster.list("pods")
    assert [value_at(pod, "metadata", "annotations", "by") for pod in pods] == ["hook", "hook"]


def test_a_caller_waits_for_the_webhook_in_cluster_time() -> None:
    cluster = cluster_with(no_latest)
    cluster.apply(configuration())
    before = cluster.now_ms
    with pytest.raises(Refused, match=r'"pods.example.com" denied the request: no tag: nginx$'):
        cluster.apply({"apiVersion": "v1", "kind": "Pod", **_pod("nginx")})
    assert before < cluster.now_ms < before + 1_000
    cluster.apply({"apiVersion": "v1", "kind": "Pod", **_pod("nginx:1")})
    assert cluster.get("pods", "p") is not None


def _pod(image: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "c", "image": image}]}
    return {"metadata": {"name": "p", "namespace": "default"}, "spec": spec}


def test_a_webhook_that_is_nowhere_blocks_pods_until_its_configuration_is_gone() -> None:
    cluster = Cluster(nodes=1, replace_machines=False)
    cluster.apply(configuration(), web())
    cluster.run(20_000)
    assert cluster.list("pods") == ()
    (replica_set,) = cluster.list("replicasets.apps")
    (condition,) = children(replica_set, "status", "conditions")
    assert text(condition, "reason") == "FailedCreate"
    assert "failed calling webhook" in text(condition, "message")
    assert text(condition, "message").endswith(
        'Post "https://hooks.example.com/pods?timeout=10s": dial tcp hooks.example.com:443: '
        "connect: connection refused"
    )
    cluster.ask(Delete(VALIDATING, "", "policy")).unwrap()
    cluster.run_until_converged()
    assert len(cluster.list("pods")) == 2


def test_a_lost_call_takes_all_of_its_time() -> None:
    cluster = cluster_with(no_latest)
    cluster.apply(configuration(timeoutSeconds=7))
    cluster.inject(CallsLost("pods.example.com"))
    cluster.run(1)
    before = cluster.now_ms
    with pytest.raises(Refused, match=r"timeout=7s\": context deadline exceeded$"):
        cluster.apply({"apiVersion": "v1", "kind": "Pod", **_pod("nginx:1")})
    assert 7_000 <= cluster.now_ms - before < 7_100
    cluster.inject(CallsLost())
    cluster.inject(FaultsEnded())
    cluster.run(1)
    cluster.apply({"apiVersion": "v1", "kind": "Pod", **_pod("nginx:1")})


def test_processes_ask_under_their_own_names() -> None:
    seen: list[str] = []

    def note(request: dict[str, Any]) -> dict[str, Any]:
        seen.append(request["userInfo"]["username"])
        return {"allowed": True}

    cluster = cluster_with(note)
    rules = [{**RULE, "operations": ["*"], "resources": ["pods/*", "pods"]}]
    cluster.apply(configuration(rules=rules), web())
    cluster.run_until_converged()
    assert set(seen) >= {
        "system:serviceaccount:kube-system:replicaset-controller",
        "system:kube-scheduler",
        "system:node:node-1",
    }


@settings(max_examples=max(5, settings.default.max_examples // 10))
@given(lost=st.integers(0, 4), seed=st.integers(0, 5), order=st.sampled_from(["fifo", "random"]))
def test_a_run_with_webhooks_replays_bit_for_bit(lost: int, seed: int, order: str) -> None:
    """Calls, losses and answers are part of the history that a seed and the inputs decide."""

    def fresh() -> Cluster:
        plane = ControlPlane().with_webhook(URL, sidecar)
        return Cluster(nodes=0, control_plane=plane, seed=seed, order=order)

    lines: list[str] = []
    cluster = fresh()
    cluster.record(lines.append)
    cluster.apply(configuration("Mutating", failurePolicy="Fail", timeoutSeconds=2))
    if lost:
        cluster.inject(CallsLost("", lost))
    cluster.apply(web())
    cluster.ask(Create("configmaps", "default", config()))
    cluster.run(10_000)
    cluster.close()
    assert any('"event":"Reached"' in line for line in lines)
    assert follow(fresh().simulator, list(read_lines(lines))[1:]) is None


def test_a_fork_made_while_a_webhook_is_asked_has_an_end_of_its_own() -> None:
    cluster = cluster_with(sidecar)
    cluster.apply(configuration("Mutating"))
    pod = document({**_pod("nginx:1")})
    number = cluster.begin(Create("pods", "default", pod))
    assert isinstance(number, int)
    twin = cluster.fork()
    for one in (cluster, twin):
        assert one.list("pods") == ()
        one.run(1_000)
        assert number in one.simulator.conversations.concluded
        assert len(one.list("pods")) == 1
    assert digest(cluster.store) == digest(twin.store)


def test_the_mutating_kind_is_stored_as_such() -> None:
    cluster = cluster_with(sidecar)
    cluster.apply(configuration("Mutating"))
    assert [text(one, "metadata", "name") for one in cluster.list(MUTATING)] == ["policy"]
