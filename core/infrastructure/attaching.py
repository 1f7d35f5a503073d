"""The cloud's side of attaching disks: what is asked for is done, and what was done is let go.

Source: kubernetes-csi/external-attacher, pkg/controller/csi_handler.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.controllers.volumes.attachments import ATTACHMENTS, is_attached
from kelm.core.objects.meta import Metadata, metadata
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Patch
from kelm.effects.document import Document, text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

_GONE: Final = frozenset({Reason.NOT_FOUND})


class Attacher(msgspec.Struct, frozen=True):
    """Attaches disks of every driver; its keys are attachments."""

    name: str = "disk-attacher"
    watches: tuple[Watch, ...] = (Watch(ATTACHMENTS),)
    workers: int = 10

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        return (change.key,) if change.new is not None else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).key for doc in caches[ATTACHMENTS].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        attachment = sync.caches[ATTACHMENTS].get(sync.key)
        if attachment is None:
            return Plan()
        meta, own = metadata(attachment), finalizer_of(text(attachment, "spec", "attacher"))
        if meta.deletion_timestamp is not None:
            if own not in meta.finalizers:
                return Plan()
            left = tuple(one for one in meta.finalizers if one != own)
            return Plan(((_kept_for(meta, left),),), tolerated=_GONE)
        if is_attached(attachment):
            return Plan()
        done = Document(status=Document(attached=True))
        status = Patch(ATTACHMENTS, "", meta.name, done, subresource="status")
        held = () if own in meta.finalizers else ((_kept_for(meta, (*meta.finalizers, own)),),)
        return Plan((*held, (status,)), tolerated=_GONE)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def finalizer_of(driver: str) -> str:
    """What keeps an attachment until its disk is detached.

    >>> finalizer_of("disk.example.com")
    'external-attacher/disk-example-com'
    """
    return f"external-attacher/{driver.replace('.', '-').replace('/', '-')}"


def _kept_for(meta: Metadata, finalizers: tuple[str, ...]) -> Patch:
    change = Document(metadata=Document(finalizers=finalizers or None))
    return Patch(ATTACHMENTS, "", meta.name, change)
