"""Claims that pods use, and volumes that claims have, are not deleted under them.

Both carry a finalizer from their creation on. Who deletes one only marks it; the finalizer goes
when nobody uses the object any more.

Source: kubernetes v1.36, pkg/controller/volume/pvcprotection, pkg/controller/volume/pvprotection.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.volumes.claims import claim_names
from kelm.core.objects.meta import Metadata, metadata
from kelm.core.objects.pod import ENDED, Pod, pod
from kelm.core.objects.storage import CLAIMS, VOLUMES
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.commands import Command, Update
from kelm.effects.document import Document, text, with_value
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal

CLAIM_FINALIZER = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER = "kubernetes.io/pv-protection"


class ClaimProtection(msgspec.Struct, frozen=True):
    """Lets a claim go when no pod that may still run uses it."""

    name: str = "persistentvolumeclaim-protection-controller"
    watches: tuple[Watch, ...] = (Watch(CLAIMS), Watch("pods"))
    workers: int = 1

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == CLAIMS:
            return (change.key,) if change.new is not None else ()
        return _freed(change)

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).key for doc in caches[CLAIMS].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        doc = sync.caches[CLAIMS].get(sync.key)
        if doc is None:
            return Plan()
        meta = metadata(doc)
        pods = map(pod, sync.caches["pods"].select("namespace", meta.namespace))
        used = meta.deletion_timestamp is not None and any(
            meta.name in claim_names(each) for each in pods if _may_run(each)
        )
        return _kept_or_let_go(CLAIMS, doc, CLAIM_FINALIZER, used=used)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return sync.memory


class VolumeProtection(msgspec.Struct, frozen=True):
    """Lets a volume go when no claim has it."""

    name: str = "persistentvolume-protection-controller"
    watches: tuple[Watch, ...] = (Watch(VOLUMES),)
    workers: int = 1

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        return (change.key,) if change.new is not None else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).key for doc in caches[VOLUMES].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        doc = sync.caches[VOLUMES].get(sync.key)
        if doc is None:
            return Plan()
        used = text(doc, "status", "phase") == "Bound"
        return _kept_or_let_go(VOLUMES, doc, VOLUME_FINALIZER, used=used)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return sync.memory


def _kept_or_let_go(resource: Resource, doc: Document, finalizer: str, *, used: bool) -> Plan:
    """Give a living object its finalizer; take it off one that is to go and that nobody uses."""
    meta: Metadata = metadata(doc)
    held = finalizer in meta.finalizers
    if meta.deletion_timestamp is None and not held:
        return Plan(((_update(resource, doc, (*meta.finalizers, finalizer)),),))
    if meta.deletion_timestamp is not None and held and not used:
        left = tuple(each for each in meta.finalizers if each != finalizer)
        return Plan(((_update(resource, doc, left),),))
    return Plan()


def _update(resource: Resource, doc: Document, finalizers: tuple[str, ...]) -> Update:
    meta = metadata(doc)
    new = with_value(doc, ("metadata", "finalizers"), finalizers)
    return Update(resource, meta.namespace, meta.name, new)


def _may_run(one: Pod) -> bool:
    """Whether a pod uses its volumes: it has a node, and has not ended there."""
    return bool(one.spec.node_name) and one.status.phase not in ENDED


def _freed(change: Change) -> list[Key]:
    """The claims of a pod that uses them no longer."""
    if change.old is None:
        return []
    old = pod(change.old)
    if not _may_run(old) or (change.new is not None and _may_run(pod(change.new))):
        return []
    return [key_of(old.metadata.namespace, name) for name in claim_names(old)]
