"""A node pool: it keeps so many machines, spread over zones, as an auto-scaling group does.

    desired = 3                     a machine dies:
    zone-a  zone-b  zone-c    ->    the cloud's check fails for two minutes, or its Node is not
    node-1  node-2  node-3          ready for the grace period: terminate it, then launch another

The pool is a Program of its own: it hears of `instances` (see instances.py) and of Nodes, and asks
for LaunchInstance and TerminateInstance. Booting takes the time that the platform takes. It decides
from what is: after a restart it counts the machines again. A launch whose answer was lost is asked
for again under the same name, so it cannot happen twice.

Source: Amazon EC2 Auto Scaling user guide (health checks, replacement, instance distribution). A
zone that cannot launch is left alone for a while, and the others take its share; when it is back,
one machine at a time moves there: it starts before another goes. A lost machine that the cloud will
not switch off is asked for again and replaced all the same, as a MachineSet of Cluster API does,
but only after ten minutes: refusals pass, and two machines cost more than one.
"""

from __future__ import annotations

import msgspec
from pyrsistent import pmap
from pyrsistent.typing import PMap

from kelm.core.infrastructure.balance import (
    census,
    is_lopsided,
    machine_to_terminate,
    zone_to_launch,
)
from kelm.core.infrastructure.instances import (
    INSTANCES,
    PENDING,
    RUNNING,
    TERMINATED,
    Instance,
    Patience,
    instance,
    not_ready_since_ms,
    unhealthy_at_ms,
)
from kelm.effects.address import RequestId
from kelm.effects.commands import LaunchInstance, Request, Requests, TerminateInstance
from kelm.effects.messages import Answered, Cache, Message, Observed, unwrap_or_failure
from kelm.effects.program import Subscriptions, Watch
from kelm.effects.refusals import Reason, Refusal

WATCHES = (Watch(INSTANCES), Watch("nodes"))


class Launch(msgspec.Struct, frozen=True):
    """A machine that was asked for and is not listed yet. `again_ms`: ask again then."""

    name: str
    zone: str
    again_ms: int | None = None


class Ending(msgspec.Struct, frozen=True):
    """A machine that was asked to end and is still listed: since when, and when to ask again.

    `again_ms` 0: the last request for it has no answer yet, or was answered well.
    """

    since_ms: int
    again_ms: int = 0


class PoolState(msgspec.Struct, frozen=True):
    """The state of a pool's process.

    launches, terminations: what was asked for and cannot be seen yet, by machine.
    asked: requests without an answer: whether to launch, and the machine.
    running_since, impaired_since: when a machine was first seen so.
    closed: until when a zone is left alone.
    first_free: the number after all those of machines that were ever listed.
    """

    now_ms: int = 0
    instances: Cache | None = None
    nodes: Cache | None = None
    launches: PMap[str, Launch] = pmap()
    terminations: PMap[str, Ending] = pmap()
    asked: PMap[RequestId, tuple[bool, str]] = pmap()
    running_since: PMap[str, int] = pmap()
    impaired_since: PMap[str, int] = pmap()
    closed: PMap[str, int] = pmap()
    next_id: RequestId = 1
    first_free: int = 1
    wake_at_ms: int | None = None


class NodePool(msgspec.Struct, frozen=True):
    """The Program of one pool. `prefix`: machines are called prefix-1, prefix-2, ..."""

    desired: int
    zones: tuple[str, ...] = ("",)
    pool: str = "default"
    prefix: str = "node"
    min_size: int = 0
    max_size: int = 10_000
    patience: Patience = Patience()
    retry_ms: int = 30_000

    @property
    def name(self) -> str:
        return f"node-pool/{self.pool}"

    @property
    def size(self) -> int:
        """How many machines the pool keeps."""
        return max(self.min_size, min(self.desired, self.max_size))

    def init(self) -> tuple[PoolState, Requests]:
        return PoolState(), ()

    def subscriptions(self, state: PoolState) -> Subscriptions:
        return Subscriptions(WATCHES, state.wake_at_ms)

    def update(self, state: PoolState, message: Message) -> tuple[PoolState, Requests]:
        state = msgspec.structs.replace(state, now_ms=message.now_ms)
        if isinstance(message, Observed):
            if message.resource == "nodes":
                quiet = state.nodes is not None and not _readiness_changed(message)
                state = msgspec.structs.replace(state, nodes=message.cache)
                if quiet:
                    return state, ()
            else:
                state = _seen(self, state, message.cache)
        elif isinstance(message, Answered):
            state = _heard(self, state, message)
        return _decide(self, state)


