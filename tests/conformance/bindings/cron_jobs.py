"""CronJobs: tables to functions of `kelm.core.controllers.batch.cron_job`."""

from __future__ import annotations

from typing import Any

from pyrsistent import pmap
from returns.result import Failure, Success

from kelm.core.controllers.batch.cron_job import jobs, timing
from kelm.core.controllers.batch.cron_job.controller import CronJobController
from kelm.core.objects.batch import CRON_JOBS, JOBS, job
from kelm.core.objects.cron_jobs import CronJob, cron_job
from kelm.core.objects.meta import metadata
from kelm.core.objects.time import format_time, parse_time
from kelm.core.runtime.controller import Sync
from kelm.core.schedules.cron import Schedule
from kelm.core.store.table import Table, put, remove
from kelm.effects.commands import Command, Create, Delete, Get, RecordEvent, Update
from kelm.effects.document import Document, child, document, text, thaw, with_value
from kelm.effects.messages import Outcome
from kelm.effects.refusals import Reason, Refusal

Case = dict[str, Any]
Sides = tuple[object, object]
LIMITS = ("successfulJobsHistoryLimit", "failedJobsHistoryLimit")


def history(case: Case) -> Sides:
    given = case["input"]
    spec = {name: given[name] for name in LIMITS if given[name] is not None}
    one = cron_job(document({"spec": spec}))
    found = jobs.to_forget(one, [job(document(each)) for each in given["jobs"]])
    return {"deleted": [each.metadata.name for each in found]}, case["expected"]


def name(case: Case) -> Sides:
    given = case["input"]
    found = jobs.job_name(given["cronJob"], parse_time(given["scheduledTime"]))
    return {"jobName": found}, case["expected"]


def made(case: Case) -> Sides:
    given = case["input"]
    whole = document({"apiVersion": "batch/v1", "kind": "CronJob", **given["cronJob"]})
    found = jobs.new_job(cron_job(whole), parse_time(given["scheduledTime"]))
    return thaw(found["metadata"]), case["expected"]


def order(case: Case) -> Sides:
    found = jobs.by_start(job(document(each)) for each in case["input"]["jobs"])
    return {"order": [each.metadata.name for each in found]}, case["expected"]


def _scheduled(given: Case) -> tuple[CronJob, Schedule]:
    one = cron_job(document(given["cronJob"]))
    return one, timing.schedule_of(one).unwrap()


def missed(case: Case) -> Sides:
    given = case["input"]
    one, schedule = _scheduled(given)
    now_ms = parse_time(given["now"])
    found = timing.runs(one, schedule, now_ms, within_deadline=given["useStartingDeadline"])
    if isinstance(found, Failure):
        return {"error": True}, case["expected"]
    runs = found.unwrap()
    return {
        "earliest": format_time(runs.earliest_ms),
        "mostRecent": None if runs.due_ms is None else format_time(runs.due_ms),
        "missed": runs.missed,
    }, case["expected"]


def next_delay(case: Case) -> Sides:
    given = case["input"]
    one, schedule = _scheduled(given)
    now_ms = parse_time(given["now"])
    at_ms = timing.next_look_ms(one, schedule, now_ms)
    return {"seconds": None if at_ms is None else (at_ms - now_ms) / 1_000}, case["expected"]


