"""How pods that ended come into the numbers: exactly once, whatever happens in between.

First their uids go into the status (`uncountedTerminatedPods`), then their finalizers are removed,
and only then do the numbers grow. Whoever stops at any point of this can go on from what is
written: a uid in the status whose pod has no finalizer any more is to be counted, one whose pod
has it is already known. A succeeded index needs no uid, it can succeed only once.

Source: kubernetes v1.36, pkg/controller/job/job_controller.go
(trackJobStatusAndRemoveFinalizers, flushUncountedAndRemoveFinalizers, enactJobFinished).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Final

import msgspec

from kelm.core.controllers.batch.job.finishing import ENDS, condition
from kelm.core.controllers.batch.job.indexes import (
    Intervals,
    completion_index,
    format_intervals,
    has_index,
    total,
    valid_index,
)
from kelm.core.controllers.batch.job.pod_failure_policy import judge
from kelm.core.controllers.batch.job.seen import Seen, has_failed
from kelm.core.objects.batch import (
    COMPLETE,
    SUCCESS_CRITERIA_MET,
    JobCondition,
    JobStatus,
    Uncounted,
)
from kelm.core.objects.pod import Pod
from kelm.core.objects.time import format_time

MOST_UNCOUNTED: Final = 500
"""With so many uids in the status the counting stops for this look."""


class Tracked(msgspec.Struct, frozen=True):
    """What to write and to let go of, in this order. A status None is not to be written.

    ended: how the Job has ended with the last status, None if it has not.
    """

    first: JobStatus | None
    let_go: tuple[Pod, ...]
    last: JobStatus | None
    ended: JobCondition | None = None


def track(
    seen: Seen,
    status: JobStatus,
    *,
    finish: JobCondition | None,
    failed: Intervals | None = None,
    kept: Mapping[int, Pod] | None = None,
    changed: bool = False,
) -> Tracked:
    """Count the pods that ended.

    status: the Job's status with what else has changed in it (`terminating`, say); `changed`: it
        is to be written for that.
    finish: where the Job is going, or how it ends. failed: indexes that failed for good.
    kept: failed pods that wait to be replaced, by index.
    """
    tracked = {one.metadata.uid for one in seen.pods if seen.is_tracked(one)}
    first = _moved(status, tracked)
    noted, let_go, full = _noted(seen, first, finish, kept or {})
    first = _with_indexes(seen, noted, failed)
    first, end = _announced(seen, first, finish)
    is_news = changed or first != status
    last = _moved(first, tracked - {one.metadata.uid for one in let_go})
    unfinished = full or status.terminating or last.uncounted != Uncounted()
    ended = None if unfinished else end
    if ended is not None:
        last = _ended(seen, last, ended)
    return Tracked(first if is_news else None, let_go, last if last != first else None, ended)


def _moved(status: JobStatus, tracked: Set[str]) -> JobStatus:
    """The status with pods that were let go of counted.

    Source: cleanUncountedPodsWithoutFinalizers.
    """
    given = status.uncounted or Uncounted()
    left = Uncounted(
        tuple(uid for uid in given.succeeded if uid in tracked),
        tuple(uid for uid in given.failed if uid in tracked),
    )
    return msgspec.structs.replace(
        status,
        uncounted=left,
        succeeded=status.succeeded + len(given.succeeded) - len(left.succeeded),
        failed=status.failed + len(given.failed) - len(left.failed),
    )


def _noted(
    seen: Seen, status: JobStatus, finish: JobCondition | None, kept: Mapping[int, Pod]
) -> tuple[JobStatus, tuple[Pod, ...], bool]:
    """The status with the uids of pods that ended, which pods to let go of, and was it too much."""
    known = seen.job.status.uncounted or Uncounted()
    before = status.uncounted or Uncounted()
    succeeded, failed, indexes = list(before.succeeded), list(before.failed), set[int]()
    lost = finish is not None and finish.type != SUCCESS_CRITERIA_MET
    let_go: list[Pod] = []
    full = False
    pods = sorted(seen.pods, key=_by_index) if seen.job.indexed else seen.pods
    for one in pods:
        uid, is_failed = one.metadata.uid, has_failed(seen.job, one)
        if not seen.is_tracked(one) or not _may_go(seen, one, is_failed, finish, kept):
            continue
        let_go.append(one)
        if one.status.phase == "Succeeded" and uid not in known.failed:
            if not seen.job.indexed:
                if uid not in known.succeeded:
                    succeeded.append(uid)
            elif (index := valid_index(one, seen.job.completions)) is not None:
                indexes |= set() if has_index(seen.indexes_before, index) else {index}
        elif (is_failed or lost) and uid not in known.failed and _charged(seen, one):
            failed.append(uid)
        if len(indexes) + len(succeeded) + len(failed) >= MOST_UNCOUNTED:
            full = True
            break
    noted = Uncounted(tuple(succeeded), tuple(failed))
    return msgspec.structs.replace(status, uncounted=noted), tuple(let_go), full


def _by_index(one: Pod) -> int:
    index = completion_index(one)
    return -1 if index is None else index


def _may_go(
    seen: Seen,
    one: Pod,
    is_failed: bool,
    finish: JobCondition | None,
    kept: Mapping[int, Pod],
) -> bool:
    """Whether nobody needs a pod any more. Source: canRemoveFinalizer."""
    if seen.job.leaving or finish is not None or one.status.phase == "Succeeded":
        return True
    index = completion_index(one)
    waits = kept.get(index) if index is not None else None
    return is_failed and (waits is None or waits.metadata.uid != one.metadata.uid)


def _charged(seen: Seen, one: Pod) -> bool:
    """Whether a failed pod counts: it was wanted, and its failure is not to be ignored."""
    if seen.job.indexed and valid_index(one, seen.job.completions) is None:
        return False
    return judge(seen.job, one).counts


def _with_indexes(seen: Seen, status: JobStatus, failed: Intervals | None) -> JobStatus:
    """The status of an Indexed Job with its indexes; they are its number of successes."""
    if not seen.job.indexed:
        return status
    return msgspec.structs.replace(
        status,
        succeeded=total(seen.indexes),
        completed_indexes=format_intervals(seen.indexes),
        failed_indexes=None if failed is None else format_intervals(failed),
    )


def _announced(
    seen: Seen, status: JobStatus, finish: JobCondition | None
) -> tuple[JobStatus, JobCondition | None]:
    """The status that says where the Job is going, and the condition that it ends with."""
    if finish is None or finish.type not in ENDS:
        return status, finish
    end = condition(ENDS[finish.type], finish.reason, finish.message, seen.now_ms)
    if status.condition(finish.type) is not None:
        return status, end
    told = (*status.conditions, finish)
    return msgspec.structs.replace(status, conditions=told), end


def _ended(seen: Seen, status: JobStatus, end: JobCondition) -> JobStatus:
    """The status of a Job that has ended."""
    if status.condition(end.type) is None:
        status = msgspec.structs.replace(status, conditions=(*status.conditions, end))
    if end.type != COMPLETE:
        return status
    return msgspec.structs.replace(status, completion_time=format_time(seen.now_ms))
