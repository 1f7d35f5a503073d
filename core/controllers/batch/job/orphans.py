"""Pods that no Job will ever count lose the finalizer that waits for it.

Their Job is gone, has ended, or they were taken away from it. Without this nobody could delete
them.

Source: kubernetes v1.36, pkg/controller/job/job_controller.go (syncOrphanPod).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.batch.job.manage import untracking
from kelm.core.controllers.batch.job.seen import is_tracked
from kelm.core.objects.batch import JOB_CONTROLLER, JOBS, job
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import Pod, pod
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.commands import Command
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal


class JobOrphans(msgspec.Struct, frozen=True):
    """The controller; its keys are pods."""

    name: str = "job-orphans-controller"
    watches: tuple[Watch, ...] = (Watch(JOBS), Watch("pods"))
    workers: int = 1

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == "pods":
            new = pod(change.new) if change.new is not None else None
            return (change.key,) if new is not None and _is_suspect(caches, new) else ()
        doc = change.new or change.old
        if doc is None or (change.new is not None and job(doc).status.finished is None):
            return ()
        owned = (pod(one) for one in caches["pods"].select("owner", metadata(doc).uid))
        return [one.metadata.key for one in owned if is_tracked(one)]

    def every_key(self, caches: Caches) -> Iterable[Key]:
        pods = (pod(doc) for doc in caches["pods"].objects())
        return [one.metadata.key for one in pods if _is_suspect(caches, one)]

    def reconcile(self, sync: Sync) -> Plan:
        doc = sync.caches["pods"].get(sync.key)
        if doc is None or not is_left_alone(sync.caches, pod(doc)):
            return Plan()
        return Plan(((untracking(pod(doc)),),))

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def _is_suspect(caches: Caches, one: Pod) -> bool:
    """Whether a pod should be looked at.

    A new pod may be seen before its Job is; only one that is being deleted must not wait for it.
    """
    meta = one.metadata
    leaving = meta.controller is None or meta.deletion_timestamp is not None
    return leaving and is_left_alone(caches, one)


def is_left_alone(caches: Caches, one: Pod) -> bool:
    """Whether a pod has the finalizer and no Job that would remove it."""
    if not is_tracked(one):
        return False
    controller = one.metadata.controller
    if controller is None:
        return True
    if (controller.kind, controller.api_version) != ("Job", "batch/v1"):
        return False
    doc = caches[JOBS].get(key_of(one.metadata.namespace, controller.name))
    if doc is None or metadata(doc).uid != controller.uid:
        return True
    owner = job(doc)
    return owner.managed_by == JOB_CONTROLLER and owner.status.finished is not None
