"""Which pods belong to a Job: what it controls and selects, what it lets go of, what it adopts.

An adopted pod gets the finalizer with its owner; one that is let go of loses both.

Source: kubernetes v1.36, pkg/controller/job/job_controller.go (getPodsForJob);
pkg/controller/controller_ref_manager.go (PodControllerRefManager).
"""

from __future__ import annotations

import msgspec

from kelm.core.controllers.batch.job.seen import TRACKING
from kelm.core.controllers.shared.claims import Claims, claim
from kelm.core.objects.batch import Job
from kelm.core.objects.meta import metadata, owner_reference
from kelm.core.objects.pod import Pod, pod
from kelm.core.runtime.controller import Batch
from kelm.effects.commands import Patch
from kelm.effects.document import Document
from kelm.effects.messages import Cache


class Belonging(msgspec.Struct, frozen=True):
    """A Job's pods, oldest first, adopted ones as they will be; and the requests for that."""

    pods: tuple[Pod, ...]
    adopted: bool
    claims: Batch


def belonging(job: Job, cache: Cache) -> Belonging:
    """Sort out whose pods are whose."""
    meta = job.metadata
    found = _claims(job, cache)
    adopted = tuple(_adopted(doc) for doc in found.adopt)
    reference = owner_reference(job.doc)
    adoptions = tuple(
        _patch(doc, Document(ownerReferences=(reference,), finalizers=(TRACKING,)))
        for doc in found.adopt
    )
    gone = Document({"$patch": "delete", "uid": meta.uid})
    released = Document(
        {"ownerReferences": (gone,), "$deleteFromPrimitiveList/finalizers": (TRACKING,)}
    )
    releases = tuple(_patch(doc, released) for doc in found.release)
    return Belonging((*map(pod, found.keep), *adopted), bool(adopted), (*adoptions, *releases))


def _claims(job: Job, cache: Cache) -> Claims:
    meta = job.metadata
    owned = cache.select("owner", meta.uid)
    return claim(meta, job.selector, owned, cache.select("orphan", meta.namespace))


def _adopted(doc: Document) -> Pod:
    meta = metadata(doc)
    if TRACKING in meta.finalizers:
        return pod(doc)
    given = doc["metadata"]
    assert isinstance(given, Document)
    tracked = Document({**given, "finalizers": (*meta.finalizers, TRACKING)})
    return pod(Document({**doc, "metadata": tracked}))


def _patch(doc: Document, change: Document) -> Patch:
    meta = metadata(doc)
    whole = Document(metadata=Document({**change, "uid": meta.uid}))
    return Patch("pods", meta.namespace, meta.name, whole, patch_type="strategic")
