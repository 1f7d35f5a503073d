"""Node lifecycle, taint eviction, pod and garbage collection, namespaces, budgets."""

from __future__ import annotations

from typing import Any

import msgspec
from pyrsistent import pmap

from kelm.core.controllers.deletion import pod_gc
from kelm.core.controllers.deletion.namespaces import conditions
from kelm.core.controllers.disruption.controller import BUDGETS, DisruptionController
from kelm.core.controllers.disruption.scales import CONTROLLERS
from kelm.core.controllers.nodes import taint_eviction
from kelm.core.controllers.nodes.lifecycle import zones
from kelm.core.controllers.nodes.lifecycle.monitor import run_pass
from kelm.core.controllers.nodes.lifecycle.settings import Settings
from kelm.core.controllers.nodes.lifecycle.taints import schedule_taints_patch
from kelm.core.objects.pod import Toleration, pod
from kelm.core.objects.taints import Taint, taints_of
from kelm.core.objects.time import format_time
from kelm.core.objects.views import convert
from kelm.core.runtime.controller import Sync
from kelm.core.store import table as tables
from kelm.core.store.table import Table
from kelm.effects.commands import Delete, Get, Patch, Update
from kelm.effects.document import Document, children, document, text, with_value
from kelm.effects.refusals import Reason, Refusal

Case = dict[str, Any]
START_MS = 1_735_689_600_000


def _table(resource: str, docs: list[Document]) -> Table:
    table = Table(resource)
    for number, doc in enumerate(docs, 1):
        namespace, name = text(doc, "metadata", "namespace"), text(doc, "metadata", "name")
        table = tables.put(table, f"{namespace}/{name}" if namespace else name, doc, number)
    return table


def _node_condition_taints(case: Case) -> tuple[object, object]:
    given = case["input"]
    node = document(
        {
            "metadata": {"name": "node"},
            "spec": {"taints": given["taintsBefore"], "unschedulable": given["unschedulable"]},
            "status": {"conditions": given["conditions"]},
        }
    )
    patch = schedule_taints_patch(node, START_MS)
    after = node if patch is None else patch.patch
    assert isinstance(after, Document)
    found = sorted(f"{t['key']}:{t['effect']}" for t in children(after, "spec", "taints"))
    return {"taints": found}, case["expected"]


def _conditions(seconds: list[Case]) -> list[Case]:
    return [
        {
            key: format_time(START_MS + round(value * 1_000)) if key.endswith("Time") else value
            for key, value in condition.items()
        }
        for condition in seconds
    ]


def _node_health(case: Case) -> tuple[object, object]:
    given = case["input"]
    settings = Settings(
        grace_ms=round(given["gracePeriod"] * 1_000),
        startup_grace_ms=round(given["startupGracePeriod"] * 1_000),
    )
    created = format_time(START_MS + round(given["createdAt"] * 1_000))
    node = document(
        {
            "metadata": {"name": "node", "creationTimestamp": created},
            "spec": {},
            "status": {"conditions": _conditions(given["conditions"])},
        }
    )
    later_ms = START_MS + round(given["secondsPassed"] * 1_000)
    leases = Table("leases.coordination.k8s.io")
    monitor, commands = run_pass(None, _table("nodes", [node]), leases, settings, START_MS)
    if later_ms > START_MS:
        node = next((c.object for c in commands if isinstance(c, Update)), node)
        if "conditionsAfter" in given:
            after = document({"conditions": _conditions(given["conditionsAfter"])})
            node = with_value(node, ("status", "conditions"), after["conditions"])
        _, commands = run_pass(monitor, _table("nodes", [node]), leases, settings, later_ms)
    updates = [command for command in commands if isinstance(command, Update)]
    if not updates:
        return {"changed": False}, case["expected"]
    found = [
        {key: c[key] for key in ("type", "status", "reason") if key in c}
        for c in children(updates[-1].object, "status", "conditions")
    ]
    return {"conditions": sorted(found, key=lambda c: str(c["type"]))}, case["expected"]


def _zone_state(given: Case) -> object:
    counts: dict[str, list[int]] = {}
    for node in given["nodes"]:
        if not node.get("excludedFromDisruption"):
            counts.setdefault(node["zone"], [0, 0])[node["ready"] != "True"] += 1
    threshold = given["unhealthyZoneThreshold"]
    return {
        "zoneStates": {
            zone: zones.zone_state(zones.Count(*count), threshold).value
            for zone, count in counts.items()
        }
    }


