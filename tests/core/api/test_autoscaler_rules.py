"""What an API server has against an autoscaler, in its own words."""

from __future__ import annotations

from typing import Any

import pytest

from kelm.core.api.defaulting.others import horizontal_pod_autoscaler
from kelm.core.api.validation.autoscaling import autoscaler_create, autoscaler_update
from kelm.effects.document import Document, document, with_value

CPU = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
}


def autoscaler(**spec: Any) -> Document:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    whole = {"scaleTargetRef": target, "maxReplicas": 3, "metrics": [CPU], **spec}
    meta = {"name": "web", "namespace": "n"}
    return horizontal_pod_autoscaler(document({"metadata": meta, "spec": whole}))


def told(doc: Document) -> list[str]:
    return [one.text for one in autoscaler_create(doc)]


def metric(kind: str, field: str, **of: Any) -> dict[str, Any]:
    return {"metrics": [{"type": kind, field: of}]}


AVERAGE = {"type": "AverageValue", "averageValue": "5"}
HITS = {"name": "hits"}


def test_a_plain_one_is_let_in() -> None:
    assert told(autoscaler()) == []
    assert told(autoscaler(behavior={"scaleUp": {"tolerance": "0.1"}})) == []


@pytest.mark.parametrize(
    ("spec", "wrong"),
    [
        ({"maxReplicas": 0, "minReplicas": 0}, "spec.minReplicas: Invalid value: 0: must be gr"),
        ({"maxReplicas": 0}, "spec.maxReplicas: Required value: must be set and greater than 0"),
        ({"maxReplicas": 2, "minReplicas": 3}, "must be greater than or equal to `minReplicas`"),
        (
            {"scaleTargetRef": {"apiVersion": "v1", "kind": "Pod", "name": "a/b"}},
            "spec.scaleTargetRef.name: Invalid value: \"a/b\": may not contain '/'",
        ),
        (
            {"scaleTargetRef": {"apiVersion": "v1", "kind": "ConfigMap", "name": "web"}},
            'apiVersion: Invalid value: "v1": apiVersion must specify API group',
        ),
        (
            {"scaleTargetRef": {"apiVersion": "a/b/c", "kind": "Fleet", "name": "web"}},
            'Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
        ),
        ({"metrics": [{"type": ""}]}, "spec.metrics[0].type: Required value: must specify a m"),
        ({"metrics": [{"type": "Odd"}]}, 'spec.metrics[0].type: Unsupported value: "Odd": supp'),
        ({"metrics": [{"type": "Pods"}]}, "metrics[0].pods: Required value: must populate info"),
        (
            {"metrics": [{**CPU, "pods": {"metric": HITS, "target": AVERAGE}}]},
            "spec.metrics[0].pods: Forbidden: must populate the given metric source only",
        ),
        (
            metric("Pods", "pods", metric=HITS, target={"type": "Value", "value": "3"}),
            "pods.target.averageValue: Required value: must specify a positive target averageValue",
        ),
        (
            metric("Pods", "pods", metric={"name": ""}, target=AVERAGE),
            "spec.metrics[0].pods.metric.name: Required value: must specify a metric name",
        ),
        (
            metric("External", "external", metric=HITS, target={**AVERAGE, "value": "1"}),
            "external.target.value: Forbidden: may not set both a target value for metric and a",
        ),
        (
            metric("Object", "object", metric=HITS, target=AVERAGE, describedObject={}),
            "spec.metrics[0].object.describedObject.kind: Required value",
        ),
        (
            metric("Resource", "resource", name="cpu", target={"type": "Utilization"}),
            "must set either a target raw value or a target utilization",
        ),
        (
            metric("ContainerResource", "containerResource", name="cpu", target=AVERAGE),
            "containerResource.container: Required value: must specify a container",
        ),
        (
            metric("Resource", "resource", name="cpu", target={**AVERAGE, "averageValue": "0"}),
            'target.averageValue: Invalid value: "0": must be positive',
        ),
        (
            {"behavior": {"scaleUp": {"stabilizationWindowSeconds": 3_601}}},
            "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less",
        ),
        ({"behavior": {"scaleDown": {"selectPolicy": "Odd"}}}, 'Unsupported value: "Odd"'),
        (
            {"behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 0}]}}},
            "policies[0].value: Invalid value: 0: must be greater than zero",
        ),
        (
            {"behavior": {"scaleUp": {"tolerance": "-1"}}},
            'scaleUp.tolerance: Invalid value: "-1": must be greater than or equal to 0',
        ),
    ],
)
def test_what_is_wrong_is_named(spec: dict[str, Any], wrong: str) -> None:
    assert any(wrong in one for one in told(autoscaler(**spec))), told(autoscaler(**spec))


def test_a_target_that_stays_is_not_judged_again() -> None:
    target = {"apiVersion": "v1", "kind": "ConfigMap", "name": "web"}
    old = autoscaler(scaleTargetRef=target)
    old = with_value(old, ("metadata", "resourceVersion"), "1")
    new = with_value(old, ("spec", "maxReplicas"), 7)
    assert autoscaler_update(old, new) == ()
    moved = with_value(new, ("spec", "scaleTargetRef", "kind"), "Secret")
    assert [one.field for one in autoscaler_update(old, moved)] == [
        "spec.scaleTargetRef.apiVersion"
    ]


def test_only_replication_controllers_are_in_the_group_without_a_name() -> None:
    target = {"apiVersion": "v1", "kind": "ReplicationController", "name": "web"}
    assert told(autoscaler(scaleTargetRef=target)) == []
