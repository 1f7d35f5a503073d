"""The autoscaler in a cluster: load rises and falls, metrics are missing, targets of many kinds."""

from __future__ import annotations

from typing import Any

import pytest

from kelm import Cluster
from kelm.adapters.simulator.inputs import LoadOffered, ProcessRestarted
from kelm.core.operations.verbs import Remove, Scale
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Create, Get, List, ReadMetrics, Update
from kelm.effects.document import Document, document, with_value

HPAS = "horizontalpodautoscalers.autoscaling"
LOOP = "horizontal-pod-autoscaler-controller"
WEB = ObjectRef("deployments.apps", "default", "web")
CPU = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
}


def workload(kind: str = "Deployment", name: str = "web", replicas: int = 1, **of: Any) -> Any:
    labels = {"app": of.get("app", name)}
    requests = of.get("requests", {"cpu": "100m"})
    containers = [
        {"name": one, "image": "nginx", "resources": {"requests": requests}}
        for one in of.get("containers", ("app",))
    ]
    selector: Any = {"matchLabels": labels}
    return {
        "apiVersion": "v1" if kind == "ReplicationController" else "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": labels if kind == "ReplicationController" else selector,
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
            **({"serviceName": name} if kind == "StatefulSet" else {}),
        },
    }


def autoscaler(*metrics: Any, name: str = "web", most: int = 10, **of: Any) -> Any:
    kind, version = of.pop("kind", "Deployment"), of.pop("version", "apps/v1")
    target = {"apiVersion": version, "kind": kind, "name": of.pop("target", "web")}
    spec = {"scaleTargetRef": target, "maxReplicas": most, "metrics": list(metrics or (CPU,)), **of}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": spec,
    }


def playing(*manifests: Any, run_ms: int = 40_000) -> Cluster:
    cluster = Cluster(nodes=3, keep_history=False)
    for manifest in manifests:
        cluster.apply(manifest)
    cluster.run(run_ms)
    return cluster


def offer(cluster: Cluster, resource: str = WEB.resource, name: str = "web", **of: str) -> None:
    cluster.inject(LoadOffered(resource, "default", name, document(of)))


def at_a_measurement(cluster: Cluster) -> None:
    """Wait for the next, so that what changes then is seen whole by the one after."""
    cluster.run(15_000 - cluster.now_ms % 15_000)


def replicas(cluster: Cluster, resource: str = WEB.resource, name: str = "web") -> int:
    return cluster.get(resource, name)["spec"]["replicas"]  # type: ignore[index,return-value,call-overload]


def status(cluster: Cluster, name: str = "web") -> Document:
    return cluster.get(HPAS, name)["status"]  # type: ignore[index,return-value]


def condition(cluster: Cluster, kind: str) -> tuple[object, object, object]:
    for one in status(cluster)["conditions"]:  # type: ignore[union-attr]
        if one["type"] == kind:  # type: ignore[index,call-overload]
            return one["status"], one["reason"], one["message"]  # type: ignore[index,call-overload]
    raise AssertionError(f"no {kind}")


def events(cluster: Cluster) -> list[tuple[object, object, object]]:
    items = cluster.ask(List("events", "default")).unwrap()["items"]
    return [
        (one["type"], one["reason"], one["message"])  # type: ignore[index,call-overload]
        for one in items  # type: ignore[union-attr]
        if one["involvedObject"]["kind"] == "HorizontalPodAutoscaler"  # type: ignore[index,call-overload]
    ]


def test_load_rises_and_pods_come_load_falls_and_they_leave_after_five_minutes() -> None:
    cluster = playing(workload(), autoscaler())
    assert replicas(cluster) == 1
    at_a_measurement(cluster)
    offer(cluster, cpu="400m")
    cluster.run(120_000)
    assert replicas(cluster) == 8  # 400m shared by 8 pods is half of what each of them requests
    found = status(cluster)
    assert (found["currentReplicas"], found["desiredReplicas"]) == (8, 8)
    metric = found["currentMetrics"][0]["resource"]  # type: ignore[index,call-overload]
    assert metric == {"name": "cpu", "current": {"averageUtilization": 50, "averageValue": "50m"}}
    at_a_measurement(cluster)
    offer(cluster, cpu="96m")
    cluster.run(290_000)
    assert replicas(cluster) == 8
    assert condition(cluster, "AbleToScale")[1] == "ScaleDownStabilized"
    cluster.run(60_000)
    assert replicas(cluster) == 2
    told = [message for _, reason, message in events(cluster) if reason == "SuccessfulRescale"]
    above = "reason: cpu resource utilization (percentage of request) above target"
    assert told == [
        f"New size: 4; {above}",
        f"New size: 8; {above}",
        "New size: 2; reason: All metrics below target",
    ]


