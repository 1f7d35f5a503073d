"""The Jobs of a CronJob: what they are called and made of, in which order they are forgotten.

Source: kubernetes v1.36, pkg/controller/cronjob/utils.go, cronjob_controllerv2.go
(cleanupFinishedJobs).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kelm.core.objects.batch import COMPLETE, FAILED, Job
from kelm.core.objects.cron_jobs import CronJob
from kelm.core.objects.meta import owner_reference
from kelm.core.objects.time import format_time
from kelm.core.schedules.time_zones import UTC, zone_named
from kelm.effects.document import Document, Json, child

SCHEDULED_AT: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_END_OF_TIME: Final = "~"
"""After every time of the API's, as a text."""


def job_name(cron_job: str, scheduled_ms: int) -> str:
    """What the Job of one run is called: the minute is in it, so that it is made once.

    >>> job_name("hello", 1_709_121_600_000)
    'hello-28485360'
    """
    return f"{cron_job}-{scheduled_ms // 60_000}"


def new_job(one: CronJob, scheduled_ms: int) -> Document:
    """The Job of one run."""
    given = child(one.template, "metadata")
    zone = zone_named(one.time_zone) if one.time_zone is not None else UTC
    offset_s = (zone or UTC).offset(scheduled_ms // 1_000)
    notes = {**child(given, "annotations"), SCHEDULED_AT: local_time(scheduled_ms, offset_s)}
    meta: dict[str, Json] = {
        "name": job_name(one.metadata.name, scheduled_ms),
        "annotations": Document(notes),
        "ownerReferences": (owner_reference(one.doc),),
    }
    if given.get("labels"):
        meta["labels"] = given["labels"]
    return Document(
        apiVersion="batch/v1",
        kind="Job",
        metadata=Document(meta),
        spec=child(one.template, "spec"),
    )


def local_time(at_ms: int, offset_s: int) -> str:
    """A time as clocks this far east of UTC show it.

    >>> local_time(1_463_652_000_000, 7_200), local_time(1_463_652_000_000, 0)
    ('2016-05-19T12:00:00+02:00', '2016-05-19T10:00:00Z')
    """
    if offset_s == 0:
        return format_time(at_ms)
    hours, minutes = divmod(abs(offset_s) // 60, 60)
    sign = "+" if offset_s > 0 else "-"
    return f"{format_time(at_ms + offset_s * 1_000)[:-1]}{sign}{hours:02d}:{minutes:02d}"


def reference_to(job: Document) -> Document:
    """A reference to a Job, as a CronJob's status keeps it."""
    meta = child(job, "metadata")
    return Document(
        kind="Job",
        namespace=meta.get("namespace", ""),
        name=meta.get("name", ""),
        uid=meta.get("uid", ""),
        apiVersion="batch/v1",
        resourceVersion=meta.get("resourceVersion", ""),
    )


def by_start(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Jobs in the order in which they started, those that did not at the end."""
    return tuple(
        sorted(jobs, key=lambda one: (one.status.start_time or _END_OF_TIME, one.metadata.name))
    )


def to_forget(one: CronJob, jobs: Iterable[Job]) -> tuple[Job, ...]:
    """The finished Jobs that are too many, oldest first: those that succeeded, then the others."""
    finished = by_start(job for job in jobs if job.status.finished is not None)
    complete = [job for job in finished if job.status.condition(COMPLETE)]
    failed = [job for job in finished if job.status.condition(FAILED)]
    return (
        *_oldest(complete, one.successful_jobs_history_limit),
        *_oldest(failed, one.failed_jobs_history_limit),
    )


def _oldest(jobs: list[Job], limit: int | None) -> list[Job]:
    return [] if limit is None else jobs[: max(0, len(jobs) - limit)]
