"""What to do about one Job.

The order of one look is upstream's: whose the pods are; where the Job is going; make or remove
pods; write the status with the uids of pods that ended; let go of those pods; write the numbers,
and how the Job ended. A refusal ends the plan. Then the next look first says how things stand and
tries again after that.

Source: kubernetes v1.36, pkg/controller/job/job_controller.go (syncJob).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.core.controllers.batch.job.finishing import completed, deadline, destination, suspension
from kelm.core.controllers.batch.job.indexes import Intervals
from kelm.core.controllers.batch.job.manage import Managed, manage, removed, unmanaged, untracking
from kelm.core.controllers.batch.job.memory import FORGOTTEN, Memory
from kelm.core.controllers.batch.job.ownership import Belonging, belonging
from kelm.core.controllers.batch.job.per_index import failed_indexes, kept_for_replacement
from kelm.core.controllers.batch.job.seen import Seen, is_tracked, see
from kelm.core.controllers.batch.job.tracking import Tracked, track
from kelm.core.controllers.shared.events import NORMAL, WARNING, Severity, event
from kelm.core.objects.batch import (
    COMPLETE,
    JOB_CONTROLLER,
    JOBS,
    Job,
    JobCondition,
    JobStatus,
    job,
)
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import Pod
from kelm.core.objects.time import format_time
from kelm.core.runtime.controller import Batch, Plan, Sync
from kelm.effects.commands import Get, List, RecordEvent, Update
from kelm.effects.document import Document, without

CONTROLLER = "job-controller"


def reconcile(sync: Sync) -> Plan:
    """Decide about one Job; one that has ended, or is somebody else's, is left alone."""
    doc = sync.caches[JOBS].get(sync.key)
    one = job(doc) if doc is not None else None
    if one is None or one.managed_by != JOB_CONTROLLER or one.status.finished is not None:
        return Plan()
    memory = sync.memory if isinstance(sync.memory, Memory) else FORGOTTEN
    if memory.unsure:
        return _ask_for_the_present(one, memory, sync.now_ms)
    pods = belonging(one, sync.caches["pods"])
    if pods.adopted and not memory.may_adopt:
        return _ask_before_adopting(one, memory, sync.now_ms)
    settled = sync.caches["pods"].revision >= memory.awaited
    untracked = memory.untracked & {p.metadata.uid for p in pods.pods if is_tracked(p)}
    seen = see(
        _started(one, sync.now_ms),
        pods.pods,
        sync.now_ms,
        settled=settled,
        untracked=untracked,
        record=memory.record,
    )
    memory = Memory(memory.record, seen.record, memory.awaited, untracked, refused=memory.refused)
    return _plan(seen, pods, memory)


def _ask_for_the_present(one: Job, memory: Memory, now_ms: int) -> Plan:
    """Before the next decision, ask for the pods as they are now: an answer was lost.

    Pods that were made unknown to us would be made again. Upstream takes that risk.
    """
    question = List("pods", one.metadata.namespace, label_selector=str(one.selector))
    return Plan(((question,),), msgspec.structs.replace(memory, unsure=False), again_at_ms=now_ms)


def _ask_before_adopting(one: Job, memory: Memory, now_ms: int) -> Plan:
    """Ask the API itself for the Job, and look again when the belief is as new as that.

    Source: pkg/controller/controller_ref_manager.go, RecheckDeletionTimestamp.
    """
    question = Get(JOBS, one.metadata.namespace, one.metadata.name)
    return Plan(((question,),), msgspec.structs.replace(memory, may_adopt=True), again_at_ms=now_ms)


def _started(one: Job, now_ms: int) -> Job:
    """The Job with the time at which it starts, and with lists of pods to count."""
    status = one.status
    if status.start_time is not None or one.suspended:
        return one
    return msgspec.structs.replace(
        one, status=msgspec.structs.replace(status, start_time=format_time(now_ms))
    )


class _Acted(msgspec.Struct, frozen=True):
    """What is done about the pods in this look.

    numbers: how many pods there are once the status is written. finish: where the Job is going.
    in_charge: the pods were looked after, whatever came of it.
    """

    batches: tuple[Batch, ...]
    numbers: Managed
    finish: JobCondition | None
    in_charge: bool = False