class World:
    """A CronJob, its Jobs, and what else the API knows."""

    def __init__(self, given: Case) -> None:
        self.given, self.revision = given, 0
        self.tables = {CRON_JOBS: Table(CRON_JOBS), JOBS: Table(JOBS)}
        whole = {"apiVersion": "batch/v1", "kind": "CronJob", **given["cronJob"]}
        self.key = metadata(document(whole)).key
        uid = given["cronJob"]["metadata"].get("uid", "")
        self.owner = {"kind": "CronJob", "uid": uid, "controller": True}
        self._put(CRON_JOBS, document(whole))
        for each in given["jobs"]:
            self._put(JOBS, self._owned(each))
        self.creates: list[Case] = []
        self.deletes: list[str] = []
        self.events: list[str] = []
        self.updates = 0

    def _owned(self, given: Case) -> Document:
        namespace = self.key.partition("/")[0]
        own = {"namespace": namespace, "ownerReferences": [self.owner]}
        return document({**given, "metadata": {**own, **given["metadata"]}})

    def _put(self, resource: str, doc: Document) -> None:
        self.revision += 1
        table = self.tables[resource]
        self.tables[resource] = put(table, metadata(doc).key, doc, self.revision)

    def do(self, command: Command) -> Outcome:
        """What the API answers, and what becomes of the world."""
        if isinstance(command, RecordEvent):
            self.events.append(f"{command.type}/{command.reason}")
        elif isinstance(command, Get):
            found = self.given["apiJob"]
            if found is None:
                return Failure(Refusal(Reason.NOT_FOUND, "not found"))
            return Success(self._owned(found))
        elif isinstance(command, Create):
            meta = child(command.object, "metadata")
            stamp = text(meta, "annotations", jobs.SCHEDULED_AT)
            self.creates.append({"name": meta["name"], "scheduledTimestampAnnotation": stamp})
            stored = with_value(command.object, ("metadata", "uid"), "uid-new")
            stored = with_value(stored, ("metadata", "namespace"), command.namespace)
            stored = with_value(stored, ("metadata", "ownerReferences"), ())
            self._put(JOBS, self._owned(_plain(stored)))
            return Success(stored)
        elif isinstance(command, Delete):
            self.deletes.append(command.name)
            self._remove(f"{command.namespace}/{command.name}")
        elif isinstance(command, Update):
            self.updates += 1
            self._put(CRON_JOBS, command.object)
        return Success(Document())

    def _remove(self, key: str) -> None:
        old = self.tables[JOBS].get(key)
        if old is not None:
            self.revision += 1
            self.tables[JOBS] = remove(self.tables[JOBS], key, old, self.revision)

    def live(self) -> float | None:
        """Look until there is nothing more to do now; when (s) to look again."""
        controller, memory = CronJobController(), None
        now_ms = parse_time(self.given["now"])
        while True:
            plan = controller.reconcile(Sync(self.key, now_ms, pmap(self.tables), memory))
            memory = plan.memory
            for command in (each for batch in plan.batches for each in batch):
                sync = Sync(self.key, now_ms, pmap(self.tables), memory)
                outcome = self.do(command)
                for told in controller.told(sync, command, outcome):
                    self.do(told)
                if isinstance(outcome, Failure):
                    memory = controller.refused(sync, command, outcome.failure())
                else:
                    memory = controller.answered(sync, command, outcome.unwrap())
            if plan.again_at_ms != now_ms:
                return None if plan.again_at_ms is None else (plan.again_at_ms - now_ms) / 1_000


def _plain(doc: Document) -> Case:
    found: Any = thaw(doc)
    del found["metadata"]["ownerReferences"]
    return found  # type: ignore[no-any-return]


def sync(case: Case) -> Sides:
    world, expected = World(case["input"]), dict(case["expected"])
    again = world.live()
    status: Any = thaw(child(world.tables[CRON_JOBS].get(world.key) or Document(), "status"))
    if "active" in status:
        status["active"] = [each["name"] for each in status["active"]]
    return {
        "creates": world.creates,
        "deletes": world.deletes,
        "requeueAfterSeconds": again,
        "updateStatus": world.updates > 0,
        "error": False,
        "events": world.events,
        "status": status,
    }, expected


BINDINGS = {
    "cronjob-history-cleanup-probe": history,
    "cronjob-job-name-probe": name,
    "cronjob-job-object": made,
    "cronjob-jobs-by-start": order,
    "cronjob-missed-runs": missed,
    "cronjob-next-delay": next_delay,
    "cronjob-sync": sync,
    "cronjob-sync-probe": sync,
}
