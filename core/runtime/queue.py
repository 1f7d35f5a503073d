"""A Controller as a Program: beliefs, a queue of keys, back-off, requests under way.

The life of a key: a change makes it *dirty* and it waits in `ready`; a wake-up reconciles it and
it is *busy* while its requests are out; when the last batch has answered it may be reconciled
again, but not before the beliefs contain what it wrote (`seen_at_least`), so that no decision
rests on a past that the key itself has changed (it does what upstream's expectations do, for every
controller). A refused key waits for 5 ms, doubling to 1000 s, unless a change calls it earlier.

Source: kubernetes v1.36, client-go/util/workqueue (queue, default_rate_limiters).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec
from pyrsistent import pvector
from pyrsistent.typing import PVector
from returns.result import Failure

from kelm.core.runtime.controller import (
    Answering,
    Batch,
    Caches,
    Controller,
    Delaying,
    Narrowing,
    Plan,
    Sync,
    Telling,
)
from kelm.core.runtime.timers import Timers
from kelm.core.store.hash_map import HashMap
from kelm.core.store.small_map import SmallMap
from kelm.effects.address import Key, RequestId, Resource, key_of
from kelm.effects.commands import (
    Command,
    Create,
    Delete,
    Evict,
    List,
    Patch,
    ReadMetrics,
    RecordEvent,
    Request,
    Requests,
    Update,
)
from kelm.effects.document import Document, text
from kelm.effects.messages import Answered, Cache, Message, Observed, TimerFired
from kelm.effects.program import Subscriptions
from kelm.effects.refusals import Reason, Refusal

FIRST_BACKOFF_MS = 5
LONGEST_BACKOFF_MS = 1_000_000


Versions: TypeAlias = "SmallMap[Resource, int]"


class Busy(msgspec.Struct, frozen=True):
    """A key's plan under way.

    doubted: an answer was tolerated that the beliefs contradict.
    attempt: how many batches are left when the plan's attempt begins and when it is over.
    instead: see `Plan`.
    """

    out: HashMap[RequestId, Command]
    later: tuple[Batch, ...]
    tolerated: frozenset[Reason]
    seen_at_least: Versions = SmallMap()
    failed: bool = False
    doubted: bool = False
    attempt: tuple[int, int] = (0, 0)
    instead: Batch = ()


class Work(msgspec.Struct, frozen=True):
    """The state of a controller's process; `synced`: every watch was heard of once."""

    caches: SmallMap[Resource, Cache] = SmallMap()
    synced: bool = False
    ready: PVector[Key] = pvector()
    head: int = 0
    dirty: HashMap[Key, bool] = HashMap()
    timers: Timers = Timers()
    busy: HashMap[Key, Busy] = HashMap()
    owner_of: HashMap[RequestId, Key] = HashMap()
    waiting: HashMap[Key, Versions] = HashMap()
    """Keys whose own writes the beliefs do not show yet: the revisions that would."""
    failures: HashMap[Key, int] = HashMap()
    memory: HashMap[Key, object] = HashMap()
    shared: object = None
    next_id: RequestId = 1
    now_ms: int = 0


class ControllerProgram(msgspec.Struct, frozen=True):
    """The Program of one Controller."""

    controller: Controller

    @property
    def name(self) -> str:
        return self.controller.name

    def init(self) -> tuple[Work, Requests]:
        return Work(), ()

    def subscriptions(self, state: Work) -> Subscriptions:
        wake_at_ms = state.timers.next_ms
        if _has_turn(self.controller, state):
            wake_at_ms = state.now_ms
        narrowing: Narrowing | None = getattr(self.controller, "watches_now", None)
        watches = self.controller.watches if narrowing is None else narrowing(state.caches)
        return Subscriptions(watches, wake_at_ms)

    def update(self, state: Work, message: Message) -> tuple[Work, Requests]:
        if isinstance(message, Observed):
            return _observe(self.controller, state, message), ()
        if isinstance(message, Answered):
            return _hear(self.controller, state, message)
        return _wake(self.controller, state, message)


def _synced(controller: Controller, caches: Caches) -> bool:
    narrowing: Narrowing | None = getattr(controller, "watches_now", None)
    watches = controller.watches if narrowing is None else narrowing(caches)
    return all(watch.resource in caches for watch in watches)


def _has_turn(controller: Controller, state: Work) -> bool:
    return state.head < len(state.ready) and len(state.busy) < controller.workers and state.synced


def _observe(controller: Controller, state: Work, message: Observed) -> Work:
    was_synced = state.synced
    caches = state.caches.put(message.resource, message.cache)
    synced = was_synced or _synced(controller, caches)
    state = msgspec.structs.replace(state, caches=caches, synced=synced, now_ms=message.now_ms)
    if not synced:
        return state
    if message.replaced or not was_synced:
        state = _mark(state, controller.every_key(caches))
    keys: dict[Key, None] = {}
    for change in message.changes:
        for key in controller.dirty(caches, message.resource, change):
            keys[key] = None
    state = _mark(state, keys)
    delaying: Delaying | None = getattr(controller, "dirty_later", None)
    if delaying is not None:
        state = _delay(state, delaying, message)
    return _stop_waiting(state, message.resource) if state.waiting else state


