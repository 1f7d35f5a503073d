"""Deployments, ReplicaSets and what all controllers ask of pods: tables to functions."""

from __future__ import annotations

from typing import Any

from kelm.core.controllers.shared import deletion_order, expectations, pods, slow_start
from kelm.core.objects.meta import OwnerReference
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.selectors.labels import selector_of
from kelm.core.objects.time import parse_time
from kelm.core.store.table import Table, put
from kelm.effects.document import Document, document

Case = dict[str, Any]
Sides = tuple[object, object]


def _pods(given: list[Case]) -> list[Pod]:
    return [pod(document(one)) for one in given]


def _names(found: tuple[Pod, ...]) -> list[str]:
    return [one.metadata.name for one in found]


def active_pod_order(case: Case) -> Sides:
    found = deletion_order.in_plain_order(_pods(case["input"]["pods"]))
    return _names(found), case["expected"]["order"]


def active_pod_ranking(case: Case) -> Sides:
    given = case["input"]
    found = deletion_order.in_deletion_order(
        _pods(given["pods"]), given["rank"], parse_time(given["now"])
    )
    return _names(found), case["expected"]["order"]


def active_pod_ranking_pairs(case: Case) -> Sides:
    given = case["input"]
    now_ms = parse_time(given["now"])
    pair, ranks = _pods(given["pods"]), given["rank"]
    forth = deletion_order.in_deletion_order(pair, ranks, now_ms)[0] is pair[1]
    back = deletion_order.in_deletion_order(pair[::-1], ranks[::-1], now_ms)[0] is pair[0]
    return {"firstLess": back, "secondLess": forth}, case["expected"]


def pod_active_terminating(case: Case) -> Sides:
    one = pod(document(case["input"]))
    return {"active": one.active, "terminating": one.terminating}, case["expected"]


def pod_claimed(case: Case) -> Sides:
    owner = document(case["input"]["owner"])
    selector = selector_of(owner["spec"]["selector"])  # type: ignore[index,call-overload,arg-type]
    one = pod(document(case["input"]["pod"]))
    claimed = pods.is_claimed(one, owner["metadata"]["uid"], selector)  # type: ignore[index,call-overload,arg-type]
    return {"claimed": claimed}, case["expected"]


def pod_generate_name(case: Case) -> Sides:
    found = pods.generate_name_of(case["input"]["parentName"])
    return {"generateName": found}, case["expected"]


def pod_next_availability(case: Case) -> Sides:
    given = case["input"]
    now_ms = parse_time(given["now"])
    at_ms = pods.next_availability_ms(_pods(given["pods"]), given["minReadySeconds"], now_ms)
    clock_ms = now_ms + given["clockAheadSeconds"] * 1_000
    after = None if at_ms is None else max(at_ms - clock_ms, 0) / 1_000
    return {"afterSeconds": after}, case["expected"]


def pod_ready_available(case: Case) -> Sides:
    given = case["input"]
    one = pod(document(given["pod"]))
    available = pods.is_available(one, given["minReadySeconds"], parse_time(given["now"]))
    return {"ready": one.ready, "available": available}, case["expected"]


def pods_by_owner(case: Case) -> Sides:
    given = case["input"]
    owner = given["owner"]
    table = _table("pods", [document(one) for one in given["pods"]])
    reference = OwnerReference(
        kind=owner["kind"], name=owner["metadata"]["name"], uid=owner["metadata"]["uid"]
    )
    found = pods.pods_of(
        table, owner["metadata"]["namespace"], reference, orphans=given["includeOrphaned"]
    )
    return sorted(one.metadata.key for one in found), sorted(case["expected"]["pods"])


def _table(resource: str, docs: list[Document]) -> Table:
    table = Table(resource)
    for revision, doc in enumerate(docs, start=1):
        key = f"{doc['metadata'].get('namespace', '')}/{doc['metadata']['name']}"  # type: ignore
        table = put(table, key, doc, revision)
    return table


def _counters(expected: expectations.Expectations | None) -> Case:
    return {
        "adds": expected.creations if expected else None,
        "dels": expected.deletions if expected else None,
        "satisfied": expectations.satisfied(expected, 0),
    }


def _operate(expected: expectations.Expectations | None, operation: list[Any]) -> Any:
    match operation:
        case ["set", adds, dels]:
            return expectations.Expectations(adds, dels)
        case ["expectCreations", adds]:
            return expectations.expect_creations(expected, adds)
        case ["expectDeletions", [*keys]]:
            return expectations.expect_deletions(keys)
        case ["expectDeletions", dels]:
            return expectations.Expectations(deletions=dels)
        case ["raise", adds, dels]:
            return expectations.raised(expected, adds, dels)
        case ["lower", adds, dels]:
            return expectations.raised(expected, -adds, -dels)
        case ["creationObserved"]:
            return expectations.creation_observed(expected)
        case ["deletionObserved"]:
            return expectations.raised(expected, deletions=-1)
        case ["deletionObserved", key]:
            return expectations.deletion_observed(expected, key)
        case ["delete"]:
            return None
    raise AssertionError(operation)


def expectations_probe(case: Case) -> Sides:
    expected, after = None, []
    for operation in case["input"]["ops"]:
        expected = _operate(expected, operation)
        after.append(_counters(expected))
    return after, case["expected"]["after"]


def expectations_by_key(case: Case) -> Sides:
    expected, after = None, []
    for operation in case["input"]["ops"]:
        expected = _operate(expected, operation)
        named = expected.deletions_of if expected else None
        pending = None if named is None else sorted(named)
        after.append({**_counters(expected), "pendingKeys": pending})
    return after, case["expected"]["after"]


def slow_start_batch(case: Case) -> Sides:
    given = case["input"]
    calls = 0
    for size in slow_start.batch_sizes(given["count"], given["initialBatchSize"]):
        if calls > given["successLimit"]:
            break
        calls += size
    successes = min(calls, given["successLimit"])
    found = {"calls": calls, "successes": successes, "error": calls > successes}
    return found, case["expected"]


BINDINGS = {
    "active-pod-order": active_pod_order,
    "active-pod-order-probe": active_pod_order,
    "active-pod-ranking-pairs": active_pod_ranking_pairs,
    "active-pod-ranking-probe": active_pod_ranking,
    "pod-active-terminating": pod_active_terminating,
    "pod-claimed-by-controller": pod_claimed,
    "pod-generate-name-probe": pod_generate_name,
    "pod-next-availability-check": pod_next_availability,
    "pod-ready-available-probe": pod_ready_available,
    "pods-by-owner": pods_by_owner,
    "expectations-probe": expectations_probe,
    "expectations-by-key-probe": expectations_by_key,
    "slow-start-batch": slow_start_batch,
}
