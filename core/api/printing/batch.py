"""Rows of Jobs and CronJobs.

Source: kubernetes v1.36, pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from kelm.core.api.printing.workloads import age_of, containers_of, selector_of
from kelm.core.objects.batch import (
    COMPLETE,
    FAILURE_TARGET,
    SUCCESS_CRITERIA_MET,
    SUSPENDED,
    Job,
    job,
)
from kelm.core.objects.duration import age, human_duration
from kelm.core.objects.time import parse_time
from kelm.effects.document import Document, Json, child, elements, text

JOB = ("NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE")
CRON_JOB = ("NAME", "SCHEDULE", "TIMEZONE", "SUSPEND", "ACTIVE", "LAST SCHEDULE", "AGE")


def job_row(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a Job."""
    one = job(doc)
    return (
        one.metadata.name,
        _status(one),
        _completions(one),
        _duration(one, now_ms),
        age_of(doc, now_ms),
        *containers_of(doc),
        selector_of(doc),
    )


def _status(one: Job) -> str:
    status = one.status
    if status.finished is not None:
        return status.finished.type if status.condition(COMPLETE) is None else COMPLETE
    if one.leaving:
        return "Terminating"
    going = (SUSPENDED, FAILURE_TARGET, SUCCESS_CRITERIA_MET)
    return next((kind for kind in going if status.condition(kind) is not None), "Running")


def _completions(one: Job) -> str:
    succeeded = one.status.succeeded
    if one.completions is not None:
        return f"{succeeded}/{one.completions}"
    return f"{succeeded}/1 of {one.parallelism}" if one.parallelism > 1 else f"{succeeded}/1"


def _duration(one: Job, now_ms: int) -> str:
    status = one.status
    if status.start_time is None:
        return ""
    end_ms = parse_time(status.completion_time) if status.completion_time else now_ms
    return human_duration(end_ms - parse_time(status.start_time))


def cron_job_row(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a CronJob."""
    last = text(doc, "status", "lastScheduleTime")
    suspend = child(doc, "spec").get("suspend")
    template = child(doc, "spec", "jobTemplate")
    return (
        text(doc, "metadata", "name"),
        text(doc, "spec", "schedule"),
        text(doc, "spec", "timeZone") or "<none>",
        "<unset>" if suspend is None else str(suspend),
        len(elements(doc, "status", "active")),
        age(last, now_ms) if last else "<none>",
        age_of(doc, now_ms),
        *containers_of(template),
        selector_of(template),
    )
