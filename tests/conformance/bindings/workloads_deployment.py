"""Deployments: tables to functions of `kelm.core.controllers.workloads.deployment`."""

from __future__ import annotations

from typing import Any

from kelm.core.controllers.shared import conditions
from kelm.core.controllers.workloads.deployment import (
    fenceposts,
    finding,
    history,
    progress,
    recreate,
    replica_sets,
    revisions,
    rolling,
    scaling,
    template,
)
from kelm.core.controllers.workloads.deployment.draft import Draft
from kelm.core.controllers.workloads.deployment.memory import FORGOTTEN
from kelm.core.controllers.workloads.deployment.new_replica_set import name_of
from kelm.core.controllers.workloads.deployment.status import calculate_status
from kelm.core.objects.pod import Condition, pod
from kelm.core.objects.pod_sets import condition_documents
from kelm.core.objects.time import parse_time
from kelm.core.objects.views import convert
from kelm.core.objects.workloads import (
    Deployment,
    ReplicaSet,
    deployment,
    replica_set,
)
from kelm.core.store.table import Table
from kelm.effects.commands import Create, Update
from kelm.effects.document import Document, document, number, strings, text, thaw

Case = dict[str, Any]
Sides = tuple[object, object]


def _deployment(given: Case) -> Deployment:
    return deployment(document(given))


def _sets(given: list[Case]) -> list[ReplicaSet]:
    return [replica_set(document(one)) for one in given]


def _set(given: Case | None) -> ReplicaSet | None:
    return replica_set(document(given)) if given else None


def _conditions(given: list[Case]) -> tuple[Condition, ...]:
    return tuple(convert(Condition, document(one)) for one in given)


def _thawed(found: tuple[Condition, ...]) -> list[object]:
    return [thaw(one) for one in condition_documents(found)]


def annotation_int(case: Case) -> Sides:
    given = case["input"]
    value = revisions.count_in(given["annotations"], given["key"])
    found = {
        "value": value or 0,
        "valid": value is not None,
        "error": value is None and given["key"] in given["annotations"],
    }
    return found, case["expected"]


def complete(case: Case) -> Sides:
    one = _deployment(case["input"])
    return {"complete": progress.is_complete(one, one.status)}, case["expected"]


def condition_operations(case: Case, *, keep_transition: bool = True) -> Sides:
    given = case["input"]
    old = _conditions(given["conditions"])
    if given["op"] == "get":
        return {"found": conditions.get(old, given["type"]) is not None}, case["expected"]
    if given["op"] == "remove":
        found = conditions.remove(old, given["type"])
    else:
        new = _conditions([given["condition"]])[0]
        found = conditions.put(old, new, keep_transition=keep_transition)
    return {"conditions": _thawed(found)}, case["expected"]


def resolve_fenceposts(case: Case) -> Sides:
    given, expected = case["input"], case["expected"]
    try:
        surge, unavailable = fenceposts.resolve_fenceposts(
            given["desired"], given["maxSurge"] or 0, given["maxUnavailable"] or 0
        )
    except ValueError:
        return True, expected["error"]
    return {"error": False, "surge": surge, "unavailable": unavailable}, expected


def find_new(case: Case) -> Sides:
    given = case["input"]
    sets = _sets(given["replicaSets"])
    new, _ = replica_sets.split(_deployment(given["deployment"]), sets)
    return {"newIndex": -1 if new is None else sets.index(new)}, case["expected"]


def find_old(case: Case) -> Sides:
    given, expected = case["input"], case["expected"]
    sets = _sets(given["replicaSets"])
    _, old = replica_sets.split(_deployment(given["deployment"]), sets)
    found = {
        "allOld": sorted(sets.index(one) for one in old),
        "withPods": sorted(sets.index(one) for one in replica_sets.active(old)),
    }
    return found, {key: sorted(value) for key, value in expected.items()}


def history_cleanup(case: Case) -> Sides:
    spec = Document(revisionHistoryLimit=case["input"]["revisionHistoryLimit"])
    limit = deployment(Document(spec=spec)).revision_history_limit
    found = [one.metadata.name for one in history.to_forget(_sets(case["input"]["oldRSs"]), limit)]
    if "deletedInOrder" in case["expected"]:
        return {"deletedInOrder": found}, case["expected"]
    return sorted(found), sorted(case["expected"]["deleted"])