def _readiness_changed(message: Observed) -> bool:
    """Heartbeats change Nodes all the time and mean nothing here."""
    return message.replaced or any(
        change.old is None
        or change.new is None
        or not_ready_since_ms(change.old) != not_ready_since_ms(change.new)
        for change in message.changes
    )


def _members(pool: NodePool, cache: Cache) -> list[Instance]:
    """The pool's machines that are not gone, oldest first."""
    views = (instance(doc) for doc in cache.objects())
    return [one for one in views if one.pool == pool.pool and one.state != TERMINATED]


def _seen(pool: NodePool, state: PoolState, cache: Cache) -> PoolState:
    """What the list of machines says: who runs since when, and what is no longer in doubt."""
    listed = {(one := instance(doc)).name: one for doc in cache.objects()}
    here = [one for one in listed.values() if one.pool == pool.pool]
    running = [one for one in here if one.state == RUNNING]
    numbers = [_number(pool, name) for name in listed]
    launches, terminations = state.launches, state.terminations
    for name in sorted(launches):
        if name in listed:
            launches = launches.remove(name)
    for name in sorted(terminations):
        if name not in listed or listed[name].state == TERMINATED:
            terminations = terminations.remove(name)
    impaired = [one.name for one in running if not one.healthy]
    return msgspec.structs.replace(
        state,
        instances=cache,
        launches=launches,
        terminations=terminations,
        running_since=_since(state.running_since, [one.name for one in running], state.now_ms),
        impaired_since=_since(state.impaired_since, impaired, state.now_ms),
        first_free=max([state.first_free, *(number + 1 for number in numbers)]),
    )


def _since(known: PMap[str, int], names: list[str], now_ms: int) -> PMap[str, int]:
    return pmap({name: known.get(name, now_ms) for name in names})


def _number(pool: NodePool, name: str) -> int:
    digits = name.removeprefix(f"{pool.prefix}-")
    return int(digits) if digits != name and digits.isdecimal() else 0


def _heard(pool: NodePool, state: PoolState, message: Answered) -> PoolState:
    """What became of a request."""
    if message.id not in state.asked:
        return state
    launched, name = state.asked[message.id]
    state = msgspec.structs.replace(state, asked=state.asked.remove(message.id))
    answer = unwrap_or_failure(message.outcome)
    if not isinstance(answer, Refusal):
        return state
    if not launched:
        # Even of one that is said to be gone the list has the last word.
        known = state.terminations.get(name, Ending(state.now_ms))
        again = Ending(known.since_ms, state.now_ms + pool.retry_ms)
        return msgspec.structs.replace(state, terminations=state.terminations.set(name, again))
    launch = state.launches.get(name)
    if launch is None or answer.reason is Reason.ALREADY_EXISTS:
        return state
    if answer.unknown_outcome:
        launch = Launch(name, launch.zone, state.now_ms + pool.retry_ms)
        return msgspec.structs.replace(state, launches=state.launches.set(name, launch))
    return msgspec.structs.replace(
        state,
        launches=state.launches.remove(name),
        closed=state.closed.set(launch.zone, state.now_ms + pool.retry_ms),
    )


class _Round:
    """One decision while it is made: what is, what is asked, when to look again."""

    def __init__(self, pool: NodePool, state: PoolState, instances: Cache) -> None:
        self.pool = pool
        self.now_ms = state.now_ms
        self.next_id, self.first_free = state.next_id, state.first_free
        self.launches, self.terminations = state.launches, state.terminations
        self.asked = state.asked
        self.closed = {zone for zone in state.closed if state.closed[zone] > state.now_ms}
        self.members = _members(pool, instances)
        self.alive = [one for one in self.members if one.name not in state.terminations]
        self.troubled_at = _troubles(pool, state, self.alive)
        troubles = _troubles(pool, state, self.members)
        self.lost = {name for name, at_ms in troubles.items() if at_ms <= state.now_ms}
        self.requests: list[Request] = []
        self.wake_at: list[int] = []
        self.wants_zone = False

    def ask(self, command: LaunchInstance | TerminateInstance) -> None:
        self.requests.append(Request(self.next_id, command))
        launched = isinstance(command, LaunchInstance)
        self.asked = self.asked.set(self.next_id, (launched, command.name))
        self.next_id += 1

    def launch(self, zone: str) -> None:
        number = self.first_free
        while (name := f"{self.pool.prefix}-{number}") in self.launches:
            number += 1
        self.launches = self.launches.set(name, Launch(name, zone))
        self.ask(LaunchInstance(self.pool.pool, zone, name))

    def terminate(self, one: Instance) -> None:
        self.alive.remove(one)
        self.terminations = self.terminations.set(one.name, Ending(self.now_ms))
        self.ask(TerminateInstance(self.pool.pool, one.name))

    def census(self) -> dict[str, int]:
        coming = [self.launches[name].zone for name in sorted(self.launches)]
        return census(self.pool.zones, [one.zone for one in self.alive] + coming)

    @property
    def leaving(self) -> int:
        """Machines whose end was asked for and not yet confirmed: they still count.

        One that the cloud would not switch off does, too: it runs until it has been asked again.
        But one that was lost is written off in the end, or a cloud that refuses for ever would
        leave the pool without it for ever.
        """
        asked = {name for launched, name in self.asked.values() if not launched}
        return sum(
            1
            for name, ending in self.terminations.items()
            if (name in asked or ending.again_ms) and not self.written_off(name, ending)
        )

    def written_off(self, name: str, ending: Ending) -> bool:
        """Whether a machine was lost, and the cloud has refused to end it for too long."""
        at_ms = ending.since_ms + self.pool.patience.ending_ms
        return name in self.lost and at_ms <= self.now_ms

    @property
    def settled(self) -> bool:
        """Whether every machine runs well and nothing is under way."""
        under_way = self.asked or self.launches or self.terminations or self.troubled_at
        return not under_way and all(one.state != PENDING for one in self.alive)


