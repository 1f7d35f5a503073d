"""What to do about one CronJob: forget old Jobs, follow the others, start the run that is due.

A run is started in two looks. The first makes the Job, whose name has the minute in it; the second
writes the status, which wants to name the Job by its uid.

Source: kubernetes v1.36, pkg/controller/cronjob/cronjob_controllerv2.go (sync, syncCronJob).
"""

from __future__ import annotations

from typing import Final

import msgspec
from returns.result import Failure

from kelm.core.controllers.batch.cron_job.jobs import job_name, new_job, reference_to, to_forget
from kelm.core.controllers.batch.cron_job.memory import FORGOTTEN, Memory, pruned
from kelm.core.controllers.batch.cron_job.survey import News, survey, unseen
from kelm.core.controllers.batch.cron_job.timing import next_look_ms, runs, schedule_of
from kelm.core.controllers.shared.events import NORMAL, WARNING, event
from kelm.core.objects.batch import CRON_JOBS, JOBS, Job, job
from kelm.core.objects.cron_jobs import CronJob, CronJobStatus, cron_job
from kelm.core.objects.time import civil_from_days, parse_time
from kelm.core.runtime.controller import Batch, Plan, Sync
from kelm.core.schedules.cron import Schedule
from kelm.core.schedules.time_zones import is_time_zone
from kelm.effects.commands import Create, Delete, Get, RecordEvent, Update
from kelm.effects.document import Document, text
from kelm.effects.refusals import Reason

CONTROLLER: Final = "cronjob-controller"
TAKEN: Final = frozenset({Reason.ALREADY_EXISTS})
GONE: Final = frozenset({Reason.NOT_FOUND})
NOTHING: Final = frozenset[str]()
WEEKDAYS: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"


class Next(msgspec.Struct, frozen=True):
    """What is to be done about time: start a run, or look again; and what is told of it."""

    run_ms: int | None = None
    again_at_ms: int | None = None
    news: tuple[News, ...] = ()


def reconcile(sync: Sync) -> Plan:
    """Decide about one CronJob."""
    doc = sync.caches[CRON_JOBS].get(sync.key)
    if doc is None:
        return Plan()
    one = cron_job(doc)
    memory = sync.memory if isinstance(sync.memory, Memory) else FORGOTTEN
    jobs = tuple(job(each) for each in sync.caches[JOBS].select("owner", one.metadata.uid))
    if memory.taken and memory.run_ms is not None:
        memory = _with_the_job_that_was_there(one, jobs, memory)
    memory = pruned(memory, one, {each.metadata.uid for each in jobs})
    absent = unseen(one, jobs, memory)
    if absent:
        questions = tuple(Get(JOBS, one.metadata.namespace, name) for name in absent)
        return Plan((questions,), memory, again_at_ms=sync.now_ms, tolerated=GONE)
    return _decide(one, jobs, memory, sync.now_ms)


def _with_the_job_that_was_there(one: CronJob, jobs: tuple[Job, ...], memory: Memory) -> Memory:
    """Our own Job that somebody who then forgot it has made is as good as one made now."""
    name = job_name(one.metadata.name, memory.run_ms or 0)
    for each in jobs:
        if each.metadata.name == name and each.metadata.uid not in one.status.active_uids:
            return msgspec.structs.replace(memory, started=reference_to(each.doc), taken=False)
    return memory


def _decide(one: CronJob, jobs: tuple[Job, ...], memory: Memory, now_ms: int) -> Plan:
    forgotten = to_forget(one, jobs)
    status, news = survey(one, jobs, memory)
    now = msgspec.structs.replace(one, status=status)
    following = _next(now, memory, now_ms)
    news.extend(following.news)
    fresh = tuple(each for each in news if each.message not in memory.told)
    starts = following.run_ms is not None
    writes = status != one.status and (not starts or memory.refused)
    # What is told before the status says it is not told again.
    told = memory.told | {each.message for each in fresh} if starts or writes else NOTHING
    batches = (
        tuple(_deletion(each.doc) for each in forgotten),
        tuple(_event(one, each) for each in fresh),
        (_update(one, status),) if writes else (),
        _replaced(now) if starts else (),
        _creation(one, following.run_ms),
    )
    return Plan(
        tuple(batch for batch in batches if batch),
        msgspec.structs.replace(
            memory, told=told, refused=False, run_ms=following.run_ms or memory.run_ms
        ),
        again_at_ms=now_ms if starts else following.again_at_ms,
        tolerated=TAKEN,
    )