def test_at_rest_everything_is_said_once_and_then_nothing_is_written() -> None:
    cluster = playing(workload(replicas=2), autoscaler())
    offer(cluster, cpu="100m")
    cluster.run(120_000)
    before = cluster.get(HPAS, "web")
    asked: list[Any] = []

    def listen(_simulator: Any, happened: Any) -> None:
        if getattr(happened, "process", "") == LOOP and hasattr(happened, "request"):
            asked.append(happened.request.command)

    cluster.simulator.after_event = listen
    cluster.run(600_000)
    assert cluster.get(HPAS, "web") is before
    assert len(asked) == 80 and {type(one) for one in asked} == {Get, ReadMetrics}
    assert condition(cluster, "AbleToScale") == (
        "True",
        "ReadyForNewScale",
        "recommended size matches current size",
    )
    assert condition(cluster, "ScalingActive") == (
        "True",
        "ValidMetricFound",
        "the HPA was able to successfully calculate a replica count from cpu resource "
        "utilization (percentage of request)",
    )
    assert condition(cluster, "ScalingLimited") == (
        "False",
        "DesiredWithinRange",
        "the desired count is within the acceptable range",
    )


def test_the_first_look_comes_a_sync_period_after_the_autoscaler() -> None:
    cluster = playing(workload(), autoscaler(), run_ms=14_900)
    assert "conditions" not in status(cluster)
    cluster.run(300)
    assert "conditions" in status(cluster)


@pytest.mark.parametrize(
    ("kind", "version", "resource"),
    [
        ("Deployment", "apps/v1", "deployments.apps"),
        ("ReplicaSet", "apps/v1", "replicasets.apps"),
        ("StatefulSet", "apps/v1", "statefulsets.apps"),
        ("ReplicationController", "v1", "replicationcontrollers"),
    ],
)
def test_every_workload_with_a_scale_is_scaled(kind: str, version: str, resource: str) -> None:
    cluster = playing(workload(kind), autoscaler(kind=kind, version=version, most=3))
    offer(cluster, resource, cpu="900m")
    cluster.run(60_000)
    assert replicas(cluster, resource) == 3
    assert condition(cluster, "ScalingLimited")[:2] == ("True", "TooManyReplicas")


def test_a_custom_resource_with_a_scale_is_scaled() -> None:
    cluster = playing(DEFINITION, run_ms=1_000)
    fleet = {"metadata": {"name": "web"}, "spec": {"size": 2, "pods": "app=web"}}
    fleet["status"] = {"size": 2}
    assert cluster.ask(Create("fleets.example.com", "default", document(fleet))).unwrap()
    cluster.apply(
        workload("ReplicaSet", replicas=2),
        autoscaler(EXTERNAL, kind="Fleet", version="example.com/v1"),
    )
    offer(cluster, "external", "queue", queue="120")
    cluster.run(60_000)
    assert cluster.get("fleets.example.com", "web")["spec"]["size"] == 4  # type: ignore[index,call-overload]


EXTERNAL = {
    "type": "External",
    "external": {
        "metric": {"name": "queue"},
        "target": {"type": "AverageValue", "averageValue": "30"},
    },
}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "fleets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "fleets", "kind": "Fleet"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
                "subresources": {
                    "scale": {
                        "specReplicasPath": ".spec.size",
                        "statusReplicasPath": ".status.size",
                        "labelSelectorPath": ".spec.pods",
                    }
                },
            }
        ],
    },
}
HITS_OF_PODS = {
    "type": "Pods",
    "pods": {
        "metric": {"name": "hits"},
        "target": {"type": "AverageValue", "averageValue": "100"},
    },
}
SERVICE = {"kind": "Service", "name": "web", "apiVersion": "v1"}
HITS_OF_SERVICE = {
    "type": "Object",
    "object": {
        "metric": {"name": "hits"},
        "describedObject": SERVICE,
        "target": {"type": "Value", "value": "100"},
    },
}
OF_CONTAINER = {
    "type": "ContainerResource",
    "containerResource": {
        "name": "cpu",
        "container": "helper",
        "target": {"type": "AverageValue", "averageValue": "100m"},
    },
}


def test_a_metric_of_pods_is_an_average() -> None:
    cluster = playing(workload(), autoscaler(HITS_OF_PODS))
    offer(cluster, hits="250")
    cluster.run(60_000)
    assert replicas(cluster) == 3
    cluster.run(60_000)
    assert status(cluster)["currentMetrics"] == (
        {
            "type": "Pods",
            "pods": {"metric": {"name": "hits"}, "current": {"averageValue": "83333m"}},
        },
    )


