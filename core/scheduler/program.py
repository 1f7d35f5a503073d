"""The scheduler: pods that have no node get one.

A pod that was asked to be bound counts on its node from then on (it is assumed), until its binding
is seen or refused. A pod that fits nowhere waits until something changes that could help, at least
its back-off (1 s doubling to 10 s) and at most five minutes.

Preemption, inter-pod affinity and topology spread have no part in its decisions yet.

Source: kubernetes v1.36, pkg/scheduler (schedule_one.go, eventhandlers.go,
backend/queue/scheduling_queue.go).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec
from pyrsistent import pmap
from pyrsistent.typing import PMap
from returns.result import Failure

from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import Pod, pod
from kelm.core.scheduler.needs import Needs, gates, needs_of
from kelm.core.scheduler.nodes import NodeUse, node_use, taken
from kelm.core.scheduler.placing import NoNode, Placing
from kelm.core.scheduler.telling import assigned, refused
from kelm.effects.address import Key, ObjectRef, RequestId, Uid
from kelm.effects.commands import Bind, Request, Requests
from kelm.effects.document import Document
from kelm.effects.messages import Answered, Cache, Change, Message, Observed
from kelm.effects.program import Subscriptions, Watch

FIRST_BACKOFF_MS = 1_000
LONGEST_BACKOFF_MS = 10_000
FLUSH_MS = 300_000
WATCHES = (Watch("nodes"), Watch("pods"))


class Waiting(msgspec.Struct, frozen=True):
    """A pod without a node: since which arrival, how often tried in vain, not before when.

    `gave_up_ms` is when no node took it; it waits for a change after that.
    """

    arrival: int
    priority: int
    attempts: int = 0
    not_before_ms: int = 0
    gave_up_ms: int | None = None


class Placed(msgspec.Struct, frozen=True):
    """A pod that counts on a node."""

    node: str
    needs: Needs


class Asked(msgspec.Struct, frozen=True):
    """A binding under way."""

    key: Key
    uid: Uid
    node: str
    waiting: Waiting


class State(msgspec.Struct, frozen=True):
    """What the scheduler knows. `helped_ms`: when something last changed that could help."""

    pods: Cache | None = None
    heard_nodes: bool = False
    nodes: PMap[str, NodeUse] = pmap()
    order: tuple[str, ...] = ()
    placed: PMap[Uid, Placed] = pmap()
    waiting: PMap[Key, Waiting] = pmap()
    asked: PMap[RequestId, Asked] = pmap()
    helped_ms: int = 0
    start: int = 0
    arrivals: int = 0
    next_id: RequestId = 1
    wake_at_ms: int | None = None


Known: TypeAlias = dict[int, tuple[Document, Needs]]
replace = msgspec.structs.replace


class Scheduler(msgspec.Struct, frozen=True):
    """The Program; pods name it in `spec.schedulerName`."""

    name: str = "default-scheduler"

    def init(self) -> tuple[State, Requests]:
        return State(), ()

    def subscriptions(self, state: State) -> Subscriptions:
        return Subscriptions(WATCHES, state.wake_at_ms)

    def update(self, state: State, message: Message) -> tuple[State, Requests]:
        events: list[Request] = []
        if isinstance(message, Observed):
            state = _observed(self.name, state, message)
        elif isinstance(message, Answered):
            state = _answered(self.name, state, message, events)
        if state.pods is None or not state.heard_nodes or not state.waiting:
            return replace(state, wake_at_ms=None), tuple(events)
        state, requests = _schedule(self.name, state, message.now_ms)
        return _with_wake(state, message.now_ms), (*events, *requests)


def backoff_ms(attempts: int) -> int:
    """How long a pod waits after so many attempts in vain.

    Source: backend/queue/backoff_queue.go, calculateBackoffDuration.

    >>> [backoff_ms(n) for n in (0, 1, 2, 4, 5)]
    [0, 1000, 2000, 8000, 10000]
    """
    if attempts <= 0:
        return 0
    return min(FIRST_BACKOFF_MS << min(attempts - 1, 20), LONGEST_BACKOFF_MS)


def _observed(name: str, state: State, message: Observed) -> State:
    if message.resource == "nodes":
        return _observed_nodes(state, message)
    state = replace(state, pods=message.cache)
    if message.replaced:
        return _recount(name, state, message)
    known: Known = {}
    for change in message.changes:
        state = _observed_pod(name, state, change, message.now_ms, known)
    return state


def _observed_nodes(state: State, message: Observed) -> State:
    nodes, order = state.nodes, list(state.order)
    if message.replaced:
        found = {metadata(doc).name: doc for doc in message.cache.objects()}
        nodes = pmap({name: node_use(doc, nodes.get(name)) for name, doc in found.items()})
        order = list(found)
    for change in message.changes:
        if change.new is None:
            nodes = nodes.discard(change.key)
            order = [name for name in order if name != change.key]
            continue
        before = nodes.get(change.key)
        if before is None:
            order.append(change.key)
        elif change.old is not None and _schedules_alike(change.old, change.new):
            continue
        nodes = nodes.set(change.key, node_use(change.new, before))
    if nodes is state.nodes:
        return replace(state, heard_nodes=True)
    state = replace(
        state, nodes=nodes, order=tuple(order), heard_nodes=True, helped_ms=message.now_ms
    )
    return _restored(state) if message.replaced else state


def _restored(state: State) -> State:
    """Count the pods anew on nodes that were listed after them."""
    nodes = {name: replace_use(use) for name, use in state.nodes.items()}
    for uid in sorted(state.placed):
        one = state.placed[uid]
        if one.node in nodes:
            nodes[one.node] = taken(nodes[one.node], one.needs)
    return replace(state, nodes=pmap(nodes))


def replace_use(node: NodeUse) -> NodeUse:
    """A node with nothing on it."""
    return replace(node, used={}, pods=0, scored_cpu=0, scored_memory=0, ports=())


def _schedules_alike(old: Document, new: Document) -> bool:
    """Whether two versions of a node are the same to the scheduler (heartbeats are)."""
    before, after = old.get("status"), new.get("status")
    same_status = before is after or (
        isinstance(before, Document)
        and isinstance(after, Document)
        and before.get("allocatable") == after.get("allocatable")
        and before.get("capacity") == after.get("capacity")
    )
    return (
        same_status
        and old.get("spec") == new.get("spec")
        and metadata(old).labels == metadata(new).labels
    )


def _recount(name: str, state: State, message: Observed) -> State:
    """Everything anew from a full list of pods; what is under way stays assumed."""
    under_way = {asked.uid: state.placed.get(asked.uid) for asked in state.asked.values()}
    assumed = {uid: placed for uid, placed in under_way.items() if placed is not None}
    state = replace(state, placed=pmap(assumed), waiting=pmap(), helped_ms=message.now_ms)
    state = _restored(state)
    known: Known = {}
    for doc in message.cache.objects():
        change = Change(0, metadata(doc).key, None, doc)
        state = _observed_pod(name, state, change, message.now_ms, known)
    for change in message.changes:
        state = _observed_pod(name, state, change, message.now_ms, known)
    return state


def _needs(spec: Document, known: Known) -> Needs:
    """A spec's needs; the pods of one template have one spec, or at least its containers."""
    held = known.get(id(spec))
    if held is None:
        held = known[id(spec)] = (spec, needs_of(spec))
    return held[1]


