"""Finished Jobs with a time to live are deleted when it is over.

Source: kubernetes v1.36, pkg/controller/ttlafterfinished/ttlafterfinished_controller.go.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.objects.time import parse_time
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.commands import Command, Delete
from kelm.effects.document import Document, child, children, text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal

JOBS = "jobs.batch"
FINISHED = ("Complete", "Failed")


def _finish(job: Document) -> Document | None:
    return next(
        (
            found
            for found in children(job, "status", "conditions")
            if found.get("type") in FINISHED and found.get("status") == "True"
        ),
        None,
    )


def needs_cleanup(job: Document) -> bool:
    """Whether a Job is finished and has a time to live."""
    ttl = child(job, "spec").get("ttlSecondsAfterFinished")
    return isinstance(ttl, int) and _finish(job) is not None


def expires_ms(job: Document) -> int | None:
    """When a Job is to go; None where it is to stay, or never said when it finished."""
    ttl = child(job, "spec").get("ttlSecondsAfterFinished")
    finish = _finish(job)
    since = "" if finish is None else text(finish, "lastTransitionTime")
    if not isinstance(ttl, int) or not since:
        return None
    return parse_time(since) + ttl * 1_000


class TTLAfterFinished(msgspec.Struct, frozen=True):
    """The controller; its keys are Jobs."""

    name: str = "ttl-after-finished-controller"
    watches: tuple[Watch, ...] = (Watch(JOBS),)
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        return (change.key,) if change.new is not None and needs_cleanup(change.new) else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        for job in caches[JOBS].objects():
            if needs_cleanup(job):
                yield key_of(text(job, "metadata", "namespace"), text(job, "metadata", "name"))

    def reconcile(self, sync: Sync) -> Plan:
        job = sync.caches[JOBS].get(sync.key)
        if job is None or child(job, "metadata").get("deletionTimestamp"):
            return Plan()
        at_ms = expires_ms(job)
        if at_ms is None or sync.now_ms < at_ms:
            return Plan(again_at_ms=at_ms)
        meta = child(job, "metadata")
        delete = Delete(
            JOBS,
            text(meta, "namespace"),
            text(meta, "name"),
            uid=text(meta, "uid"),
            resource_version=text(meta, "resourceVersion"),
            propagation_policy="Foreground",
        )
        return Plan(((delete,),))

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None
