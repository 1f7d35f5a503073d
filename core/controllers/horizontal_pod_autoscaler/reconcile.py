"""One look at an autoscaler: from the scale over the measures to another scale and a status.

Each step plans what is to be asked next and remembers how far the look has come (`Look`); the
answers are noted by `answered` and `refused`, and the next turn goes on from there.

Source: kubernetes v1.36, pkg/controller/podautoscaler/horizontal.go (reconcileAutoscaler).
Differs: scaling to and from zero (HPAScaleToZero, off by default) is not there.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.controllers.horizontal_pod_autoscaler.compute import (
    Result,
    Scene,
    combined,
    propose,
)
from kelm.core.controllers.horizontal_pod_autoscaler.measures import question
from kelm.core.controllers.horizontal_pod_autoscaler.memory import Look, Memory, Past
from kelm.core.controllers.horizontal_pod_autoscaler.normalize import normalized, with_scaling
from kelm.core.controllers.horizontal_pod_autoscaler.pods import selected
from kelm.core.controllers.horizontal_pod_autoscaler.selecting import Unusable, chosen
from kelm.core.controllers.horizontal_pod_autoscaler.spec import HPAS, spec_of
from kelm.core.controllers.horizontal_pod_autoscaler.status import (
    ABLE,
    ACTIVE,
    SCALED_TO_ZERO,
    differs,
    renewed,
    with_condition,
    without_condition,
)
from kelm.core.controllers.horizontal_pod_autoscaler.targets import scaled
from kelm.core.controllers.shared.events import NORMAL, WARNING, Severity, event
from kelm.core.runtime.controller import Plan, Sync
from kelm.effects.address import split_key
from kelm.effects.commands import Command, Get, ReadMetrics, RecordEvent, Update
from kelm.effects.document import Document, child, number, text, with_value
from kelm.effects.refusals import Reason, Refusal

ATTEMPTS: Final = 5
RETRY_MS: Final = 10
"""A scale that somebody else changed meanwhile is written again, so often and after so long."""
COMPONENT: Final = "horizontal-pod-autoscaler"
ANY: Final = frozenset(Reason)
"""Every refusal is an answer here: it is told, and the next look comes in its time."""

UNASKED: Final = Refusal(Reason.TIMEOUT, "the metric was not asked for")
"""A metric that another specification asks for than the one with which the look began."""

replace = msgspec.structs.replace


def begun(sync: Sync, hpa: Document, memory: Memory) -> Plan:
    """Begin a look: ask how many replicas there are."""
    spec = spec_of(hpa)
    resource, wrong = scaled(sync.caches, spec.api_version, spec.kind)
    look = Look(hpa, resource, "scale", child(hpa, "status"))
    if wrong:
        return _without_scale(sync, memory, look, wrong)
    asked = Get(resource, split_key(sync.key)[0], spec.name, "scale")
    return _asking(sync, memory, look, (asked,))


def continued(sync: Sync, memory: Memory, look: Look) -> Plan:
    """Go on with a look whose last requests have been answered."""
    refusal = look.refusal
    look = replace(look, refusal=None)
    if look.stage == "scale":
        if refusal is not None:
            return _without_scale(sync, memory, look, refusal.message)
        return _with_scale(sync, memory, look)
    if look.stage == "metrics":
        return _with_measures(sync, memory, look)
    if look.stage == "rescaling":
        if refusal is None:
            return _rescaled(sync, memory, look)
        if refusal.reason is Reason.CONFLICT and look.attempts < ATTEMPTS:
            latest = Get(look.resource, split_key(sync.key)[0], spec_of(look.hpa).name, "scale")
            return _asking(sync, memory, replace(look, stage="again"), (latest,), RETRY_MS)
        return _not_rescaled(sync, memory, look, refusal.message)
    if look.stage == "again":
        return _rescale(sync, memory, look)
    events: tuple[Command, ...] = ()
    if refusal is not None:
        events = (_told(look, WARNING, "FailedUpdateStatus", refusal.message),)
    return _over(sync, memory, events)


# -- asking ------------------------------------------------------------------------------------


def _asking(
    sync: Sync, memory: Memory, look: Look, commands: tuple[Command, ...], after_ms: int = 0
) -> Plan:
    """Ask, and go on (not before `after_ms`) when all of it is answered."""
    memory = replace(memory, look=look)
    return Plan((commands,), memory, sync.now_ms + after_ms, tolerated=ANY)


def _over(sync: Sync, memory: Memory, events: tuple[Command, ...] = ()) -> Plan:
    """The look is over; the next one comes a sync period later."""
    due_ms = sync.now_ms + memory.period_ms
    memory = replace(memory, look=None, due_ms=due_ms)
    return Plan((events,) if events else (), memory, due_ms)


def _told(look: Look, severity: Severity, reason: str, message: str) -> RecordEvent:
    return event(look.hpa, HPAS, COMPONENT, severity, reason, message)


def _finished(
    sync: Sync, memory: Memory, look: Look, status: Document, events: tuple[Command, ...] = ()
) -> Plan:
    """Note the status if it is another one, and be done."""
    if not differs(look.hpa, status):
        return _over(sync, memory, events)
    namespace, name = split_key(sync.key)
    new = with_value(look.hpa, ("status",), status)
    write = Update(HPAS, namespace, name, new, subresource="status")
    return _asking(sync, memory, replace(look, stage="status"), (write, *events))


# -- the steps ---------------------------------------------------------------------------------


def _without_scale(sync: Sync, memory: Memory, look: Look, error: str) -> Plan:
    message = f"the HPA controller was unable to get the target's current scale: {error}"
    look = _noted(sync, look, ABLE, False, "FailedGetScale", message)
    events = (_told(look, WARNING, "FailedGetScale", error),)
    return _finished(sync, memory, look, look.status, events)


def _noted(sync: Sync, look: Look, kind: str, ok: bool, reason: str, message: str = "") -> Look:
    """The look with one more condition in the status that comes of it."""
    status = with_condition(look.status, kind, ok, reason, sync.now_ms, message)
    return replace(look, status=status)


def _with_scale(sync: Sync, memory: Memory, look: Look) -> Plan:
    """Decide by the bounds alone where that is enough, else ask for measures."""
    spec, current = spec_of(look.hpa), number(look.scale, "spec", "replicas")
    if not memory.recommendations:
        memory = replace(memory, recommendations=(Past(current, sync.now_ms),))
    look = _noted(sync, replace(look, current=current), ABLE, True, "SucceededGetScale")
    if current == 0:
        look = _noted(sync, look, ACTIVE, False, "ScalingDisabled")
        status = without_condition(look.status, SCALED_TO_ZERO)
        return _finished(sync, memory, look, renewed(status, 0, 0, None))
    if current > spec.most:
        why = "Current number of replicas above Spec.MaxReplicas"
        return _rescale(sync, memory, replace(look, desired=spec.most, reason=why))
    if current < spec.least:
        why = "Current number of replicas below Spec.MinReplicas"
        return _rescale(sync, memory, replace(look, desired=spec.least, reason=why))
    found = chosen(sync, text(look.scale, "status", "selector"))
    if isinstance(found, Unusable):
        return _unusable(sync, memory, look, found)
    memory = replace(memory, selector=found.selector)
    namespace = split_key(sync.key)[0]
    asked = [question(one, namespace, found.selector, sync.caches) for one in spec.metrics]
    questions = tuple(dict.fromkeys(one for one in asked if isinstance(one, ReadMetrics)))
    look = replace(look, stage="metrics")
    if not questions:
        return _with_measures(sync, memory, look)
    return _asking(sync, memory, look, questions)


def _unusable(sync: Sync, memory: Memory, look: Look, found: Unusable) -> Plan:
    """Nobody can say which pods are meant: nothing is done."""
    if found.selector is not None:
        memory = replace(memory, selector=found.selector)
    look = _noted(sync, look, ACTIVE, False, found.reason, found.message)
    events = (_told(look, WARNING, found.event, found.error),)
    return _failed(sync, memory, look, found.error, events)


def _failed(
    sync: Sync, memory: Memory, look: Look, error: str, events: tuple[Command, ...]
) -> Plan:
    """No number of replicas could be found; what was measured is shown all the same."""
    said = _told(look, WARNING, "FailedComputeMetricsReplicas", error)
    return _finished(sync, memory, look, _undecided(look), (*events, said))


def _undecided(look: Look) -> Document:
    """The status of a look that changed nothing: the wanted replicas stay what they were."""
    desired = number(look.hpa, "status", "desiredReplicas")
    return renewed(look.status, look.current, desired, look.metrics)


def _with_measures(sync: Sync, memory: Memory, look: Look) -> Plan:
    """Find out how many replicas the metrics ask for, and how many of them are due now."""
    spec, current = spec_of(look.hpa), look.current
    computed = combined(_proposals(sync, memory, look), current)
    events = tuple(_told(look, WARNING, one.reason, one.error) for one in computed.failed)
    look = replace(look, metrics=computed.statuses)
    if computed.replicas is None:
        first = computed.failed[0]
        message = f"the HPA was unable to compute the replica count: {first.error}"
        look = _noted(sync, look, ACTIVE, False, first.reason, message)
        return _failed(sync, memory, look, computed.error, events)
    message = f"the HPA was able to successfully calculate a replica count from {computed.said}"
    look = _noted(sync, look, ACTIVE, True, "ValidMetricFound", message)
    normal = normalized(spec, memory, look.status, current, computed.replicas, sync.now_ms)
    look = replace(
        look,
        status=normal.status,
        desired=normal.replicas,
        reason=_reason(current, computed.replicas, computed.said),
    )
    if look.desired != current:
        return _rescale(sync, normal.memory, look, events)
    status = renewed(look.status, current, current, look.metrics)
    return _finished(sync, normal.memory, look, status, events)


def _proposals(sync: Sync, memory: Memory, look: Look) -> tuple[Result, ...]:
    """What each metric asks for, by what was answered."""
    spec, namespace = spec_of(look.hpa), split_key(sync.key)[0]
    pods = selected(sync.caches, namespace, memory.selector)
    there = number(look.scale, "status", "replicas")
    scene = Scene(spec, namespace, look.current, there, pods, sync.now_ms)
    answers, found = dict(look.measures), []
    for metric in spec.metrics:
        asked = question(metric, namespace, memory.selector, sync.caches)
        answer = asked if isinstance(asked, str) else answers.get(asked, UNASKED)
        found.append(propose(scene, metric, answer))
    return tuple(found)


def _reason(current: int, asked: int, said: str) -> str:
    """Why there will be more or fewer, as the event of it says.

    >>> _reason(2, 4, "cpu resource"), _reason(2, 1, "cpu resource")
    ('cpu resource above target', 'All metrics below target')
    """
    if asked > current:
        return f"{said} above target"
    return "All metrics below target" if asked < current else ""


def _rescale(sync: Sync, memory: Memory, look: Look, events: tuple[Command, ...] = ()) -> Plan:
    """Write the scale that was decided on, over the one that was read last."""
    wanted = with_value(look.scale, ("spec", "replicas"), look.desired)
    namespace, name = split_key(sync.key)[0], spec_of(look.hpa).name
    write = Update(look.resource, namespace, name, wanted, subresource="scale")
    look = replace(look, stage="rescaling", attempts=look.attempts + 1)
    return _asking(sync, memory, look, (*events, write))


def _rescaled(sync: Sync, memory: Memory, look: Look) -> Plan:
    message = f"the HPA controller was able to update the target scale to {look.desired}"
    look = _noted(sync, look, ABLE, True, "SucceededRescale", message)
    status = without_condition(look.status, SCALED_TO_ZERO)
    status = renewed(status, look.current, look.desired, look.metrics, sync.now_ms)
    memory = with_scaling(spec_of(look.hpa), memory, look.current, look.desired, sync.now_ms)
    said = f"New size: {look.desired}; reason: {look.reason}"
    events = (_told(look, NORMAL, "SuccessfulRescale", said),)
    return _finished(sync, memory, look, status, events)


def _not_rescaled(sync: Sync, memory: Memory, look: Look, error: str) -> Plan:
    message = f"the HPA controller was unable to update the target scale: {error}"
    look = _noted(sync, look, ABLE, False, "FailedUpdateScale", message)
    said = f"New size: {look.desired}; reason: {look.reason}; error: {error}"
    events = (_told(look, WARNING, "FailedRescale", said),)
    return _finished(sync, memory, look, _undecided(look), events)
