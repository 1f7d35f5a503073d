"""Setting one condition of many, as the API and the controllers do it.

Source: kubernetes v1.36, pkg/api/pod/util.go (UpdatePodCondition),
apimachinery/pkg/api/meta/conditions.go (SetStatusCondition).
"""

from __future__ import annotations

from functools import lru_cache

from kelm.core.objects.time import format_time
from kelm.effects.document import Document, Json, children


def with_condition(status: Document, condition: Document) -> Document:
    """A status with a condition set in its place; the time of an equal status stays.

    >>> ready = Document(type="Ready", status="True", lastTransitionTime="2026-01-01T00:00:00Z")
    >>> later = Document({**ready, "lastTransitionTime": "2026-01-02T00:00:00Z"})
    >>> once = with_condition(Document(), ready)
    >>> with_condition(once, later) is once
    True
    """
    conditions = children(status, "conditions")
    types = [one.get("type") for one in conditions]
    if condition["type"] not in types:
        return Document({**status, "conditions": (*conditions, condition)})
    place = types.index(condition["type"])
    old = conditions[place]
    if old.get("status") == condition["status"]:
        since = old.get("lastTransitionTime")
        condition = Document({**condition, "lastTransitionTime": since})
    if condition == old:
        return status
    changed = (*conditions[:place], condition, *conditions[place + 1 :])
    return Document({**status, "conditions": changed})


@lru_cache(maxsize=256)
def pod_scheduled(at_ms: int) -> tuple[Document, ...]:
    """The conditions of a pod that just got its node: one document for all of one second."""
    return (pod_condition("PodScheduled", at_ms),)


def pod_condition(type: str, at_ms: int, reason: str = "", message: str = "") -> Document:  # noqa: A002
    """A pod's condition that is true since now."""
    fields: dict[str, Json] = {
        "type": type,
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": format_time(at_ms),
    }
    if reason:
        fields["reason"] = reason
    if message:
        fields["message"] = message
    return Document(fields)
