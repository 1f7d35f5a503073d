"""What an answer means: a pod is bound or is not, a victim is marked, deleted, or stays.

Source: kubernetes v1.36, pkg/scheduler/schedule_one.go (bindingCycle, handleBindingCycleError),
framework/preemption/executor.go (PreemptPod).
"""

from __future__ import annotations

from returns.result import Failure

from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import pod
from kelm.core.scheduler import queue as queues
from kelm.core.scheduler.binding import given_back
from kelm.core.scheduler.cache.needs import Asks
from kelm.core.scheduler.happenings import Happening
from kelm.core.scheduler.observing import counted, gone
from kelm.core.scheduler.reserving import next_step
from kelm.core.scheduler.state import Asked, Leaving, Placed, State, Telling, replace
from kelm.core.scheduler.telling import assigned, preempted
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Delete, Request
from kelm.effects.messages import Answered
from kelm.effects.refusals import Reason

GONE = (Reason.NOT_FOUND, Reason.CONFLICT)
"""Refusals that say that a victim is not there any more."""


def answered(
    scheduler: str, state: State, message: Answered, happened: list[Happening]
) -> tuple[State, list[Request]]:
    """Fold an answer into what is known, and ask for what follows from it."""
    asked = state.asked.get(message.id)
    if asked is not None:
        state = replace(state, asked=state.asked.remove(message.id))
        return _bound(scheduler, state, asked, message, happened)
    telling = state.telling.get(message.id)
    if telling is not None:
        state = replace(state, telling=state.telling.remove(message.id))
        return _told(state, telling, message, happened)
    leaving = state.leaving.get(message.id)
    if leaving is None:
        return state, []
    state = replace(state, leaving=state.leaving.remove(message.id))
    return _left(scheduler, state, leaving, message)


def _bound(
    scheduler: str, state: State, asked: Asked, message: Answered, happened: list[Happening]
) -> tuple[State, list[Request]]:
    namespace, _, name = asked.key.rpartition("/")
    if not isinstance(message.outcome, Failure):
        ref = ObjectRef("pods", namespace, name, asked.uid)
        return state, [assigned(scheduler, ref, asked.node)]
    state = gone(state, asked.uid, happened)
    doc = state.pods.get(asked.key) if state.pods is not None else None
    if doc is None or metadata(doc).uid != asked.uid:
        return state, []
    view = pod(doc)
    if view.spec.node_name:
        return counted(state, asked.uid, Placed(view.spec.node_name, Asks().of(view))), []
    waiting = queues.after_error(asked.waiting, message.now_ms)
    return replace(state, queue=queues.joined(state.queue, asked.key, waiting)), []


def _told(
    state: State, telling: Telling, message: Answered, happened: list[Happening]
) -> tuple[State, list[Request]]:
    """A claim was told something for a pod that waits; one that is protected gets its devices."""
    outcome, held = message.outcome, state.held.get(telling.pod)
    if isinstance(outcome, Failure):
        return given_back(state, telling.pod, message.now_ms, happened)
    if not telling.protecting or held is None:
        return state, []
    step = next_step(held, telling, outcome.unwrap(), message.now_ms)
    if step is None:
        return given_back(state, telling.pod, message.now_ms, happened)
    command, following = step
    number = state.next_id
    known = state.telling.set(number, following)
    return replace(state, telling=known, next_id=number + 1), [Request(number, command)]


def _left(
    scheduler: str, state: State, leaving: Leaving, message: Answered
) -> tuple[State, list[Request]]:
    """A victim that was marked is deleted; one that could not be has its preemptor try again."""
    outcome, victim = message.outcome, leaving.victim
    if isinstance(outcome, Failure):
        waiting = state.queue.parked.get(leaving.preemptor)
        again = waiting is not None and waiting.uid == leaving.preemptor_uid
        if outcome.failure().reason in GONE or not again or waiting is None:
            return state, []
        waiting = queues.after_error(waiting, message.now_ms)
        return replace(state, queue=queues.joined(state.queue, leaving.preemptor, waiting)), []
    if leaving.marked:
        return state, [preempted(scheduler, victim, leaving.preemptor_uid, leaving.node)]
    number = state.next_id
    deletion = Delete("pods", victim.namespace, victim.name, victim.uid)
    state = replace(
        state,
        leaving=state.leaving.set(number, replace(leaving, marked=True)),
        next_id=number + 1,
    )
    return state, [Request(number, deletion)]
