"""Autoscalers with their targets, pods and measures, for both controllers to look at."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec

Doc = dict[str, Any]
Request = tuple[str, str, Doc]
LABELS = {"app": "web"}
DEFINITION: Doc = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "pods.metrics.k8s.io",
        "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
    },
    "spec": {
        "group": "metrics.k8s.io",
        "scope": "Namespaced",
        "names": {"plural": "pods", "kind": "PodMetrics", "listKind": "PodMetricsList"},
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}


class PodOf(msgspec.Struct, frozen=True):
    """A pod: what it uses and requests, since when it runs, since when it is as ready as it is."""

    cpu: str | None = "80m"
    memory: str = "100Mi"
    request: str | None = "100m"
    ready: str = "True"
    phase: str = "Running"
    started_s: int = 600
    changed_s: int = 590
    helper: str | None = None


class Case(msgspec.Struct, frozen=True):
    """An autoscaler. `target` is a kind and its API version and plural; None: there is none."""

    metrics: tuple[Doc, ...]
    pods: tuple[PodOf, ...] = (PodOf(), PodOf())
    target: tuple[str, str, str] | None = ("Deployment", "apps/v1", "deployments")
    wanted: tuple[str, str] = ("Deployment", "apps/v1")
    replicas: int | None = None
    least: int | None = None
    most: int = 10
    behavior: Doc | None = None

    def target_path(self, namespace: str) -> str:
        assert self.target is not None
        return f"{_path(self.target[1], namespace, self.target[2])}/web"


def _path(version: str, namespace: str, plural: str) -> str:
    root = "/apis/" if "/" in version else "/api/"
    return f"{root}{version}/namespaces/{namespace}/{plural}"


def objects(namespace: str, case: Case, now_s: float) -> Iterator[Request]:
    """The requests that set a case up, its autoscaler last."""
    yield "POST", "/api/v1/namespaces", {"metadata": {"name": namespace}}
    accounts = _path("v1", namespace, "serviceaccounts")
    yield "POST", accounts, {"metadata": {"name": "default"}}
    if case.target is not None:
        yield from _target(namespace, case)
    for number, pod in enumerate(case.pods):
        yield from _pod(namespace, f"web-{number}", pod, now_s)
    kind, version = case.wanted
    target = {"apiVersion": version, "kind": kind, "name": "web"}
    spec: Doc = {"scaleTargetRef": target, "maxReplicas": case.most, "metrics": list(case.metrics)}
    if case.least is not None:
        spec["minReplicas"] = case.least
    if case.behavior is not None:
        spec["behavior"] = case.behavior
    path = _path("autoscaling/v2", namespace, "horizontalpodautoscalers")
    yield "POST", path, {"metadata": {"name": "web"}, "spec": spec}


def _target(namespace: str, case: Case) -> Iterator[Request]:
    assert case.target is not None
    kind, version, plural = case.target
    count = len(case.pods) if case.replicas is None else case.replicas
    selector: Doc = LABELS if kind == "ReplicationController" else {"matchLabels": LABELS}
    template = {
        "metadata": {"labels": LABELS},
        "spec": {"containers": [{"name": "app", "image": "x"}]},
    }
    spec: Doc = {"replicas": count, "selector": selector, "template": template}
    if kind == "StatefulSet":
        spec["serviceName"] = "web"
    path = _path(version, namespace, plural)
    yield "POST", path, {"metadata": {"name": "web"}, "spec": spec}
    yield "PATCH", f"{path}/web/status", {"status": {"replicas": count}}


def _pod(namespace: str, name: str, pod: PodOf, now_s: float) -> Iterator[Request]:
    app: Doc = {"name": "app", "image": "x"}
    if pod.request is not None:
        app["resources"] = {"requests": {"cpu": pod.request, "memory": "64Mi"}}
    containers = [app]
    usages = [{"name": "app", "usage": {"cpu": pod.cpu, "memory": pod.memory}}]
    if pod.helper is not None:
        resources = {"requests": {"cpu": "100m"}}
        containers.append({"name": "helper", "image": "x", "resources": resources})
        usages.append({"name": "helper", "usage": {"cpu": pod.helper, "memory": "1Mi"}})
    meta = {"name": name, "labels": LABELS}
    spec = {"containers": containers, "automountServiceAccountToken": False}
    path = _path("v1", namespace, "pods")
    yield "POST", path, {"metadata": meta, "spec": spec}
    ready = {
        "type": "Ready",
        "status": pod.ready,
        "lastTransitionTime": _time(now_s - pod.changed_s),
    }
    status = {
        "phase": pod.phase,
        "startTime": _time(now_s - pod.started_s),
        "conditions": [ready],
    }
    yield "PATCH", f"{path}/{name}/status", {"status": status}
    if pod.cpu is not None:
        measure = {
            "apiVersion": "metrics.k8s.io/v1beta1",
            "kind": "PodMetrics",
            "metadata": meta,
            "timestamp": _time(now_s),
            "window": "15s",
            "containers": usages,
        }
        yield "POST", _path("metrics.k8s.io/v1beta1", namespace, "pods"), measure


def _time(at_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))


def _metric(kind: str, field: str, target: Doc, **source: Any) -> Doc:
    return {"type": kind, field: {**source, "target": target}}


SHARE = {"type": "Utilization", "averageUtilization": 50}
HITS = {"name": "hits"}
WEB = {"kind": "Service", "name": "web", "apiVersion": "v1"}
QUEUE = {"name": "queue", "selector": {"matchLabels": {"a": "b", "c": "d"}}}


def _each(amount: str) -> Doc:
    return {"type": "AverageValue", "averageValue": amount}


def _all(amount: str) -> Doc:
    return {"type": "Value", "value": amount}


CPU = _metric("Resource", "resource", SHARE, name="cpu")
RAW_CPU = _metric("Resource", "resource", _each("100m"), name="cpu")
MEMORY = _metric("Resource", "resource", _each("64Mi"), name="memory")
HELPER = _metric("ContainerResource", "containerResource", SHARE, name="cpu", container="helper")
OF_PODS = _metric("Pods", "pods", _each("10"), metric=HITS)
OF_SERVICE = _metric("Object", "object", _all("10"), metric=HITS, describedObject=WEB)
OF_SERVICE_EACH = _metric("Object", "object", _each("10"), metric=HITS, describedObject=WEB)
OUTSIDE = _metric("External", "external", _each("10"), metric=QUEUE)
OUTSIDE_ALL = _metric("External", "external", _all("10"), metric={"name": "queue"})
IDLE = PodOf(cpu="5m")
BUSY = PodOf(cpu="900m")
UNMEASURED = PodOf(cpu=None)


def _ways(**of: Doc) -> Doc:
    return {f"scale{way.capitalize()}": rules for way, rules in of.items()}


CASES: dict[str, Case] = {
    "up": Case((CPU,)),
    "same": Case((CPU,), (PodOf("50m"), PodOf("52m"))),
    "down": Case((CPU,), (IDLE, IDLE, IDLE)),
    "memory": Case((MEMORY,)),
    "raw": Case((RAW_CPU,), (PodOf("333m"), PodOf("100m"))),
    "container": Case((HELPER,), (PodOf(helper="90m"), PodOf(helper="90m"))),
    "no-container": Case((HELPER,)),
    "no-request": Case((CPU,), (PodOf(request=None),)),
    "no-measure": Case((CPU,), (UNMEASURED,)),
    "no-pods": Case((CPU,), (), replicas=1),
    "one-unmeasured": Case((CPU,), (PodOf(), UNMEASURED)),
    "idle-and-unmeasured": Case((CPU,), (IDLE, IDLE, UNMEASURED)),
    "never-ready": Case((CPU,), (PodOf(), PodOf(ready="False", changed_s=599))),
    "ready-once": Case((CPU,), (PodOf(), PodOf(ready="False", changed_s=100))),
    "pending": Case((CPU,), (PodOf(), PodOf(cpu=None, phase="Pending"))),
    "failed": Case((CPU,), (PodOf(), PodOf(phase="Failed"))),
    "young": Case((CPU,), (PodOf(started_s=60, changed_s=50),)),
    "pods-metric": Case((OF_PODS,)),
    "object-metric": Case((OF_SERVICE,)),
    "object-average": Case((OF_SERVICE_EACH,)),
    "external": Case((OUTSIDE,)),
    "external-value": Case((OUTSIDE_ALL,)),
    "one-fails-up": Case((CPU, OF_PODS)),
    "one-fails-down": Case((OF_PODS, CPU), (IDLE, IDLE)),
    "two-metrics": Case((CPU, MEMORY)),
    "zero": Case((CPU,), ()),
    "above": Case((CPU,), (PodOf(),), replicas=9, most=5),
    "below": Case((CPU,), (PodOf(),), replicas=1, least=3),
    "capped": Case((CPU,), (BUSY, BUSY), most=3),
    "fast": Case((CPU,), (BUSY,), most=30),
    "paced": Case(
        (CPU,),
        (BUSY,),
        most=30,
        behavior=_ways(up={"policies": [{"type": "Pods", "value": 2, "periodSeconds": 600}]}),
    ),
    "tolerant": Case((CPU,), (PodOf("60m"),), behavior=_ways(up={"tolerance": "0.5"})),
    "never-down": Case(
        (CPU,),
        (IDLE, IDLE, IDLE),
        behavior=_ways(down={"selectPolicy": "Disabled", "stabilizationWindowSeconds": 0}),
    ),
    "down-at-once": Case(
        (CPU,), (IDLE, IDLE, IDLE), behavior=_ways(down={"stabilizationWindowSeconds": 0})
    ),
    "no-target": Case((CPU,), (), None),
    "no-kind": Case((CPU,), (), None, ("Zoo", "apps/v1")),
    "no-group": Case((CPU,), (), None, ("Deployment", "zoo.org/v1")),
    "no-scale": Case((CPU,), (), None, ("Lease", "coordination.k8s.io/v1")),
    "stateful-set": Case(
        (CPU,),
        target=("StatefulSet", "apps/v1", "statefulsets"),
        wanted=("StatefulSet", "apps/v1"),
    ),
    "replication-controller": Case(
        (CPU,),
        target=("ReplicationController", "v1", "replicationcontrollers"),
        wanted=("ReplicationController", "v1"),
    ),
}
