"""The controller of CronJobs: which change touches which of them.

Source: kubernetes v1.36, pkg/controller/cronjob/cronjob_controllerv2.go (event handlers).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from returns.result import Failure

from kelm.core.controllers.batch.cron_job.memory import (
    FORGOTTEN,
    Memory,
    after_answer,
    after_refusal,
)
from kelm.core.controllers.batch.cron_job.reconcile import CONTROLLER, reconcile
from kelm.core.controllers.batch.cron_job.timing import next_look_ms, schedule_of
from kelm.core.controllers.shared.made import Teller
from kelm.core.objects.batch import CRON_JOBS, JOBS, Job, job
from kelm.core.objects.cron_jobs import cron_job
from kelm.core.objects.meta import metadata
from kelm.core.runtime.controller import Batch, Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.commands import Command, Create, Delete
from kelm.effects.document import Document
from kelm.effects.messages import Change, Outcome
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

_TELLER = Teller(
    CRON_JOBS, CONTROLLER, "Created job ", "Deleted job ", "Error creating job: ", "Deleted job: "
)


class CronJobController(msgspec.Struct, frozen=True):
    """Makes Jobs by the clock."""

    name: str = CONTROLLER
    watches: tuple[Watch, ...] = (Watch(CRON_JOBS), Watch(JOBS))
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == CRON_JOBS:
            return () if _is_rescheduled(change) else (change.key,)
        old = job(change.old) if change.old is not None else None
        new = job(change.new) if change.new is not None else None
        if old is not None and new is not None and _counts_alike(old, new):
            return ()
        return sorted({key for key in map(_owner_key, (old, new)) if key is not None})

    def dirty_later(
        self, caches: Caches, resource: Resource, change: Change, now_ms: int
    ) -> tuple[Iterable[Key], int]:
        """A new schedule counts from its next run on, not from the last one of the old."""
        if resource != CRON_JOBS or not _is_rescheduled(change) or change.new is None:
            return (), 0
        one = cron_job(change.new)
        read = schedule_of(one)
        at_ms = None if isinstance(read, Failure) else next_look_ms(one, read.unwrap(), now_ms)
        return ((change.key,), at_ms - now_ms) if at_ms is not None else ((), 0)

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).key for doc in caches[CRON_JOBS].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        return reconcile(sync)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> Memory:
        return after_refusal(_memory(sync), command, refusal)

    def answered(self, sync: Sync, command: Command, answer: Document) -> Memory:
        return after_answer(_memory(sync), command, answer)

    def told(self, sync: Sync, command: Command, outcome: Outcome) -> Batch:
        """Jobs made and deleted, and why they could not be."""
        doc = sync.caches[CRON_JOBS].get(sync.key)
        if doc is None or not isinstance(command, Create | Delete):
            return ()
        taken = isinstance(command, Create) and _is_there(outcome)
        return () if taken else _TELLER.tell(doc, command, outcome)


def _memory(sync: Sync) -> Memory:
    return sync.memory if isinstance(sync.memory, Memory) else FORGOTTEN


def _is_there(outcome: Outcome) -> bool:
    """Whether the Job of a start was made before."""
    return isinstance(outcome, Failure) and outcome.failure().reason is Reason.ALREADY_EXISTS


def _is_rescheduled(change: Change) -> bool:
    """Whether a CronJob that was there has another schedule now."""
    if change.old is None or change.new is None:
        return False
    old, new = cron_job(change.old), cron_job(change.new)
    return (old.schedule, old.time_zone) != (new.schedule, new.time_zone)


def _owner_key(one: Job | None) -> Key | None:
    controller = one.metadata.controller if one is not None else None
    if one is None or controller is None or controller.kind != "CronJob":
        return None
    return key_of(one.metadata.namespace, controller.name)


def _counts_alike(old: Job, new: Job) -> bool:
    """Whether two versions of a Job are the same for a CronJob."""
    ends = [(one.status.finished, one.status.completion_time) for one in (old, new)]
    return ends[0] == ends[1] and old.metadata.owner_references == new.metadata.owner_references
