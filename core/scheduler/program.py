"""The scheduler: pods that have no node get one.

Every message is folded into what the scheduler knows (`observing`); what happened may let pods be
tried again that fitted nowhere (`queue`); then every pod that is due is given to the best node
(`placing`), and people are told (`telling`).

Source: kubernetes v1.36, pkg/scheduler (schedule_one.go, eventhandlers.go,
backend/queue/scheduling_queue.go).
"""

from __future__ import annotations

import msgspec
from returns.result import Failure

from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import Pod, pod
from kelm.core.scheduler import queue as queues
from kelm.core.scheduler.happenings import Happening
from kelm.core.scheduler.needs import Asks
from kelm.core.scheduler.observing import (
    counted,
    gone,
    observed_nodes,
    observed_other,
    observed_pods,
)
from kelm.core.scheduler.placing import NoNode, Placing
from kelm.core.scheduler.profile import Profile
from kelm.core.scheduler.queue import Waiting
from kelm.core.scheduler.state import Asked, Placed, State, replace
from kelm.core.scheduler.telling import assigned, refused
from kelm.core.scheduler.view import View
from kelm.core.scheduler.words import NEVER, NO_CLAIMS, fit_error, nothing_to_preempt
from kelm.effects.address import Key, ObjectRef
from kelm.effects.commands import Bind, Request, Requests
from kelm.effects.document import text
from kelm.effects.messages import Answered, Message, Observed
from kelm.effects.program import Subscriptions, Watch

WATCHES = (
    Watch("nodes"),
    Watch("pods"),
    *(
        Watch(one)
        for one in (
            "namespaces",
            "services",
            "replicasets.apps",
            "statefulsets.apps",
            "replicationcontrollers",
        )
    ),
)


class Scheduler(msgspec.Struct, frozen=True):
    """The Program; pods name it in `spec.schedulerName`."""

    name: str = "default-scheduler"
    profile: Profile = Profile()

    def init(self) -> tuple[State, Requests]:
        return State(), ()

    def subscriptions(self, state: State) -> Subscriptions:
        return Subscriptions(WATCHES, state.wake_at_ms)

    def update(self, state: State, message: Message) -> tuple[State, Requests]:
        events: list[Request] = []
        happened: list[Happening] = []
        now_ms = message.now_ms
        if isinstance(message, Observed):
            if message.resource == "nodes":
                state, happened = observed_nodes(state, message)
            elif message.resource == "pods":
                state, happened = observed_pods(self.name, state, message)
            else:
                return observed_other(state, message), ()
        elif isinstance(message, Answered):
            state = _answered(self.name, state, message, events, happened)
        if state.pods is None or not state.heard_nodes:
            return state, tuple(events)
        state = replace(state, queue=queues.flushed(state.queue, now_ms))
        if happened and state.queue.parked:
            state = _helped(self.profile, state, happened)
        if not state.queue.active:
            return _with_wake(state, now_ms), tuple(events)
        state, requests = _schedule(self, state, now_ms)
        return _with_wake(state, now_ms), (*events, *requests)


def _with_wake(state: State, now_ms: int) -> State:
    at_ms = queues.wake_ms(state.queue, now_ms)
    return state if at_ms == state.wake_at_ms else replace(state, wake_at_ms=at_ms)


def _answered(
    name: str, state: State, message: Answered, events: list[Request], happened: list[Happening]
) -> State:
    asked = state.asked.get(message.id)
    if asked is None:
        return state
    state = replace(state, asked=state.asked.remove(message.id))
    namespace, _, pod_name = asked.key.rpartition("/")
    if not isinstance(message.outcome, Failure):
        ref = ObjectRef("pods", namespace, pod_name, asked.uid)
        events.append(assigned(name, ref, asked.node))
        return state
    state = gone(state, asked.uid, happened)
    doc = state.pods.get(asked.key) if state.pods is not None else None
    if doc is None or metadata(doc).uid != asked.uid:
        return state
    view = pod(doc)
    if view.spec.node_name:
        return counted(state, asked.uid, Placed(view.spec.node_name, Asks().of(view)))
    waiting = queues.after_error(asked.waiting, message.now_ms)
    return replace(state, queue=queues.joined(state.queue, asked.key, waiting))


def _helped(profile: Profile, state: State, happened: list[Happening]) -> State:
    """Let pods be tried again of which a plugin that refused them says that it may help."""
    plugins = {one.plugin.name: one.plugin for one in profile.plugins}
    verdicts: dict[tuple[int, frozenset[str]], bool] = {}
    asks = Asks()
    queue = state.queue
    for key, waiting in sorted(state.queue.parked.items()):
        doc = state.pods.get(key) if state.pods is not None else None
        if waiting.gated or doc is None:
            continue
        ask = asks.of(pod(doc))
        kind = (id(ask), waiting.plugins)
        if kind not in verdicts:
            verdicts[kind] = not waiting.plugins or any(
                name in plugins and plugins[name].helped(ask, one)
                for name in sorted(waiting.plugins)
                for one in happened
            )
        if verdicts[kind]:
            queue = queues.joined(queue, key, waiting)
    return replace(state, queue=queue)


def _schedule(scheduler: Scheduler, state: State, now_ms: int) -> tuple[State, list[Request]]:
    """Try every pod that is due, the most important and then the oldest first."""
    keys = queues.due(state.queue, now_ms)
    if not keys:
        return state, []
    placing = Placing(scheduler.profile, View(state), state.start)
    asks = Asks()
    requests: list[Request] = []
    queue, placed, asked = state.queue, state.placed.evolver(), state.asked.evolver()
    active = queue.active.evolver()
    parked: list[tuple[Key, Waiting]] = []
    number = state.next_id
    for left, key in zip(range(len(keys), 0, -1), keys, strict=True):
        waiting = queue.active[key]
        del active[key]
        doc = state.pods.get(key) if state.pods is not None else None
        if doc is None:
            continue
        view = pod(doc)
        ask = asks.of(view)
        found = placing.place(ask, left)
        if isinstance(found, NoNode):
            parked.append((key, queues.after_refusal(waiting, found.plugins, now_ms)))
            requests.extend(refused(scheduler.name, view, _why(found, view), now_ms))
            continue
        meta = view.metadata
        requests.append(Request(number, Bind(meta.namespace, meta.name, meta.uid, found)))
        asked[number] = Asked(key, meta.uid, found, waiting)
        placed[meta.uid] = Placed(found, ask)
        number += 1
    queue = replace(queue, active=active.persistent())
    for key, waiting in parked:
        queue = queues.parked(queue, key, waiting, now_ms)
    state = replace(
        state,
        fleet=placing.fleet(),
        crowd=placing.crowd(),
        queue=queue,
        placed=placed.persistent(),
        asked=asked.persistent(),
        start=placing.start,
        next_id=number,
    )
    return state, requests


def _why(found: NoNode, view: Pod) -> str:
    """What a pod that no node takes is told."""
    if text(view.spec.doc, "preemptionPolicy") == "Never":
        return fit_error(found, NO_CLAIMS + NEVER)
    return fit_error(found, nothing_to_preempt(found))
