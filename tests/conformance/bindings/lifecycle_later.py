"""Rules without a controller yet, or with a small one: times to live, RBAC, the autoscaler."""

from __future__ import annotations

from typing import Any

from kelm.core.api.authorization import rbac
from kelm.core.api.quota import cost as quota
from kelm.core.controllers.batch import ttl_after_finished as ttl
from kelm.core.controllers.horizontal_pod_autoscaler import behavior
from kelm.core.controllers.horizontal_pod_autoscaler import replicas as hpa
from kelm.core.objects.quantity import Quantity, parse_quantity
from kelm.core.objects.time import format_time, parse_time
from kelm.effects.document import document, without

Case = dict[str, Any]


def _job_ttl(case: Case) -> tuple[object, object]:
    given, expected = case["input"], case["expected"]
    job = document(given["job"])
    at_ms = ttl.expires_ms(job)
    found: Case = {"error": True}
    if at_ms is not None:
        left_ms = at_ms - parse_time(given["now"])
        found = {"leftSeconds": left_ms / 1_000, "expireAt": format_time(at_ms)}
    if "needsCleanup" in expected:
        found["needsCleanup"] = ttl.needs_cleanup(job)
    return found, expected


def _rule(given: Case) -> rbac.Rule:
    return rbac.Rule(
        tuple(given.get("verbs", ())),
        tuple(given.get("apiGroups", ())),
        tuple(given.get("resources", ())),
        tuple(given.get("resourceNames", ())),
        tuple(given.get("nonResourceURLs", ())),
    )


def _request(given: Case) -> rbac.Request:
    return rbac.Request(
        verb=given["verb"],
        api_group=given.get("apiGroup", ""),
        resource=given.get("resource", ""),
        subresource=given.get("subresource", ""),
        namespace=given.get("namespace", ""),
        name=given.get("name", given.get("resourceName", "")),
        path=given.get("path", "") if not given["resourceRequest"] else "",
        user=given.get("user", ""),
        groups=tuple(given.get("groups", ())),
    )


def _bindings(given: Case) -> list[rbac.Binding]:
    roles = {
        ("ClusterRole", "", role["metadata"]["name"]): role
        for role in given.get("clusterRoles", ())
    } | {
        ("Role", role["metadata"].get("namespace", ""), role["metadata"]["name"]): role
        for role in given.get("roles", ())
    }
    found = []
    for one in (*given.get("roleBindings", ()), *given.get("clusterRoleBindings", ())):
        namespace = one.get("metadata", {}).get("namespace", "")
        ref = one["roleRef"]
        home = namespace if ref["kind"] == "Role" else ""
        role = roles.get((ref["kind"], home, ref["name"]), {})
        subjects = tuple(
            rbac.Subject(who["kind"], who["name"], who.get("namespace", ""))
            for who in one.get("subjects", ())
        )
        rules = tuple(_rule(rule) for rule in role.get("rules") or ())
        found.append(rbac.Binding(subjects, rules, namespace))
    return found


def _rbac(case: Case) -> tuple[object, object]:
    given = case["input"]
    requests = [_request(one) for one in given["requests"]]
    if case["kind"] == "rule":
        rule = _rule(given["rule"])
        return {"allowed": [rbac.allows(rule, one) for one in requests]}, case["expected"]
    bindings = _bindings(given)
    return {"allowed": [rbac.authorized(bindings, one) for one in requests]}, case["expected"]


def _rbac_escalation(case: Case) -> tuple[object, object]:
    given = case["input"]
    owner = tuple(_rule(rule) for rule in given["ownerRules"])
    lacking = rbac.uncovered(owner, [_rule(rule) for rule in given["servantRules"]])
    names = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
    shown = [
        {
            name: list(words)
            for name, words in zip(
                names,
                (r.verbs, r.api_groups, r.resources, r.resource_names, r.non_resource_urls),
                strict=True,
            )
            if words
        }
        for r in lacking
    ]
    return {"covered": not lacking, "uncovered": shown}, case["expected"]


def _measured(given: Case, pod: Case) -> hpa.Measured:
    usage = given.get("usageMilli", {}).get(pod["name"])
    request = pod.get("requestMilliPerContainer")
    if isinstance(usage, list):
        chosen = {"container1": usage[:1], "container2": usage[1:2]}
        usage = sum(chosen.get(given.get("container", ""), usage))
    if request is not None and not given.get("container"):
        request *= 2
    started = pod.get("startedSecondsAgo")
    return hpa.Measured(
        pod["name"],
        usage,
        request,
        pod["phase"],
        pod["ready"],
        pod.get("deleting", False),
        None if started is None else round(started * 1_000),
        given.get("metricOlderThanReadiness", False),
    )


