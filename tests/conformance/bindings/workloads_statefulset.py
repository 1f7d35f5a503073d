"""StatefulSets: tables to functions of `kelm.core.controllers.workloads.statefulset`."""

from __future__ import annotations

from typing import Any

import msgspec

from kelm.core.controllers.workloads.statefulset import history, identity, storage
from kelm.core.controllers.workloads.statefulset.status import Revisions, completed, count
from kelm.core.controllers.workloads.statefulset.step import (
    Make,
    Remove,
    max_unavailable_of,
    next_step,
    walk,
)
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import pod
from kelm.core.objects.stateful_set import StatefulSet, stateful_set
from kelm.core.objects.time import parse_time
from kelm.core.store.table import Table, put
from kelm.effects.document import Document, child, document, number, text, thaw, value_at

Case = dict[str, Any]
Sides = tuple[object, object]


def _set(given: Case) -> StatefulSet:
    return stateful_set(document({"apiVersion": "apps/v1", "kind": "StatefulSet", **given}))


def claim_owner_match(case: Case) -> Sides:
    given = case["input"]
    claim, one = document(given["claim"]), _set(given["statefulSet"])
    found = storage.is_up_to_date(claim, one, metadata(document(given["pod"])))
    return {"upToDate": found}, case["expected"]


def claim_owner_update(case: Case) -> Sides:
    given = case["input"]
    claim, one = document(given["claim"]), _set(given["statefulSet"])
    found = storage.with_owners(claim, one, document(given["pod"]))
    references: Any = thaw(value_at(found, "metadata", "ownerReferences"))
    return {"ownerReferences": references}, case["expected"]


def claim_stale(case: Case) -> Sides:
    given = case["input"]
    templates = [{"metadata": {"name": name}} for name in given["claimTemplates"]]
    policy = {"whenDeleted": "Retain", "whenScaled": "Delete"}
    one = _set(
        {
            "metadata": {"name": given["setName"], "namespace": "default"},
            "spec": {
                "volumeClaimTemplates": templates,
                "persistentVolumeClaimRetentionPolicy": policy,
            },
        }
    )
    claims = Table(storage.CLAIMS)
    for revision, claim in enumerate(given["claims"], start=1):
        doc = document(claim)
        claims = put(claims, f"default/{metadata(doc).name}", doc, revision)
    meta = metadata(document(given["pod"]))
    found = storage.claims_are_stale(one, meta.name, meta.uid, claims)
    return {"stale": found}, case["expected"]


def max_unavailable(case: Case) -> Sides:
    given = case["input"]
    rolling = {"maxUnavailable": given["maxUnavailable"]}
    spec = {"replicas": given["replicas"], "updateStrategy": {"rollingUpdate": rolling}}
    return {"maxUnavailable": max_unavailable_of(_set({"spec": spec}))}, case["expected"]


def names(case: Case) -> Sides:
    given = case["input"]
    ordinal, name = given["ordinal"], given["set"]
    return {
        "claim": identity.claim_name(given["claimTemplate"], name, ordinal),
        "pod": identity.pod_name(name, ordinal),
    }, case["expected"]


def pod_name_parse(case: Case) -> Sides:
    parent, ordinal = identity.parent_and_ordinal(case["input"]["podName"])
    return {"parent": parent, "ordinal": ordinal}, case["expected"]


def ordinal_range(case: Case) -> Sides:
    given = case["input"]
    spec = {"replicas": given["replicas"], "ordinals": {"start": given["start"]}}
    one = _set({"metadata": {"name": "web"}, "spec": spec})
    return {
        "startOrdinal": one.start,
        "endOrdinal": one.start + one.replicas - 1,
        "podsInRangeOfFirst10": [identity.pod_name("web", n) for n in range(10) if one.has(n)],
    }, case["expected"]


def new_pod(case: Case) -> Sides:
    given = case["input"]
    raw = given["statefulSet"]
    spec = {**raw["spec"], "serviceName": raw["serviceName"]}
    one = _set({"metadata": raw["metadata"], "spec": spec, "status": raw["status"]})
    revisions = Revisions(given["currentRevision"], given["updateRevision"])
    seen = walk(one, (), revisions, 0, lambda _: False)
    pods = [identity.new_pod(one, Document(), p.revision, p.ordinal) for p in seen.places]
    return {"pods": [_new(one) for one in pods]}, case["expected"]


def _new(doc: Document) -> Case:
    labels = child(doc, "metadata", "labels")
    return {
        "hostname": text(doc, "spec", "hostname"),
        "name": text(doc, "metadata", "name"),
        "podIndex": labels[identity.POD_INDEX],
        "podNameLabel": labels[identity.POD_NAME],
        "revision": labels[identity.REVISION],
        "subdomain": text(doc, "spec", "subdomain"),
    }


def revisions_found(case: Case) -> Sides:
    given = case["input"]
    one = _set(given["statefulSet"])
    stored = tuple(_stored(raw) for raw in given["revisions"])
    found = history.find(one, stored, lambda _name: None)
    left = {text(doc, "metadata", "name") for doc in (*stored, found.update)}
    return {
        "revisionCount": len(left),
        "current": _named(found.current),
        "update": _named(found.update),
    }, case["expected"]


def _stored(raw: Case) -> Document:
    labels = {"controller.kubernetes.io/hash": raw["name"].rpartition("-")[2]}
    meta = {"name": raw["name"], "labels": labels}
    return document({"metadata": meta, "revision": raw["revision"], "data": raw["data"]})


def _named(doc: Document) -> Case:
    return {"name": text(doc, "metadata", "name"), "revision": number(doc, "revision")}


def step(case: Case) -> Sides:
    given, expected = case["input"], case["expected"]
    now_ms = parse_time(given["now"])
    one = _set(given["statefulSet"])
    pods = [pod(document(raw)) for raw in given["pods"]]
    revisions = Revisions(given["currentRevision"], given["updateRevision"])
    seen = walk(one, pods, revisions, now_ms, lambda _: False)
    found = next_step(seen, max_unavailable=given["maxUnavailableGate"])
    status = count(one, pods, revisions, 0, now_ms)
    left = status.current_replicas - found.replaced
    status = completed(one, msgspec.structs.replace(status, current_replicas=left))
    actions = [action for group in found.groups for action in group]
    operations: list[Case] = [
        {
            "name": f"{one.metadata.name}-{action.ordinal}",
            "revision": action.revision,
            "verb": "create",
        }
        for action in actions
        if isinstance(action, Make)
    ]
    operations += [
        {"name": f"{one.metadata.name}-{action.ordinal}", "verb": "delete"}
        for action in actions
        if isinstance(action, Remove)
    ]
    counted: Any = {
        name: value
        for name, value in msgspec.to_builtins(status).items()
        if name in expected["status"]
    }
    return {"operations": _sorted(operations), "status": counted}, {
        "operations": _sorted(expected["operations"]),
        "status": expected["status"],
    }


def _sorted(operations: list[Case]) -> list[Case]:
    return sorted(operations, key=lambda one: (one["verb"], one["name"]))


BINDINGS = {
    "statefulset-claim-owner-match": claim_owner_match,
    "statefulset-claim-owner-update": claim_owner_update,
    "statefulset-claim-stale": claim_stale,
    "statefulset-max-unavailable": max_unavailable,
    "statefulset-names-probe": names,
    "statefulset-new-pod-probe": new_pod,
    "statefulset-ordinal-range-probe": ordinal_range,
    "statefulset-pod-name-parse-probe": pod_name_parse,
    "statefulset-revisions": revisions_found,
    "statefulset-step": step,
    "statefulset-step-probe": step,
}
