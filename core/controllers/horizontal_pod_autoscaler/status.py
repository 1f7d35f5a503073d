"""An autoscaler's status: its conditions, and what it is compared with.

Source: kubernetes v1.36, pkg/controller/podautoscaler/horizontal.go (setStatus,
setConditionInList, updateStatusIfNeeded).
"""

from __future__ import annotations

from typing import Final

from kelm.core.objects.time import format_time
from kelm.effects.document import Document, Json, child, children, text

ABLE: Final = "AbleToScale"
ACTIVE: Final = "ScalingActive"
LIMITED: Final = "ScalingLimited"
SCALED_TO_ZERO: Final = "ScaledToZero"

MESSAGES: Final = {
    "DesiredWithinRange": "the desired count is within the acceptable range",
    "ScaleUpLimit": "the desired replica count is increasing faster than the maximum scale rate",
    "ScaleDownLimit": "the desired replica count is decreasing faster than the maximum scale rate",
    "TooManyReplicas": "the desired replica count is more than the maximum replica count",
    "TooFewReplicas": "the desired replica count is less than the minimum replica count",
    "ScaleUpStabilized": "recent recommendations were lower than current one, applying the lowest "
    "recent recommendation",
    "ScaleDownStabilized": "recent recommendations were higher than current one, applying the "
    "highest recent recommendation",
    "ReadyForNewScale": "recommended size matches current size",
    "SucceededGetScale": "the HPA controller was able to get the target's current scale",
    "ScalingDisabled": "scaling is disabled since the replica count of the target is zero",
}
"""What is said with a reason, where that is always the same."""


def with_condition(
    status: Document, kind: str, ok: bool, reason: str, now_ms: int, message: str = ""
) -> Document:
    """The status with a condition; a condition keeps its place and the time of its last change.

    >>> once = with_condition(Document(), ABLE, True, "SucceededGetScale", 0)
    >>> again = with_condition(once, ABLE, True, "ReadyForNewScale", 60_000)
    >>> [(one["reason"], one["lastTransitionTime"]) for one in again["conditions"]]
    [('ReadyForNewScale', '1970-01-01T00:00:00Z')]
    """
    value = "True" if ok else "False"
    old = children(status, "conditions")
    known = next((one for one in old if text(one, "type") == kind), None)
    since = format_time(now_ms)
    if known is not None and text(known, "status") == value:
        since = text(known, "lastTransitionTime", default=since)
    new = Document(
        type=kind,
        status=value,
        lastTransitionTime=since,
        reason=reason,
        message=message or MESSAGES[reason],
    )
    kept = tuple(new if one is known else one for one in old)
    return Document({**status, "conditions": kept if known is not None else (*kept, new)})


def without_condition(status: Document, kind: str) -> Document:
    """The status without the condition of a type."""
    old = children(status, "conditions")
    kept = tuple(one for one in old if text(one, "type") != kind)
    return status if len(kept) == len(old) else Document({**status, "conditions": kept})


def renewed(
    status: Document,
    current: int,
    desired: int,
    metrics: tuple[Document, ...] | None,
    rescaled_ms: int | None = None,
) -> Document:
    """The status with these counts and measures; everything else of it but the conditions goes.

    metrics: None where nothing was measured.
    rescaled_ms: when it was scaled, None if it was not now.
    """
    fields: dict[str, Json] = {}
    if rescaled_ms is not None:
        fields["lastScaleTime"] = format_time(rescaled_ms)
    elif "lastScaleTime" in status:
        fields["lastScaleTime"] = status["lastScaleTime"]
    if current:
        fields["currentReplicas"] = current
    fields["desiredReplicas"] = desired
    fields["currentMetrics"] = metrics or None
    if "conditions" in status:
        fields["conditions"] = status["conditions"]
    return Document(fields)


def differs(hpa: Document, status: Document) -> bool:
    """Whether a status says something else than the object does."""
    return _plain(child(hpa, "status")) != _plain(status)


def _plain(status: Document) -> dict[str, Json]:
    """Without what is empty: nothing said is the same as nothing."""
    return {key: value for key, value in status.items() if value not in (None, (), 0)}
