"""Pods that nobody will ever finish are deleted for good.

Four kinds: pods bound to nodes that no longer exist (after a quarantine of 40 s, and only if the
API server says so too), pods being deleted that were never bound, pods being deleted on nodes
declared out of service, and terminated pods beyond a threshold. Upstream looks at all pods every
20 s; here a change says which node or pod to look at, and the look is taken at the next multiple
of 20 s.

Source: kubernetes v1.36, pkg/controller/podgc/gc_controller.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from kelm.core.controllers.shared.pod_disruption import disruption_condition, status_patch
from kelm.core.objects.conditions import has_condition
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.taints import OUT_OF_SERVICE
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Delete, Get
from kelm.effects.document import Document, Json, child, children, text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

PERIOD_MS = 20_000
QUARANTINE_MS = 40_000
FINISHED = frozenset({"Succeeded", "Failed"})
_UNFINISHED = frozenset({"Pending", "Running", "Unknown"})
_GONE = frozenset({Reason.NOT_FOUND})


def terminated(pods: Iterable[Pod], threshold: int) -> list[Pod]:
    """The terminated pods that are too many: evicted ones first, then the oldest.

    A threshold of 0 or less keeps all.
    """
    if threshold <= 0:
        return []
    found = [one for one in pods if one.status.phase not in _UNFINISHED]
    found.sort(
        key=lambda one: (
            one.status.reason != "Evicted",
            one.metadata.created_ms,
            one.metadata.name,
        )
    )
    return found[: max(0, len(found) - threshold)]


def is_out_of_service(node: Document) -> bool:
    """Whether a node is declared out of service and is not ready either."""
    tainted = any(taint.get("key") == OUT_OF_SERVICE for taint in children(node, "spec", "taints"))
    return tainted and not has_condition(node, "Ready")


def terminating_out_of_service(pods: Iterable[Pod], node: Document) -> list[Pod]:
    """The pods of a node out of service that are being deleted."""
    if not is_out_of_service(node):
        return []
    return [one for one in pods if one.metadata.deletion_timestamp]


def is_unscheduled_terminating(one: Pod) -> bool:
    """Whether a pod is being deleted that was never bound."""
    return bool(one.metadata.deletion_timestamp) and not one.spec.node_name


def deletion(
    doomed: Iterable[Pod], now_ms: int, *, message: str = ""
) -> tuple[tuple[Command, ...], ...]:
    """Mark what is not finished as failed, then delete without grace.

    `message` says why in a DisruptionTarget condition; "" writes no condition.
    """
    marks: list[Command] = []
    deletes: list[Command] = []
    for one in doomed:
        meta = one.metadata
        if one.status.phase not in FINISHED:
            marks.append(_failed(one, message, now_ms))
        deletes.append(
            Delete("pods", meta.namespace, meta.name, uid=meta.uid, grace_period_seconds=0)
        )
    return (tuple(marks), tuple(deletes)) if marks else (tuple(deletes),) if deletes else ()


def _failed(one: Pod, message: str, now_ms: int) -> Command:
    status: dict[str, Json] = {"phase": "Failed"}
    if one.metadata.generation:
        status["observedGeneration"] = one.metadata.generation
    reason = "DeletionByPodGC"
    condition = disruption_condition(one, reason, message, now_ms) if message else None
    return status_patch(one, status, condition)


class Quarantine(msgspec.Struct, frozen=True, gc=False):
    """A node that pods name and nobody knows; `verified`: the API server does not know it."""

    until_ms: int
    verified: bool = False


class PodGC(msgspec.Struct, frozen=True):
    """The controller. Keys: `node/NAME`, `pod/NAMESPACE/NAME` and `terminated`."""

    terminated_threshold: int = 12_500
    name: str = "pod-garbage-collector"
    watches: tuple[Watch, ...] = (Watch("pods"), Watch("nodes"))
    workers: int = 16

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == "nodes":
            return _after_node(caches, change)
        return self._after_pod(caches, change)

    def every_key(self, caches: Caches) -> Iterable[Key]:
        keys = {"terminated": None}
        for doc in caches["pods"].objects():
            for key in _keys_of(caches, doc):
                keys[key] = None
        return keys

    def reconcile(self, sync: Sync) -> Plan:
        if sync.key.startswith("node/"):
            return _node(sync, sync.key.removeprefix("node/"))
        tick_ms = _tick(sync.now_ms)
        if sync.key == "terminated":
            doomed = self._terminated(sync)
        else:
            doc = sync.caches["pods"].get(sync.key.removeprefix("pod/"))
            doomed = [pod(doc)] if doc and is_unscheduled_terminating(pod(doc)) else []
        doomed = _undeleted(doomed)
        if not doomed:
            return Plan()
        if sync.now_ms < tick_ms:
            return Plan(again_at_ms=tick_ms)
        return Plan(batches=deletion(doomed, sync.now_ms), tolerated=_GONE)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        if isinstance(command, Get) and isinstance(sync.memory, Quarantine):
            return Quarantine(sync.memory.until_ms, refusal.reason is Reason.NOT_FOUND)
        return sync.memory

    def _after_pod(self, caches: Caches, change: Change) -> Iterable[Key]:
        old, new = change.old, change.new
        if new is None:
            node_name = text(old, "spec", "nodeName") if old else ""
            missing = node_name and caches["nodes"].get(node_name) is None
            return (f"node/{node_name}",) if missing else ()
        crowded = len(caches["pods"]) > self.terminated_threshold > 0
        if crowded and text(new, "status", "phase") in FINISHED:
            return (*_keys_of(caches, new), "terminated")
        same_spec = old is not None and old.get("spec") is new.get("spec")
        if same_spec and not child(new, "metadata").get("deletionTimestamp"):
            return ()
        return _keys_of(caches, new)

    def _terminated(self, sync: Sync) -> list[Pod]:
        pods = sync.caches["pods"]
        if len(pods) <= self.terminated_threshold:
            return []
        found = (doc for doc in pods.objects() if _phase(doc) not in _UNFINISHED)
        return terminated((pod(doc) for doc in found), self.terminated_threshold)


def _phase(doc: Document) -> Json:
    status = doc.get("status")
    return status.get("phase", "") if isinstance(status, Document) else ""


def _tick(now_ms: int) -> int:
    """The first pass that is not before a time."""
    return -(-now_ms // PERIOD_MS) * PERIOD_MS


def _keys_of(caches: Caches, doc: Document) -> Iterable[Key]:
    """The keys of which a pod may be the business."""
    meta = child(doc, "metadata")
    node_name = text(doc, "spec", "nodeName")
    is_deleting = bool(meta.get("deletionTimestamp"))
    if not node_name:
        return (f"pod/{text(meta, 'namespace')}/{text(meta, 'name')}",) if is_deleting else ()
    node = caches["nodes"].get(node_name)
    matters = node is None or (is_deleting and is_out_of_service(node))
    return (f"node/{node_name}",) if matters else ()


def _after_node(caches: Caches, change: Change) -> Iterable[Key]:
    old, new = change.old, change.new
    stays = old is not None and new is not None
    if stays and not any(taint.get("key") == OUT_OF_SERVICE for taint in _taints(new)):
        return ()
    has_pods = next(caches["pods"].select("spec.nodeName", change.key), None) is not None
    return (f"node/{change.key}",) if has_pods else ()


def _taints(node: Document | None) -> Iterator[Document]:
    return iter(children(node, "spec", "taints") if node is not None else ())


def _undeleted(pods: list[Pod]) -> list[Pod]:
    """Those that were not deleted without grace already: finalizers hold the others."""
    return [
        one
        for one in pods
        if one.status.phase not in FINISHED
        or not one.metadata.deletion_timestamp
        or one.metadata.deletion_grace_period_seconds != 0
    ]


def _node(sync: Sync, node_name: str) -> Plan:
    """Pods of a node out of service, or of one that does not exist."""
    pods = [pod(doc) for doc in sync.caches["pods"].select("spec.nodeName", node_name)]
    node = sync.caches["nodes"].get(node_name)
    tick_ms = _tick(sync.now_ms)
    if node is None:
        return _orphans(sync, node_name, _undeleted(pods), tick_ms)
    doomed = _undeleted(terminating_out_of_service(pods, node))
    if not doomed:
        return Plan()
    if sync.now_ms < tick_ms:
        return Plan(again_at_ms=tick_ms)
    return Plan(batches=deletion(doomed, sync.now_ms), tolerated=_GONE)


def _orphans(sync: Sync, node_name: str, doomed: list[Pod], tick_ms: int) -> Plan:
    """Quarantine, then ask the API server, then delete."""
    if not doomed:
        return Plan()
    memory = sync.memory
    if not isinstance(memory, Quarantine):
        memory = Quarantine(tick_ms + QUARANTINE_MS)
    if sync.now_ms < memory.until_ms:
        return Plan(memory=memory, again_at_ms=memory.until_ms)
    if not memory.verified:
        asking: tuple[Command, ...] = (Get("nodes", "", node_name),)
        return Plan((asking,), memory, again_at_ms=sync.now_ms, tolerated=_GONE)
    batches = deletion(doomed, sync.now_ms, message="PodGC: node no longer exists")
    return Plan(batches=batches, memory=memory, tolerated=_GONE)
