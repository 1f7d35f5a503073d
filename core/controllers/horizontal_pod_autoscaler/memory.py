"""What is remembered of an autoscaler: its past, and how far a look at it has come.

Looking takes several questions (how many replicas there are, what was measured) and writes (the
scale, the status), each of which needs the answers of those before it. So a look is a walk through
stages; it is kept here between two turns and starts afresh after a restart, as does the past.

Source: kubernetes v1.36, pkg/controller/podautoscaler/horizontal.go (recommendations,
scaleUpEvents, scaleDownEvents, hpaSelectors).
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from kelm.core.controllers.horizontal_pod_autoscaler.behavior import Happened
from kelm.core.objects.selectors.labels import NOTHING, Selector
from kelm.effects.address import Resource
from kelm.effects.commands import ReadMetrics
from kelm.effects.document import EMPTY, Document
from kelm.effects.refusals import Refusal

SYNC_MS: Final = 15_000
"""Source: pkg/controller/podautoscaler/config/v1alpha1/defaults.go (sync period)."""

Stage: TypeAlias = Literal["scale", "metrics", "rescaling", "again", "status"]
"""What was asked for: the present scale, measures, another scale, the scale after a conflict, to
note a new status."""


class Past(msgspec.Struct, frozen=True, gc=False):
    """So many replicas were recommended, or added, or taken away, at a time."""

    replicas: int
    at_ms: int


def ago(past: tuple[Past, ...], now_ms: int) -> tuple[Happened, ...]:
    """The past as seen from now."""
    return tuple(Happened(one.replicas, now_ms - one.at_ms) for one in past)


def since(happened: tuple[Happened, ...], now_ms: int) -> tuple[Past, ...]:
    """The same the other way round.

    >>> since(ago((Past(3, 5),), 60), 60)
    (Past(replicas=3, at_ms=5),)
    """
    return tuple(Past(one.replicas, now_ms - one.ago_ms) for one in happened)


class Look(msgspec.Struct, frozen=True):
    """One look at an autoscaler, under way.

    hpa: the object as it was when the look began; status: what is to be said of it.
    scale: the newest one that was read. measures: by what was asked for, in the order of asking.
    current, desired, reason: replicas there were, how many there shall be, and why.
    metrics: what was measured, as the status shows it; None where nothing was.
    refusal: why the last request was refused, None where it was not.
    """

    hpa: Document
    resource: Resource
    stage: Stage
    status: Document
    scale: Document = EMPTY
    measures: tuple[tuple[ReadMetrics, Document | Refusal], ...] = ()
    current: int = 0
    desired: int = 0
    reason: str = ""
    metrics: tuple[Document, ...] | None = None
    refusal: Refusal | None = None
    attempts: int = 0


class Memory(msgspec.Struct, frozen=True):
    """What is remembered of one autoscaler.

    due_ms: when it is looked at next; period_ms: how long after a look the next one is.
    selector: which pods its target had when it was looked at last.
    """

    due_ms: int
    period_ms: int = SYNC_MS
    recommendations: tuple[Past, ...] = ()
    ups: tuple[Past, ...] = ()
    downs: tuple[Past, ...] = ()
    selector: Selector = NOTHING
    look: Look | None = None
