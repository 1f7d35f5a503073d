"""Claims that pods bring along: each generic ephemeral volume gets one that its pod owns.

The claim has the pod's and the volume's name, and goes with the pod. One of that name that is not
the pod's is not taken: the pod waits and it is told.

Source: kubernetes v1.36, pkg/controller/volume/ephemeral/controller.go;
component-helpers/storage/ephemeral/ephemeral.go.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.shared.events import WARNING, event
from kelm.core.objects.meta import metadata, owner_reference
from kelm.core.objects.storage import CLAIMS
from kelm.core.runtime.controller import Batch, Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.commands import Command, Create
from kelm.effects.document import Document, Json, child, children, text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

FIRST_RETRY_MS = 5
LONGEST_RETRY_MS = 1_000_000


class EphemeralVolumes(msgspec.Struct, frozen=True):
    """The controller; its keys are pods, its memory how often it could not do its work."""

    name: str = "ephemeral-volume-controller"
    watches: tuple[Watch, ...] = (Watch("pods"), Watch(CLAIMS))
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == CLAIMS:
            return _of_deleted_claim(caches, change)
        is_new = change.old is None and change.new is not None and brings_along(change.new)
        return (change.key,) if is_new else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        pods = caches["pods"].objects()
        return [metadata(pod).key for pod in pods if brings_along(pod)]

    def reconcile(self, sync: Sync) -> Plan:
        pod = sync.caches["pods"].get(sync.key)
        if pod is None or metadata(pod).deletion_timestamp is not None:
            return Plan()
        made: list[Command] = []
        for volume in brings_along(pod):
            claim = sync.caches[CLAIMS].get(_claim_key(pod, volume))
            if claim is None:
                made.append(_claim(pod, volume))
            elif not _is_of(claim, pod):
                return _not_ours(sync, pod, volume, (tuple(made),) if made else ())
        exists = frozenset({Reason.ALREADY_EXISTS})
        return Plan((tuple(made),) if made else (), tolerated=exists)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return sync.memory


def brings_along(pod: Document) -> tuple[Document, ...]:
    """The volumes of a pod whose claims are made for it."""
    volumes = children(pod, "spec", "volumes")
    return tuple(each for each in volumes if isinstance(each.get("ephemeral"), Document))


def _claim_key(pod: Document, volume: Document) -> Key:
    meta = metadata(pod)
    return key_of(meta.namespace, f"{meta.name}-{text(volume, 'name')}")


def _is_of(claim: Document, pod: Document) -> bool:
    """Whether a claim was made for this very pod. Source: VolumeIsForPod."""
    owner = metadata(claim).controller
    return owner is not None and owner.uid == metadata(pod).uid


def _claim(pod: Document, volume: Document) -> Create:
    template = child(volume, "ephemeral", "volumeClaimTemplate")
    meta = metadata(pod)
    fields: dict[str, Json] = {"name": f"{meta.name}-{text(volume, 'name')}"}
    for field in ("annotations", "labels"):
        if child(template, "metadata", field):
            fields[field] = child(template, "metadata", field)
    owner = Document({**owner_reference(pod), "apiVersion": "v1", "kind": "Pod"})
    fields["ownerReferences"] = (owner,)
    claim = Document(
        apiVersion="v1",
        kind="PersistentVolumeClaim",
        metadata=Document(fields),
        spec=child(template, "spec"),
    )
    return Create(CLAIMS, meta.namespace, claim)


def _not_ours(sync: Sync, pod: Document, volume: Document, first: tuple[Batch, ...]) -> Plan:
    """Tell that a claim is somebody else's, and look again later and later."""
    claim, failures = _claim_key(pod, volume), sync.memory if isinstance(sync.memory, int) else 0
    words = (
        f"ephemeral volume {text(volume, 'name')}: PVC {claim} was not created for pod "
        f"{metadata(pod).key} (pod is not owner)"
    )
    told = event(pod, "pods", "ephemeral_volume", WARNING, "FailedBinding", words)
    wait_ms = min(FIRST_RETRY_MS << min(failures, 30), LONGEST_RETRY_MS)
    return Plan((*first, (told,)), failures + 1, sync.now_ms + wait_ms)


def _of_deleted_claim(caches: Caches, change: Change) -> list[Key]:
    """The pod that a deleted claim was made for: it gets another one."""
    if change.old is None or change.new is not None:
        return []
    meta = metadata(change.old)
    owner = meta.controller
    if owner is not None and owner.kind == "Pod":
        return [key_of(meta.namespace, owner.name)]
    # Somebody else's claim that was in the way.
    here = caches["pods"].select("namespace", meta.namespace)
    return [
        metadata(pod).key
        for pod in here
        if any(_claim_key(pod, volume) == change.key for volume in brings_along(pod))
    ]
