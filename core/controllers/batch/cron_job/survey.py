"""How a CronJob's status follows its Jobs.

Source: kubernetes v1.36, pkg/controller/cronjob/cronjob_controllerv2.go (syncCronJob, first part).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.batch.cron_job.memory import Memory
from kelm.core.controllers.shared.events import NORMAL, WARNING, Severity
from kelm.core.objects.batch import COMPLETE, Job
from kelm.core.objects.cron_jobs import CronJob, CronJobStatus
from kelm.core.objects.time import format_time, parse_time
from kelm.effects.document import text


class News(msgspec.Struct, frozen=True, gc=False):
    """An event about a CronJob."""

    severity: Severity
    reason: str
    message: str


def survey(one: CronJob, jobs: Iterable[Job], memory: Memory) -> tuple[CronJobStatus, list[News]]:
    """The status that the Jobs make, and what is worth telling about them.

    An active Job that ended, or is gone, is active no more; the last success is remembered. A Job
    that runs and is not in the status may be anybody's doing: it is only told of.
    """
    status, news = one.status, list[News]()
    active = {text(reference, "uid"): reference for reference in status.active}
    if memory.started is not None:
        active[text(memory.started, "uid")] = memory.started
    for uid in memory.deleted:
        active.pop(uid, None)
    last = status.last_successful_time
    listed = set()
    for job in jobs:
        uid, name, end = job.metadata.uid, job.metadata.name, job.status.finished
        listed.add(uid)
        if end is None and uid not in active and uid not in memory.deleted:
            told = f"Saw a job that the controller did not create or forgot: {name}"
            news.append(News(WARNING, "UnexpectedJob", told))
        if end is not None and active.pop(uid, None) is not None:
            told = f"Saw completed job: {name}, condition: {end.type}"
            news.append(News(NORMAL, "SawCompletedJob", told))
        ended = job.status.completion_time
        if job.status.condition(COMPLETE) is not None and ended is not None:
            last = ended if last is None or parse_time(ended) > parse_time(last) else last
    for uid, reference in list(active.items()):
        if uid not in listed and text(reference, "name") in memory.gone:
            del active[uid]
            told = f"Active job went missing: {text(reference, 'name')}"
            news.append(News(NORMAL, "MissingJob", told))
    scheduled = status.last_schedule_time
    if memory.started is not None and memory.run_ms is not None:
        scheduled = format_time(memory.run_ms)
    return CronJobStatus(tuple(active.values()), scheduled, last), news


def unseen(one: CronJob, jobs: Iterable[Job], memory: Memory) -> list[str]:
    """The names of active Jobs of which nothing is seen, and nobody was asked about."""
    listed = {job.metadata.uid for job in jobs} | memory.deleted
    asked = memory.found | memory.gone
    absent = (each for each in one.status.active if text(each, "uid") not in listed)
    return [name for name in (text(each, "name") for each in absent) if name not in asked]
