"""From what the metrics ask for to what is done now: windows, pace, bounds, and what is said of it.

Source: kubernetes v1.36, pkg/controller/podautoscaler/horizontal.go (normalizeDesiredReplicas,
normalizeDesiredReplicasWithBehaviors, storeScaleEvent).
"""

from __future__ import annotations

import msgspec

from kelm.core.controllers.horizontal_pod_autoscaler import behavior
from kelm.core.controllers.horizontal_pod_autoscaler.behavior import DOWN, Limited, Rules
from kelm.core.controllers.horizontal_pod_autoscaler.memory import Memory, Past, ago, since
from kelm.core.controllers.horizontal_pod_autoscaler.spec import Spec
from kelm.core.controllers.horizontal_pod_autoscaler.status import ABLE, LIMITED, with_condition
from kelm.effects.document import Document


class Normal(msgspec.Struct, frozen=True):
    """How many replicas are due now, what the status says of it, what is remembered."""

    replicas: int
    status: Document
    memory: Memory


def normalized(
    spec: Spec, memory: Memory, status: Document, current: int, desired: int, now_ms: int
) -> Normal:
    """Hold a recommendation against earlier ones, the pace that is allowed, and the bounds."""
    recent = ago(memory.recommendations, now_ms)
    reason = "ScaleUpStabilized" if desired >= current else "ScaleDownStabilized"
    if spec.behavior is None:
        window = DOWN.stabilization_window_seconds
        stable, kept = behavior.stabilized_plain(desired, recent, window)
        reason = "ScaleDownStabilized"
        limited = behavior.limited_without_behavior(current, stable, spec.least, spec.most)
    else:
        up, down = spec.behavior
        stable, kept = behavior.stabilized(current, desired, recent, up, down)
        limited = _paced(spec, up, down, memory, current, stable, now_ms)
    reason = reason if stable != desired else "ReadyForNewScale"
    status = with_condition(status, ABLE, True, reason, now_ms)
    held = limited.replicas != stable
    status = with_condition(status, LIMITED, held, limited.reason, now_ms)
    memory = msgspec.structs.replace(memory, recommendations=since(kept, now_ms))
    return Normal(limited.replicas, status, memory)


def _paced(
    spec: Spec, up: Rules, down: Rules, memory: Memory, current: int, stable: int, now_ms: int
) -> Limited:
    return behavior.limited(
        current,
        stable,
        spec.least,
        spec.most,
        up=up,
        down=down,
        ups=ago(memory.ups, now_ms),
        downs=ago(memory.downs, now_ms),
    )


def with_scaling(spec: Spec, memory: Memory, before: int, after: int, now_ms: int) -> Memory:
    """Remember a change of replicas, for as long as a policy may ask for it.

    >>> from kelm.core.controllers.horizontal_pod_autoscaler.behavior import UP
    >>> spec = Spec("", "", "", 1, 9, (), (UP, DOWN), None)
    >>> with_scaling(spec, Memory(0), 1, 4, 7).ups
    (Past(replicas=3, at_ms=7),)
    """
    if spec.behavior is None:
        return memory
    up, down = spec.behavior
    if after > before:
        return msgspec.structs.replace(
            memory, ups=_stored(memory.ups, Past(after - before, now_ms), up)
        )
    return msgspec.structs.replace(
        memory, downs=_stored(memory.downs, Past(before - after, now_ms), down)
    )


def _stored(past: tuple[Past, ...], new: Past, rules: Rules) -> tuple[Past, ...]:
    """A new change takes the place of the last one that no policy asks for any more."""
    longest_ms = max((policy.period_seconds for policy in rules.policies), default=0) * 1_000
    old = [place for place, one in enumerate(past) if one.at_ms < new.at_ms - longest_ms]
    if not old:
        return (*past, new)
    return tuple(new if place == old[-1] else one for place, one in enumerate(past))