def limits(case: Case) -> Sides:
    one = _deployment(case["input"])
    found = {
        "maxSurge": fenceposts.surge_of(one),
        "maxUnavailable": fenceposts.unavailable_of(one),
        "minAvailable": fenceposts.min_available_of(one),
    }
    return {key: found[key] for key in case["expected"]}, case["expected"]


def new_size(case: Case) -> Sides:
    given = case["input"]
    one = _deployment(
        {"spec": {"replicas": given["deploymentReplicas"], "strategy": given["strategy"]}}
    )
    replicas = given["newRSReplicas"]
    old = given.get("oldRSReplicas")
    total = sum(given["allRSReplicas"]) if old is None else sum(old) + replicas
    return {"replicas": rolling.size_of_new(one, replicas, total)}, case["expected"]


def progressing(case: Case) -> Sides:
    given = case["input"]
    old, new = (deployment(document({"status": given[k]})).status for k in ("status", "newStatus"))
    return {"progressing": progress.is_progressing(old, new)}, case["expected"]


def old_pods(case: Case) -> Sides:
    given = case["input"]
    of_old = [
        pod(document(one))
        for uid, pods in given["podsByRSUid"].items()
        if uid != given["newRSUid"]
        for one in pods
    ]
    running = recreate.old_pods_running(_sets(given["oldRSs"]), of_old)
    return {"running": running}, case["expected"]


def recreate_scale_down(case: Case) -> Sides:
    sizes = case["input"]["oldRSSizes"]
    sets = _sets([{"metadata": {"name": f"{n}"}, "spec": {"replicas": n}} for n in sizes])
    shrunk = {one.metadata.name: size for one, size in recreate.shrink_all(sets)}
    return [shrunk.get(f"{n}", n) for n in sizes], case["expected"]["sizes"]


def replica_annotations(case: Case) -> Sides:
    given = case["input"]
    needs = revisions.replicas_need_update(
        given["annotations"] or {}, given["desiredReplicas"], given["maxReplicas"]
    )
    return {"needsUpdate": needs}, case["expected"]


def requeue_stuck(case: Case) -> Sides:
    given = case["input"]
    one = _deployment(given["deployment"])
    status = deployment(document({"status": given["newStatus"]})).status
    now_ms = parse_time(given["now"]) if given.get("now") else 0
    left_ms = progress.left_until_deadline_ms(one, status, now_ms)
    seconds = -1 if left_ms is None else left_ms / 1_000 if left_ms >= 1_000 else 0
    return {"requeueAfterSeconds": seconds}, case["expected"]


def _sizes(found: rolling.Sizes) -> list[Case]:
    return [{"name": one.metadata.name, "replicas": size} for one, size in found]


def rolling_new(case: Case) -> Sides:
    given = case["input"]
    one, new, old = _rolling(given)
    assert new is not None
    size = rolling.next_size_of_new(one, new, [*old, new])
    found = {"scaled": size != new.replicas, "newReplicas": size}
    if not found["scaled"] and case["expected"].get("newReplicas") is None:
        found["newReplicas"] = None
    return found, case["expected"]


def _rolling(given: Case) -> tuple[Deployment, ReplicaSet | None, list[ReplicaSet]]:
    return _deployment(given["deployment"]), _set(given.get("newRS")), _sets(given["oldRSs"])


def _shrunk(given: Case) -> Case:
    one, new, old = _rolling(given)
    everything = [*old, new] if new else old
    found = rolling.shrink_old(one, new, replica_sets.active(old), everything)
    return {"scaled": bool(found.sizes), "updates": _sizes(found.sizes)}


def rolling_old(case: Case) -> Sides:
    return _shrunk(case["input"]), case["expected"]


def rolling_scale_down(case: Case) -> Sides:
    one, _, old = _rolling(case["input"])
    most = replica_sets.available_replicas(old) - fenceposts.min_available_of(one)
    found = rolling.shrink_available([(each, each.replicas) for each in old], most)
    by = sum(each.replicas - size for each, size in found)
    return {"scaledDownBy": by, "updates": _sizes(found)}, case["expected"]


def unhealthy_cleanup(case: Case) -> Sides:
    given = case["input"]
    found = rolling.clean_up_unhealthy(_sets(given["oldRSs"]), given["maxCleanupCount"])
    return {"cleaned": sum(one.replicas - size for one, size in found.sizes)}, case["expected"]