def _node_zone_states(case: Case) -> tuple[object, object]:
    given = case["input"]
    if case["kind"] == "zone-state":
        return _zone_state(given), case["expected"]
    if case["kind"] == "zone-count":
        count = zones.Count(given["ready"], given["notReady"])
        state = zones.zone_state(count, given["unhealthyZoneThreshold"])
        return {"notReady": count.not_ready, "state": state.value}, case["expected"]
    settings = Settings(
        eviction_rate=given["evictionRate"],
        secondary_eviction_rate=given["secondaryEvictionRate"],
        large_cluster_threshold=given["largeClusterThreshold"],
    )
    rate = zones.eviction_rate(zones.ZoneState(given["state"]), given["nodes"], settings)
    return {"rate": rate}, {"rate": round(case["expected"]["rate"], 6)}


def _stays(given: Case) -> dict[str, float | None]:
    taints = tuple(convert(Taint, document(taint)) for taint in given["nodeTaints"])
    found = {}
    for doc in given["pods"]:
        subject = pod(document(doc))
        assert taints_of(document({"spec": {"taints": given["nodeTaints"]}})) == taints
        stay = taint_eviction.stay_ms(taints, subject.spec.tolerations)
        found[subject.metadata.name] = None if stay is None else stay / 1_000
    return found


def _taint_eviction(case: Case) -> tuple[object, object]:
    given, expected = case["input"], case["expected"]
    if case["kind"] == "min-time":
        used = [convert(Toleration, document(one)) for one in given["tolerations"]]
        stay = taint_eviction.tolerated_ms(used)
        seconds = expected["seconds"]
        unlimited = seconds is None or seconds < 0
        return stay, None if unlimited else seconds * 1_000
    if case["kind"] == "pod-on-node":
        bound = "nodeName" in given["pod"].get("spec", {})
        stays = _stays({**given, "pods": [given["pod"]]})
        return {"evictNow": bound and 0 in stays.values()}, expected
    if case["kind"] == "node-change":
        limit = given.get("observeSeconds", 0)
        stays = _stays(given)
        evicted = any(stay is not None and stay <= limit for stay in stays.values())
        return {"evicted": evicted}, expected
    after = {name: stay for name, stay in _stays(given).items() if stay is not None}
    return {"evictAfterSeconds": after}, expected


def _names(commands: list[Any], kind: type) -> list[str]:
    return sorted(command.name for command in commands if isinstance(command, kind))


def _podgc(case: Case) -> tuple[object, object]:
    """One pass over a world in which every named node exists."""
    given, expected = case["input"], case["expected"]
    pods = [pod(document(one)) for one in given["pods"]]
    doomed = pod_gc.terminated(pods, given.get("threshold", 0))
    for node in map(document, given.get("nodes", ())):
        name = text(node, "metadata", "name")
        bound = [one for one in pods if one.spec.node_name == name]
        doomed += pod_gc.terminating_out_of_service(bound, node)
    if "threshold" not in given or "nodes" in given:
        doomed += [one for one in pods if pod_gc.is_unscheduled_terminating(one)]
    batches = pod_gc.deletion(doomed, START_MS)
    commands = [command for batch in batches for command in batch]
    found = {
        "deleted": sorted(set(_names(commands, Delete))),
        "markedFailed": sorted(set(_names(commands, Patch))),
    }
    return {key: found[key] for key in expected}, expected


def _bare_nodes(names: set[str]) -> Table:
    return _table("nodes", [document({"metadata": {"name": name}}) for name in sorted(names)])


