"""Jobs as a whole: one sync of upstream, as plans that are carried out in a small world."""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec.structs import replace
from pyrsistent import pmap

from kelm.core.controllers.batch.job.backoff import BackoffRecord
from kelm.core.controllers.batch.job.controller import JobController
from kelm.core.controllers.batch.job.indexes import COMPLETION_INDEX
from kelm.core.controllers.batch.job.memory import FORGOTTEN, Memory
from kelm.core.controllers.batch.job.per_index import FAILURE_COUNT, IGNORED_COUNT
from kelm.core.objects.batch import JOBS
from kelm.core.objects.pod import pod
from kelm.core.objects.time import parse_time
from kelm.core.runtime.controller import Sync
from kelm.core.store.table import Table, put
from kelm.effects.commands import Command, Create, Delete, Patch, RecordEvent, Update
from kelm.effects.document import Document, child, document, text, thaw, with_value
from kelm.effects.refusals import Reason, Refusal

Case = dict[str, Any]
KEY = "default/foobar"
LABELS = {"job-name": "foobar"}
OWNER = {"apiVersion": "batch/v1", "kind": "Job", "name": "foobar", "uid": "u", "controller": True}
NOT_YET = 10**9


class World:
    """A Job, its pods, and what an API that may refuse answers about them."""

    def __init__(self, given: Case) -> None:
        self.given, self.revision = given, 0
        self.jobs, self.pods = Table(JOBS), Table("pods")
        whole = given["job"]
        spec = {"selector": {"matchLabels": LABELS}, **whole["spec"]}
        meta = {**whole["metadata"], "namespace": "default", "uid": "u"}
        self._put_job(document({"kind": "Job", **whole, "metadata": meta, "spec": spec}))
        for number, one in enumerate(given["pods"]):
            own = {"namespace": "default", "uid": f"uid-{number}", "labels": LABELS}
            meta = {**own, "ownerReferences": [OWNER], **one["metadata"]}
            self._put_pod(document({**one, "metadata": meta}))
        self.done: list[Command] = []
        self.statuses: list[Document] = []
        self.refused = False

    def _put_job(self, doc: Document) -> None:
        self.revision += 1
        self.jobs = put(self.jobs, KEY, doc, self.revision)

    def _put_pod(self, doc: Document) -> None:
        self.revision += 1
        key = f"default/{text(doc, 'metadata', 'name')}"
        self.pods = put(self.pods, key, doc, self.revision)

    def sync(self, memory: Memory) -> Sync:
        caches = pmap({JOBS: self.jobs, "pods": self.pods})
        return Sync(KEY, parse_time(self.given["now"]), caches, memory)

    def carry_out(self, command: Command) -> Refusal | None:
        """Do what is asked, or refuse it as the table says."""
        if isinstance(command, RecordEvent):
            return None
        if isinstance(command, Update):
            status = child(command.object, "status")
            self.statuses.append(status)
            doc = self.jobs.get(KEY)
            assert doc is not None
            self._put_job(with_value(doc, ("status",), status))
            return None
        made = sum(isinstance(each, Create) for each in self.done)
        full = made >= self.given.get("createsThatSucceed", NOT_YET)
        if isinstance(command, Create) and full:
            return Refusal(Reason.INTERNAL_ERROR, "no")
        self.done.append(command)
        if self.given.get("podWritesFail"):
            return Refusal(Reason.INTERNAL_ERROR, "no")
        if isinstance(command, Create):
            own = {"name": f"new-{made}", "uid": f"new-{made}", "namespace": "default"}
            given = document({**own, "labels": LABELS, "ownerReferences": [OWNER]})
            meta = Document({**child(command.object, "metadata"), **given})
            self._put_pod(Document({**command.object, "metadata": meta}))
        return None

    def live(self) -> None:
        """One sync of upstream: a plan, and after a refusal the plan that tells of it."""
        controller = JobController()
        memory = replace(FORGOTTEN, record=_record(self.given))
        if self.given.get("expectationsSatisfied") is False:
            memory = replace(memory, awaited=NOT_YET)
        for _ in range(2):
            plan = controller.reconcile(self.sync(memory))
            assert plan.memory is None or isinstance(plan.memory, Memory)
            memory = plan.memory or FORGOTTEN
            refused = False
            for batch in plan.batches:
                for command in batch:
                    refusal = self.carry_out(command)
                    if refusal is not None:
                        memory = controller.refused(self.sync(memory), command, refusal)
                        refused = True
                if refused:
                    break
            self.refused = self.refused or refused
            if not refused:
                break


def _record(given: Case) -> BackoffRecord:
    stored = given.get("backoffRecord")
    if stored is None:
        return BackoffRecord()
    return BackoffRecord(stored["failuresAfterLastSuccess"], parse_time(stored["lastFailureTime"]))


def sync(case: Case) -> tuple[object, object]:
    world, expected = World(case["input"]), dict(case["expected"])
    world.live()
    kinds = Counter(type(command) for command in world.done)
    found: Case = {
        "creates": kinds[Create],
        "deletes": kinds[Delete],
        "finalizerRemovals": kinds[Patch],
        "error": world.refused,
        "status": _status(world.statuses[-1]) if world.statuses else None,
    }
    if "createdPods" in expected:
        made = (each.object for each in world.done if isinstance(each, Create))
        found["createdPods"] = [_created(doc) for doc in made]
    if "deletedKinds" in expected:
        found["deletedKinds"] = _deleted(world)
        expected["deletedKinds"] = sorted(expected["deletedKinds"], key=str)
    return found, expected


def _created(doc: Document) -> Case:
    notes = child(doc, "metadata", "annotations")
    counts = {
        "failureCount": notes.get(FAILURE_COUNT),
        "ignoredFailureCount": notes.get(IGNORED_COUNT),
    }
    return {
        "index": notes[COMPLETION_INDEX],
        "hostname": text(doc, "spec", "hostname"),
        "generateName": text(doc, "metadata", "generateName"),
        **{name: count for name, count in counts.items() if count is not None},
    }


def _deleted(world: World) -> list[Case]:
    kinds: Counter[tuple[tuple[str, Any], ...]] = Counter()
    for command in world.done:
        doc = world.pods.get(f"default/{command.name}") if isinstance(command, Delete) else None
        if doc is None:
            continue
        one = pod(doc)
        index = (one.metadata.annotations or {}).get(COMPLETION_INDEX)
        said = () if index is None else (("index", index),)
        kinds[("phase", one.status.phase), *said, ("ready", one.ready)] += 1
    return sorted(({**dict(kind), "count": count} for kind, count in kinds.items()), key=str)


def _status(status: Document) -> Case:
    plain: Any = thaw(status)
    numbers = ("active", "ready", "terminating", "succeeded", "failed")
    found: Case = {name: plain.get(name, 0) for name in numbers}
    for name in ("completedIndexes", "failedIndexes"):
        if name in plain:
            found[name] = plain[name]
    uncounted = {name: len(uids) for name, uids in plain["uncountedTerminatedPods"].items()}
    if uncounted:
        found["uncountedTerminatedPods"] = uncounted
    kept = ("type", "status", "reason")
    found["conditions"] = [
        {name: one[name] for name in kept if name in one} for one in plain.get("conditions", ())
    ]
    found["startTimeSet"] = "startTime" in plain
    found["completionTimeSet"] = "completionTime" in plain
    return found


BINDINGS = {
    "job-sync": sync,
    "job-sync-deadline-backoff": sync,
    "job-sync-per-index-backoff": sync,
    "job-sync-pod-failure-policy": sync,
    "job-sync-success-policy": sync,
}