def rolling_probe(case: Case) -> Sides:
    given = case["input"]
    one, new, old = _rolling(given)
    everything = [*old, new] if new else old
    size = rolling.next_size_of_new(one, new, everything) if new else 0
    grown = ((new, size),) if new and size != new.replicas else ()
    status = calculate_status(one, everything, new, 0)
    found = {
        "reconcileNew": {"scaled": bool(grown), "updates": _sizes(grown)},
        "reconcileOld": _shrunk(given),
        "status": _bare(thaw(status.document()), times=False),
    }
    return found, case["expected"]


def _bare(status: Any, *, times: bool) -> Case:
    """A status without the words of its conditions, which the tables leave out."""
    dropped = {"message"} if times else {"message", "lastUpdateTime", "lastTransitionTime"}
    given = status.get("conditions", [])
    kept = [{key: one[key] for key in one if key not in dropped} for one in given]
    return {**status, "conditions": kept}


def rollout_status(case: Case) -> Sides:
    given, expected = case["input"], case["expected"]
    one, new = _deployment(given["deployment"]), _set(given["newRS"])
    status = progress.rollout_status(one, _sets(given["allRSs"]), new, parse_time(given["now"]))
    found = _bare(thaw(status.document()), times=True)
    wanted = dict(expected["status"])
    wanted["conditions"] = [
        {key: value for key, value in each.items() if value is not None}
        for each in wanted.get("conditions", [])
    ]
    return found, wanted


def rs_annotations(case: Case) -> Sides:
    given = case["input"]
    of = given.get("deployment", {})
    annotated = given.get("deploymentAnnotations", of.get("annotations"))
    spec = {
        "replicas": of.get("replicas", 0),
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": of.get("maxSurge", 0), "maxUnavailable": 1},
        },
    }
    found, changed = revisions.for_new_replica_set(
        _deployment({"metadata": {"annotations": annotated or {}}, "spec": spec}),
        given["rsAnnotations"] or {},
        given["newRevision"],
        exists=given["exists"],
        longest_history=given["revHistoryLimitInChars"],
    )
    return {"changed": changed, "rsAnnotations": found}, case["expected"]


def _scaling(given: Case) -> tuple[Deployment, ReplicaSet]:
    rolling_update = {"maxSurge": given["maxSurge"], "maxUnavailable": 1}
    of = {
        "spec": {
            "replicas": given["deploymentReplicas"],
            "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling_update},
        },
        "status": {"replicas": given["deploymentStatusReplicas"]},
    }
    annotated = given.get("rsAnnotations") or {}
    if given.get("rsMaxReplicasAnnotation") is not None:
        annotated = {revisions.MAX_REPLICAS: given["rsMaxReplicasAnnotation"]}
    one = {"metadata": {"annotations": annotated}, "spec": {"replicas": given["rsReplicas"]}}
    return _deployment(of), replica_set(document(one))


def rs_fraction(case: Case) -> Sides:
    return {"fraction": scaling.fraction(*_scaling(case["input"]))}, case["expected"]


def rs_proportion(case: Case) -> Sides:
    given = case["input"]
    of, one = _scaling(given)
    part = scaling.proportion(of, one, given["replicasToAdd"], given["replicasAdded"])
    return {"fraction": scaling.fraction(of, one), "proportion": part}, case["expected"]


def rs_name(case: Case) -> Sides:
    given = case["input"]
    found = name_of(given["deploymentName"], given["hash"])
    return {"replicaSetName": found}, case["expected"]


def rs_sums(case: Case) -> Sides:
    sets = _sets(case["input"]["replicaSets"])
    found = {
        "specReplicas": replica_sets.spec_replicas(sets),
        "statusReplicas": replica_sets.status_replicas(sets),
        "terminatingReplicas": replica_sets.terminating_replicas(sets),
    }
    return found, case["expected"]


def scale(case: Case) -> Sides:
    of, new, old = _rolling(case["input"])
    draft = Draft(of)
    for one, size in scaling.scaled(of, new, old):
        draft = draft.scale(one, size)
    sizes = {one.metadata.name: one.replicas for one in ([*old, new] if new else old)}
    updates = []
    for update in _written(draft, Update):
        replicas = number(update.object, "spec", "replicas")
        annotated = strings(update.object, "metadata", "annotations")
        sizes[update.name] = replicas
        updates.append(
            {
                "name": update.name,
                "replicas": replicas,
                "desiredReplicasAnnotation": annotated[revisions.DESIRED_REPLICAS],
                "maxReplicasAnnotation": annotated[revisions.MAX_REPLICAS],
            }
        )
    return {"replicas": sizes, "updated": updates}, case["expected"]