def test_a_metric_of_another_object_is_one_value_for_all_pods() -> None:
    service = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    cluster = playing(
        workload(replicas=2),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": service},
        autoscaler(HITS_OF_SERVICE),
    )
    offer(cluster, "services", hits="150")
    cluster.run(20_000)
    assert replicas(cluster) == 3
    current = status(cluster)["currentMetrics"][0]["object"]  # type: ignore[index,call-overload]
    assert current["current"] == {"value": "150"}  # type: ignore[index,call-overload]
    assert current["describedObject"] == SERVICE  # type: ignore[index,call-overload]


def test_an_external_metric_is_shared_by_all_pods() -> None:
    cluster = playing(workload(), autoscaler(EXTERNAL))
    offer(cluster, "external", "queue", queue="120")
    cluster.run(60_000)
    assert replicas(cluster) == 4
    assert condition(cluster, "ScalingActive")[2] == (
        "the HPA was able to successfully calculate a replica count from external metric queue(nil)"
    )


def test_one_containers_use_is_told_from_the_others() -> None:
    cluster = playing(workload(containers=("app", "helper")), autoscaler(OF_CONTAINER))
    offer(cluster, cpu="900m")
    cluster.run(60_000)
    assert replicas(cluster) == 1
    load = LoadOffered(WEB.resource, "default", "web", Document(cpu="300m"), "helper")
    cluster.inject(load)
    cluster.run(60_000)
    assert replicas(cluster) == 3


def test_of_several_metrics_the_one_that_wants_most_counts() -> None:
    cluster = playing(workload(), autoscaler(CPU, HITS_OF_PODS))
    offer(cluster, cpu="100m", hits="390")
    cluster.run(60_000)
    assert replicas(cluster) == 4


def test_a_metric_that_fails_lets_others_add_pods_but_not_take_them_away() -> None:
    cluster = playing(workload(replicas=3), autoscaler(CPU, HITS_OF_PODS))
    offer(cluster, cpu="300m")
    cluster.run(60_000)
    assert replicas(cluster) == 6
    offer(cluster, cpu="10m")
    cluster.run(400_000)
    assert replicas(cluster) == 6
    assert condition(cluster, "ScalingActive") == (
        "False",
        "FailedGetPodsMetric",
        "the HPA was unable to compute the replica count: unable to get metric hits: unable to "
        "fetch metrics from custom metrics API: the server could not find the metric hits for pods",
    )
    assert status(cluster)["currentMetrics"][1] == {"type": ""}  # type: ignore[index,call-overload]


def test_without_requests_there_is_no_utilization() -> None:
    cluster = playing(workload(requests={}), autoscaler())
    cluster.run(30_000)
    name = cluster.list("pods")[0]["metadata"]["name"]  # type: ignore[index,call-overload]
    error = f"missing request for cpu in container app of Pod {name}"
    assert condition(cluster, "ScalingActive") == (
        "False",
        "FailedGetResourceMetric",
        f"the HPA was unable to compute the replica count: failed to get cpu utilization: {error}",
    )
    assert ("Warning", "FailedGetResourceMetric", f"failed to get cpu utilization: {error}") in (
        events(cluster)
    )
    whole = (
        "invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric "
        f"value: failed to get cpu utilization: {error}"
    )
    assert ("Warning", "FailedComputeMetricsReplicas", whole) in events(cluster)


def test_pods_without_measures_are_said_to_have_none() -> None:
    cluster = playing(autoscaler(), run_ms=14_000)
    cluster.apply(workload())
    cluster.run(5_000)
    error = (
        "failed to get cpu utilization: unable to get metrics for resource cpu: "
        "no metrics returned from resource metrics API"
    )
    assert ("Warning", "FailedGetResourceMetric", error) in events(cluster)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ({}, 'deployments.apps "web" not found'),
        ({"kind": "Zoo"}, 'no matches for kind "Zoo" in group "apps"'),
        ({"version": "zoo.org/v1"}, 'no matches for kind "Deployment" in group "zoo.org"'),
    ],
)
def test_a_target_that_is_not_there_is_told(target: dict[str, str], error: str) -> None:
    cluster = playing(autoscaler(**target))
    assert condition(cluster, "AbleToScale") == (
        "False",
        "FailedGetScale",
        f"the HPA controller was unable to get the target's current scale: {error}",
    )
    assert events(cluster) == [("Warning", "FailedGetScale", error)]


def test_a_target_without_replicas_is_left_alone() -> None:
    cluster = playing(workload(replicas=0), autoscaler())
    offer(cluster, cpu="900m")
    cluster.run(60_000)
    assert replicas(cluster) == 0
    assert condition(cluster, "ScalingActive")[1] == "ScalingDisabled"


