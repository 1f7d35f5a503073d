"""ReplicaSets: tables to functions of `kelm.core.controllers.workloads.replicaset`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pyrsistent import pmap

from kelm.core.controllers.shared import deletion_order
from kelm.core.controllers.shared.pods import is_available
from kelm.core.controllers.workloads.replicaset.controller import ReplicaSetController
from kelm.core.controllers.workloads.replicaset.related import same_controller
from kelm.core.controllers.workloads.replicaset.status import calculate_status, with_failure
from kelm.core.controllers.workloads.replicaset.tally import judge_of, sort_of_owned, tally_of
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import Condition, pod
from kelm.core.objects.pod_sets import condition_documents
from kelm.core.objects.time import parse_time
from kelm.core.objects.views import convert
from kelm.core.objects.workloads import replica_set
from kelm.core.runtime.controller import Sync
from kelm.core.store.table import Table, put
from kelm.effects.commands import Command, Create, Delete, Get, Patch, Update
from kelm.effects.document import Document, children, document, elements, text, thaw, value_at
from kelm.effects.refusals import Reason, Refusal
from tests.conformance.bindings.workloads_deployment import condition_operations

Case = dict[str, Any]
Sides = tuple[object, object]


def conditions(case: Case) -> Sides:
    return condition_operations(case, keep_transition=False)


def failure_condition(case: Case) -> Sides:
    given = case["input"]
    old = tuple(convert(Condition, document(one)) for one in given["conditions"])
    surplus = given["activePods"] - given["replicas"]
    found = with_failure(old, surplus, "failed" if given["manageFailed"] else "", 0)
    return {"conditions": _bare(found)}, case["expected"]


def _bare(found: tuple[Condition, ...]) -> list[object]:
    keep = ("type", "status", "reason")
    return [
        {key: value for key, value in one.items() if key in keep}
        for one in condition_documents(found)
    ]


def pods_to_delete(case: Case) -> Sides:
    given = case["input"]
    pods, related = ([pod(document(p)) for p in given[k]] for k in ("pods", "relatedPods"))
    found = deletion_order.pods_to_delete(pods, related, given["count"], 0)
    return {"names": [one.metadata.name for one in found]}, case["expected"]


def same(case: Case) -> Sides:
    given = case["input"]
    docs = [document(one) for one in given["replicaSets"]]
    table = _table("replicasets.apps", docs)
    one = next(replica_set(d) for d in docs if metadata(d).name == given["replicaSet"])
    return [r.metadata.name for r in same_controller(table, one)], case["expected"]["names"]


def status(case: Case) -> Sides:
    given = case["input"]
    one, now_ms = replica_set(document(given["replicaSet"])), parse_time(given["now"])
    active = [pod(document(p)) for p in given["activePods"]]
    terminating = [pod(document(p)) for p in given["terminatingPods"]]
    judge = judge_of(one)
    tally = tally_of(Counter(sort_of_owned(each, judge) for each in (*active, *terminating)))
    available = sum(is_available(each, one.min_ready_seconds, now_ms) for each in active)
    found = calculate_status(
        one, tally, available, "", now_ms, counts_terminating=given["reportTerminating"]
    )
    return {
        "replicas": found.replicas,
        "fullyLabeledReplicas": found.fully_labeled_replicas,
        "readyReplicas": found.ready_replicas,
        "availableReplicas": found.available_replicas,
        "terminatingReplicas": found.terminating_replicas,
    }, case["expected"]


def _table(resource: str, docs: list[Document]) -> Table:
    table = Table(resource)
    for revision, doc in enumerate(docs, start=1):
        table = put(table, metadata(doc).key, doc, revision)
    return table


def _placed(given: Case) -> Document:
    """An object with the namespace that the table leaves out."""
    return document({**given, "metadata": {**given["metadata"], "namespace": "default"}})


def sync(case: Case) -> Sides:
    """One sync of upstream: here a plan, and after a refusal the plan that tells of it."""
    given, expected = case["input"], case["expected"]
    sets = _table(
        "replicasets.apps", [_placed(given[k]) for k in ("replicaSet", "otherReplicaSet")]
    )
    pods = _table("pods", [_placed(one) for one in given["pods"]])
    controller = ReplicaSetController(burst=given["burstReplicas"])
    world = Sync(
        "default/web-1", parse_time(given["now"]), pmap({sets.resource: sets, "pods": pods})
    )
    done: list[Command] = []
    answers = _answers(given.get("createsThatSucceed", 10**9))
    memory: object = None
    failed = False
    while True:
        now = Sync(world.key, world.now_ms, world.caches, memory)
        plan = controller.reconcile(now)
        memory = plan.memory
        if any(isinstance(command, Get) for batch in plan.batches for command in batch):
            continue
        if failed:
            # The sync is over; what the next one says about it is its last write.
            first = next(batch for batch in plan.batches if isinstance(batch[0], Update))
            done.extend(first)
            break
        for batch in plan.batches:
            for command in batch:
                refusal = next(answers) if isinstance(command, Create) else None
                if refusal is not None:
                    failed = True
                    now = Sync(world.key, world.now_ms, world.caches, memory)
                    memory = controller.refused(now, command, refusal)
                done.append(command)
            if failed:
                break
        if not failed:
            break
    wanted = {**expected, "createCalls": expected.get("createCalls")}
    wanted["deletes"] = sorted(expected["deletes"])
    return _summary(done, given, failed), wanted


def _answers(succeed: int) -> Iterator[Refusal | None]:
    for _ in range(succeed):
        yield None
    while True:
        yield Refusal(Reason.INTERNAL_ERROR, "no")


def _summary(done: list[Command], given: Case, failed: bool) -> Case:
    calls = sum(isinstance(command, Create) for command in done)
    written = [command.object for command in done if isinstance(command, Update)]
    return {
        "creates": min(calls, given.get("createsThatSucceed", calls)),
        "createCalls": calls if failed else None,
        "deletes": sorted(command.name for command in done if isinstance(command, Delete)),
        "podPatches": sorted(
            (_patched(command) for command in done if isinstance(command, Patch)),
            key=lambda patch: patch["podUid"],
        ),
        "error": failed,
        "status": _written(written[-1]) if written else None,
    }


def _patched(command: Patch) -> Case:
    patch = command.patch
    assert isinstance(patch, Document)
    reference = children(patch, "metadata", "ownerReferences")[0]
    action = "release" if "$patch" in reference else "adopt"
    return {"podUid": text(patch, "metadata", "uid"), "action": action}


def _written(doc: Document) -> Case:
    found: Any = thaw(value_at(doc, "status"))
    for name in ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"):
        found.setdefault(name, 0)
    if elements(doc, "status", "conditions"):
        kept = ("type", "status", "reason")
        found["conditions"] = [{k: c[k] for k in kept} for c in found["conditions"]]
    return found  # type: ignore[no-any-return]


BINDINGS = {
    "replicaset-conditions": conditions,
    "replicaset-failure-condition": failure_condition,
    "replicaset-pods-to-delete": pods_to_delete,
    "replicaset-same-controller": same,
    "replicaset-status": status,
    "replicaset-sync-probe": sync,
}