def _troubles(pool: NodePool, state: PoolState, alive: list[Instance]) -> dict[str, int]:
    """When each machine that is not well will be given up."""
    found: dict[str, int] = {}
    for one in alive:
        since_ms = state.running_since.get(one.name)
        if since_ms is None:
            continue
        nodes = state.nodes
        lost_ms = None if nodes is None else not_ready_since_ms(nodes.get(one.name))
        impaired_ms = state.impaired_since.get(one.name)
        at_ms = unhealthy_at_ms(pool.patience, since_ms, impaired_ms, lost_ms)
        if at_ms is not None:
            found[one.name] = at_ms
    return found


def _decide(pool: NodePool, state: PoolState) -> tuple[PoolState, Requests]:
    if state.instances is None:
        return state, ()
    now = _Round(pool, state, state.instances)
    _ask_again(now)
    _replace_lost(now)
    _fill_or_shrink(now)
    later = [at_ms for at_ms in now.wake_at if at_ms > state.now_ms]
    decided = msgspec.structs.replace(
        state,
        launches=now.launches,
        terminations=now.terminations,
        asked=now.asked,
        next_id=now.next_id,
        wake_at_ms=min(later, default=None),
    )
    if now.closed and (now.wants_zone or is_lopsided(now.census(), ())):
        reopen_ms = min(state.closed[zone] for zone in sorted(now.closed))
        wake_at_ms = min([*later, reopen_ms])
        decided = msgspec.structs.replace(decided, wake_at_ms=wake_at_ms)
    return decided, tuple(now.requests)


def _ask_again(now: _Round) -> None:
    """Repeat what was refused or whose answer was lost, when its time has come."""
    for name in sorted(now.launches):
        launch = now.launches[name]
        if launch.again_ms is None:
            continue
        if launch.again_ms > now.now_ms:
            now.wake_at.append(launch.again_ms)
            continue
        now.launches = now.launches.set(name, Launch(name, launch.zone))
        now.ask(LaunchInstance(now.pool.pool, launch.zone, name))
    for one in now.members:
        ending = now.terminations.get(one.name)
        if ending is None or not ending.again_ms:
            continue
        if ending.again_ms > now.now_ms:
            now.wake_at.append(ending.again_ms)
        else:
            now.terminations = now.terminations.set(one.name, Ending(ending.since_ms))
            now.ask(TerminateInstance(now.pool.pool, one.name))


def _replace_lost(now: _Round) -> None:
    for one in tuple(now.alive):
        at_ms = now.troubled_at.get(one.name)
        if at_ms is None:
            continue
        if at_ms <= now.now_ms:
            now.terminate(one)
        else:
            now.wake_at.append(at_ms)


def _fill_or_shrink(now: _Round) -> None:
    """Launch what is missing; switch off what is too much once everything runs; level the zones."""
    count = len(now.alive) + len(now.launches) + now.leaving
    for _ in range(now.pool.size - count):
        zone = zone_to_launch(now.census(), now.closed)
        if zone is None:
            now.wants_zone = True
            return
        now.launch(zone)
    if not now.settled:
        return
    for _ in range(count - now.pool.size):
        surplus = machine_to_terminate(now.alive, now.pool.zones)
        if surplus is not None:
            now.terminate(surplus)
    if count == now.pool.size and is_lopsided(now.census(), now.closed):
        zone = zone_to_launch(now.census(), now.closed)
        assert zone is not None
        now.launch(zone)
