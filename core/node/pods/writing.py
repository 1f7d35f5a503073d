"""When a pod's status is written, and when the pod is deleted for good.

A write puts the whole status in place, guarded by the pod's uid and by nothing else. One write of a
pod is under way at a time; what happens meanwhile is written when it has answered. Whether there is
something to write is a comparison with what the API last acknowledged, so a lost write is found
and done again. When a pod that has to go is over and its last status is written, it is deleted.

Source: kubernetes v1.36, pkg/kubelet/status/status_manager.go (syncPod, canBeDeleted).
"""

from __future__ import annotations

import msgspec

from kelm.core.node.containers.behaviour import NEVER_MS
from kelm.core.node.host.machine import pod_ip
from kelm.core.node.pods.conditions import judged
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.pods.status import pod_status
from kelm.core.node.turn import Turn
from kelm.effects.commands import Delete, Patch
from kelm.effects.document import Document, Json
from kelm.effects.refusals import Reason, Refusal

RETRY_MS = 10_000
"""How often the kubelet goes over all statuses that are not written yet."""

replace = msgspec.structs.replace


def address_of(turn: Turn, pod: LocalPod) -> str:
    """The pod's address, "" while it has none."""
    if pod.recipe.host_network:
        return turn.machine.host_ip
    return pod_ip(turn.machine.index, pod.address) if pod.has_address else ""


def report(turn: Turn, pod: LocalPod) -> LocalPod:
    """Ask for what the API should know: a status write, or the pod's deletion."""
    if pod.asked:
        return pod if pod.stale else replace(pod, stale=True)
    machine = turn.machine
    pod = judged(pod, turn.now_ms)
    doc = pod_status(pod, machine.host_ip, address_of(turn, pod))
    if doc == pod.written:
        return _delete(turn, pod) if pod.deleting and pod.life == "over" else pod
    asked = turn.ask(Patch("pods", pod.namespace, pod.name, _whole(pod, doc), "json", "status"))
    return replace(
        pod,
        sent=doc,
        asked=asked,
        stale=False,
        retry_ms=NEVER_MS,
    )


def _whole(pod: LocalPod, doc: Document) -> Json:
    """The patch that puts a whole status in place, of this pod and no namesake.

    A patch and no update: what others do to the pod's labels and owners meanwhile is theirs.
    """
    return (
        Document(op="test", path="/metadata/uid", value=pod.uid),
        Document(op="add", path="/status", value=doc),
    )


def _delete(turn: Turn, pod: LocalPod) -> LocalPod:
    asked = turn.ask(Delete("pods", pod.namespace, pod.name, uid=pod.uid, grace_period_seconds=0))
    return replace(pod, asked=asked, life="deleted", retry_ms=NEVER_MS)


def acknowledged(turn: Turn, pod: LocalPod, answer: Document) -> LocalPod:
    """A write or a deletion was done."""
    if pod.life == "deleted":
        return replace(pod, asked=0)
    pod = replace(
        pod,
        written=pod.sent,
        written_revision=revision_of(answer),
        sent=None,
        asked=0,
    )
    if pod.stale or (pod.deleting and pod.life == "over"):
        return report(turn, replace(pod, stale=False))
    return pod


def refused(turn: Turn, pod: LocalPod, refusal: Refusal) -> LocalPod:
    """It was not done, or nobody knows. Whoever is still here in 10 s is tried again.

    A pod that is gone, or is another one by now, leaves through the watch.
    """
    if pod.life == "deleted":
        gone = refusal.reason in (Reason.NOT_FOUND, Reason.CONFLICT)
        retry_ms = NEVER_MS if gone else turn.now_ms + RETRY_MS
        return replace(pod, asked=0, life="deleted" if gone else "over", retry_ms=retry_ms)
    return replace(pod, sent=None, asked=0, stale=False, retry_ms=turn.now_ms + RETRY_MS)


def revision_of(doc: Document) -> int:
    """The resource version as the number that it is in this cluster, 0 where it is none."""
    meta = doc.get("metadata")
    version = meta.get("resourceVersion") if isinstance(meta, Document) else None
    return int(version) if isinstance(version, str) and version.isdigit() else 0
