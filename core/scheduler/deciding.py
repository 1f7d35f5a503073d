"""Every pod that is due gets the best node; for those that fit nowhere others may have to leave.

Source: kubernetes v1.36, pkg/scheduler/schedule_one.go (scheduleOnePod, handleSchedulingFailure);
framework/preemption/preemption.go (prepareCandidateAsync).
"""

from __future__ import annotations

from kelm.core.objects.pod import Pod, pod
from kelm.core.scheduler import queue as queues
from kelm.core.scheduler.binding import told
from kelm.core.scheduler.cache.needs import Ask, Asks
from kelm.core.scheduler.cache.view import View
from kelm.core.scheduler.placement.placing import Guest, NoNode, Placing
from kelm.core.scheduler.plugins.dynamic_resources import out_of_reach
from kelm.core.scheduler.preemption.preempting import attempt
from kelm.core.scheduler.preemption.preemption import Candidate
from kelm.core.scheduler.profile import Profile
from kelm.core.scheduler.queue import Waiting
from kelm.core.scheduler.reserving import first_steps, freed
from kelm.core.scheduler.state import (
    Asked,
    Held,
    Leaving,
    Nominee,
    Placed,
    State,
    Telling,
    inventory_of,
    replace,
)
from kelm.core.scheduler.telling import marked, promised, refused
from kelm.core.scheduler.words import CLAIM_FREED, NO_CLAIMS, STILL_NO_CLAIMS
from kelm.effects.address import Key, ObjectRef
from kelm.effects.commands import Bind, Command, Request


class Turn:
    """One decision on all pods that are due. It lives as long as that: nothing keeps it."""

    def __init__(self, scheduler: str, profile: Profile, state: State, now_ms: int) -> None:
        self.scheduler, self.now_ms = scheduler, now_ms
        self.state = state
        self.placing = Placing(profile, View(state), state.start, state.nominees)
        self.requests: list[Request] = []
        self.parked: list[tuple[Key, Waiting]] = []
        self.active, self.placed, self.asked = state.queue.active, state.placed, state.asked
        self.nominees, self.leaving, self.held = state.nominees, state.leaving, state.held
        self.number = state.next_id
        self.telling = state.telling
        self._asks = Asks()

    def decide(self, key: Key, siblings: int) -> None:
        """Give one pod its node, or see what can be done for it."""
        waiting = self.state.queue.active[key]
        self.active = self.active.remove(key)
        doc = self.state.pods.get(key) if self.state.pods is not None else None
        if doc is None:
            return
        view = pod(doc)
        ask = self._asks.of(view)
        guest = Guest(waiting.uid, waiting.priority)
        found = self.placing.place(ask, siblings, guest)
        if isinstance(found, NoNode):
            self._refuse(key, waiting, view, ask, found)
            return
        meta = view.metadata
        self.placed = self.placed.put(meta.uid, Placed(found, ask))
        choices = self.placing.hold(ask, found) if ask.needs.claims else ()
        devices = self.placing.allot(ask, found) if ask.devices else ()
        if choices or devices:
            held = Held(key, found, choices, waiting, self.now_ms, devices)
            self.held = self.held.set(meta.uid, held)
            if view.status.nominated_node_name != found:
                self.requests.append(promised(key, meta.uid, found))
            for command in told(held):
                self._tell(command, Telling(meta.uid))
            for step in first_steps(self.state, held, meta.uid, self.now_ms):
                self._tell(*step)
        else:
            bind = Bind(meta.namespace, meta.name, meta.uid, found)
            self.requests.append(Request(self.number, bind))
            asked = Asked(key, meta.uid, found, waiting)
            self.asked = self.asked.put(self.number, asked)
            self.number += 1
        if self.nominees:
            self.nominees = self.nominees.discard(meta.uid)

    def _tell(self, command: Command, telling: Telling) -> None:
        """Ask for something that a pod waits for."""
        self.requests.append(Request(self.number, command))
        self.telling = self.telling.set(self.number, telling)
        self.number += 1

    def _refuse(self, key: Key, waiting: Waiting, view: Pod, ask: Ask, found: NoNode) -> None:
        about_claims = self._free_claims(ask, found) if ask.devices else NO_CLAIMS
        tried = attempt(self.state, self.placing, view, ask, found, about_claims)
        waiting = queues.after_refusal(waiting, found.plugins, self.now_ms)
        self.parked.append((key, waiting))
        uid, candidate = view.metadata.uid, tried.candidate
        hoped = view.status.nominated_node_name
        if candidate is not None:
            hoped = candidate.node
            self._clear(view, ask, candidate)
        elif not tried.hopes:
            hoped = ""
            self.nominees = self.nominees.discard(uid)
            self.placing.forget(uid)
        told = refused(self.scheduler, view, tried.message, hoped, self.now_ms)
        self.requests.extend(told)

    def _free_claims(self, ask: Ask, found: NoNode) -> str:
        """Take devices back that keep the pod from going anywhere; what is said of that.

        Source: plugins/dynamicresources/dynamicresources.go, PostFilter.
        """
        claim = out_of_reach(ask, inventory_of(self.state), self.state.fleet, found.refusals)
        if claim is None:
            return STILL_NO_CLAIMS
        self.requests.append(Request(0, freed(claim)))
        return CLAIM_FREED

    def _clear(self, view: Pod, ask: Ask, candidate: Candidate) -> None:
        """Have the victims leave, and keep the node for the pod meanwhile."""
        meta, node = view.metadata, candidate.node
        under_way = {one.victim.uid for one in self.leaving.values()}
        for victim in candidate.victims:
            if not victim.live or victim.uid in under_way:
                continue
            ref = ObjectRef("pods", victim.namespace, victim.name, victim.uid)
            self.leaving = self.leaving.set(self.number, Leaving(ref, node, meta.key, meta.uid))
            why = marked(view.spec.scheduler_name, ref, self.state.pods, self.now_ms)
            self.requests.append(Request(self.number, why))
            self.number += 1
        for uid, nominee in sorted(self.nominees.items()):
            if nominee.node == node and nominee.priority < view.spec.priority:
                self.nominees = self.nominees.remove(uid)
                self.placing.forget(uid)
                self.requests.append(promised(nominee.key, uid, None))
        nominee = Nominee(node, view.spec.priority, ask, meta.key)
        self.nominees = self.nominees.set(meta.uid, nominee)
        self.placing.nominate(meta.uid, nominee)

    def ended(self) -> State:
        """What is known after all of that."""
        queue = replace(self.state.queue, active=self.active)
        for key, waiting in self.parked:
            queue = queues.parked(queue, key, waiting, self.now_ms)
        return replace(
            self.state,
            fleet=self.placing.fleet(),
            crowd=self.placing.crowd(),
            queue=queue,
            placed=self.placed,
            asked=self.asked,
            nominees=self.nominees,
            leaving=self.leaving,
            held=self.held,
            telling=self.telling,
            start=self.placing.start,
            next_id=self.number,
        )


def schedule(
    scheduler: str, profile: Profile, state: State, now_ms: int
) -> tuple[State, list[Request]]:
    """Try every pod that is due, the most important and then the oldest first."""
    keys = queues.due(state.queue, now_ms)
    if not keys:
        return state, []
    turn = Turn(scheduler, profile, state, now_ms)
    for left, key in zip(range(len(keys), 0, -1), keys, strict=True):
        turn.decide(key, left)
    return turn.ended(), turn.requests
