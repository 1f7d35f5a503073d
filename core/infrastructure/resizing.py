"""Disks that are to be larger: the cloud grows them, and nodes grow the file systems on them.

A bound claim that asks for more than its volume has gets a larger volume at once. What is on it is
a file system that grows where the disk is used: until a pod uses the claim the claim says that it
waits for one (FileSystemResizePending). A disk without a file system is done at once. What a claim
has of the new size by then is in `status.allocatedResources`; `status.capacity` comes last.

Source: kubernetes-csi/external-resizer, pkg/controller (expand_and_recover.go, resize_status.go,
controller.go); kubernetes v1.36, pkg/volume/util/operationexecutor/node_expander.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.controllers.shared.events import NORMAL, event
from kelm.core.controllers.volumes.claims import claim_names
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import pod
from kelm.core.objects.storage import (
    CLAIMS,
    FILESYSTEM,
    PROVISIONED_BY,
    VOLUMES,
    Claim,
    Volume,
    claim,
    volume,
)
from kelm.core.objects.time import format_time
from kelm.core.runtime.controller import Batch, Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.commands import Command, Patch, RecordEvent
from kelm.effects.document import Document, Json, child, children, text, value_at
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

RESIZING: Final = "Resizing"
PENDING: Final = "FileSystemResizePending"
_CONTROLLER_AT_WORK: Final = "ControllerResizeInProgress"
_NODE_TO_DO: Final = "NodeResizePending"
_WAITING: Final = (
    "Waiting for user to (re-)start a pod to finish file system resize of volume on node."
)
_GONE: Final = frozenset({Reason.NOT_FOUND})


class Resizing(msgspec.Struct, frozen=True):
    """The controller; its keys are claims."""

    name: str = "disk-resizer"
    watches: tuple[Watch, ...] = (Watch(CLAIMS), Watch(VOLUMES), Watch("pods"))
    workers: int = 4

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if change.new is None:
            return ()
        if resource == CLAIMS:
            return (change.key,)
        if resource == VOLUMES:
            ref = volume(change.new).claim_ref
            return (key_of(text(ref, "namespace"), text(ref, "name")),) if ref else ()
        one = pod(change.new)
        started = one.status.phase == "Running" and (
            change.old is None or pod(change.old).status.phase != "Running"
        )
        if not started:
            return ()
        return [key_of(one.metadata.namespace, name) for name in claim_names(one)]

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).key for doc in caches[CLAIMS].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        doc = sync.caches[CLAIMS].get(sync.key)
        if doc is None or text(doc, "status", "phase") != "Bound":
            return Plan()
        one = claim(doc)
        disk = sync.caches[VOLUMES].get(one.volume_name)
        if disk is None or PROVISIONED_BY not in volume(disk).annotations:
            return Plan()
        each = volume(disk)
        if one.storage > each.storage:
            return Plan(_grown(one, each, sync.now_ms), tolerated=_GONE)
        if not child(doc, "status", "allocatedResourceStatuses"):
            return Plan()
        has = value_at(doc, "status", "capacity", "storage")
        grows = one.volume_mode == FILESYSTEM and has != _size(each)
        if grows and not _is_in_use(one, sync.caches):
            return Plan(_waiting(one, each, sync.now_ms), tolerated=_GONE)
        return Plan(_finished(one, each), tolerated=_GONE)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def _size(each: Volume) -> Json:
    return value_at(each.doc, "spec", "capacity", "storage")


def _is_in_use(one: Claim, caches: Caches) -> bool:
    meta = one.metadata
    return any(
        each.status.phase == "Running" and meta.name in claim_names(each)
        for each in map(pod, caches["pods"].select("namespace", meta.namespace))
    )


def _grown(one: Claim, each: Volume, now_ms: int) -> tuple[Batch, ...]:
    """Make the disk larger: say so, then do it. What comes after that is decided anew."""
    name = each.metadata.name
    size = value_at(one.doc, "spec", "resources", "requests", "storage")
    told = _event(one, "Resizing", f"External resizer is resizing volume {name}")
    begun = Document(
        conditions=_with(one.doc, RESIZING, "", now_ms),
        allocatedResources=Document(storage=size),
        allocatedResourceStatuses=Document(storage=_CONTROLLER_AT_WORK),
    )
    larger = Document(spec=Document(capacity=Document(storage=size)))
    return (told, _status(one, begun)), (Patch(VOLUMES, "", name, larger),)


def _waiting(one: Claim, each: Volume, now_ms: int) -> tuple[Batch, ...]:
    """Say that the file system has still to grow, once."""
    status = child(one.doc, "status")
    if text(status, "allocatedResourceStatuses", "storage") == _NODE_TO_DO:
        return ()
    change = Document(
        conditions=_with(one.doc, PENDING, _WAITING, now_ms),
        allocatedResourceStatuses=Document(storage=_NODE_TO_DO),
    )
    words = "Require file system resize of volume on node"
    return ((_event(one, "FileSystemResizeRequired", words), _status(one, change)),)


def _finished(one: Claim, each: Volume) -> tuple[Batch, ...]:
    """The claim has what its volume has."""
    left = tuple(
        condition
        for condition in children(one.doc, "status", "conditions")
        if text(condition, "type") not in (RESIZING, PENDING)
    )
    change = Document(
        capacity=Document(storage=_size(each)),
        conditions=left or None,
        allocatedResourceStatuses=None,
    )
    grew = one.volume_mode == FILESYSTEM
    reason = "FileSystemResizeSuccessful" if grew else "VolumeResizeSuccessful"
    words = (
        f"MountVolume.NodeExpandVolume succeeded for volume {each.metadata.name}"
        if grew
        else "Resize volume succeeded"
    )
    return (_status(one, change),), (_event(one, reason, words),)


def _with(doc: Document, kind: str, message: str, now_ms: int) -> tuple[Document, ...]:
    """The conditions of a claim with one of how far its resizing is in place of any other."""
    kept = tuple(
        condition
        for condition in children(doc, "status", "conditions")
        if text(condition, "type") not in (RESIZING, PENDING)
    )
    fields: dict[str, Json] = {
        "type": kind,
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": format_time(now_ms),
    }
    return (*kept, Document({**fields, "message": message} if message else fields))


def _status(one: Claim, change: Document) -> Patch:
    meta = one.metadata
    return Patch(CLAIMS, meta.namespace, meta.name, Document(status=change), subresource="status")


def _event(one: Claim, reason: str, message: str) -> RecordEvent:
    return event(one.doc, CLAIMS, "external-resizer disk.csi.kelm.dev", NORMAL, reason, message)
