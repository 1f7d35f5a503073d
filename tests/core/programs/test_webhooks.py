"""Webhooks that run in the cluster which they guard: Services, programs, and what is down."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
import trustme

from kelm import Cluster
from kelm.adapters.simulator.cluster import Refused
from kelm.adapters.simulator.inputs import NodeCrashed
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.api.rest.address import read_address, resolve
from kelm.core.api.webhooks.connecting import connecting
from kelm.core.api.webhooks.rules import VALIDATING
from kelm.core.node.containers.images import image, serves
from kelm.core.node.programs.reviews import reviewing
from kelm.effects.commands import Create, Delete, Patch, Update
from kelm.effects.document import child, children, document, text, value_at

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.63.0"
PODS = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
MAPS = {**PODS, "operations": ["*"], "resources": ["configmaps"]}
BUNDLE = "Y2EgYnVuZGxl"
CERTIFICATE = b64encode(trustme.CA().cert_pem.bytes()).decode()
"""What a definition needs to be established: upstream reads it; nobody asks for it in here."""
SPARED = {"matchExpressions": [{"key": "hooks", "operator": "NotIn", "values": ["off"]}]}


def webhook(args: list[str], name: str = "hooks") -> tuple[dict[str, Any], ...]:
    """A namespace with a webhook: its Deployment and its Service."""
    labels = {"app": name}
    container = {"name": "c", "image": AGNHOST, "args": args}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ops"}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "ops"},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }
    port = {"port": 8443, "targetPort": 8444}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "ops"},
        "spec": {"selector": labels, "ports": [port]},
    }
    return namespace, deployment, service


def guard(kind: str, path: str, rule: dict[str, Any], **fields: object) -> dict[str, Any]:
    service = {"name": "hooks", "namespace": "ops", "port": 8443, "path": path}
    hook = {
        "name": "hook.example.com",
        "clientConfig": {"service": service, "caBundle": BUNDLE},
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **fields,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": path.strip("/").replace("/", "-")},
        "webhooks": [hook],
    }


def guarded(*guards: dict[str, Any], nodes: int = 1, **settings: Any) -> Cluster:
    cluster = Cluster(nodes=nodes, replace_machines=False, **settings)
    cluster.apply(*webhook(["webhook", "--port=8444", "--sidecar-image=proxy:1"]))
    cluster.run_until_converged()
    cluster.apply(*guards)
    return cluster


def config(name: str = "c", **data: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def pod(name: str = "p", **labels: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "c", "image": "nginx:1"}]}
    meta = {"name": name, "namespace": "default", "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def test_agnhost_refuses_what_it_is_told_to() -> None:
    cluster = guarded(guard("Validating", "/configmaps", MAPS), guard("Validating", "/pods", PODS))
    key = "webhook-e2e-test"
    with pytest.raises(Refused, match="denied the request: the configmap contains unwanted key"):
        cluster.apply(config(**{key: "webhook-disallow"}))
    cluster.apply(config(**{key: "webhook-nondeletable"}))
    deletion = Delete("configmaps", "default", "c")
    assert cluster.ask(deletion).failure().message == (
        'admission webhook "hook.example.com" denied the request: the configmap cannot be deleted '
        "because it contains unwanted key and value"
    )
    fixed = Patch("configmaps", "default", "c", document({"data": {key: "webhook-ok"}}))
    cluster.ask(fixed).unwrap()
    cluster.ask(deletion).unwrap()
    with pytest.raises(Refused, match=r"denied the request: the pod contains unwanted label;$"):
        cluster.apply(pod(**{key: "webhook-disallow"}))


def test_agnhost_changes_what_it_is_shown() -> None:
    cluster = guarded(
        guard("Mutating", "/mutating-configmaps", MAPS),
        guard("Mutating", "/mutating-pods-sidecar", PODS),
    )
    cluster.apply(config(**{"mutation-start": "yes"}))
    found = cluster.get("configmaps", "c")
    assert found is not None
    assert child(found, "data") == {"mutation-start": "yes", "mutation-stage-1": "yes"}
    cluster.apply(pod())
    made = cluster.get("pods", "p")
    assert made is not None
    names = [
        (text(one, "name"), text(one, "image")) for one in children(made, "spec", "containers")
    ]
    assert names == [("c", "nginx:1"), ("webhook-added-sidecar", "proxy:1")]


def test_agnhost_lets_nobody_attach_to_one_pod() -> None:
    attach = {
        "operations": ["CONNECT"],
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["pods/attach"],
    }
    cluster = guarded(guard("Validating", "/pods/attach", attach))
    for name, allowed in (("to-be-attached-pod", False), ("other", True)):
        path = f"/api/v1/namespaces/default/pods/{name}/attach"
        target = resolve(read_address(path))  # type: ignore[arg-type]
        assert target is not None
        wanted = connecting(target, {"container": ("container1",), "stdin": ("true",)})
        assert wanted is not None
        number = cluster.begin(wanted)
        assert isinstance(number, int)
        cluster.run(1_000)
        done = cluster.simulator.conversations.concluded.pop(number)
        if allowed:
            done.outcome.unwrap()
        else:
            assert done.outcome.failure().message == (
                'admission webhook "hook.example.com" denied the request: attaching to pod '
                "'to-be-attached-pod' is not allowed"
            )


def test_a_slow_webhook_is_waited_for_as_long_as_it_may_take() -> None:
    slow = guard("Validating", "/always-allow-delay-5s", MAPS, timeoutSeconds=1)
    cluster = guarded(slow)
    before = cluster.now_ms
    with pytest.raises(Refused, match=r"timeout=1s\": context deadline exceeded$"):
        cluster.apply(config())
    assert 1_000 <= cluster.now_ms - before < 1_100
    slow["webhooks"][0]["timeoutSeconds"] = 10
    cluster.apply(slow)
    before = cluster.now_ms
    cluster.apply(config())
    assert 5_000 <= cluster.now_ms - before < 5_100


def test_a_webhook_that_is_down_blocks_creations() -> None:
    cluster = guarded(guard("Validating", "/pods", PODS))
    scale = Patch("deployments.apps", "ops", "hooks", document({"spec": {"replicas": 0}}))
    cluster.ask(scale).unwrap()
    cluster.run_until_converged()
    service = cluster.get("services", "hooks", "ops")
    assert service is not None
    address = text(service, "spec", "clusterIP")
    said = (
        'Internal error occurred: failed calling webhook "hook.example.com": failed to call '
        'webhook: Post "https://hooks.ops.svc:8443/pods?timeout=10s": dial tcp '
        f"{address}:8443: connect: connection refused"
    )
    create = Create("pods", "default", document(pod()))
    assert cluster.ask(create).failure().message == said
    cluster.ask(Delete("services", "ops", "hooks")).unwrap()
    assert cluster.ask(create).failure().message.endswith('timeout=10s": service "hooks" not found')


def test_a_webhook_without_a_bundle_is_not_trusted() -> None:
    without = guard("Validating", "/always-allow-delay-5s", PODS)
    del without["webhooks"][0]["clientConfig"]["caBundle"]
    cluster = guarded(without)
    with pytest.raises(Refused, match="certificate signed by unknown authority"):
        cluster.apply(pod("one"))


def test_a_webhook_that_guards_its_own_pods_locks_itself_out() -> None:
    """Its only pod is lost with its machine; the new one would have to be let in by it."""
    cluster = guarded(guard("Validating", "/pods", PODS, timeoutSeconds=1), nodes=2)
    (first,) = cluster.list("pods")
    cluster.inject(NodeCrashed(text(first, "spec", "nodeName")))
    cluster.run(600_000)
    living = [
        one for one in cluster.list("pods") if "deletionTimestamp" not in child(one, "metadata")
    ]
    assert living == []
    (replica_set,) = cluster.list("replicasets.apps")
    (condition,) = children(replica_set, "status", "conditions")
    assert "failed calling webhook" in text(condition, "message")
    cluster.ask(Delete(VALIDATING, "", "pods")).unwrap()
    cluster.run(600_000)
    (replica_set,) = cluster.list("replicasets.apps")
    assert value_at(replica_set, "status", "readyReplicas") == 1


def test_a_namespace_that_is_spared_lets_its_webhook_come_back() -> None:
    spared = guard("Validating", "/pods", PODS, timeoutSeconds=1, namespaceSelector=SPARED)
    cluster = guarded(spared, nodes=2)
    label = document({"metadata": {"labels": {"hooks": "off"}}})
    cluster.ask(Patch("namespaces", "", "ops", label)).unwrap()
    (first,) = cluster.list("pods")
    cluster.inject(NodeCrashed(text(first, "spec", "nodeName")))
    cluster.run(600_000)
    cluster.apply(pod())
    assert cluster.get("pods", "p") is not None


def test_a_function_of_ones_own_is_an_image() -> None:
    def no_latest(request: dict[str, Any]) -> dict[str, Any]:
        bad = [c for c in request["object"]["spec"]["containers"] if ":" not in c["image"]]
        return {"allowed": not bad, "status": {"message": "say which version"}}

    program = image(serves(8444), handle=reviewing({"/tags": no_latest}))
    plane = ControlPlane().with_image("my-webhook", program)
    cluster = Cluster(nodes=1, replace_machines=False, control_plane=plane)
    namespace, deployment, service = webhook([])
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "my-webhook:1"
    cluster.apply(namespace, deployment, service)
    cluster.run_until_converged()
    cluster.apply(guard("Validating", "/tags", PODS))
    cluster.apply(pod())
    bad = pod("q")
    bad["spec"]["containers"][0]["image"] = "nginx"
    with pytest.raises(Refused, match=r"denied the request: say which version$"):
        cluster.apply(bad)


def test_agnhost_converts_its_example() -> None:
    cluster = Cluster(nodes=1, replace_machines=False)
    cluster.apply(*webhook(["crd-conversion-webhook", "--port=8444"]))
    cluster.run_until_converged()
    service = {"name": "hooks", "namespace": "ops", "port": 8443, "path": "/crdconvert"}
    free = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.stable.example.com"},
        "spec": {
            "group": "stable.example.com",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [
                {"name": name, "served": True, "storage": name == "v1", "schema": free}
                for name in ("v1", "v2")
            ],
            "conversion": {
                "strategy": "Webhook",
                "webhook": {
                    "clientConfig": {"service": service, "caBundle": CERTIFICATE},
                    "conversionReviewVersions": ["v1"],
                },
            },
        },
    }
    cluster.apply(definition)
    thing = {
        "apiVersion": "stable.example.com/v2",
        "kind": "Thing",
        "metadata": {"name": "a", "namespace": "default"},
        "host": "localhost",
        "port": "8080",
    }
    cluster.ask(Create("things.stable.example.com", "default", document(thing))).unwrap()
    found = cluster.get("things.stable.example.com", "a")
    assert found is not None
    assert (found["hostPort"], found["apiVersion"]) == ("localhost:8080", "stable.example.com/v1")
    old = document({**found, "hostPort": "there:1", "apiVersion": "stable.example.com/v1"})
    update = Update("things.stable.example.com", "default", "a", old)
    assert value_at(cluster.ask(update).unwrap(), "hostPort") == "there:1"
