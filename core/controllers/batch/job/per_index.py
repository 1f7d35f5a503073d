"""Indexes that fail on their own: how often each may, and which failed pods are kept for that.

How often an index failed is written on its newest pod. So the last failed pod of an index that
will be tried again keeps its finalizer, until the pod that replaces it carries the number on.

Source: kubernetes v1.36, pkg/controller/job/indexed_job_utils.go, backoff_utils.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from kelm.core.controllers.batch.job.backoff import (
    FIRST_MS,
    LONGEST_MS,
    BackoffRecord,
    finished_ms,
    remaining_ms,
)
from kelm.core.controllers.batch.job.indexes import (
    Intervals,
    completion_index,
    has_index,
    natural,
    parse_intervals,
    valid_index,
    with_indexes,
)
from kelm.core.controllers.batch.job.pod_failure_policy import judge
from kelm.core.controllers.batch.job.seen import Seen, has_failed, is_tracked
from kelm.core.objects.batch import Job
from kelm.core.objects.pod import Pod

FAILURE_COUNT: Final = "batch.kubernetes.io/job-index-failure-count"
IGNORED_COUNT: Final = "batch.kubernetes.io/job-index-ignored-failure-count"
_MAX_INT32: Final = 2**31 - 1


def failure_count(one: Pod, annotation: str = FAILURE_COUNT) -> int:
    """How often a pod's index had failed before it; 0 where that cannot be read."""
    count = natural((one.metadata.annotations or {}).get(annotation, "")) or 0
    return count if count <= _MAX_INT32 else 0


def all_failures(one: Pod) -> int:
    """How often a pod's index had failed before it, with failures that were ignored."""
    return failure_count(one) + failure_count(one, IGNORED_COUNT)


def next_counts(job: Job, replaced: Pod | None) -> tuple[int, int]:
    """What the next pod of an index is to say: failures that count, and ignored ones."""
    if replaced is None:
        return 0, 0
    counted, ignored = failure_count(replaced), failure_count(replaced, IGNORED_COUNT)
    return (counted + 1, ignored) if judge(job, replaced).counts else (counted, ignored + 1)


def is_index_failed(job: Job, one: Pod) -> bool:
    """Whether this pod's failure makes its index fail for good."""
    if job.backoff_limit_per_index is None or not has_failed(job, one):
        return False
    verdict = judge(job, one)
    if verdict.action == "FailIndex":
        return True
    return verdict.counts and failure_count(one) >= job.backoff_limit_per_index


def failed_indexes(job: Job, pods: Iterable[Pod]) -> Intervals | None:
    """The indexes that have failed for good; None for a Job whose indexes do not.

    Source: calculateFailedIndexes.
    """
    if not job.indexed or job.backoff_limit_per_index is None:
        return None
    before = parse_intervals(job.status.failed_indexes or "", job.completions or 0)
    lost = (one for one in pods if is_tracked(one) and is_index_failed(job, one))
    found = (valid_index(one, job.completions) for one in lost)
    return with_indexes(before, sorted({index for index in found if index is not None}))


def kept_for_replacement(seen: Seen, failed: Intervals) -> dict[int, Pod]:
    """By index, the failed pod that waits for the one that replaces it.

    Source: getPodsWithDelayedDeletionPerIndex.
    """
    job = seen.job
    alive = {completion_index(one) for one in seen.active}
    kept: dict[int, Pod] = {}
    for one in seen.pods:
        index = valid_index(one, job.completions)
        if index is None or not seen.is_tracked(one) or not has_failed(job, one):
            continue
        if index in alive or has_index(seen.indexes, index) or has_index(failed, index):
            continue
        last = kept.get(index)
        if last is None or _is_later(one, last):
            kept[index] = one
    return kept


def _is_later(one: Pod, last: Pod) -> bool:
    return all_failures(last) <= all_failures(one) and finished_ms(last) <= finished_ms(one)


def index_remaining_ms(
    last: Pod | None, now_ms: int, first_ms: int = FIRST_MS, longest_ms: int = LONGEST_MS
) -> int:
    """How long an index waits before it is tried again."""
    if last is None:
        return 0
    record = BackoffRecord(all_failures(last) + 1, finished_ms(last))
    return remaining_ms(record, now_ms, first_ms, longest_ms)


def free_to_start(
    indexes: Iterable[int], kept: Mapping[int, Pod], now_ms: int
) -> tuple[tuple[int, ...], int]:
    """Which indexes may be tried now; if none may, how long (ms) until one does.

    Source: getPodCreationInfoForIndependentIndexes.
    """
    waits = {index: index_remaining_ms(kept.get(index), now_ms) for index in indexes}
    now = tuple(index for index, wait_ms in waits.items() if wait_ms == 0)
    return now, 0 if now else min(waits.values(), default=0)