def _mark(state: Work, keys: Iterable[Key]) -> Work:
    """Queue keys, each once; those that are busy or waiting come when they are free."""
    dirty, ready = state.dirty, state.ready.evolver()
    for key in keys:
        if key not in dirty:
            dirty = dirty.put(key, True)
            if key not in state.busy and key not in state.waiting:
                ready.append(key)
    return msgspec.structs.replace(state, dirty=dirty, ready=ready.persistent())


def _delay(state: Work, delaying: Delaying, message: Observed) -> Work:
    """Have keys looked at a little later, unless they are due before that anyway."""
    timers = state.timers
    for change in message.changes:
        keys, delay_ms = delaying(state.caches, message.resource, change, message.now_ms)
        for key in keys:
            at_ms, due_ms = message.now_ms + delay_ms, timers.due.get(key)
            if due_ms is None or due_ms > at_ms:
                timers = timers.set(key, at_ms)
    return msgspec.structs.replace(state, timers=timers)


def _stop_waiting(state: Work, resource: Resource) -> Work:
    """Free the keys whose own writes can be seen now."""
    revision = state.caches[resource].revision
    waiting, free = state.waiting, []
    for key in sorted(waiting):
        unseen = waiting[key]
        if unseen.get(resource, revision + 1) > revision:
            continue
        unseen = unseen.remove(resource)
        waiting = waiting.put(key, unseen) if unseen else waiting.remove(key)
        if not unseen:
            free.append(key)
    state = msgspec.structs.replace(state, waiting=waiting)
    for key in free:
        state = _free(state, key)
    return state


def _free(state: Work, key: Key) -> Work:
    if key not in state.dirty:
        return state
    return msgspec.structs.replace(state, ready=state.ready.append(key))


def _wake(controller: Controller, state: Work, message: TimerFired) -> tuple[Work, Requests]:
    state = msgspec.structs.replace(state, now_ms=message.now_ms)
    due, timers = state.timers.pop(message.now_ms)
    if due:
        state = _mark(msgspec.structs.replace(state, timers=timers), due)
    requests: list[Request] = []
    while _has_turn(controller, state):
        state = _turn(controller, state, requests)
    return state, tuple(requests)


def _turn(controller: Controller, state: Work, requests: list[Request]) -> Work:
    """Reconcile the next ready key and send its plan's first batch."""
    key = state.ready[state.head]
    emptied = state.head + 1 == len(state.ready)
    state = msgspec.structs.replace(
        state,
        ready=pvector() if emptied else state.ready,
        head=0 if emptied else state.head + 1,
        dirty=state.dirty.remove(key),
    )
    before = state.memory.get(key)
    plan = controller.reconcile(Sync(key, state.now_ms, state.caches, before, state.shared))
    memory = _remembered(state.memory, key, before, plan.memory)
    state = msgspec.structs.replace(state, memory=memory)
    if plan.shared is not None:
        state = msgspec.structs.replace(state, shared=plan.shared)
    if plan.again_at_ms is not None:
        state = msgspec.structs.replace(state, timers=state.timers.set(key, plan.again_at_ms))
    return _send(state, key, under_way(plan), requests)


def under_way(plan: Plan) -> Busy:
    """A plan of which nothing is asked for yet."""
    start, stop = plan.attempt
    count = len(plan.batches)
    attempt = (count - start, count - stop) if stop else plan.attempt
    return Busy(HashMap(), plan.batches, plan.tolerated, attempt=attempt, instead=plan.instead)


def _remembered(
    memories: HashMap[Key, object], key: Key, before: object, memory: object
) -> HashMap[Key, object]:
    if memory is before:
        return memories
    return memories.remove(key) if memory is None else memories.put(key, memory)


def _send(state: Work, key: Key, busy: Busy, requests: list[Request]) -> Work:
    """Send the next batch that wants answers; with none left the key is done."""
    later, out, number, owner_of = busy.later, busy.out, state.next_id, state.owner_of
    while later and not out:
        for command in later[0]:
            if isinstance(command, RecordEvent):
                requests.append(Request(0, command))
                continue
            requests.append(Request(number, command))
            out = out.put(number, command)
            owner_of = owner_of.put(number, key)
            number += 1
        later = later[1:]
    state = msgspec.structs.replace(state, next_id=number, owner_of=owner_of)
    if not out:
        return _done(state, key, busy)
    waiting = msgspec.structs.replace(busy, out=out, later=later)
    return msgspec.structs.replace(state, busy=state.busy.put(key, waiting))