def _observed_pod(name: str, state: State, change: Change, now_ms: int, known: Known) -> State:
    doc = change.new
    if doc is None:
        gone = pod(change.old) if change.old is not None else None
        return state if gone is None else _left(state, change.key, gone.metadata.uid, now_ms)
    view = pod(doc)
    uid, node = view.metadata.uid, view.spec.node_name
    if view.status.phase in ("Succeeded", "Failed"):
        return _left(state, change.key, uid, now_ms)
    if node:
        if change.key in state.waiting:
            state = replace(state, waiting=state.waiting.remove(change.key))
        held = state.placed.get(uid)
        if held is not None and held.node == node:
            return state
        state = _left(state, change.key, uid, now_ms) if held is not None else state
        return _counted(state, uid, Placed(node, _needs(view.spec.doc, known)))
    return _unbound(name, state, change, view)


def _unbound(name: str, state: State, change: Change, view: Pod) -> State:
    """A pod without a node waits, unless it is another scheduler's, leaving or under way."""
    key = change.key
    mine = view.spec.scheduler_name == name and view.metadata.deletion_timestamp is None
    if not mine:
        return replace(state, waiting=state.waiting.discard(key))
    if view.metadata.uid in state.placed:
        return state
    if key in state.waiting:
        same = change.old is not None and change.old.get("spec") is view.doc.get("spec")
        if same:
            return state
    arrival = state.arrivals + 1
    waiting = Waiting(arrival, view.spec.priority)
    return replace(state, arrivals=arrival, waiting=state.waiting.set(key, waiting))


def _counted(state: State, uid: Uid, placed: Placed) -> State:
    use = state.nodes.get(placed.node)
    nodes = state.nodes
    if use is not None:
        nodes = nodes.set(placed.node, taken(use, placed.needs))
    return replace(state, nodes=nodes, placed=state.placed.set(uid, placed))


