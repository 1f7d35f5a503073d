"""Whether a Job has come to its end, and to which.

A Job first says where it is going (FailureTarget, SuccessCriteriaMet), and how it ended (Failed,
Complete) only when no pod of it runs any more and all are counted.

Source: kubernetes v1.36, pkg/controller/job/job_controller.go (syncJob).
"""

from __future__ import annotations

from typing import Final, TypeAlias

from kelm.core.controllers.batch.job.indexes import Intervals, total
from kelm.core.controllers.batch.job.pod_failure_policy import judge
from kelm.core.controllers.batch.job.seen import Seen, has_failed
from kelm.core.controllers.batch.job.success_policy import rule_met
from kelm.core.objects.batch import (
    COMPLETE,
    FAILED,
    FAILURE_TARGET,
    SUCCESS_CRITERIA_MET,
    SUSPENDED,
    Job,
    JobCondition,
)
from kelm.core.objects.time import format_time, parse_time

ENDS: Final = {FAILURE_TARGET: FAILED, SUCCESS_CRITERIA_MET: COMPLETE}
"""Where a Job that says that it is going there ends."""
Conditions: TypeAlias = tuple[JobCondition, ...]


def condition(
    condition_type: str, reason: str, message: str, now_ms: int, status: str = "True"
) -> JobCondition:
    """A condition as of now."""
    now = format_time(now_ms)
    return JobCondition(condition_type, status, now, now, reason, message)


def completed(now_ms: int) -> JobCondition:
    """A Job that has as many successes as it wants is going to be complete."""
    message = "Reached expected number of succeeded pods"
    return condition(SUCCESS_CRITERIA_MET, "CompletionsReached", message, now_ms)


def destination(seen: Seen, failed: Intervals | None) -> JobCondition | None:
    """Where a Job is going whatever its active pods do; None where that is open.

    What was decided stays, in the order: success, failure, a pod that fails the Job, too many
    failures, too long, failed indexes, the success policy.

    failed: the indexes that failed for good.
    """
    return _decided(seen) or _by_failures(seen) or _by_indexes(seen, failed)


def _decided(seen: Seen) -> JobCondition | None:
    status = seen.job.status
    success = status.condition(SUCCESS_CRITERIA_MET)
    if success is not None:
        return success
    failure = status.condition(FAILURE_TARGET)
    if failure is None:
        return None
    return condition(FAILED, failure.reason, failure.message, seen.now_ms)


def _by_failures(seen: Seen) -> JobCondition | None:
    job = seen.job
    if job.failure_rules is not None:
        for one in seen.pods:
            failure = judge(job, one).failure if has_failed(job, one) else ""
            if failure:
                return condition(FAILURE_TARGET, "PodFailurePolicy", failure, seen.now_ms)
    if seen.failed > job.backoff_limit or _restarted_too_often(seen):
        message = "Job has reached the specified backoff limit"
        return condition(FAILURE_TARGET, "BackoffLimitExceeded", message, seen.now_ms)
    deadline_ms = deadline(job)
    if deadline_ms is not None and seen.now_ms >= deadline_ms:
        message = "Job was active longer than specified deadline"
        return condition(FAILURE_TARGET, "DeadlineExceeded", message, seen.now_ms)
    return None


def deadline(job: Job) -> int | None:
    """When a Job will have been active for too long (ms); None while it may be for ever."""
    start, seconds = job.status.start_time, job.active_deadline_seconds
    if seconds is None or start is None or job.suspended:
        return None
    return parse_time(start) + seconds * 1_000


def _restarted_too_often(seen: Seen) -> bool:
    """Whether containers that are restarted in their place have failed too often.

    Source: pastBackoffLimitOnFailure.
    """
    if seen.job.restart_policy != "OnFailure":
        return False
    restarts = sum(
        status.restart_count
        for one in seen.pods
        if one.status.phase in ("Running", "Pending")
        for status in (*one.status.init_container_statuses, *one.status.container_statuses)
    )
    return restarts >= max(seen.job.backoff_limit, 1)


def _by_indexes(seen: Seen, failed: Intervals | None) -> JobCondition | None:
    job, now_ms = seen.job, seen.now_ms
    if failed is not None:
        count, allowed = total(failed), job.max_failed_indexes
        if allowed is not None and count > allowed:
            message = "Job has exceeded the specified maximal number of failed indexes"
            return condition(FAILURE_TARGET, "MaxFailedIndexesExceeded", message, now_ms)
        if count > 0 and count + total(seen.indexes) >= (job.completions or 0):
            return condition(FAILURE_TARGET, "FailedIndexes", "Job has failed indexes", now_ms)
    if not job.indexed:
        return None
    position = rule_met(job.success_rules, job.completions or 0, seen.indexes)
    if position is None:
        return None
    message = f"Matched rules at index {position}"
    return condition(SUCCESS_CRITERIA_MET, "SuccessPolicy", message, now_ms)


def suspension(given: Conditions, now_ms: int, *, suspended: bool) -> Conditions:
    """The conditions of a Job that rests, or goes on; the same ones where that is no news."""
    if suspended:
        wanted = condition(SUSPENDED, "JobSuspended", "Job suspended", now_ms)
    else:
        wanted = condition(SUSPENDED, "JobResumed", "Job resumed", now_ms, "False")
    return ensured(given, wanted)


def ensured(given: Conditions, wanted: JobCondition) -> Conditions:
    """The conditions with this one in them, in the place of the old one of its type.

    That something is not so, is said only where it was said to be so before.

    Source: ensureJobConditionStatus.
    """
    for position, one in enumerate(given):
        if one.type == wanted.type:
            said = (one.status, one.reason, one.message)
            if said == (wanted.status, wanted.reason, wanted.message):
                return given
            return (*given[:position], wanted, *given[position + 1 :])
    return given if wanted.status == "False" else (*given, wanted)
