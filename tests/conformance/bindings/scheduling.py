"""The scheduler's tables: one pod, some nodes, what each plugin says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pyrsistent import pmap

from kelm.core.objects.pod import pod
from kelm.core.scheduler import queue
from kelm.core.scheduler.cache.fleet import Fleet, fleet_of
from kelm.core.scheduler.cache.needs import Ask, Asks, tagged
from kelm.core.scheduler.cache.nodes import NodeUse, node_use
from kelm.core.scheduler.cache.view import View
from kelm.core.scheduler.observing import counted
from kelm.core.scheduler.placement.placing import ANYBODY, Placing
from kelm.core.scheduler.plugins.balanced_allocation import BalancedAllocation
from kelm.core.scheduler.plugins.framework import Cluster, Plugin, Scoring, Status
from kelm.core.scheduler.plugins.image_locality import ImageLocality
from kelm.core.scheduler.plugins.inter_pod_affinity import Attraction, InterPodAffinity
from kelm.core.scheduler.plugins.node_affinity import (
    CONFLICT,
    NOT_ADDED,
    NodeAffinity,
    pinned_names,
)
from kelm.core.scheduler.plugins.node_name import NodeName
from kelm.core.scheduler.plugins.node_ports import NodePorts
from kelm.core.scheduler.plugins.node_resources_fit import NodeResourcesFit, insufficient
from kelm.core.scheduler.plugins.node_unschedulable import NodeUnschedulable
from kelm.core.scheduler.plugins.scoring_strategies import Strategy
from kelm.core.scheduler.plugins.taint_toleration import TaintToleration
from kelm.core.scheduler.plugins.topology_spread import Evenness, TopologySpread
from kelm.core.scheduler.preemption.preemption import Budget, Resident, chosen, started, victims_of
from kelm.core.scheduler.profile import Profile, feasible_enough
from kelm.core.scheduler.state import Placed, State
from kelm.core.store import table as tables
from kelm.core.store.table import Table
from kelm.effects.document import document, without

Case = dict[str, Any]
EXPECTED_PAIR = tuple[object, object]
CODES = ("Success", "Unschedulable", "UnschedulableAndUnresolvable")


def ask(given: Case) -> Ask:
    return Asks().of(pod(document(given)))


def fleet(nodes: Iterable[Case]) -> Fleet:
    return fleet_of(node_use(document(one)) for one in nodes)


def view(
    nodes: Iterable[Case],
    pods: Iterable[Case] = (),
    namespaces: Iterable[Case] = (),
) -> View:
    """All that plugins may look at."""
    table = Table("namespaces")
    for number, one in enumerate(namespaces):
        table = tables.put(table, one["metadata"]["name"], document(one), number + 1)
    state = State(fleet=fleet(nodes), caches=pmap({"namespaces": table}))
    for number, one in enumerate(pods):
        live = "deletionTimestamp" not in one.get("metadata", {})
        placed = Placed(one.get("spec", {}).get("nodeName", ""), ask(one), live)
        state = counted(state, f"{number:06}", placed)
    return View(state)


def said(plugin: Plugin, asked: Ask, cluster: Cluster, node: NodeUse) -> Status | str | None:
    """What a plugin's filter says of a node; "Skip" where the pod is none of its business."""
    found = plugin.filtering(asked, cluster)
    if found is None:
        return "Skip"
    if isinstance(found, Status):
        return found
    if callable(found):
        return found(node)
    return found.verdict([count.at(node) for count in found.counts])


def code(status: Status | str | None) -> str:
    return "Success" if status is None or isinstance(status, str) else status.code


def scores(plugin: Plugin, asked: Ask, cluster: Cluster) -> Mapping[str, int] | None:
    """A plugin's final scores by node; None where it skips the pod."""
    found = plugin.scoring(asked, cluster)
    if found is None:
        return None
    if not isinstance(found, Scoring):
        elements = list(map(found.reader(), cluster.nodes()))
        return dict(zip(names(cluster), found.grades(elements, [1] * len(elements)), strict=True))
    raw = [found.raw(node) for node in cluster.nodes()]
    final = raw if found.normalise is None else found.normalise(raw)
    return dict(zip(names(cluster), final, strict=True))