def _hear(controller: Controller, state: Work, message: Answered) -> tuple[Work, Requests]:
    now_ms, number = message.now_ms, message.id
    key = state.owner_of.get(number)
    if key is None:
        return msgspec.structs.replace(state, now_ms=now_ms), ()
    busy = state.busy[key]
    command, out = busy.out[number], busy.out.remove(number)
    before = state.memory.get(key)
    outcome = message.outcome
    requests: list[Request] = []
    telling: Telling | None = getattr(controller, "told", None)
    if telling is not None:
        events = telling(Sync(key, now_ms, state.caches, before), command, outcome)
        requests.extend(Request(0, event) for event in events)
    if isinstance(outcome, Failure):
        refusal = outcome.failure()
        memory = controller.refused(Sync(key, now_ms, state.caches, before), command, refusal)
        busy = refused(busy, refusal)
        doubted = busy.doubted or is_doubtful(state.caches, command, refusal)
        busy = msgspec.structs.replace(busy, out=out, doubted=doubted)
    else:
        answer = outcome.unwrap()
        answered: Answering | None = getattr(controller, "answered", None)
        memory = before
        if answered is not None:
            memory = answered(Sync(key, now_ms, state.caches, before), command, answer)
        seen = _wrote(controller, busy.seen_at_least, command, answer)
        busy = msgspec.structs.replace(busy, out=out, seen_at_least=seen)
    state = msgspec.structs.replace(
        state,
        now_ms=now_ms,
        owner_of=state.owner_of.remove(number),
        memory=_remembered(state.memory, key, before, memory),
        busy=state.busy.put(key, busy) if out else state.busy,
    )
    if out:
        return state, tuple(requests)
    return _send(state, key, busy, requests), tuple(requests)


def refused(busy: Busy, refusal: Refusal) -> Busy:
    """A plan of which a command was refused: it ends, or goes on after what was an attempt."""
    if refusal.reason is Reason.CONFLICT and busy.instead and not busy.later:
        return msgspec.structs.replace(busy, later=(busy.instead,), instead=())
    start, stop = busy.attempt
    if stop <= len(busy.later) < start:
        later = busy.later[len(busy.later) - stop :]
        return msgspec.structs.replace(busy, later=later, failed=True)
    failed = busy.failed or refusal.reason not in busy.tolerated
    return msgspec.structs.replace(busy, failed=failed, later=() if failed else busy.later)


def is_doubtful(caches: Caches, command: Command, refusal: Refusal) -> bool:
    """Whether an object that is said not to be there is still believed to be.

    Such a NotFound may be right and the belief old, or it may be wrong, as the answer of a server
    that has just lost its place is. Whoever tolerates it has to look again: where it was right,
    the watch will have shown by then what is gone.
    """
    if refusal.reason is not Reason.NOT_FOUND:
        return False
    if isinstance(command, Create):
        return True
    if not isinstance(command, Update | Patch | Delete | Evict):
        return False
    cache = caches.get(command.resource if not isinstance(command, Evict) else "pods")
    found = None if cache is None else cache.get(key_of(command.namespace, command.name))
    uid = getattr(command, "uid", "")
    return found is not None and uid in ("", text(found, "metadata", "uid"))


def _wrote(
    controller: Controller, seen_at_least: Versions, command: Command, answer: Document
) -> Versions:
    """Note up to which revision the beliefs must have come to show this write.

    A list has the revision of the whole store, which a belief of one resource need never reach,
    and measures are not what their resource is.
    """
    resource = getattr(command, "resource", "pods")
    if isinstance(command, List | ReadMetrics) or not _hears_all_of(controller, resource):
        return seen_at_least
    meta = answer.get("metadata")
    version = meta.get("resourceVersion") if isinstance(meta, Document) else None
    if not isinstance(version, str) or not version.isdecimal():
        return seen_at_least
    revision = int(version)
    if revision <= seen_at_least.get(resource, 0):
        return seen_at_least
    return seen_at_least.put(resource, revision)


def _hears_all_of(controller: Controller, resource: Resource) -> bool:
    for watch in controller.watches:
        if watch.resource == resource and not (watch.namespace or watch.field):
            return True
    return False


def _done(state: Work, key: Key, busy: Busy) -> Work:
    state = msgspec.structs.replace(state, busy=state.busy.remove(key))
    if busy.failed or busy.doubted:
        return _back_off(state, key)
    if key in state.failures:
        state = msgspec.structs.replace(state, failures=state.failures.remove(key))
    unseen = busy.seen_at_least
    for resource in busy.seen_at_least:
        if state.caches[resource].revision >= busy.seen_at_least[resource]:
            unseen = unseen.remove(resource)
    if not unseen:
        return _free(state, key)
    return msgspec.structs.replace(state, waiting=state.waiting.put(key, unseen))


def _back_off(state: Work, key: Key) -> Work:
    """Look at a key again later; what changed while it was busy will be seen then, too."""
    count = state.failures.get(key) or 0
    delay_ms = min(FIRST_BACKOFF_MS << min(count, 30), LONGEST_BACKOFF_MS)
    return msgspec.structs.replace(
        state,
        dirty=state.dirty.remove(key),
        failures=state.failures.put(key, count + 1),
        timers=state.timers.set(key, state.now_ms + delay_ms),
    )
