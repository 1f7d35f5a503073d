"""The scheduler's tables: one pod, some nodes, what each plugin says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kelm.core.objects.pod import pod
from kelm.core.scheduler import queue
from kelm.core.scheduler.fleet import Fleet, fleet_of, used
from kelm.core.scheduler.needs import Ask, Asks, tagged
from kelm.core.scheduler.nodes import NodeUse, node_use
from kelm.core.scheduler.plugins.balanced_allocation import BalancedAllocation
from kelm.core.scheduler.plugins.framework import Plugin, Status
from kelm.core.scheduler.plugins.image_locality import ImageLocality
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
from kelm.core.scheduler.profile import feasible_enough
from kelm.effects.document import document, without

Case = dict[str, Any]
EXPECTED_PAIR = tuple[object, object]
CODES = ("Success", "Unschedulable", "UnschedulableAndUnresolvable")


def ask(given: Case) -> Ask:
    return Asks().of(pod(document(given)))


def fleet(nodes: Iterable[Case], pods: Iterable[Case] = ()) -> Fleet:
    """The nodes with the pods that name them."""
    found = fleet_of(node_use(document(one)) for one in nodes)
    for one in pods:
        found = used(found, one.get("spec", {}).get("nodeName", ""), ask(one), 1)
    return found


def said(plugin: Plugin, asked: Ask, cluster: Fleet, node: NodeUse) -> Status | str | None:
    """What a plugin's filter says of a node; "Skip" where the pod is none of its business."""
    found = plugin.filtering(asked, cluster)
    if found is None:
        return "Skip"
    return found if isinstance(found, Status) else found(node)


def code(status: Status | str | None) -> str:
    return "Success" if status is None or isinstance(status, str) else status.code


def scores(plugin: Plugin, asked: Ask, cluster: Fleet) -> Mapping[str, int] | None:
    """A plugin's final scores by node; None where it skips the pod."""
    found = plugin.scoring(asked, cluster)
    if found is None:
        return None
    raw = [found.raw(node) for node in cluster.nodes()]
    final = raw if found.normalise is None else found.normalise(raw)
    return dict(zip(names(cluster), final, strict=True))


def names(cluster: Fleet) -> list[str]:
    return [node.name for node in cluster.nodes()]


def only(cluster: Fleet) -> NodeUse:
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
    cluster = fleet([node], placed)
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
        return _scored(plugin, asked, fleet(given["nodes"])), expected
    cluster = fleet([given["node"]])
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


def _scored(plugin: Plugin, asked: Ask, cluster: Fleet) -> Case:
    found = scores(plugin, asked, cluster)
    return {"skip": True} if found is None else {"scores": found}


def _taints(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    plugin = TaintToleration(comparisons=given.get("comparisonOperatorsEnabled", False))
    asked = ask(given["pod"])
    if case["kind"] == "score":
        return _scored(plugin, asked, fleet(given["nodes"])), case["expected"]
    cluster = fleet([given["node"]])
    found = said(plugin, asked, cluster, only(cluster))
    return {"code": code(found)}, case["expected"]


def _ports(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    placed = [
        {**one, "spec": {**one.get("spec", {}), "nodeName": "n"}} for one in given["podsOnNode"]
    ]
    cluster = fleet([{"metadata": {"name": "n"}}], placed)
    found = said(NodePorts(), ask(given["pod"]), cluster, only(cluster))
    if found == "Skip":
        return {"preFilter": "Skip"}, case["expected"]
    return {"preFilter": "Success", "filter": code(found)}, case["expected"]


def _name_or_cordon(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    plugin: Plugin = NodeName() if case["kind"] == "nodename" else NodeUnschedulable()
    cluster = fleet([given["node"]])
    found = said(plugin, ask(given["pod"]), cluster, only(cluster))
    return {"code": code(found)}, case["expected"]


def _strategy(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    strategy = Strategy(
        given["strategy"],
        tuple((one["name"], one["weight"]) for one in given["resources"]),
        tuple((one["utilization"], one["score"]) for one in given.get("shape", ())),
    )
    cluster = fleet(given["nodes"], given["existingPods"])
    return scores(NodeResourcesFit(strategy=strategy), ask(given["pod"]), cluster), case["expected"]


def _balanced(case: Case) -> EXPECTED_PAIR:
    given, expected = case["input"], case["expected"]
    plugin = BalancedAllocation(resources=tuple(given["resources"]))
    cluster = fleet(given["nodes"], given["existingPods"])
    found = scores(plugin, ask(given["pod"]), cluster)
    if found is None and "scores" in expected:
        found = dict.fromkeys(names(cluster), 0)
    return {"skip": True} if found is None else {"scores": found}, expected


def _images(case: Case) -> EXPECTED_PAIR:
    given = case["input"]
    if case["kind"] == "normalise":
        return {"image": tagged(given["image"])}, case["expected"]
    cluster = fleet(given["nodes"])
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


BINDINGS = {
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