def _plan(seen: Seen, pods: Belonging, memory: Memory) -> Plan:
    failed = failed_indexes(seen.job, seen.pods)
    kept = kept_for_replacement(seen, failed) if failed is not None else {}
    acted = _act(seen, failed, kept, refused=memory.refused)
    status, news = _status(seen, acted)
    tracked = track(
        seen,
        status,
        finish=acted.finish,
        failed=failed,
        kept=kept,
        changed=bool(news) or _counts(status) != _counts(seen.job.status),
    )
    written = _written(seen, tracked, news)
    batches = (*written, *acted.batches) if memory.refused else (*acted.batches, *written)
    due = (acted.numbers.again_ms, None if acted.finish else deadline(seen.job))
    return Plan(
        tuple(batch for batch in (pods.claims, *batches) if batch),
        msgspec.structs.replace(memory, refused=False),
        again_at_ms=min((at_ms for at_ms in due if at_ms is not None), default=None),
    )


def _act(seen: Seen, failed: Intervals | None, kept: Mapping[int, Pod], *, refused: bool) -> _Acted:
    """Remove what a Job that is going to end still has, or bring it nearer to what it wants.

    The end is not declared while there may be pods that are not seen, or could not be removed.
    """
    as_it_is = unmanaged(seen)
    finish = destination(seen, failed)
    if finish is not None:
        removal = removed(seen, seen.active, uncounted=False)
        certain = seen.settled and not (refused and seen.active)
        numbers = as_it_is if refused else removal
        return _Acted(removal.batches, numbers, finish if certain else None)
    in_charge = seen.settled and not seen.job.leaving
    managed = manage(seen, failed, kept) if in_charge else as_it_is
    numbers = msgspec.structs.replace(as_it_is if refused else managed, again_ms=managed.again_ms)
    finish = completed(seen.now_ms) if _is_complete(seen, numbers.active) else None
    return _Acted(managed.batches, numbers, finish, in_charge)


def _is_complete(seen: Seen, active: int) -> bool:
    wanted = seen.job.completions
    return active == 0 and seen.succeeded >= (1 if wanted is None else wanted)


def _counts(status: JobStatus) -> tuple[int, int | None, int | None]:
    return status.active, status.ready, status.terminating


def _status(seen: Seen, acted: _Acted) -> tuple[JobStatus, Batch]:
    """The status before the counting, and what is told of a Job that stops or goes on."""
    job, numbers = seen.job, acted.numbers
    status = msgspec.structs.replace(
        job.status,
        active=numbers.active,
        ready=numbers.ready,
        terminating=numbers.terminating,
    )
    if acted.finish is not None or not acted.in_charge:
        return status, ()
    conditions = suspension(status.conditions, seen.now_ms, suspended=job.suspended)
    start_time = None if job.suspended else status.start_time
    if conditions is status.conditions:
        return msgspec.structs.replace(status, start_time=start_time), ()
    # Time counts from the last resumption: a Job that rests is not active.
    start_time = None if job.suspended else format_time(seen.now_ms)
    reason, told = ("Suspended", "suspended") if job.suspended else ("Resumed", "resumed")
    news = (_event(job, NORMAL, reason, f"Job {told}"),)
    return msgspec.structs.replace(status, conditions=conditions, start_time=start_time), news


def _written(seen: Seen, tracked: Tracked, news: Batch) -> tuple[Batch, ...]:
    """The two writes of the status, and between them the pods that are let go of."""
    job, first, last = seen.job, tracked.first, tracked.last
    doc = job.doc
    batches: list[Batch] = []
    if first is not None:
        batches += [(_update(doc, first),), news]
        # The second write builds upon the first, whose version is not known yet.
        doc = without(doc, ("metadata", "resourceVersion"))
    batches.append(tuple(map(untracking, tracked.let_go)))
    if last is not None:
        batches += [(_update(doc, last),), _farewell(job, last, tracked.ended)]
    return tuple(batches)


def _update(doc: Document, status: JobStatus) -> Update:
    meta = metadata(doc)
    written = Document({**doc, "status": status.document()})
    return Update(JOBS, meta.namespace, meta.name, written, subresource="status")


def _farewell(job: Job, status: JobStatus, ended: JobCondition | None) -> Batch:
    """What is told of a Job that has ended. Source: recordJobFinished."""
    if ended is None:
        return ()
    if ended.type != COMPLETE:
        return (_event(job, WARNING, ended.reason, ended.message),)
    told = _event(job, NORMAL, "Completed", "Job completed")
    if job.completions is None or status.succeeded <= job.completions:
        return (told,)
    words = "Too many succeeded pods running after completion count reached"
    return _event(job, WARNING, "TooManySucceededPods", words), told


def _event(job: Job, severity: Severity, reason: str, message: str) -> RecordEvent:
    return event(job.doc, JOBS, CONTROLLER, severity, reason, message)
