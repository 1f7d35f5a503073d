"""What people are told of a decision: a condition of the pod, and events.

Source: kubernetes v1.36, pkg/scheduler/schedule_one.go (handleSchedulingFailure, bindingCycle);
framework/preemption/executor.go (PreemptPod).
"""

from __future__ import annotations

from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import Pod
from kelm.core.objects.time import format_time
from kelm.effects.address import Key, ObjectRef, Uid
from kelm.effects.commands import Patch, RecordEvent, Request
from kelm.effects.document import document
from kelm.effects.messages import Cache


def assigned(scheduler: str, ref: ObjectRef, node: str) -> Request:
    """The event of a binding that was done."""
    told = f"Successfully assigned {ref.key} to {node}"
    event = RecordEvent(ref, "Pod", "v1", "Normal", "Scheduled", told, scheduler, action="Binding")
    return Request(0, event)


def skipped(scheduler: str, ref: ObjectRef) -> Request:
    """The event of a pod that was to be tried and is being deleted."""
    told = f"skip schedule deleting pod: {ref.key}"
    event = RecordEvent(
        ref, "Pod", "v1", "Warning", "FailedScheduling", told, scheduler, action="Scheduling"
    )
    return Request(0, event)


def preempted(scheduler: str, victim: ObjectRef, preemptor: Uid, node: str) -> Request:
    """The event of a pod that had to leave its node for another."""
    told = f"Preempted by pod {preemptor} on node {node}"
    event = RecordEvent(
        victim, "Pod", "v1", "Normal", "Preempted", told, scheduler, action="Preempting"
    )
    return Request(0, event)


def marked(scheduler: str, victim: ObjectRef, pods: Cache | None, now_ms: int) -> Patch:
    """The condition that says why a pod is about to be deleted."""
    doc = pods.get(victim.key) if pods is not None else None
    condition = {
        "type": "DisruptionTarget",
        "observedGeneration": (metadata(doc).generation if doc is not None else 0) or 1,
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": format_time(now_ms),
        "reason": "PreemptionByScheduler",
        "message": f"{scheduler}: preempting to accommodate a higher priority pod",
    }
    patch = document({"metadata": {"uid": victim.uid}, "status": {"conditions": [condition]}})
    return Patch("pods", victim.namespace, victim.name, patch, "strategic", subresource="status")


def promised(key: Key, uid: Uid, node: str | None) -> Request:
    """Say which node a pod is expected to get, or with None that it is not any more."""
    namespace, _, name = key.rpartition("/")
    patch = document({"metadata": {"uid": uid}, "status": {"nominatedNodeName": node}})
    return Request(0, Patch("pods", namespace, name, patch, "strategic", subresource="status"))


def refused(scheduler: str, view: Pod, message: str, promised: str, now_ms: int) -> list[Request]:
    """Write the condition PodScheduled, if it says something new, and tell people.

    `promised` is the node that others have to leave for the pod, "" if there is none. A pod behind
    a gate was told so by the API already.
    """
    meta, seen = view.metadata, view.status.condition("PodScheduled")
    ref = ObjectRef("pods", meta.namespace, meta.name, meta.uid)
    event = RecordEvent(
        ref, "Pod", "v1", "Warning", "FailedScheduling", message, scheduler, action="Scheduling"
    )
    told = [Request(0, event)]
    news: dict[str, object] = {}
    if promised != view.status.nominated_node_name:
        news["nominatedNodeName"] = promised or None
    if seen is None or seen.status != "False" or seen.message != message:
        since = seen.last_transition_time if seen is not None and seen.status == "False" else None
        condition = {
            "type": "PodScheduled",
            "observedGeneration": meta.generation or 1,
            "status": "False",
            "lastProbeTime": None,
            "lastTransitionTime": since or format_time(now_ms),
            "reason": "Unschedulable",
            "message": message,
        }
        news["conditions"] = [condition]
    if not news:
        return told
    patch = document({"metadata": {"uid": meta.uid}, "status": news})
    status = Patch("pods", meta.namespace, meta.name, patch, "strategic", subresource="status")
    return [Request(0, status), *told]