def _left(state: State, key: Key, uid: Uid, now_ms: int) -> State:
    """A pod that takes nothing any more makes room for others."""
    if key in state.waiting:
        state = replace(state, waiting=state.waiting.remove(key))
    held = state.placed.get(uid)
    if held is None:
        return state
    use = state.nodes.get(held.node)
    nodes = state.nodes
    if use is not None:
        nodes = nodes.set(held.node, taken(use, held.needs, -1))
    return replace(state, nodes=nodes, placed=state.placed.remove(uid), helped_ms=now_ms)


def _answered(name: str, state: State, message: Answered, events: list[Request]) -> State:
    asked = state.asked.get(message.id)
    if asked is None:
        return state
    state = replace(state, asked=state.asked.remove(message.id))
    namespace, _, pod_name = asked.key.rpartition("/")
    if not isinstance(message.outcome, Failure):
        ref = ObjectRef("pods", namespace, pod_name, asked.uid)
        events.append(assigned(name, ref, asked.node))
        return state
    doc = state.pods.get(asked.key) if state.pods is not None else None
    state = _left(state, asked.key, asked.uid, message.now_ms)
    if doc is None or metadata(doc).uid != asked.uid:
        return state
    if pod(doc).spec.node_name:
        return _counted(state, asked.uid, Placed(pod(doc).spec.node_name, needs_of_pod(doc)))
    attempts = asked.waiting.attempts + 1
    again_ms = message.now_ms + backoff_ms(attempts)
    waiting = replace(asked.waiting, attempts=attempts, not_before_ms=again_ms)
    return replace(state, waiting=state.waiting.set(asked.key, waiting))


def needs_of_pod(doc: Document) -> Needs:
    """What a whole pod's document asks of a node."""
    return needs_of(pod(doc).spec.doc)


def _is_due(waiting: Waiting, helped_ms: int, now_ms: int) -> bool:
    if waiting.not_before_ms > now_ms:
        return False
    gave_up_ms = waiting.gave_up_ms
    return gave_up_ms is None or helped_ms > gave_up_ms or now_ms >= gave_up_ms + FLUSH_MS


def _with_wake(state: State, now_ms: int) -> State:
    """Be woken when the first waiting pod may be tried again."""
    times = [
        one.not_before_ms
        if one.gave_up_ms is None or state.helped_ms > one.gave_up_ms
        else one.gave_up_ms + FLUSH_MS
        for one in state.waiting.values()
    ]
    future = [at_ms for at_ms in times if at_ms > now_ms]
    return replace(state, wake_at_ms=min(future, default=None))


def _schedule(name: str, state: State, now_ms: int) -> tuple[State, list[Request]]:
    """Try every pod that is due, the most important and then the oldest first."""
    due = [
        (-waiting.priority, waiting.arrival, key)
        for key, waiting in state.waiting.items()
        if _is_due(waiting, state.helped_ms, now_ms)
    ]
    placing = Placing(state.nodes, state.order, state.start)
    known: Known = {}
    requests: list[Request] = []
    waits, placed, asked = state.waiting.evolver(), state.placed, state.asked
    number = state.next_id
    for left, (_, _, key) in zip(range(len(due), 0, -1), sorted(due), strict=True):
        doc = state.pods.get(key) if state.pods is not None else None
        if doc is None:
            del waits[key]
            continue
        view, waiting = pod(doc), state.waiting[key]
        found = _chosen(view, placing, known, left)
        if isinstance(found, NoNode):
            waits[key] = _given_up(waiting, found, now_ms)
            requests.extend(refused(name, view, found.message, now_ms))
            continue
        del waits[key]
        meta = view.metadata
        requests.append(Request(number, Bind(meta.namespace, meta.name, meta.uid, found)))
        asked = asked.set(number, Asked(key, meta.uid, found, waiting))
        placed = placed.set(meta.uid, Placed(found, _needs(view.spec.doc, known)))
        number += 1
    nodes = state.nodes.evolver()
    for used in placing.changed.values():
        nodes[used.name] = used
    state = replace(
        state,
        nodes=nodes.persistent(),
        waiting=waits.persistent(),
        placed=placed,
        asked=asked,
        start=placing.start,
        next_id=number,
    )
    return state, requests


def _chosen(view: Pod, placing: Placing, known: Known, left: int) -> str | NoNode:
    closed: Iterable[str] = gates(view.spec.doc)
    if closed:
        return NoNode("")
    return placing.place(_needs(view.spec.doc, known), left)


def _given_up(waiting: Waiting, why: NoNode, now_ms: int) -> Waiting:
    if not why.message:
        return replace(waiting, gave_up_ms=now_ms + FLUSH_MS, not_before_ms=0)
    attempts = waiting.attempts + 1
    again_ms = now_ms + backoff_ms(attempts)
    return replace(waiting, attempts=attempts, not_before_ms=again_ms, gave_up_ms=now_ms)