def _next(one: CronJob, memory: Memory, now_ms: int) -> Next:
    """Whether a run is to be started now, by a CronJob whose status is up to date."""
    if one.metadata.deletion_timestamp is not None:
        return Next()
    if one.time_zone is not None and not is_time_zone(one.time_zone):
        told = f'invalid timeZone: "{one.time_zone}": unknown time zone {one.time_zone}'
        return Next(news=(News(WARNING, "UnknownTimeZone", told),))
    if one.suspended:
        return Next()
    read = schedule_of(one)
    news = _unsupported(one)
    if isinstance(read, Failure):
        told = f'unparseable schedule: "{one.schedule}" : {read.failure()}'
        return Next(news=(*news, News(WARNING, "UnparseableSchedule", told)))
    return _by_schedule(one, read.unwrap(), memory, now_ms, news)


def _unsupported(one: CronJob) -> tuple[News, ...]:
    """A zone in the schedule itself is taken, and told of."""
    if "TZ" not in one.schedule:
        return ()
    told = (
        f'CRON_TZ or TZ used in schedule "{one.schedule}" is not officially supported, see '
        "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
    )
    return (News(WARNING, "UnsupportedSchedule", told),)


def _by_schedule(
    one: CronJob, schedule: Schedule, memory: Memory, now_ms: int, news: tuple[News, ...]
) -> Next:
    found = runs(one, schedule, now_ms, within_deadline=True)
    if isinstance(found, Failure):
        told = f"invalid schedule: {one.schedule} : {found.failure()}"
        return Next(news=(*news, News(WARNING, "InvalidSchedule", told)))
    due_ms = found.unwrap().due_ms
    later = Next(again_at_ms=next_look_ms(one, schedule, now_ms), news=news)
    if due_ms is None:
        return later
    if found.unwrap().missed == "many":
        told = (
            "too many missed start times. Set or decrease .spec.startingDeadlineSeconds "
            "or check clock skew"
        )
        news = (*news, News(WARNING, "TooManyMissedTimes", told))
    why_not = _why_not(one, due_ms, memory, now_ms)
    if why_not is not None:
        return msgspec.structs.replace(later, news=(*news, *why_not))
    return Next(due_ms, news=news)


def _why_not(one: CronJob, due_ms: int, memory: Memory, now_ms: int) -> tuple[News, ...] | None:
    """What is told of a run that is due and not started; None if it is to be started."""
    deadline, last = one.starting_deadline_seconds, one.status.last_schedule_time
    if deadline is not None and due_ms + deadline * 1_000 < now_ms:
        told = f"Missed scheduled time to start a job: {_written_out(due_ms)}"
        return (News(WARNING, "MissSchedule", told),)
    name = job_name(one.metadata.name, due_ms)
    known = any(text(each, "name") == name for each in one.status.active)
    somebody_elses = memory.taken and memory.run_ms == due_ms
    if known or somebody_elses or (last is not None and parse_time(last) == due_ms):
        return ()
    if one.concurrency_policy == "Forbid" and one.status.active:
        told = "prior execution is running and concurrency policy is Forbid"
        return (News(NORMAL, "JobAlreadyActive", f"Not starting job because {told}"),)
    return None


def _written_out(at_ms: int) -> str:
    """A time as Go's RFC1123Z writes it.

    >>> _written_out(1_463_652_000_000)
    'Thu, 19 May 2016 10:00:00 +0000'
    """
    days, rest = divmod(at_ms // 1_000, 86_400)
    year, month, day = civil_from_days(days)
    clock = f"{rest // 3_600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    weekday = WEEKDAYS[(days + 4) % 7]
    return f"{weekday}, {day:02d} {MONTHS[4 * month - 4 : 4 * month - 1]} {year:04d} {clock} +0000"


def _replaced(one: CronJob) -> Batch:
    """Under the policy Replace, what still runs makes place."""
    if one.concurrency_policy != "Replace":
        return ()
    return tuple(
        Delete(
            JOBS,
            one.metadata.namespace,
            text(each, "name"),
            uid=text(each, "uid"),
            propagation_policy="Background",
        )
        for each in one.status.active
    )


def _deletion(doc: Document) -> Delete:
    meta = job(doc).metadata
    return Delete(JOBS, meta.namespace, meta.name, uid=meta.uid, propagation_policy="Background")


def _creation(one: CronJob, run_ms: int | None) -> Batch:
    if run_ms is None:
        return ()
    return (Create(JOBS, one.metadata.namespace, new_job(one, run_ms)),)


def _update(one: CronJob, status: CronJobStatus) -> Update:
    meta = one.metadata
    written = Document({**one.doc, "status": status.document()})
    return Update(CRON_JOBS, meta.namespace, meta.name, written, subresource="status")


def _event(one: CronJob, news: News) -> RecordEvent:
    return event(one.doc, CRON_JOBS, CONTROLLER, news.severity, news.reason, news.message)