def names(cluster: Cluster) -> list[str]:
    return [node.name for node in cluster.nodes()]


def only(cluster: Cluster) -> NodeUse:
    """The one node of a fleet."""
    (node,) = cluster.nodes()
    return node


def _fit(case: Case) -> EXPECTED_PAIR:
    given, expected = case["input"], case["expected"]
    doc = document(given["pod"])
    if not given.get("podLevelResourcesEnabled") and "spec" in doc:
        doc = without(doc, ("spec", "resources"))
    asked = Asks().of(pod(doc))
    plugin = NodeResourcesFit(
        ignored_resources=frozenset(given.get("ignoredResources", ())),
        ignored_resource_groups=frozenset(given.get("ignoredResourceGroups", ())),
    )
    placed = [
        {**one, "spec": {**one.get("spec", {}), "nodeName": "n"}} for one in given["podsOnNode"]
    ]
    node = {"metadata": {"name": "n"}, "status": {"allocatable": given["nodeAllocatable"]}}
    cluster = view([node], placed)
    lacking = insufficient(only(cluster), plugin.counted(asked))
    found = {
        "code": code(said(plugin, asked, cluster, only(cluster))),
        "insufficient": sorted(one.resource for one in lacking),
        "details": [
            {
                "resource": one.resource,
                "requested": one.requested,
                "used": one.used,
                "capacity": one.capacity,
            }
            for one in lacking
        ],
    }
    return _listed(found, expected), _listed(expected, expected)


def _listed(found: Case, expected: Case) -> Case:
    """The fields that were recorded; details in the order of their names."""
    kept = {name: found[name] for name in expected}
    if "details" in kept:
        kept["details"] = sorted(kept["details"], key=lambda one: str(one["resource"]))
    return kept


def _node_affinity(case: Case) -> EXPECTED_PAIR:
    given, expected = case["input"], case["expected"]
    plugin = NodeAffinity(added=document(given.get("addedAffinity") or {}))
    asked = ask(given["pod"])
    if case["kind"] == "score":
        return _scored(plugin, asked, view(given["nodes"])), expected
    cluster = view([given["node"]])
    node = only(cluster)
    found = plugin.filtering(asked, cluster)
    refused = said(plugin, asked, cluster, node)
    shown: Case = {"filter": {"code": code(refused)}}
    if isinstance(refused, Status):
        added = refused.reasons == (NOT_ADDED,)
        shown["filter"]["why"] = "added-affinity" if added else "pod-selector"
    if given["preFilterRuns"]:
        skipped = "Skip" if found is None else "Success"
        shown["preFilter"] = {"code": found.code if isinstance(found, Status) else skipped}
        if isinstance(found, Status) and found.reasons == (CONFLICT,):
            shown["preFilter"]["why"] = "conflict"
        if "preFilterNodeNames" in expected:
            shown["preFilterNodeNames"] = sorted(pinned_names(asked.needs.affinity) or ())
    for name in ("filter", "preFilter"):
        if name in shown and name in expected:
            shown[name] = {field: shown[name].get(field) for field in expected[name]}
    return {name: shown.get(name) for name in expected}, expected


def _scored(plugin: Plugin, asked: Ask, cluster: Cluster) -> Case:
    found = scores(plugin, asked, cluster)
    return {"skip": True} if found is None else {"scores": found}


