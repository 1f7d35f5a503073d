"""The garbage collector while a recording is replayed: it hears everything at once, and its
requests wait until the recording shows what they do.

Each of them names exactly which object and, where it matters, which version; so a request that came
too late is refused, and the collector looks again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from pyrsistent import pmap
from pyrsistent.typing import PMap

from kelm.core.store.table import Table
from kelm.effects.commands import RecordEvent, Request
from kelm.effects.messages import Answered, Observed, TimerFired
from kelm.effects.program import Program
from tests.conformance.replay.loops import may_make
from tests.conformance.replay.recording import Entry
from tests.conformance.replay.world import Happened, World, execute, matched

MOST_TURNS = 200
PATIENCE_MS = 50
"""How much later than it was recorded a change may have been made: what was refused is tried again
after a few milliseconds, and several changes of a recording may have come at the same time."""


class Running(msgspec.Struct, frozen=True):
    """A Program, what it has seen, and its requests that are still on their way."""

    program: Program[Any]
    state: Any
    seen: PMap[str, Table] = pmap()
    out: tuple[Request, ...] = ()


class Served(NamedTuple):
    running: Running
    world: World
    happened: tuple[Happened, ...] = ()


def started(program: Program[Any]) -> Running:
    state, requests = program.init()
    return Running(program, state, out=requests)


def informed(running: Running, world: World, at: float) -> Served:
    """The Program once it has heard of everything, and of requests that change nothing."""
    for _ in range(MOST_TURNS):
        running = _woken(_heard(running, world, at), world, at)
        for request in running.out:
            if isinstance(request.command, RecordEvent):
                running = _without(running, request)
                break
            done = execute(world, request.command, at)
            if not done.happened:
                world = done.world
                running = _answered(running, request, done.outcome, world, at)
                break
        else:
            return Served(running, world)
    raise AssertionError(f"{running.program!r} asks in circles: {running.out!r}")


def served(running: Running, world: World, entry: Entry) -> Iterator[Served]:
    """Every way in which one of the Program's requests makes the recorded change."""
    running, world, _ = informed(running, world, entry.at)
    for request in running.out:
        if not may_make(request.command, world, entry):
            continue
        done = execute(world, request.command, entry.at)
        known = matched(done.world, done.happened[0], entry) if done.happened else "nothing"
        if isinstance(known, World):
            after = _answered(running, request, done.outcome, known, entry.at)
            yield Served(after, known, done.happened[1:])


def _heard(running: Running, world: World, at: float) -> Running:
    now_ms = world.now_ms(at)
    for watch in running.program.subscriptions(running.state).watches:
        table, seen = world.newest(watch.resource), running.seen.get(watch.resource)
        if seen is not None and table.revision == seen.revision:
            continue
        changes = () if seen is None else table.changes_since(seen.revision) or ()
        message = Observed(now_ms, watch.resource, table, changes, replaced=seen is None)
        running = _updated(running, message)
        running = msgspec.structs.replace(running, seen=running.seen.set(watch.resource, table))
    return running


def _woken(running: Running, world: World, at: float) -> Running:
    now_ms = world.now_ms(at)
    wake_at_ms = running.program.subscriptions(running.state).wake_at_ms
    if wake_at_ms is None or wake_at_ms > now_ms + PATIENCE_MS:
        return running
    return _updated(running, TimerFired(max(now_ms, wake_at_ms)))


def _updated(running: Running, message: Observed | TimerFired | Answered) -> Running:
    state, requests = running.program.update(running.state, message)
    return msgspec.structs.replace(running, state=state, out=(*running.out, *requests))


def _without(running: Running, request: Request) -> Running:
    left = tuple(one for one in running.out if one is not request)
    return msgspec.structs.replace(running, out=left)


def _answered(running: Running, request: Request, outcome: Any, world: World, at: float) -> Running:
    message = Answered(world.now_ms(at), request.id, outcome)
    return _updated(_without(running, request), message)
