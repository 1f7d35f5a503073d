"""A controller's key while a recording is replayed: what it has seen, remembers, and has asked for.

A recording does not say what a controller had seen when it decided. So a look may be taken at any
version of each watched table between the last look and now, not older than `STALEST_S`, once some
change in between made the key dirty; and, as in the queue, not before it shows what the key itself
has written.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple, Self

import msgspec
from pyrsistent import pmap, pvector
from pyrsistent.typing import PMap
from returns.result import Failure

from kelm.core.runtime.controller import Batch, Controller, Plan, Sync
from kelm.core.runtime.queue import Busy, refused, under_way
from kelm.core.store.table import Table
from kelm.effects.address import key_of
from kelm.effects.commands import (
    Command,
    Create,
    Delete,
    DeleteCollection,
    Evict,
    Get,
    List,
    RecordEvent,
)
from kelm.effects.document import Document
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from tests.conformance.replay.recording import Entry
from tests.conformance.replay.victims import with_other_victim
from tests.conformance.replay.world import (
    RESOURCE_OF,
    Done,
    Happened,
    Version,
    World,
    execute,
    matched,
)

CHARGED = "ResourceQuota"
STALEST_S = 1.0
LONGEST_PLANS = 50
NOTHING = pvector([Version(-1e9, Table(""))])


class Mind(msgspec.Struct, frozen=True):
    """What there is of one key of one controller.

    views: for each watched resource, which version was looked at last.
    floor: for each, the revision that shows what the key itself has written.
    plan: what is left of the plan under way.
    woken: it may look again though nothing changed: it never looked, or was refused.
    """

    key: str
    views: PMap[str, int] = pmap()
    floor: PMap[str, int] = pmap()
    memory: object = None
    plan: Busy = Busy(pmap(), (), frozenset())
    sync: Sync | None = None
    again_ms: int | None = None
    woken: bool = True

    @property
    def batches(self) -> tuple[Batch, ...]:
        return self.plan.later

    def with_batches(self, batches: tuple[Batch, ...]) -> Self:
        return msgspec.structs.replace(self, plan=msgspec.structs.replace(self.plan, later=batches))


class Step(NamedTuple):
    """A mind and the world after something that a key did."""

    mind: Mind
    world: World
    happened: tuple[Happened, ...] = ()


class Effort(NamedTuple):
    """How far to look for a view that explains a change.

    every: also at the versions that make the key not dirty: they are seen all the same, when
        something else is the reason to look.
    own: only at what shows the key's own writes, as our queue does. Upstream's controllers do not
        wait for it; what they do then is refused mostly, as a conflict.
    """

    every: bool
    own: bool


EFFORTS = (
    Effort(every=False, own=True),
    Effort(every=True, own=True),
    Effort(every=True, own=False),
)


class Seen(NamedTuple):
    """A version of a table: its number, how many came since, whether it makes the key dirty."""

    number: int
    lag: int
    dirty: bool


def _lag(view: tuple[Seen, ...]) -> int:
    return sum(seen.lag for seen in view)


class Loop(msgspec.Struct, frozen=True):
    """One controller. Everything it does is decided by the controller itself."""

    controller: Controller
    writes: tuple[str, ...]
    """The kinds of objects that it writes; the first is that of its keys."""

    def may_write(self, mind: Mind, entry: Entry, world: World) -> bool:
        """Whether a key is worth asking about a change: of its own kind it writes itself only."""
        if entry.kind != self.writes[0]:
            # What is made is charged to quotas first.
            return entry.kind in self.writes or entry.kind == CHARGED
        return mind.key == key_of(entry.namespace, world.real_name(entry.name))

    # -- carrying out a plan --------------------------------------------------------------------

    def carried_out(self, mind: Mind, world: World, entry: Entry) -> Iterator[Step]:
        """Every way in which the plan under way makes the recorded change next."""
        while mind.batches:
            mind, world = _told(mind, world, entry.at)
            yield from self._made(mind, world, entry)
            for other in self._with_other_victims(mind, world, entry):
                yield from self._made(other, world, entry)
            rested = self.without_effect(mind, world, entry.at, batches=1)
            if rested is None:
                return
            mind, world = rested

    def _made(self, mind: Mind, world: World, entry: Entry) -> Iterator[Step]:
        """Every way in which the first batch makes the recorded change next."""
        batch = mind.batches[0]
        for number, command in enumerate(batch):
            if command in batch[:number] or not may_make(command, world, entry):
                continue
            done = execute(world, command, entry.at)
            if not done.happened:
                continue
            known = matched(done.world, done.happened[0], entry)
            if isinstance(known, World):
                known = self._with_news(mind, command, done, known, entry.at)
                after = self._answered(_without(mind, number), command, done)
                yield Step(after, known, done.happened[1:])

    def _with_other_victims(self, mind: Mind, world: World, entry: Entry) -> Iterator[Mind]:
        if entry.kind != "Pod" or entry.type == "ADDED" or mind.sync is None:
            return
        name = world.real_name(entry.name)
        for batches in with_other_victim(self.controller, mind.sync, mind.batches, name):
            yield mind.with_batches(batches)

    def without_effect(
        self, mind: Mind, world: World, at: float, batches: int = LONGEST_PLANS
    ) -> tuple[Mind, World] | None:
        """The mind after the rest of its plan, which must change nothing; None where it would."""
        while mind.batches and batches:
            batches -= 1
            mind, world = _told(mind, world, at)
            plan = mind.plan
            for command in mind.batches[0]:
                done = execute(world, command, at)
                if done.happened:
                    return None
                world = self._with_news(mind, command, done, done.world, at)
                mind = self._answered(mind, command, done)
                if mind.plan is not plan:
                    break
            mind = mind.with_batches(mind.batches[1:])
        return mind, world

    def _with_news(
        self, mind: Mind, command: Command, done: Done, world: World, at: float
    ) -> World:
        """The world with what the controller tells at once of an answer."""
        telling = getattr(self.controller, "told", None)
        if telling is None or mind.sync is None:
            return world
        sync = msgspec.structs.replace(mind.sync, memory=mind.memory)
        for event in telling(sync, command, done.outcome):
            world = execute(world, event, at).world
        return world

    def _answered(self, mind: Mind, command: Command, done: Done) -> Mind:
        """As in `core.runtime.queue`: memory, tolerated refusals, what must be seen."""
        assert mind.sync is not None
        sync = msgspec.structs.replace(mind.sync, memory=mind.memory)
        if isinstance(done.outcome, Failure):
            refusal = done.outcome.failure()
            mind = msgspec.structs.replace(
                mind, memory=self.controller.refused(sync, command, refusal)
            )
            rest = msgspec.structs.replace(mind.plan, later=mind.batches[1:])
            after = refused(rest, refusal)
            if after.later == rest.later and not after.failed:
                return mind
            woken = mind.woken or after.failed
            left = ((), *after.later) if after.later else ()
            return msgspec.structs.replace(
                mind, plan=msgspec.structs.replace(after, later=left), woken=woken
            )
        answer = done.outcome.unwrap()
        answered = getattr(self.controller, "answered", None)
        memory = answered(sync, command, answer) if answered else mind.memory
        floor = mind.floor
        resource = getattr(command, "resource", "pods")
        meta = answer.get("metadata")
        version = meta.get("resourceVersion") if isinstance(meta, Document) else None
        hears = Watch(resource) in self.controller.watches and not isinstance(command, List)
        if hears and isinstance(version, str):
            floor = floor.set(resource, max(int(version or 0), floor.get(resource, 0)))
        return msgspec.structs.replace(mind, memory=memory, floor=floor)

    # -- looking --------------------------------------------------------------------------------

    def looks(self, mind: Mind, world: World, at: float, effort: Effort) -> Iterator[Step]:
        """What the key may decide now, once for each different plan, freshest view first."""
        resources = [watch.resource for watch in self.controller.watches]
        axes = [self._axis(mind, world, resource, at, effort) for resource in resources]
        woken = mind.woken or _due(mind, world.now_ms(at))
        found: list[tuple[tuple[Batch, ...], object]] = []
        for view in sorted(product(*axes), key=_lag):
            if not (woken or any(seen.dirty for seen in view)):
                continue
            seen = {name: one.number for name, one in zip(resources, view, strict=True)}
            looked = self._look(mind, world, seen, at)
            if looked is None or (looked.mind.batches, looked.mind.memory) in found:
                continue
            found.append((looked.mind.batches, looked.mind.memory))
            yield looked

    def look_at_all(self, mind: Mind, world: World, at: float) -> Step | None:
        """A look at everything there is, whatever was dirty."""
        seen = {
            watch.resource: len(world.versions.get(watch.resource, NOTHING)) - 1
            for watch in self.controller.watches
        }
        return self._look(mind, world, seen, at)

    def _axis(
        self, mind: Mind, world: World, resource: str, at: float, effort: Effort
    ) -> list[Seen]:
        """The versions of a table that may be looked at, newest first."""
        versions = world.versions.get(resource, NOTHING)
        first, last = mind.views.get(resource, 0), len(versions) - 1
        caches = self._caches(world, mind.views)
        dirty = False
        found = [Seen(first, last - first, dirty=False)]
        for number in range(first + 1, last + 1):
            table, before = versions[number].table, versions[number - 1].table
            caches = caches.set(resource, table)
            touched = any(
                self._touches(caches, resource, change, mind.key)
                for change in table.changes_since(before.revision) or ()
            )
            dirty = dirty or touched
            if not touched and not effort.every:
                found.pop()
            found.append(Seen(number, last - number, dirty))
        floor = mind.floor.get(resource, 0) if effort.own else 0
        return [
            seen
            for seen in reversed(found)
            if seen.number == last
            or (
                versions[seen.number].table.revision >= floor
                and versions[seen.number + 1].at >= at - STALEST_S
            )
        ]

    def _touches(self, caches: PMap[str, Table], resource: str, change: Change, key: str) -> bool:
        """Whether a change asks for another look at a key, be it at once or a little later."""
        if key in self.controller.dirty(caches, resource, change):  # type: ignore[arg-type]
            return True
        delaying = getattr(self.controller, "dirty_later", None)
        return delaying is not None and key in delaying(caches, resource, change, 0)[0]

    def _caches(self, world: World, views: PMap[str, int] | dict[str, int]) -> PMap[str, Table]:
        return pmap(
            {
                watch.resource: _table(world, watch.resource, views.get(watch.resource))
                for watch in self.controller.watches
            }
        )

    def _look(self, mind: Mind, world: World, seen: dict[str, int], at: float) -> Step | None:
        """Reconcile; questions are answered at once, and the key looks again."""
        now_ms = world.now_ms(at)
        caches = self._caches(world, seen)
        for _ in range(5):
            sync = Sync(mind.key, now_ms, caches, mind.memory)
            plan: Plan = self.controller.reconcile(sync)  # type: ignore[arg-type]
            mind = Mind(
                mind.key,
                pmap(seen),
                mind.floor,
                plan.memory,
                under_way(plan),
                sync,
                plan.again_at_ms,
                woken=False,
            )
            questions = [c for batch in plan.batches for c in batch if isinstance(c, Get | List)]
            if not questions:
                return Step(mind, world)
            for command in questions:
                mind = self._answered(mind, command, execute(world, command, at))
        return None


def _table(world: World, resource: str, number: int | None) -> Table:
    versions = world.versions.get(resource)
    if versions is None:
        return world.newest(resource)
    return versions[number or 0].table


def _due(mind: Mind, now_ms: int) -> bool:
    return mind.again_ms is not None and mind.again_ms <= now_ms


def _without(mind: Mind, number: int) -> Mind:
    batch = mind.batches[0]
    left = (*batch[:number], *batch[number + 1 :])
    return mind.with_batches((left, *mind.batches[1:]))


def _told(mind: Mind, world: World, at: float) -> tuple[Mind, World]:
    """Without the events of the batch that is due: they are told."""
    batch = mind.batches[0]
    for event in batch:
        if isinstance(event, RecordEvent):
            world = execute(world, event, at).world
    left = tuple(command for command in batch if not isinstance(command, RecordEvent))
    return mind.with_batches((left, *mind.batches[1:])), world


def may_make(command: Command, world: World, entry: Entry) -> bool:
    """Whether a command is about the object that changed at all."""
    if isinstance(command, Evict):
        return entry.kind == "Pod" and world.rename(command.name) == entry.name
    if isinstance(command, Get | List) or not hasattr(command, "resource"):
        return False
    if isinstance(command, Create) and entry.kind == CHARGED:
        return True
    if command.resource != RESOURCE_OF.get(entry.kind):
        return False
    if isinstance(command, Create):
        return entry.type == "ADDED"
    if isinstance(command, DeleteCollection):
        return command.namespace == entry.namespace
    if isinstance(command, Delete) or entry.type != "ADDED":
        return world.rename(command.name) == entry.name
    return False
