"""All that one look at a Job sees: its pods, which of them ended anew, how often it failed.

A pod that the Job made carries a finalizer until its end has been written into the status. So a pod
that ended is counted once, however often it is seen, and whoever deletes it meanwhile.

Source: kubernetes v1.36, pkg/controller/job/job_controller.go (syncJob, getNewFinishedPods).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from kelm.core.controllers.batch.job.backoff import (
    NO_FAILURES,
    BackoffRecord,
    finished_ms,
    next_record,
)
from kelm.core.controllers.batch.job.indexes import (
    Intervals,
    parse_intervals,
    total,
    valid_index,
    with_indexes,
)
from kelm.core.controllers.batch.job.pod_failure_policy import judge
from kelm.core.objects.batch import Job, Uncounted
from kelm.core.objects.pod import Pod

TRACKING: Final = "batch.kubernetes.io/job-tracking"
"""The finalizer of pods that are not counted yet."""


class Seen(msgspec.Struct, frozen=True):
    """See each field.

    pods: those that belong to the Job, oldest first.
    settled: everything that was done from here shows in `pods`.
    untracked: uids of pods whose finalizer was removed from here, even where it is still seen.
    active, terminating: what runs or will, what is asked to end and has not.
    new_succeeded, new_failed: pods that ended and are not in the status.
    succeeded, failed: how many there are of either, with those.
    record: failures since the last success, with those.
    indexes: the indexes that have succeeded; indexes_before: according to the status.
    """

    job: Job
    pods: tuple[Pod, ...]
    now_ms: int
    settled: bool
    untracked: frozenset[str]
    active: tuple[Pod, ...]
    terminating: int
    new_succeeded: tuple[Pod, ...]
    new_failed: tuple[Pod, ...]
    succeeded: int
    failed: int
    record: BackoffRecord
    indexes_before: Intervals
    indexes: Intervals

    def is_tracked(self, one: Pod) -> bool:
        """Whether a pod is still to be counted, or to be let go of."""
        return is_tracked(one) and one.metadata.uid not in self.untracked


def is_tracked(one: Pod) -> bool:
    """Whether a pod has the finalizer."""
    return TRACKING in one.metadata.finalizers


def has_failed(job: Job, one: Pod) -> bool:
    """Whether a pod counts as failed: also if it is being deleted, lest nobody sees how it ends.

    Where only failed pods are replaced, deletion is awaited.

    Source: isPodFailed.
    """
    if one.status.phase == "Failed":
        return True
    leaving = one.metadata.deletion_timestamp is not None
    return leaving and not job.only_replaces_failed and one.status.phase != "Succeeded"


def see(
    job: Job,
    pods: tuple[Pod, ...],
    now_ms: int,
    *,
    settled: bool = True,
    untracked: frozenset[str] = frozenset(),
    record: BackoffRecord = NO_FAILURES,
) -> Seen:
    """Look at a Job's pods. record: the failures that were remembered."""
    counted = job.status.uncounted or Uncounted()
    fresh = tuple(_countable(job, pods, untracked))
    done = [p for p in fresh if p.status.phase == "Succeeded"]
    new_succeeded = tuple(p for p in done if p.metadata.uid not in counted.succeeded)
    lost = [p for p in fresh if has_failed(job, p)]
    new_failed = tuple(p for p in lost if p.metadata.uid not in counted.failed)
    before, indexes = _succeeded_indexes(job, pods) if job.indexed else ((), ())
    charged = sum(judge(job, p).counts for p in new_failed)
    succeeded = job.status.succeeded + len(new_succeeded) + len(counted.succeeded)
    return Seen(
        job,
        pods,
        now_ms,
        settled,
        untracked,
        active=tuple(p for p in pods if p.active),
        terminating=sum(p.terminating for p in pods),
        new_succeeded=new_succeeded,
        new_failed=new_failed,
        succeeded=total(indexes) if job.indexed else succeeded,
        failed=job.status.failed + charged + len(counted.failed),
        record=next_record(record, map(finished_ms, new_succeeded), map(finished_ms, new_failed)),
        indexes_before=before,
        indexes=indexes,
    )


def _countable(job: Job, pods: tuple[Pod, ...], untracked: frozenset[str]) -> Iterator[Pod]:
    """Pods that are not counted and that the Job wanted; source: getValidPodsWithFilter."""
    for one in pods:
        wanted = not job.indexed or valid_index(one, job.completions) is not None
        if wanted and is_tracked(one) and one.metadata.uid not in untracked:
            yield one


def _succeeded_indexes(job: Job, pods: tuple[Pod, ...]) -> tuple[Intervals, Intervals]:
    """The indexes that succeeded, according to the status and altogether."""
    before = parse_intervals(job.status.completed_indexes, job.completions or 0)
    ended = [p for p in pods if p.status.phase == "Succeeded" and is_tracked(p)]
    found = (valid_index(p, job.completions) for p in ended)
    return before, with_indexes(before, sorted({index for index in found if index is not None}))