def _written(draft: Draft, kind: Any) -> list[Any]:
    return [command for batch in draft.batches for command in batch if type(command) is kind]


def template_equality(case: Case) -> Sides:
    one, other = document(case["input"]["t1"]), document(case["input"]["t2"])
    there = template.equal_ignoring_hash(one, other)
    assert there == template.equal_ignoring_hash(other, one)
    return {"equal": there}, case["expected"]


def timed_out(case: Case) -> Sides:
    one = _deployment(case["input"]["deployment"])
    found = progress.is_timed_out(one, one.status, parse_time(case["input"]["now"]))
    return {"timedOut": found}, case["expected"]


def new_rs_object(case: Case) -> Sides:
    given, expected = case["input"], case["expected"]
    of = _deployment(given["deployment"])
    new, old = replica_sets.split(of, _sets(given["replicaSets"]))
    draft = Draft(of)
    if new is not None:
        draft, new = finding.in_line(draft, new, old, 0)
    elif given["createIfNotExisted"]:
        draft, new = finding.created(draft, old, FORGOTTEN, Table("replicasets.apps"), 0)
    found: Case = {
        "newRS": new.metadata.name if new else None,
        "oldRSs": sorted(one.metadata.name for one in old),
        "deploymentRevisionAnnotation": revisions.annotations_of(draft.deployment).get(
            revisions.REVISION
        ),
    }
    for create in _written(draft, Create):
        found["created"] = _created(create.object)
    for update in _written(draft, Update):
        if not update.subresource:
            found["updatedRS"] = _updated(update.object)
    return found, {**expected, "oldRSs": sorted(expected["oldRSs"])}


def _created(doc: Document) -> Case:
    one = replica_set(doc)
    meta: Any = thaw(doc["metadata"])
    spec: Any = thaw(doc["spec"])
    return {
        "name": text(doc, "metadata", "name"),
        "labels": meta["labels"],
        "annotations": meta["annotations"],
        "ownerReferences": meta["ownerReferences"],
        "selector": spec["selector"],
        "templateLabels": spec["template"]["metadata"]["labels"],
        "replicas": one.replicas,
        "minReadySeconds": one.min_ready_seconds,
    }


def _updated(doc: Document) -> Case:
    return {
        "name": text(doc, "metadata", "name"),
        "annotations": strings(doc, "metadata", "annotations"),
        "minReadySeconds": number(doc, "spec", "minReadySeconds"),
    }


BINDINGS = {
    "deployment-annotation-int": annotation_int,
    "deployment-complete": complete,
    "deployment-conditions": condition_operations,
    "deployment-fenceposts": resolve_fenceposts,
    "deployment-fenceposts-probe": resolve_fenceposts,
    "deployment-find-new-rs": find_new,
    "deployment-find-old-rs": find_old,
    "deployment-history-cleanup": history_cleanup,
    "deployment-history-cleanup-probe": history_cleanup,
    "deployment-max-unavailable": limits,
    "deployment-min-available": limits,
    "deployment-new-rs-object-probe": new_rs_object,
    "deployment-new-rs-replicas": new_size,
    "deployment-new-rs-replicas-probe": new_size,
    "deployment-progressing": progressing,
    "deployment-recreate-old-pods": old_pods,
    "deployment-recreate-scale-down": recreate_scale_down,
    "deployment-replica-annotations-need-update": replica_annotations,
    "deployment-requeue-stuck": requeue_stuck,
    "deployment-rolling-limits-probe": limits,
    "deployment-rolling-new": rolling_new,
    "deployment-rolling-old": rolling_old,
    "deployment-rolling-probe": rolling_probe,
    "deployment-rolling-scale-down": rolling_scale_down,
    "deployment-rolling-unhealthy-cleanup": unhealthy_cleanup,
    "deployment-rollout-status": rollout_status,
    "deployment-rs-annotations": rs_annotations,
    "deployment-rs-annotations-probe": rs_annotations,
    "deployment-rs-fraction": rs_fraction,
    "deployment-rs-name": rs_name,
    "deployment-rs-proportion-probe": rs_proportion,
    "deployment-rs-sums": rs_sums,
    "deployment-scale": scale,
    "deployment-scale-probe": scale,
    "deployment-template-equality": template_equality,
    "deployment-timed-out": timed_out,
}
