"""Which pods a Job wants now: make what is missing, remove what is too much, never both at once.

Source: kubernetes v1.36, pkg/controller/job/job_controller.go (manageJob, activePodsForRemoval).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from kelm.core.controllers.batch.job.backoff import remaining_ms
from kelm.core.controllers.batch.job.indexes import (
    Intervals,
    completion_index,
    first_missing,
    merged,
    valid_index,
    with_indexes,
)
from kelm.core.controllers.batch.job.per_index import free_to_start
from kelm.core.controllers.batch.job.seen import TRACKING, Seen, is_tracked
from kelm.core.controllers.batch.job.template import indexed_common, indexed_pod, new_pod
from kelm.core.controllers.shared.deletion_order import in_plain_order
from kelm.core.controllers.shared.slow_start import batch_sizes
from kelm.core.objects.pod import Pod
from kelm.core.runtime.controller import Batch
from kelm.effects.commands import Create, Delete, Patch
from kelm.effects.document import Document

MOST_AT_ONCE: Final = 500
"""How many pods are made or deleted in one look."""
BATCH_PERIOD_MS: Final = 1_000
"""How long changes of pods are gathered before a look. Source: syncJobBatchPeriod."""


class Managed(msgspec.Struct, frozen=True):
    """What to do about a Job's pods, and the numbers of pods once it is done."""

    batches: tuple[Batch, ...]
    active: int
    ready: int
    terminating: int
    again_ms: int | None = None


def unmanaged(seen: Seen) -> Managed:
    """Leave the pods as they are."""
    return Managed((), len(seen.active), count_ready(seen.active), seen.terminating)


def count_ready(pods: Sequence[Pod]) -> int:
    """How many of these pods are ready."""
    return sum(one.ready for one in pods)


def manage(seen: Seen, failed: Intervals | None, kept: Mapping[int, Pod]) -> Managed:
    """Bring the number of active pods nearer to what is wanted.

    failed: the indexes that failed for good. kept: failed pods that wait to be replaced.
    """
    job = seen.job
    if job.suspended:
        return removed(seen, for_removal(seen, len(seen.active)), uncounted=True)
    wanted = wanted_active(seen)
    surplus = for_removal(seen, max(0, len(seen.active) - wanted))[:MOST_AT_ONCE]
    if surplus:
        return removed(seen, surplus, uncounted=True)
    in_the_way = seen.terminating if job.only_replaces_failed else 0
    missing = wanted - in_the_way - len(seen.active)
    return _created(seen, missing, failed, kept) if missing > 0 else unmanaged(seen)


def wanted_active(seen: Seen) -> int:
    """How many pods should be active.

    A Job without completions is a work queue: its first success says that the queue is empty, and
    whoever still works may end in peace.
    """
    job = seen.job
    if job.completions is None:
        return len(seen.active) if seen.succeeded > 0 else job.parallelism
    return max(0, min(job.completions - seen.succeeded, job.parallelism))


def for_removal(seen: Seen, at_least: int) -> tuple[Pod, ...]:
    """The active pods to remove: those whose index is wrong or taken, then the least advanced."""
    removal, rest = _misplaced(seen) if seen.job.indexed else ([], list(seen.active))
    if len(removal) < at_least:
        removal += in_plain_order(rest)[: at_least - len(removal)]
    return tuple(removal)


def _misplaced(seen: Seen) -> tuple[list[Pod], list[Pod]]:
    """Active pods split in two: without an index of their own, and the one of each index."""
    return split_by_index(seen.active, seen.job.completions or 0)


