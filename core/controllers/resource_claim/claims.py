"""What becomes of a claim for devices whose pods are done: it is freed; one made for a pod goes.

Source: kubernetes v1.36, pkg/controller/resourceclaim/controller.go (syncClaim).
"""

from __future__ import annotations

import msgspec

from kelm.core.objects.devices import CLAIMS, FINALIZER
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import ENDED, pod
from kelm.core.runtime.controller import Plan, Sync
from kelm.effects.address import Uid, key_of
from kelm.effects.commands import Command, Delete, Get, Update
from kelm.effects.document import Document, child, children, text
from kelm.effects.refusals import Reason, Refusal


class Memory(msgspec.Struct, frozen=True):
    """`gone`: pods of which the API itself said that they are not there. `seen`: that they are.

    `freed` is the version of the claim that had its allocation taken back: that one, and no later
    one, may lose its protection.
    """

    gone: frozenset[Uid] = frozenset()
    seen: frozenset[Uid] = frozenset()
    freed: str = ""


FORGOTTEN = Memory()


def is_done(doc: Document) -> bool:
    """Whether a pod needs no devices any more, or never will."""
    view = pod(doc)
    leaves = view.metadata.deletion_timestamp is not None and not view.spec.node_name
    return view.status.phase in ENDED or leaves


def reconcile_claim(sync: Sync, key: str) -> Plan:
    """Decide about one claim."""
    claim = sync.caches[CLAIMS].get(key)
    if claim is None:
        return Plan()
    memory = sync.memory if isinstance(sync.memory, Memory) else FORGOTTEN
    meta = metadata(claim)
    users = children(claim, "status", "reservedFor")
    unsure = [
        Get("pods", meta.namespace, text(user, "name"))
        for user in users
        if _is_unsure(sync, meta.namespace, user, memory)
    ]
    if unsure:
        questions = tuple(unsure)
        again_ms = sync.now_ms
        return Plan(
            (questions,), memory, again_at_ms=again_ms, tolerated=frozenset({Reason.NOT_FOUND})
        )
    left = tuple(user for user in users if _stays(sync, meta.namespace, user, memory))
    return Plan(
        _freed(claim, left, memory, len(users)) + _not_needed(sync, claim, left),
        Memory(freed=memory.freed) if memory.freed else None,
        tolerated=frozenset({Reason.NOT_FOUND}),
    )


def _is_pod(user: Document) -> bool:
    return not text(user, "apiGroup") and text(user, "resource") == "pods"


def _is_unsure(sync: Sync, namespace: str, user: Document, memory: Memory) -> bool:
    """Whether a pod is not seen, and the API was not asked for it."""
    uid = text(user, "uid")
    if not _is_pod(user) or uid in memory.gone or uid in memory.seen:
        return False
    return sync.caches["pods"].get(key_of(namespace, text(user, "name"))) is None


def _stays(sync: Sync, namespace: str, user: Document, memory: Memory) -> bool:
    if not _is_pod(user):
        return True
    doc = sync.caches["pods"].get(key_of(namespace, text(user, "name")))
    if doc is None:
        return text(user, "uid") not in memory.gone
    return metadata(doc).uid == text(user, "uid") and not is_done(doc)


def _freed(
    claim: Document, left: tuple[Document, ...], memory: Memory, before: int
) -> tuple[tuple[Command, ...], ...]:
    """Take back what is not used: first the devices, then the claim's protection."""
    meta = metadata(claim)
    protected = FINALIZER in meta.finalizers
    allocated = bool(child(claim, "status", "allocation"))
    leaving = meta.deletion_timestamp is not None and not left
    if len(left) < before or (protected and leaving and allocated):
        status = {**child(claim, "status"), "reservedFor": left}
        if not left:
            del status["reservedFor"]
            if protected:
                status.pop("allocation", None)
        body = Document({**claim, "status": Document(status)})
        return ((Update(CLAIMS, meta.namespace, meta.name, body, subresource="status"),),)
    if protected and not allocated and (leaving or memory.freed == meta.resource_version):
        kept = tuple(one for one in meta.finalizers if one != FINALIZER)
        head = Document({**child(claim, "metadata"), "finalizers": kept})
        return (
            (Update(CLAIMS, meta.namespace, meta.name, Document({**claim, "metadata": head})),),
        )
    return ()


def _not_needed(
    sync: Sync, claim: Document, left: tuple[Document, ...]
) -> tuple[tuple[Command, ...], ...]:
    """A claim that was made for a pod goes when the pod is done, or is another's namesake."""
    meta, owner = metadata(claim), metadata(claim).controller
    if left or owner is None or owner.kind != "Pod" or meta.deletion_timestamp is not None:
        return ()
    doc = sync.caches["pods"].get(key_of(meta.namespace, owner.name))
    if doc is None or (metadata(doc).uid == owner.uid and not is_done(doc)):
        return ()
    return ((Delete(CLAIMS, meta.namespace, meta.name, uid=meta.uid),),)


def after_answer(sync: Sync, command: Command, answer: Document) -> object:
    """Remember what the API said of a pod, or which version of the claim was freed."""
    memory = sync.memory if isinstance(sync.memory, Memory) else FORGOTTEN
    if isinstance(command, Get):
        return msgspec.structs.replace(memory, seen=memory.seen | {metadata(answer).uid})
    if isinstance(command, Update) and command.subresource == "status":
        freed = not child(answer, "status", "allocation")
        version = metadata(answer).resource_version if freed else ""
        return msgspec.structs.replace(memory, freed=version)
    return sync.memory


def after_refusal(sync: Sync, command: Command, refusal: Refusal) -> object:
    """Remember that a pod is not there."""
    memory = sync.memory if isinstance(sync.memory, Memory) else FORGOTTEN
    if not isinstance(command, Get) or refusal.reason is not Reason.NOT_FOUND:
        return sync.memory
    claim = sync.caches[CLAIMS].get(sync.key.partition("/")[2])
    users = children(claim, "status", "reservedFor") if claim is not None else ()
    named = {text(user, "uid") for user in users if text(user, "name") == command.name}
    return msgspec.structs.replace(memory, gone=memory.gone | named)
