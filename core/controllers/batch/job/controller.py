"""The controller of Jobs: which change touches which Job, and when.

What a user changes is looked at at once. What pods do is gathered for a second, so that a Job of a
thousand pods is looked at once a second and not a thousand times.

Source: kubernetes v1.36, pkg/controller/job/job_controller.go (event handlers).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.batch.job.manage import BATCH_PERIOD_MS
from kelm.core.controllers.batch.job.memory import FORGOTTEN, Memory, after_answer, after_refusal
from kelm.core.controllers.batch.job.reconcile import CONTROLLER, reconcile
from kelm.core.controllers.shared.made import Teller
from kelm.core.controllers.shared.pods import is_another_kinds
from kelm.core.objects.batch import JOBS, job
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import Pod, pod
from kelm.core.runtime.controller import Batch, Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.commands import Command, Create, Delete
from kelm.effects.document import Document
from kelm.effects.messages import Change, Outcome
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal

_TELLER = Teller(
    JOBS, CONTROLLER, "Created pod: ", "Deleted pod: ", "Error creating: ", "Error deleting: "
)
GROUP = "batch/"


class JobController(msgspec.Struct, frozen=True):
    """Runs pods until enough of them have succeeded."""

    name: str = CONTROLLER
    watches: tuple[Watch, ...] = (Watch(JOBS), Watch("pods"))
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        return (change.key,) if resource == JOBS and not _is_status_only(change) else ()

    def dirty_later(
        self, caches: Caches, resource: Resource, change: Change, now_ms: int
    ) -> tuple[Iterable[Key], int]:
        if resource == JOBS:
            return ((change.key,) if _is_status_only(change) else ()), BATCH_PERIOD_MS
        return _of_pod(caches, change), BATCH_PERIOD_MS

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).key for doc in caches[JOBS].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        return reconcile(sync)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> Memory:
        return after_refusal(_memory(sync), refusal)

    def answered(self, sync: Sync, command: Command, answer: Document) -> Memory:
        return after_answer(_memory(sync), command, answer)

    def told(self, sync: Sync, command: Command, outcome: Outcome) -> Batch:
        """Pods made and deleted, and why they could not be."""
        doc = sync.caches[JOBS].get(sync.key)
        if doc is None or not isinstance(command, Create | Delete):
            return ()
        return _TELLER.tell(doc, command, outcome)


def _memory(sync: Sync) -> Memory:
    return sync.memory if isinstance(sync.memory, Memory) else FORGOTTEN


def _is_status_only(change: Change) -> bool:
    """Whether a Job's change says nothing new about what is wanted."""
    if change.old is None or change.new is None:
        return False
    return metadata(change.old).generation == metadata(change.new).generation


def _of_pod(caches: Caches, change: Change) -> Iterable[Key]:
    """The Jobs that a pod's change concerns: its old and new owner, or who may adopt it."""
    if is_another_kinds(change, "Job"):
        return ()
    old = pod(change.old) if change.old is not None else None
    new = pod(change.new) if change.new is not None else None
    if old is not None and new is not None and _counts_alike(old, new):
        return ()
    found = {key for key in map(_owner_key, (old, new)) if key is not None}
    if new is not None and new.metadata.controller is None and new.metadata.labels:
        here = caches[JOBS].select("namespace", new.metadata.namespace)
        selecting = (each for each in map(job, here) if each.selector.matches(new.metadata.labels))
        found |= {each.metadata.key for each in selecting}
    return sorted(found)


def _owner_key(one: Pod | None) -> Key | None:
    controller = one.metadata.controller if one is not None else None
    if one is None or controller is None or controller.kind != "Job":
        return None
    if not controller.api_version.startswith(GROUP):
        return None
    return key_of(one.metadata.namespace, controller.name)


def _counts_alike(old: Pod, new: Pod) -> bool:
    """Whether two versions of a pod are the same for every decision made here."""
    if (old.status.phase, old.active, old.ready) != (new.status.phase, new.active, new.ready):
        return False
    if new.status.phase == "Failed" or old.metadata is not new.metadata:
        return old.status == new.status and _belonging(old) == _belonging(new)
    return _restarts(old) == _restarts(new)


def _belonging(one: Pod) -> object:
    meta = one.metadata
    return meta.labels, meta.owner_references, meta.finalizers, meta.deletion_timestamp


def _restarts(one: Pod) -> list[int]:
    status = one.status
    found = (*status.init_container_statuses, *status.container_statuses)
    return [each.restart_count for each in found]