def split_by_index(pods: Sequence[Pod], completions: int) -> tuple[list[Pod], list[Pod]]:
    """Which pods of an Indexed Job have no place, and which keep theirs, in order of index.

    Of several pods of one index the most advanced keeps it.

    Source: appendDuplicatedIndexPodsForRemoval.
    """
    by_index: dict[int, list[Pod]] = {}
    removal: list[Pod] = []
    beyond: list[Pod] = []
    for one in sorted(pods, key=_index_or_first):
        index = completion_index(one)
        if index is None:
            removal.append(one)
        elif index >= completions:
            beyond.append(one)
        else:
            by_index.setdefault(index, []).append(one)
    keep = []
    for rivals in by_index.values():
        *losers, winner = in_plain_order(rivals)
        removal += losers
        keep.append(winner)
    return [*removal, *beyond], keep


def _index_or_first(one: Pod) -> int:
    index = completion_index(one)
    return -1 if index is None else index


def removed(seen: Seen, pods: Sequence[Pod], *, uncounted: bool) -> Managed:
    """Delete active pods.

    uncounted: they are no failures, so let go of them before; else they are still to be counted.
    """
    let_go = tuple(untracking(one) for one in pods if uncounted and is_tracked(one))
    deletes = tuple(_deletion(one) for one in pods)
    return Managed(
        (let_go, deletes),
        active=len(seen.active) - len(pods),
        ready=count_ready(seen.active) - count_ready(pods),
        terminating=seen.terminating + len(pods),
    )


def _deletion(one: Pod) -> Delete:
    meta = one.metadata
    return Delete("pods", meta.namespace, meta.name, uid=meta.uid)


def untracking(one: Pod) -> Patch:
    """The request that takes the Job's finalizer off a pod."""
    meta = one.metadata
    change = Document({"$deleteFromPrimitiveList/finalizers": (TRACKING,), "uid": meta.uid})
    patch = Document(metadata=change)
    return Patch("pods", meta.namespace, meta.name, patch, patch_type="strategic")


def _created(
    seen: Seen, missing: int, failed: Intervals | None, kept: Mapping[int, Pod]
) -> Managed:
    """Make pods, few at first; or wait, if some failed a short while ago.

    Who waits reports no active pods at all, as upstream does.
    """
    job, now_ms = seen.job, seen.now_ms
    wait_ms = remaining_ms(seen.record, now_ms) if job.backoff_limit_per_index is None else 0
    indexes: tuple[int, ...] = ()
    if wait_ms == 0 and job.indexed:
        indexes = first_missing(_taken(seen, failed), min(missing, MOST_AT_ONCE), _last(seen))
        if job.backoff_limit_per_index is not None:
            indexes, wait_ms = free_to_start(indexes, kept, now_ms)
    if wait_ms > 0:
        again_ms = now_ms + max(wait_ms, BATCH_PERIOD_MS)
        return msgspec.structs.replace(unmanaged(seen), active=0, again_ms=again_ms)
    requests = _creations(seen, indexes, min(missing, MOST_AT_ONCE), kept)
    batches, start = [], 0
    for size in batch_sizes(len(requests)):
        batches.append(requests[start : start + size])
        start += size
    calm = unmanaged(seen)
    return msgspec.structs.replace(calm, batches=tuple(batches), active=calm.active + len(requests))


def _last(seen: Seen) -> int:
    return seen.job.completions or 0


def _taken(seen: Seen, failed: Intervals | None) -> Intervals:
    """The indexes that need no pod now."""
    waited_for = seen.pods if seen.job.only_replaces_failed else ()
    busy = (*seen.active, *(one for one in waited_for if one.terminating))
    indexes = (valid_index(one, seen.job.completions) for one in busy)
    at_work = sorted({index for index in indexes if index is not None})
    return merged(with_indexes(seen.indexes, at_work), failed or ())


def _creations(
    seen: Seen, indexes: tuple[int, ...], count: int, kept: Mapping[int, Pod]
) -> tuple[Create, ...]:
    job, namespace = seen.job, seen.job.metadata.namespace
    if not job.indexed:
        return (Create("pods", namespace, new_pod(job)),) * count
    common = indexed_common(job)
    pods = (indexed_pod(job, common, index, kept.get(index)) for index in indexes)
    return tuple(Create("pods", namespace, one) for one in pods)