def _taints(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    plugin = TaintToleration(comparisons=given.get("comparisonOperatorsEnabled", False))
    asked = ask(given["pod"])
    if case["kind"] == "score":
        return _scored(plugin, asked, view(given["nodes"])), case["expected"]
    cluster = view([given["node"]])
    found = said(plugin, asked, cluster, only(cluster))
    return {"code": code(found)}, case["expected"]


def _ports(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    placed = [
        {**one, "spec": {**one.get("spec", {}), "nodeName": "n"}} for one in given["podsOnNode"]
    ]
    cluster = view([{"metadata": {"name": "n"}}], placed)
    found = said(NodePorts(), ask(given["pod"]), cluster, only(cluster))
    if found == "Skip":
        return {"preFilter": "Skip"}, case["expected"]
    return {"preFilter": "Success", "filter": code(found)}, case["expected"]


def _name_or_cordon(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    plugin: Plugin = NodeName() if case["kind"] == "nodename" else NodeUnschedulable()
    cluster = view([given["node"]])
    found = said(plugin, ask(given["pod"]), cluster, only(cluster))
    return {"code": code(found)}, case["expected"]


def _strategy(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    strategy = Strategy(
        given["strategy"],
        tuple((one["name"], one["weight"]) for one in given["resources"]),
        tuple((one["utilization"], one["score"]) for one in given.get("shape", ())),
    )
    cluster = view(given["nodes"], given["existingPods"])
    return scores(NodeResourcesFit(strategy=strategy), ask(given["pod"]), cluster), case["expected"]


def _balanced(case: Case) -> EXPECTED_PAIR:
    given, expected = case["input"], case["expected"]
    plugin = BalancedAllocation(resources=tuple(given["resources"]))
    cluster = view(given["nodes"], given["existingPods"])
    found = scores(plugin, ask(given["pod"]), cluster)
    if found is None and "scores" in expected:
        found = dict.fromkeys(names(cluster), 0)
    return {"skip": True} if found is None else {"scores": found}, expected


def _images(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    if case["kind"] == "normalise":
        return {"image": tagged(given["image"])}, case["expected"]
    cluster = view(given["nodes"])
    found = scores(ImageLocality(), ask(given["pod"]), cluster)
    return {"scores": found or dict.fromkeys(names(cluster), 0)}, case["expected"]


def _feasible(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    found = feasible_enough(given["nodes"], given["profilePercentage"], given["globalPercentage"])
    return {"feasible": found}, case["expected"]


def _backoff(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    first, longest = given["initialNs"], given["maxNs"]
    if case["kind"] == "duration":
        return {"ns": queue.backoff_duration(given["count"], first, longest)}, case["expected"]
    until = given.get("cachedUntil")
    if until is None:
        until = queue.backoff_end(
            given["unschedulableCount"],
            given["consecutiveErrors"],
            given["since"],
            first,
            longest,
        )
    return {"until": until}, case["expected"]


def _codes(plugin: Plugin, case: Case, cluster: View) -> Case:
    found = {
        node.name: said(plugin, ask(case["input"]["pod"]), cluster, node)
        for node in cluster.nodes()
    }
    return {name: code(status) for name, status in found.items()}


def _neighbours(case: Case) -> EXPECTED_PAIR:
    given, expected = case["input"], case["expected"]
    cluster = view(given["nodes"], given["existingPods"], given["namespaces"])
    plugin = InterPodAffinity()
    if plugin.filtering(ask(given["pod"]), cluster) is None:
        return {"preFilter": "Skip"}, expected
    return {"preFilter": "Success", "filter": _codes(plugin, case, cluster)}, expected


def _attraction(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    plugin = InterPodAffinity(
        hard_weight=given["hardPodAffinityWeight"],
        ignore_preferred_of_existing=given["ignorePreferredTermsOfExistingPods"],
    )
    cluster = view(given["nodes"], given["existingPods"], given["namespaces"])
    found = plugin.scoring(ask(given["pod"]), cluster)
    if isinstance(found, Attraction) and found.idle:
        return {"skip": True}, case["expected"]
    return _scored(plugin, ask(given["pod"]), cluster), case["expected"]


def _without_policies(pod: Case, given: Case) -> Case:
    """The pod as an API server without the feature gates would keep it."""
    dropped = set()
    if not given["nodeInclusionPolicyEnabled"]:
        dropped |= {"nodeAffinityPolicy", "nodeTaintsPolicy"}
    if not given.get("matchLabelKeysEnabled", True):
        dropped |= {"matchLabelKeys"}
    spec = pod.get("spec", {})
    kept = [
        {field: value for field, value in one.items() if field not in dropped}
        for one in spec.get("topologySpreadConstraints", ())
    ]
    return {**pod, "spec": {**spec, "topologySpreadConstraints": kept}}


def _spread(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    pod_ = _without_policies(given["pod"], given)
    case = {**case, "input": {**given, "pod": pod_}}
    cluster = view(given["nodes"], given["existingPods"])
    return {"filter": _codes(TopologySpread(), case, cluster)}, case["expected"]


def _evenness(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    cluster = view([*given["nodes"], *given["failedNodes"]], given["existingPods"])
    asked = ask(_without_policies(given["pod"], given))
    found = TopologySpread().scoring(asked, cluster)
    assert isinstance(found, Evenness)
    wanted = [one["metadata"]["name"] for one in given["nodes"]]
    nodes = [node for node in cluster.nodes() if node.name in wanted]
    grades = found.grades(list(map(found.reader(), nodes)), [1] * len(nodes))
    shown = dict(zip((node.name for node in nodes), grades, strict=True))
    return {"scores": shown}, case["expected"]


class Victims(Placing):
    """A placing of which only what would be if pods left is wanted."""

    def __init__(self, filters: list[str], cluster: View) -> None:
        plugins = tuple(one for one in Profile().plugins if one.plugin.name in filters)
        super().__init__(Profile(plugins=plugins), cluster, 0)


def _preemption(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    priority = given["pod"]["spec"]["priority"]
    cluster = view(given["nodes"], given["existingPods"])
    placing = Victims(given["filters"], cluster)
    budgets = [Budget(document(one)) for one in given.get("pdbs", ())]
    asked = ask(given["pod"])
    candidates = []
    for node in cluster.nodes():
        lesser = [
            _resident(one)
            for one in given["existingPods"]
            if one["spec"]["nodeName"] == node.name and one["spec"].get("priority", 0) < priority
        ]
        with placing.trial(asked, node.name, ANYBODY) as trial:
            found = victims_of(node.name, lesser, budgets, trial.fits, trial.leave)
        if found is not None:
            candidates.append(found)
    if case["kind"] == "select":
        picked = chosen(candidates).node
        return picked in case["expected"]["anyOf"], True
    shown = {
        one.node: {
            "victims": sorted(victim.name for victim in one.victims),
            "pdbViolations": one.violations,
        }
        for one in candidates
    }
    return {"candidates": shown}, case["expected"]


def _resident(one: Case) -> Resident:
    meta = one["metadata"]
    return Resident(
        meta["uid"],
        meta.get("namespace", ""),
        meta["name"],
        one["spec"].get("priority", 0),
        ask(one),
        started(one.get("status", {}).get("startTime")),
    )


BINDINGS = {
    "sched-preemption": _preemption,
    "sched-interpodaffinity-filter": _neighbours,
    "sched-interpodaffinity-score": _attraction,
    "sched-topologyspread-filter": _spread,
    "sched-topologyspread-score": _evenness,
    "sched-fit-filter": _fit,
    "sched-nodeaffinity": _node_affinity,
    "sched-tainttoleration": _taints,
    "sched-nodeports": _ports,
    "sched-nodename-unschedulable": _name_or_cordon,
    "sched-score-leastallocated": _strategy,
    "sched-score-mostallocated": _strategy,
    "sched-score-requestedtocapacityratio": _strategy,
    "sched-score-balancedallocation": _balanced,
    "sched-imagelocality": _images,
    "sched-numfeasiblenodes": _feasible,
    "sched-queue-backoff": _backoff,
}
