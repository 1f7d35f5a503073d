"""What people are told of a decision: a condition of the pod, and events.

Source: kubernetes v1.36, pkg/scheduler/schedule_one.go (handleSchedulingFailure, bindingCycle).
"""

from __future__ import annotations

from kelm.core.objects.pod import Pod
from kelm.core.objects.time import format_time
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Patch, RecordEvent, Request
from kelm.effects.document import document


def assigned(scheduler: str, ref: ObjectRef, node: str) -> Request:
    """The event of a binding that was done."""
    told = f"Successfully assigned {ref.key} to {node}"
    event = RecordEvent(ref, "Pod", "v1", "Normal", "Scheduled", told, scheduler, action="Binding")
    return Request(0, event)


def refused(scheduler: str, view: Pod, message: str, now_ms: int) -> list[Request]:
    """Write the condition PodScheduled, if it says something new, and tell people.

    A pod behind a gate was told so by the API already.
    """
    if not message:
        return []
    meta, seen = view.metadata, view.status.condition("PodScheduled")
    ref = ObjectRef("pods", meta.namespace, meta.name, meta.uid)
    event = RecordEvent(
        ref, "Pod", "v1", "Warning", "FailedScheduling", message, scheduler, action="Scheduling"
    )
    told = [Request(0, event)]
    if seen is not None and seen.status == "False" and seen.message == message:
        return told
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
    patch = document({"metadata": {"uid": meta.uid}, "status": {"conditions": [condition]}})
    status = Patch("pods", meta.namespace, meta.name, patch, "strategic", subresource="status")
    return [Request(0, status), *told]