def test_bounds_come_before_metrics() -> None:
    cluster = playing(workload(replicas=1), autoscaler(minReplicas=3, most=5))
    assert replicas(cluster) == 3
    cluster.do(Scale(WEB, 9))
    cluster.run(20_000)
    assert replicas(cluster) == 5
    assert [message for _, reason, message in events(cluster) if reason == "SuccessfulRescale"] == [
        "New size: 3; reason: Current number of replicas below Spec.MinReplicas",
        "New size: 5; reason: Current number of replicas above Spec.MaxReplicas",
    ]


def test_pods_of_two_autoscalers_are_scaled_by_neither() -> None:
    cluster = playing(workload(replicas=2), autoscaler(), autoscaler(name="other"), run_ms=60_000)
    offer(cluster, cpu="900m")
    cluster.run(60_000)
    assert replicas(cluster) == 2
    error = "pods by selector app=web are controlled by multiple HPAs: [default/other default/web]"
    assert condition(cluster, "ScalingActive") == ("False", "AmbiguousSelector", error)
    cluster.do(Remove(ObjectRef(HPAS, "default", "other")))
    cluster.run(90_000)
    assert replicas(cluster) > 2


def test_a_scale_that_somebody_changed_meanwhile_is_written_again() -> None:
    cluster = playing(workload(), autoscaler())
    offer(cluster, cpu="400m")
    until_stage(cluster, "rescaling")
    cluster.do(Scale(WEB, 2))
    cluster.run(120_000)
    assert replicas(cluster) == 8
    assert "FailedRescale" not in [reason for _, reason, _ in events(cluster)]


def until_stage(cluster: Cluster, stage: str) -> None:
    """Run until the look at the autoscaler has come so far."""
    loop = cluster.simulator.processes[LOOP]
    for _ in range(60_000):
        memory = loop.state.memory.get("default/web")
        if memory is not None and memory.look is not None and memory.look.stage == stage:
            return
        cluster.simulator.step()
    raise AssertionError(f"no look came to {stage}")


def test_a_restart_forgets_the_past_but_the_first_recommendation_is_what_there_is() -> None:
    cluster = playing(workload(), autoscaler())
    offer(cluster, cpu="400m")
    cluster.run(120_000)
    offer(cluster, cpu="96m")
    cluster.run(30_000)
    cluster.inject(ProcessRestarted(LOOP))
    cluster.run(280_000)
    assert replicas(cluster) == 8
    cluster.run(60_000)
    assert replicas(cluster) == 2


def test_behaviour_paces_growth_and_forbids_shrinking() -> None:
    paced = {
        "scaleUp": {
            "stabilizationWindowSeconds": 60,
            "policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}],
        },
        "scaleDown": {"selectPolicy": "Disabled"},
    }
    cluster = playing(workload(), autoscaler(behavior=paced))
    at_a_measurement(cluster)
    offer(cluster, cpu="399m")
    cluster.run(50_000)
    assert replicas(cluster) == 1
    assert condition(cluster, "AbleToScale")[1] == "ScaleUpStabilized"
    seen = []
    for _ in range(30):
        cluster.run(10_000)
        seen.append(replicas(cluster))
    steps = sorted(set(seen))
    assert steps == [1, 3, 5, 7, 8]
    assert all(seen.count(step) >= 6 for step in steps[1:-1])
    offer(cluster, cpu="10m")
    cluster.run(400_000)
    assert replicas(cluster) == 8
    assert condition(cluster, "ScalingLimited")[:2] == ("True", "ScaleDownLimit")


@pytest.mark.parametrize(("tolerance", "grown"), [(None, 2), ("0.5", 2), ("0.01", 3)])
def test_tolerance_may_be_set_for_each_direction(tolerance: str | None, grown: int) -> None:
    behavior = {"scaleUp": {"tolerance": tolerance}} if tolerance else {}
    cluster = playing(workload(replicas=2), autoscaler(behavior=behavior))
    offer(cluster, cpu="106m")
    cluster.run(120_000)
    assert replicas(cluster) == grown


def test_a_look_that_is_under_way_when_the_object_changes_ends_in_a_conflict_that_is_told() -> None:
    cluster = playing(workload(), autoscaler(), run_ms=14_000)
    until_stage(cluster, "metrics")
    hpa = cluster.get(HPAS, "web")
    assert hpa is not None
    changed = with_value(hpa, ("spec", "maxReplicas"), 7)
    assert cluster.ask(Update(HPAS, "default", "web", changed)).unwrap()
    cluster.run(100)
    assert "FailedUpdateStatus" in [reason for _, reason, _ in events(cluster)]
    cluster.run(20_000)
    assert condition(cluster, "AbleToScale")[0] == "True"