def _hpa_replicas(case: Case) -> tuple[object, object]:
    given, expected = case["input"], case["expected"]
    current, kind = given["currentReplicas"], case["kind"]
    tolerances = hpa.Tolerances(given["tolerance"]["down"], given["tolerance"]["up"])
    pods = [_measured(given, pod) for pod in given["pods"]]
    found: hpa.Proposal | hpa.NoProposal
    if kind == "resource":
        target, is_cpu = given["targetUtilization"], given["resource"] == "cpu"
        found = hpa.resource_replicas(current, target, pods, tolerances, is_cpu=is_cpu)
    elif kind == "pods":
        found = hpa.pods_replicas(current, given["targetMilli"], pods, tolerances)
    else:
        value = sum(given["valuesMilli"])
        ready = sum(pod["ready"] and pod["phase"] == "Running" for pod in given["pods"])
        if kind.endswith("PerPod"):
            target = given["targetMilliPerPod"]
            found = hpa.per_pod_replicas(current, value, target, tolerances)
        else:
            found = hpa.object_replicas(current, value, given["targetMilli"], ready, tolerances)
    if isinstance(found, hpa.NoProposal):
        return {"error": True}, expected
    if kind == "resource":
        shown: Case = {"utilization": found.utilization, "averageMilli": found.usage}
    else:
        shown = {"usageMilli": found.usage}
    return {"replicas": found.replicas, **shown}, expected


def _rules(given: Case | None, usual: behavior.Rules) -> behavior.Rules:
    if given is None:
        return usual
    policies = tuple(
        behavior.Policy(one["type"], one["value"], one["periodSeconds"])
        for one in given.get("policies") or ()
    )
    return behavior.Rules(
        policies or usual.policies,
        given.get("selectPolicy") or usual.select_policy,
        given.get("stabilizationWindowSeconds", usual.stabilization_window_seconds),
    )


def _happened(given: list[Case] | None, field: str) -> tuple[behavior.Happened, ...]:
    return tuple(
        behavior.Happened(one[field], round(one["secondsAgo"] * 1_000)) for one in given or ()
    )


def _hpa_behavior(case: Case) -> tuple[object, object]:
    given, expected, kind = case["input"], case["expected"], case["kind"]
    ups = _happened(given.get("scaleUpEvents"), "replicaChange")
    downs = _happened(given.get("scaleDownEvents"), "replicaChange")
    if kind in ("up-limit", "down-limit"):
        limit = behavior.up_limit if kind == "up-limit" else behavior.down_limit
        usual = behavior.UP if kind == "up-limit" else behavior.DOWN
        rules = _rules(given["rules"], usual)
        return {"limit": limit(given["currentReplicas"], rules, ups, downs)}, expected
    if kind.startswith("stabilize"):
        return _stabilized(given, kind), expected if kind != "stabilize" else _stored(expected)
    bounds = [given[name] for name in ("currentReplicas", "desired", "minReplicas", "maxReplicas")]
    if kind == "no-behavior":
        found = behavior.limited_without_behavior(*bounds)
    else:
        up = _rules(given.get("scaleUp"), behavior.UP)
        down = _rules(given.get("scaleDown"), behavior.DOWN)
        found = behavior.limited(*bounds, up=up, down=down, ups=ups, downs=downs)
    return {"replicas": found.replicas, "reason": found.reason}, expected


def _stored(expected: Case) -> Case:
    return {name: expected.get(name) for name in ("replicas", "stored") if name in expected}


def _stabilized(given: Case, kind: str) -> Case:
    recent = _happened(given["recommendations"], "replicas")
    if kind == "stabilize-plain":
        window = given["windowSeconds"]
        replicas, kept = behavior.stabilized_plain(given["desired"], recent, window)
        return {"replicas": replicas, "storedRecommendations": len(kept)}
    up = behavior.Rules((), stabilization_window_seconds=given["upWindowSeconds"])
    down = behavior.Rules((), stabilization_window_seconds=given["downWindowSeconds"])
    current, desired = given["currentReplicas"], given["desired"]
    replicas, kept = behavior.stabilized(current, desired, recent, up, down)
    return {"replicas": replicas, "stored": [one.replicas for one in kept]}


def _hpa_behavior_compared(case: Case) -> tuple[object, object]:
    """Some cases recorded no list of recommendations."""
    found, expected = _hpa_behavior(case)
    assert isinstance(found, dict) and isinstance(expected, dict)
    return {name: found[name] for name in expected}, expected


def _quota_usage(case: Case) -> tuple[object, object]:
    given, kind = case["input"], case["kind"]
    doc = document(given[kind])
    if kind == "pod":
        if not given.get("podLevelResourcesEnabled") and "spec" in doc:
            doc = without(doc, ("spec", "resources"))
        found = quota.pod_usage(doc, parse_time("2025-01-01T00:00:00Z"))
    else:
        found = quota.service_usage(doc) if kind == "service" else quota.claim_usage(doc)
    expected = case["expected"]["usage"]
    return _by_value(found), _by_value({name: parse_quantity(q) for name, q in expected.items()})


def _by_value(usage: dict[str, Quantity]) -> dict[str, int]:
    return {name: amount.at_scale(-9) for name, amount in sorted(usage.items())}


def _quota_scopes(case: Case) -> tuple[object, object]:
    pod = document(case["input"]["pod"])
    matched = [
        one for one in case["input"]["requirements"] if quota.matches_scope(pod, document(one))
    ]
    return {"matched": matched}, case["expected"]


BINDINGS = {
    "quota-usage": _quota_usage,
    "quota-scopes": _quota_scopes,
    "job-ttl": _job_ttl,
    "job-ttl-probe": _job_ttl,
    "rbac": _rbac,
    "rbac-escalation": _rbac_escalation,
    "hpa-replicas": _hpa_replicas,
    "hpa-behavior": _hpa_behavior_compared,
}
