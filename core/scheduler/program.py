"""The scheduler: pods that have no node get one.

Every message is folded into what the scheduler knows (`observing`); what happened may let pods be
tried again that fitted nowhere (`queue`); then every pod that is due is given to the best node
(`placing`), and people are told (`telling`).

Source: kubernetes v1.36, pkg/scheduler (schedule_one.go, eventhandlers.go,
backend/queue/scheduling_queue.go).
"""

from __future__ import annotations

import msgspec

from kelm.core.objects.pod import pod
from kelm.core.scheduler import queue as queues
from kelm.core.scheduler.answering import answered
from kelm.core.scheduler.binding import released, timeout_ms
from kelm.core.scheduler.cache.devices import DEVICES
from kelm.core.scheduler.cache.needs import Asks
from kelm.core.scheduler.cache.volumes import STORAGE
from kelm.core.scheduler.deciding import schedule
from kelm.core.scheduler.happenings import Happening, PodSkipped
from kelm.core.scheduler.observing import observed_nodes, observed_other, observed_pods
from kelm.core.scheduler.profile import Profile
from kelm.core.scheduler.state import State, replace
from kelm.core.scheduler.telling import skipped
from kelm.effects.commands import Request, Requests
from kelm.effects.messages import Answered, Message, Observed
from kelm.effects.program import Subscriptions, Watch

OTHERS = (
    "namespaces",
    "services",
    "replicasets.apps",
    "statefulsets.apps",
    "replicationcontrollers",
    "poddisruptionbudgets.policy",
    *STORAGE,
    *DEVICES,
)
WATCHES = (Watch("nodes"), Watch("pods"), *(Watch(resource) for resource in OTHERS))
"""Nothing is decided before all of these were heard of once."""


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
                gone = (one.pod for one in happened if isinstance(one, PodSkipped))
                events.extend(skipped(self.name, ref) for ref in gone)
            else:
                state, happened = observed_other(state, message)
                if not happened:
                    return state, ()
        elif isinstance(message, Answered):
            state, events = answered(self.name, state, message, happened)
        if state.pods is None or not state.heard_nodes or len(state.caches) < len(OTHERS):
            return state, tuple(events)
        if state.held:
            state, bound = released(state, now_ms, happened)
            events.extend(bound)
        queue = queues.flushed(state.queue, now_ms)
        if queue is not state.queue:
            state = replace(state, queue=queue)
        if happened and state.queue.parked:
            state = _helped(self.profile, state, happened)
        if not state.queue.active:
            return _with_wake(state, now_ms), tuple(events)
        state, requests = schedule(self.name, self.profile, state, now_ms)
        return _with_wake(state, now_ms), (*events, *requests)


def _with_wake(state: State, now_ms: int) -> State:
    at_ms = queues.wake_ms(state.queue, now_ms)
    if state.held:
        late_ms = timeout_ms(state)
        at_ms = late_ms if at_ms is None else min(at_ms, late_ms)
    return state if at_ms == state.wake_at_ms else replace(state, wake_at_ms=at_ms)


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
