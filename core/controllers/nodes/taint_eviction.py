"""Pods leave nodes with NoExecute taints, at once or when their toleration runs out.

A pod that tolerates all of a node's NoExecute taints stays for the smallest `tolerationSeconds`
among the tolerations that it needs, for ever where none names a time. Once a time is set it
stands while the pod is tainted at all: a taint that is swapped for another (not-ready for
unreachable) does not begin the wait anew.

Source: kubernetes v1.36, pkg/controller/tainteviction/taint_eviction.go.
Differs: a pod that is being deleted already is not deleted again.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.shared.pod_disruption import disruption_condition, status_patch
from kelm.core.objects.pod import Pod, Toleration, pod
from kelm.core.objects.taints import NO_EXECUTE, Taint, taints_of, used_tolerations
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, ObjectRef, Resource, key_of, split_key
from kelm.effects.commands import Command, Delete, RecordEvent
from kelm.effects.document import Document, child, children, text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal


def tolerated_ms(tolerations: Iterable[Toleration]) -> int | None:
    """How long the tolerations in use bear their taints; None is for ever.

    >>> tolerated_ms((Toleration(toleration_seconds=2), Toleration()))
    2000
    >>> tolerated_ms((Toleration(),)) is None
    True
    """
    used = tuple(tolerations)
    if not used:
        return 0
    seconds = [one.toleration_seconds for one in used if one.toleration_seconds is not None]
    return max(0, min(seconds)) * 1_000 if seconds else None


def stay_ms(taints: tuple[Taint, ...], tolerations: tuple[Toleration, ...]) -> int | None:
    """How long a pod may stay on a node with these taints; None is for ever.

    >>> stay_ms((Taint("a", "", "NoExecute"),), ()), stay_ms((), ())
    (0, None)
    """
    executing = tuple(taint for taint in taints if taint.effect == NO_EXECUTE)
    if not executing:
        return None
    used = used_tolerations(executing, tolerations)
    return 0 if used is None else tolerated_ms(used)


class Eviction(msgspec.Struct, frozen=True, gc=False):
    """The time set for one pod: when it was set, when it is up, whether it was acted upon."""

    uid: str
    created_ms: int
    fire_ms: int
    fired: bool = False


class TaintEviction(msgspec.Struct, frozen=True):
    """The controller; its keys are pods."""

    name: str = "taint-eviction-controller"
    watches: tuple[Watch, ...] = (Watch("pods"), Watch("nodes"))
    workers: int = 64

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == "nodes":
            return _touched_pods(caches, change)
        return (change.key,) if _may_matter(caches, change) else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        tainted = (node for node in caches["nodes"].objects() if _executing(node))
        for node in tainted:
            yield from _pods_on(caches, text(node, "metadata", "name"))

    def reconcile(self, sync: Sync) -> Plan:
        before = sync.memory if isinstance(sync.memory, Eviction) else None
        doc = sync.caches["pods"].get(sync.key)
        if doc is None:
            return _cancelled(sync.key, before)
        subject = pod(doc)
        if subject.metadata.deletion_timestamp or not subject.spec.node_name:
            return Plan(memory=before)
        if before and before.uid != subject.metadata.uid:
            before = None
        return _decided(sync, subject, before)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return sync.memory


def _executing(node: Document) -> bool:
    return any(taint.get("effect") == NO_EXECUTE for taint in children(node, "spec", "taints"))


def _pods_on(caches: Caches, node_name: str) -> Iterable[Key]:
    for doc in caches["pods"].select("spec.nodeName", node_name):
        meta = child(doc, "metadata")
        yield key_of(text(meta, "namespace"), text(meta, "name"))


def _touched_pods(caches: Caches, change: Change) -> Iterable[Key]:
    """The pods of a node whose NoExecute taints may have changed."""
    old, new = change.old, change.new
    if old is not None and new is not None:
        if child(old, "spec").get("taints") == child(new, "spec").get("taints"):
            return ()
        if not _executing(old) and not _executing(new):
            return ()
    elif new is None or not _executing(new):
        return ()
    return _pods_on(caches, change.key)


def _may_matter(caches: Caches, change: Change) -> bool:
    """Whether a pod came to or left a tainted node, or changed what it tolerates there."""
    old, new = change.old, change.new
    if old is not None and new is not None and old.get("spec") is new.get("spec"):
        return False
    doc = new if new is not None else old
    node_name = text(doc, "spec", "nodeName") if doc is not None else ""
    if not node_name:
        return False
    node = caches["nodes"].get(node_name)
    return node is None or _executing(node)


def _decided(sync: Sync, subject: Pod, before: Eviction | None) -> Plan:
    node = sync.caches["nodes"].get(subject.spec.node_name)
    if node is None:
        stay = None if before is None else before.fire_ms - before.created_ms
    else:
        stay = stay_ms(taints_of(node), subject.spec.tolerations)
    if stay is None:
        return _cancelled(sync.key, before, subject)
    if stay == 0 and (before is None or before.fire_ms > sync.now_ms):
        eviction = Eviction(subject.metadata.uid, sync.now_ms, sync.now_ms)
        cancelled = _cancelled(sync.key, before, subject).batches
        return _evicted(sync, subject, eviction, cancelled)
    if before is None or before.created_ms >= sync.now_ms:
        before = Eviction(subject.metadata.uid, sync.now_ms, sync.now_ms + stay)
    if sync.now_ms < before.fire_ms:
        return Plan(memory=before, again_at_ms=before.fire_ms)
    return _evicted(sync, subject, before)


def _evicted(
    sync: Sync, subject: Pod, eviction: Eviction, first: tuple[tuple[Command, ...], ...] = ()
) -> Plan:
    """Say why, then delete exactly this pod."""
    marking: list[Command] = []
    if not eviction.fired:
        marking.append(_event(sync.key, "Marking for deletion Pod", subject))
    condition = disruption_condition(
        subject,
        "DeletionByTaintManager",
        "Taint manager: deleting due to NoExecute taint",
        sync.now_ms,
    )
    if condition is not None:
        marking.append(status_patch(subject, {}, condition))
    meta = subject.metadata
    delete = Delete("pods", meta.namespace, meta.name, uid=meta.uid)
    return Plan(
        batches=(*first, tuple(marking), (delete,)),
        memory=msgspec.structs.replace(eviction, fired=True),
        tolerated=frozenset({Reason.NOT_FOUND}),
    )


def _cancelled(key: Key, before: Eviction | None, subject: Pod | None = None) -> Plan:
    """Forget the time set for a pod, and say so where it was still to come."""
    if before is None or before.fired:
        return Plan()
    return Plan(batches=((_event(key, "Cancelling deletion of Pod", subject),),))


def _event(key: Key, words: str, subject: Pod | None) -> RecordEvent:
    namespace, name = split_key(key)
    uid = subject.metadata.uid if subject else ""
    return RecordEvent(
        regarding=ObjectRef("pods", namespace, name, uid),
        regarding_kind="Pod",
        regarding_api_version="v1",
        type="Normal",
        reason="TaintManagerEviction",
        message=f"{words} {key}",
        component="taint-eviction-controller",
    )
