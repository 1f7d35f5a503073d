"""DaemonSets: tables to functions of `kelm.core.controllers.workloads.daemonset`."""

from __future__ import annotations

from typing import Any

import msgspec

from kelm.core.controllers.workloads.daemonset import template
from kelm.core.controllers.workloads.daemonset.fit import fit_of
from kelm.core.controllers.workloads.daemonset.manage import manage as managed
from kelm.core.controllers.workloads.daemonset.rolling import (
    Changes,
    allows_surge,
    limits,
    rolling_update,
    surge_count,
    unavailable_count,
)
from kelm.core.controllers.workloads.daemonset.scene import Scene
from kelm.core.controllers.workloads.daemonset.status import count
from kelm.core.objects.daemon_set import TEMPLATE_GENERATION, DaemonSet, daemon_set
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import pod
from kelm.core.objects.time import parse_time
from kelm.effects.document import Document, document, elements, thaw

Case = dict[str, Any]
Sides = tuple[object, object]


def _set(given: Case) -> DaemonSet:
    whole = {"metadata": {"name": "ds"}, **given, "apiVersion": "apps/v1", "kind": "DaemonSet"}
    return daemon_set(document(whole))


def counts(case: Case) -> Sides:
    given = case["input"]
    one, nodes = (
        _set({"spec": {"updateStrategy": given["updateStrategy"]}}),
        given["numberToSchedule"],
    )
    return {
        "surge": surge_count(one, nodes),
        "unavailable": unavailable_count(one, nodes),
        "allowsSurge": allows_surge(one),
    }, case["expected"]


def limits_of(case: Case) -> Sides:
    given = case["input"]
    one = _set(given["daemonSet"])
    desired = sum(fit_of(one, document(node)).run for node in given["nodes"])
    surge, unavailable = limits(one, desired)
    return {
        "desiredNumberScheduled": desired,
        "maxSurge": surge,
        "maxUnavailable": unavailable,
    }, case["expected"]


def node_fit(case: Case) -> Sides:
    given = case["input"]
    found = fit_of(_set(given["daemonSet"]), document(given["node"]))
    return {"shouldRun": found.run, "shouldContinueRunning": found.stay}, case["expected"]


def node_affinity(case: Case) -> Sides:
    given = case["input"]
    found = template.for_node(document(given["affinity"] or {}), given["nodeName"])
    return {"affinity": thaw(found)}, case["expected"]


def pod_template(case: Case) -> Sides:
    given = case["input"]
    generation = given["templateGeneration"]
    labels = template.pod_labels(
        document(given["labels"] or {}),
        None if generation is None else str(generation),
        given["hash"],
    )
    tolerations = elements(template.with_tolerations(Document()), "tolerations")
    return {"labels": thaw(labels), "tolerationCount": len(tolerations)}, case["expected"]


def pod_updated(case: Case) -> Sides:
    given = case["input"]
    generation = given["templateGeneration"]
    told = None if generation is None else str(generation)
    found = template.is_updated(given["podLabels"] or {}, given["hash"], told)
    return {"updated": found}, case["expected"]


def target_node(case: Case) -> Sides:
    given = case["input"]
    spec = {"nodeName": given["nodeName"], "affinity": given["affinity"]}
    found = template.target_node(document(spec))
    return {"nodeName": found} if found else {"error": True}, case["expected"]


def tolerations(case: Case) -> Sides:
    given = case["input"]
    spec = {"tolerations": given["tolerations"], "hostNetwork": given["hostNetwork"]}
    found = template.with_tolerations(document(spec))
    return {"tolerations": thaw(found["tolerations"])}, case["expected"]


def _scene(given: Case) -> Scene:
    raw = given["daemonSet"]
    generation = given.get("templateGeneration")
    if generation is not None:
        meta = {"name": "ds", "annotations": {TEMPLATE_GENERATION: str(generation)}}
        raw = {**raw, "metadata": meta}
    one = _set(raw)
    nodes = [document(node) for node in given["nodes"]]
    return Scene(
        one,
        given["updateHash"],
        {metadata(node).name: fit_of(one, node) for node in nodes},
        {
            node: tuple(pod(document(each)) for each in pods)
            for node, pods in given["podsByNode"].items()
        },
        parse_time(given["now"]),
    )


def _told(changes: Changes) -> Case:
    return {
        "createOnNodes": sorted(changes.create),
        "deletePods": sorted(each.metadata.name for each in changes.delete),
    }


def manage(case: Case) -> Sides:
    found = managed(_scene(case["input"]), {})
    return _told(Changes(found.create, found.delete)), case["expected"]


def rolling(case: Case) -> Sides:
    expected = case["expected"]
    scene = _scene(case["input"])
    changes = rolling_update(scene)
    surge, unavailable = limits(scene.one, scene.desired)
    due = changes.delete[: changes.due_pods]
    told = {
        **_told(changes),
        "desiredNumberScheduled": scene.desired,
        "maxSurge": surge,
        "maxUnavailable": unavailable,
        "mustCreateOnNodes": sorted(changes.create[: changes.due_nodes]),
        "mustDelete": sorted(each.metadata.name for each in due),
        "createCount": len(changes.create),
        "deleteCount": len(changes.delete),
    }
    return {name: value for name, value in told.items() if name in expected}, expected


def status(case: Case) -> Sides:
    expected = case["expected"]
    found: Any = msgspec.to_builtins(count(_scene(case["input"]), None))
    return {name: found[name] for name in expected}, expected


BINDINGS = {
    "daemonset-counts-probe": counts,
    "daemonset-limits": limits_of,
    "daemonset-manage": manage,
    "daemonset-manage-probe": manage,
    "daemonset-node-affinity-probe": node_affinity,
    "daemonset-node-fit": node_fit,
    "daemonset-pod-template-probe": pod_template,
    "daemonset-pod-updated": pod_updated,
    "daemonset-rolling-update": rolling,
    "daemonset-rolling-update-probe": rolling,
    "daemonset-status": status,
    "daemonset-status-probe": status,
    "daemonset-target-node-probe": target_node,
    "daemonset-tolerations-probe": tolerations,
}
