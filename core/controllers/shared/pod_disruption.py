"""How the control plane says on a pod that it is being disrupted, and by whom.

Source: kubernetes v1.36, pkg/util/pod/pod.go (PatchPodStatus, UpdatePodCondition);
api/core/v1/types.go (DisruptionTarget).
"""

from __future__ import annotations

from kelm.core.objects.pod import Pod
from kelm.core.objects.time import format_time
from kelm.effects.commands import Patch
from kelm.effects.document import Document, Json

DISRUPTION_TARGET = "DisruptionTarget"


def disruption_condition(pod: Pod, reason: str, message: str, now_ms: int) -> Document | None:
    """The DisruptionTarget condition to add to a pod; None where it has exactly this one."""
    old = pod.status.condition(DISRUPTION_TARGET)
    if old and (old.status, old.reason, old.message) == ("True", reason, message):
        return None
    since = old.last_transition_time if old and old.status == "True" else None
    fields: dict[str, Json] = {
        "type": DISRUPTION_TARGET,
        "status": "True",
        "lastTransitionTime": since or format_time(now_ms),
        "reason": reason,
        "message": message,
    }
    if pod.metadata.generation:
        fields["observedGeneration"] = pod.metadata.generation
    return Document(fields)


def status_patch(pod: Pod, status: dict[str, Json], condition: Document | None = None) -> Patch:
    """Merge into the status of exactly this pod, whatever its version.

    A condition that the pod does not have yet comes last: a strategic merge would put it first.
    """
    if condition is not None:
        present = [one.type for one in pod.status.conditions]
        order = present if condition["type"] in present else [*present, condition["type"]]
        named = tuple(Document(type=one) for one in order)
        status = {**status, "$setElementOrder/conditions": named, "conditions": (condition,)}
    return Patch(
        resource="pods",
        namespace=pod.metadata.namespace,
        name=pod.metadata.name,
        patch=Document(
            metadata=Document(uid=pod.metadata.uid),
            status=Document(status),
        ),
        patch_type="strategic",
        subresource="status",
    )