def _podgc_orphaned(case: Case) -> tuple[object, object]:
    """The controller at a multiple of its period, and once more after the delay."""
    given = case["input"]
    assert given["quarantineSeconds"] * 1_000 == pod_gc.QUARANTINE_MS
    controller, pods = pod_gc.PodGC(), _table("pods", [document(one) for one in given["pods"]])
    cached, server = set(given["cachedNodes"]), set(given["serverNodes"])
    later_ms = START_MS + given["delaySeconds"] * 1_000
    commands: list[Any] = []
    for key in controller.every_key(pmap({"pods": pods, "nodes": _bare_nodes(cached)})):
        before: Any = pmap({"pods": pods, "nodes": _bare_nodes(cached)})
        memory = controller.reconcile(Sync(key, START_MS, before)).memory
        left = (cached | set(given["addedCachedNodes"])) - set(given["deletedCachedNodes"])
        known = (server | set(given["addedServerNodes"])) - set(given["deletedServerNodes"])
        sync = Sync(key, later_ms, pmap({"pods": pods, "nodes": _bare_nodes(left)}), memory)
        plan = controller.reconcile(sync)
        for question in (c for batch in plan.batches for c in batch if isinstance(c, Get)):
            if question.name not in known:
                asked = msgspec.structs.replace(sync, memory=plan.memory)
                refusal = Refusal(Reason.NOT_FOUND, "")
                memory = controller.refused(asked, question, refusal)
                plan = controller.reconcile(msgspec.structs.replace(sync, memory=memory))
        commands += [command for batch in plan.batches for command in batch]
    found = {"deleted": _names(commands, Delete), "markedFailed": _names(commands, Patch)}
    return found, case["expected"]


def _namespace_deletion(case: Case) -> tuple[object, object]:
    given = case["input"]
    current = tuple(document(one) for one in given["current"])
    problems = [
        conditions.Problem(one["type"], one.get("reason", ""), one.get("message", ""))
        for one in given["found"]
    ]
    found = [
        {key: one[key] for key in ("type", "status", "reason") if key in one}
        for one in conditions.updated(current, problems, START_MS)
    ]
    return {"conditions": found}, case["expected"]


_APIS = {"ReplicationController": "v1"}


def _controlled_by(controller: str | None) -> Case:
    if controller is None:
        return {}
    kind, name = controller.split("/")
    reference = {
        "apiVersion": _APIS.get(kind, "apps/v1"),
        "kind": kind,
        "name": name,
        "uid": controller,
        "controller": True,
    }
    return {"ownerReferences": [reference]}


def _budget_pod(given: Case) -> Document:
    return document(
        {
            "metadata": {
                "name": given["name"],
                "namespace": "default",
                "labels": given.get("labels", {}),
                **({"deletionTimestamp": "2025-01-01T00:00:00Z"} if given.get("deleting") else {}),
                **_controlled_by(given.get("controller")),
            },
            "spec": {},
            "status": {"conditions": [{"type": "Ready", "status": str(given["ready"])}]},
        }
    )


def _budget_caches(given: Case) -> Any:
    docs: dict[str, list[Document]] = {resource: [] for resource in CONTROLLERS.values()}
    for controller, found in given["controllers"].items():
        kind, name = controller.split("/")
        group = "" if kind in _APIS else "apps"
        meta = {
            "name": name,
            "namespace": "default",
            "uid": controller,
            **_controlled_by(found.get("controller")),
        }
        docs[CONTROLLERS[group, kind]].append(
            document({"metadata": meta, "spec": {"replicas": found["replicas"]}})
        )
    docs["pods"] = [_budget_pod(one) for one in given["pods"]]
    meta = {"name": "budget", "namespace": "default", "generation": 1}
    docs[BUDGETS] = [document({**given["pdb"], "metadata": meta})]
    return pmap({resource: _table(resource, found) for resource, found in docs.items()})


def _pdb_status(case: Case) -> tuple[object, object]:
    sync = Sync("default/budget", START_MS, _budget_caches(case["input"]))
    plan = DisruptionController().reconcile(sync)
    updates = [c for batch in plan.batches for c in batch if isinstance(c, Update)]
    status: Any = updates[0].object["status"]
    return {key: status.get(key, 0) for key in case["expected"]}, case["expected"]


BINDINGS = {
    "pdb-status": _pdb_status,
    "namespace-deletion": _namespace_deletion,
    "podgc-orphaned": _podgc_orphaned,
    "podgc-out-of-service": _podgc,
    "podgc-probe": _podgc,
    "podgc-terminated": _podgc,
    "podgc-unscheduled-terminating": _podgc,
    "node-condition-taints": _node_condition_taints,
    "node-health": _node_health,
    "node-zone-states": _node_zone_states,
    "taint-eviction": _taint_eviction,
}
