"""Autoscalers of version 1 and 2 are one object: nothing is lost on the way there and back."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kelm.core.api.kinds.autoscaler_versions import to_version_1, to_version_2
from kelm.effects.document import Document, document

AMOUNT = st.sampled_from(["1", "100m", "2Gi", "83333m"])
SELECTOR = st.sampled_from([None, {"matchLabels": {"queue": "jobs"}}])
SERVICE = {"kind": "Service", "name": "web", "apiVersion": "v1"}
ALPHA = "autoscaling.alpha.kubernetes.io/"


def named(selector: Any) -> dict[str, Any]:
    return {"name": "hits"} | ({} if selector is None else {"selector": selector})


def target(kind: str, amount: Any) -> dict[str, Any]:
    field = {"Utilization": "averageUtilization", "Value": "value", "AverageValue": "averageValue"}
    return {"type": kind, field[kind]: amount}


def metric(kind: str, field: str, **of: Any) -> dict[str, Any]:
    return {"type": kind, field: of}


PLAIN = metric("Resource", "resource", name="cpu", target=target("Utilization", 70))
METRIC = st.one_of(
    AMOUNT.map(
        lambda a: metric("Resource", "resource", name="cpu", target=target("AverageValue", a))
    ),
    st.just(metric("Resource", "resource", name="memory", target=target("Utilization", 60))),
    AMOUNT.map(
        lambda a: metric(
            "ContainerResource",
            "containerResource",
            name="cpu",
            container="app",
            target=target("AverageValue", a),
        )
    ),
    st.builds(
        lambda a, s: metric("Pods", "pods", metric=named(s), target=target("AverageValue", a)),
        AMOUNT,
        SELECTOR,
    ),
    st.builds(
        lambda k, a, s: metric(
            "Object", "object", describedObject=SERVICE, metric=named(s), target=target(k, a)
        ),
        st.sampled_from(["Value", "AverageValue"]),
        AMOUNT,
        SELECTOR,
    ),
    st.builds(
        lambda k, a, s: metric("External", "external", metric=named(s), target=target(k, a)),
        st.sampled_from(["Value", "AverageValue"]),
        AMOUNT,
        SELECTOR,
    ),
)
RULES = st.fixed_dictionaries(
    {"selectPolicy": st.sampled_from(["Max", "Min", "Disabled"])},
    optional={
        "stabilizationWindowSeconds": st.integers(0, 3_600),
        "tolerance": st.just("50m"),
        "policies": st.lists(
            st.just({"type": "Pods", "value": 4, "periodSeconds": 15}), min_size=1, max_size=2
        ),
    },
)
BEHAVIOR = st.none() | st.fixed_dictionaries({"scaleUp": RULES, "scaleDown": RULES})
CONDITION = {
    "type": "AbleToScale",
    "status": "True",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
    "reason": "ReadyForNewScale",
    "message": "a < b & c",
}
USED = {"averageUtilization": 50, "averageValue": "50m"}
CURRENT = (
    {"type": "Resource", "resource": {"name": "cpu", "current": USED}},
    {"type": "Pods", "pods": {"metric": {"name": "hits"}, "current": {"averageValue": "3"}}},
)


def stored(metrics: Any, behavior: Any, conditions: Any, current: Any) -> Document:
    spec: dict[str, Any] = {"maxReplicas": 5, "minReplicas": 1, "metrics": metrics}
    status: dict[str, Any] = {"currentReplicas": 2, "desiredReplicas": 3}
    if behavior is not None:
        spec["behavior"] = behavior
    if conditions:
        status["conditions"] = conditions
    if current:
        status["currentMetrics"] = current
    meta = {"name": "web", "namespace": "n", "annotations": {"mine": "kept"}}
    head = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta}
    return document({**head, "spec": spec, "status": status})


@given(
    metrics=st.lists(METRIC, min_size=1, max_size=3),
    plain=st.booleans(),
    behavior=BEHAVIOR,
    conditions=st.sampled_from([[], [CONDITION]]),
    current=st.sampled_from([(), CURRENT]),
)
def test_nothing_is_lost_in_version_1(metrics, plain, behavior, conditions, current):
    """The metric that version 1 has a field for comes back last."""
    one = stored(metrics + ([PLAIN] if plain else []), behavior, conditions, current)
    older = to_version_1(one)
    assert older["apiVersion"] == "autoscaling/v1" and "metrics" not in older["spec"]
    assert to_version_2(older) == one
    assert to_version_1(to_version_2(older)) == older


def test_version_1_says_the_rest_in_upstreams_words() -> None:
    hits = metric("Pods", "pods", metric={"name": "hits"}, target=target("AverageValue", "100"))
    up = {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}],
    }
    older: Any = to_version_1(stored([PLAIN, hits], {"scaleUp": up}, [CONDITION], CURRENT))
    notes = older["metadata"]["annotations"]
    assert older["spec"]["targetCPUUtilizationPercentage"] == 70
    assert older["status"]["currentCPUUtilizationPercentage"] == 50
    assert notes[ALPHA + "metrics"] == (
        '[{"type":"Pods","pods":{"metricName":"hits","targetAverageValue":"100"}}]'
    )
    assert notes[ALPHA + "behavior"] == (
        '{"ScaleUp":{"StabilizationWindowSeconds":0,"SelectPolicy":"Max","Policies":[{"Type":"Pods",'
        '"Value":4,"PeriodSeconds":15}],"Tolerance":null},"ScaleDown":null}'
    )
    assert msgspec.json.decode(notes[ALPHA + "current-metrics"])[0] == {
        "type": "Resource",
        "resource": {
            "name": "cpu",
            "currentAverageUtilization": 50,
            "currentAverageValue": "50m",
        },
    }
    assert "a \\u003c b \\u0026 c" in notes[ALPHA + "conditions"]
    assert notes["mine"] == "kept"


def test_annotations_that_are_no_json_are_dropped() -> None:
    notes = {ALPHA + "metrics": "{", ALPHA + "behavior": "7", "mine": "kept"}
    sent = {"metadata": {"name": "web", "annotations": notes}, "spec": {"maxReplicas": 3}}
    found = to_version_2(document(sent))
    assert found["metadata"] == {"name": "web", "annotations": {"mine": "kept"}}
    assert found["spec"] == {"maxReplicas": 3}
