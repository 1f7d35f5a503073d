"""How fast replicas may change, and for how long a recommendation must stand.

Source: kubernetes v1.36, pkg/controller/podautoscaler/horizontal.go (normalizeDesiredReplicas*,
stabilizeRecommendation*, calculateScale*Limit*); pkg/apis/autoscaling/v2/defaults.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Literal

import msgspec

MAX_REPLICAS = 2**31 - 1


class Policy(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """So many pods, or so many percent, in so many seconds."""

    type: Literal["Pods", "Percent"]
    value: int
    period_seconds: int


class Rules(msgspec.Struct, frozen=True, gc=False):
    """One direction of `spec.behavior`."""

    policies: tuple[Policy, ...]
    select_policy: str = "Max"
    stabilization_window_seconds: int = 0


UP = Rules((Policy("Pods", 4, 15), Policy("Percent", 100, 15)))
DOWN = Rules((Policy("Percent", 100, 15),), stabilization_window_seconds=300)


class Happened(msgspec.Struct, frozen=True, gc=False):
    """A change of replicas, or a recommendation of so many, some time ago."""

    replicas: int
    ago_ms: int


class Limited(msgspec.Struct, frozen=True, gc=False):
    """The allowed number of replicas; `reason` is that of the condition ScalingLimited."""

    replicas: int
    reason: str


def _within(events: Iterable[Happened], seconds: int) -> int:
    return sum(event.replicas for event in events if event.ago_ms < seconds * 1_000)


def up_limit(
    current: int, rules: Rules, ups: tuple[Happened, ...] = (), downs: tuple[Happened, ...] = ()
) -> int:
    """The most replicas that the policies allow now.

    >>> up_limit(10, UP), up_limit(1, UP)
    (20, 5)
    """
    if rules.select_policy == "Disabled":
        return current
    limits = []
    for policy in rules.policies:
        seconds = policy.period_seconds
        start = current - _within(ups, seconds) + _within(downs, seconds)
        if policy.type == "Pods":
            limits.append(start + policy.value)
        else:
            limits.append(ceil(start * (1 + policy.value / 100)))
    return min(limits) if rules.select_policy == "Min" else max(limits)


def down_limit(
    current: int, rules: Rules, ups: tuple[Happened, ...] = (), downs: tuple[Happened, ...] = ()
) -> int:
    """The fewest replicas that the policies allow now.

    >>> down_limit(10, Rules((Policy("Pods", 4, 60), Policy("Percent", 10, 60))))
    6
    """
    if rules.select_policy == "Disabled":
        return current
    limits = []
    for policy in rules.policies:
        seconds = policy.period_seconds
        start = current - _within(ups, seconds) + _within(downs, seconds)
        if policy.type == "Pods":
            limits.append(start - policy.value)
        else:
            limits.append(int(start * (1 - policy.value / 100)))
    return max(limits) if rules.select_policy == "Min" else min(limits)


def limited(
    current: int,
    desired: int,
    least: int,
    most: int,
    *,
    up: Rules = UP,
    down: Rules = DOWN,
    ups: tuple[Happened, ...] = (),
    downs: tuple[Happened, ...] = (),
) -> Limited:
    """Keep a change within the behaviour's pace and the object's bounds.

    >>> limited(10, 50, 1, 1000)
    Limited(replicas=20, reason='ScaleUpLimit')
    """
    if desired > current:
        pace = max(current, up_limit(current, up, ups, downs))
        if desired > min(most, pace):
            reason = "ScaleUpLimit" if most > pace else "TooManyReplicas"
            return Limited(min(most, pace), reason)
    elif desired < current:
        pace = min(current, down_limit(current, down, ups, downs))
        if desired < max(least, pace):
            reason = "ScaleDownLimit" if least < pace else "TooFewReplicas"
            return Limited(max(least, pace), reason)
    return Limited(desired, "DesiredWithinRange")


def limited_without_behavior(current: int, desired: int, least: int, most: int) -> Limited:
    """The old rule for objects without a behaviour: at most double, but four is always allowed."""
    pace = max(2 * current, 4)
    if desired < least:
        return Limited(least, "TooFewReplicas")
    if desired > min(most, pace):
        return Limited(min(most, pace), "ScaleUpLimit" if most > pace else "TooManyReplicas")
    return Limited(desired, "DesiredWithinRange")


def stabilized_plain(
    desired: int, recent: tuple[Happened, ...], window_seconds: int
) -> tuple[int, tuple[Happened, ...]]:
    """The highest recommendation of the window, and the recommendations to remember."""
    window_ms = window_seconds * 1_000
    highest = max([desired, *(one.replicas for one in recent if one.ago_ms <= window_ms)])
    old = [place for place, one in enumerate(recent) if one.ago_ms > window_ms]
    return highest, _remembered(recent, desired, old)


def stabilized(
    current: int, desired: int, recent: tuple[Happened, ...], up: Rules = UP, down: Rules = DOWN
) -> tuple[int, tuple[Happened, ...]]:
    """Hold still until all recommendations of a window agree to move.

    Returns:
        The replicas between the lowest recommendation of the up window and the highest of the
        down window that are nearest to the present ones, and the recommendations to remember.
    """
    up_ms = up.stabilization_window_seconds * 1_000
    down_ms = down.stabilization_window_seconds * 1_000
    lowest = min([desired, *(one.replicas for one in recent if one.ago_ms < up_ms)])
    highest = max([desired, *(one.replicas for one in recent if one.ago_ms < down_ms)])
    old = [place for place, one in enumerate(recent) if one.ago_ms > max(up_ms, down_ms)]
    return min(max(current, lowest), highest), _remembered(recent, desired, old)


def _remembered(recent: tuple[Happened, ...], desired: int, old: list[int]) -> tuple[Happened, ...]:
    """A new recommendation takes the place of the last one that is out of date."""
    new = Happened(desired, 0)
    if not old:
        return (*recent, new)
    return tuple(new if place == old[-1] else one for place, one in enumerate(recent))
