"""Follow a recording with kelm's API server and controllers, change by change.

For every recorded change there must be somebody who makes exactly it next: a user's request or a
machine (played as recorded), or else a controller of ours, which decided for itself. Several may
be possible; the search tries them in turn and goes back where one leads nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from pyrsistent import pmap
from pyrsistent.typing import PMap

from kelm.effects.commands import Update
from tests.conformance.replay.collecting import Running, informed, served
from tests.conformance.replay.loops import EFFORTS, Effort, Loop, Mind, Step
from tests.conformance.replay.recording import Entry, Trace, changed
from tests.conformance.replay.steps import Action, command_of_step, machine_writes, status_of
from tests.conformance.replay.world import Happened, Place, World, execute, matched, place_of

QUIET_S = 1.0
"""After so much time without a recorded change nobody may have anything left to do."""
MOST_TRIES = 200
"""How often the search may go back; following what was recorded takes a dozen times at most."""


class State(msgspec.Struct, frozen=True):
    """A moment of a replay.

    step: how many of the users' requests were sent.
    owed: changes that a command has made and the recording has still to show, by object.
    """

    world: World
    minds: PMap[tuple[str, str], Mind] = pmap()
    running: PMap[str, Running] = pmap()
    step: int = 0
    owed: PMap[Place, tuple[Happened, ...]] = pmap()


class Replay(msgspec.Struct, frozen=True):
    """A recording and who takes part in it."""

    trace: Trace
    history: tuple[Entry, ...]
    loops: tuple[Loop, ...]
    quiet_s: float = QUIET_S

    @property
    def steps(self) -> list[Action]:
        found: list[Action] = [one for one in self.trace["steps"] if "method" in one["do"]]
        return found

    # -- one recorded change --------------------------------------------------------------------

    def explained(self, state: State, entry: Entry, before: float) -> Iterator[State]:
        """Every state in which the recorded change was made by somebody."""
        state = self.unnoticed_steps(state, entry.at)
        state = self.informed(self.informed(state, before), entry.at)
        places = [entry.place] if state.owed.get(entry.place) else _births(state, entry)
        for place in places:
            known = matched(state.world, state.owed[place][0], entry)
            if isinstance(known, World):
                left = state.owed.set(place, state.owed[place][1:])
                yield msgspec.structs.replace(state, world=known, owed=left)
        if entry.place in places:
            return
        yield from self._by_user(state, entry)
        yield from self._by_machine(state, entry)
        yield from self._by_loops(state, entry)
        for name, running in state.running.items():
            for after in served(running, state.world, entry):
                there = state.running.set(name, after.running)
                found = _with(state, after.world, entry, after.happened)
                yield msgspec.structs.replace(found, running=there)

    def informed(self, state: State, at: float) -> State:
        """The state once Programs have heard of everything up to now."""
        for name, running in state.running.items():
            after = informed(running, state.world, at)
            there = state.running.set(name, after.running)
            state = msgspec.structs.replace(state, world=after.world, running=there)
        return state

    def unnoticed_steps(self, state: State, at: float) -> State:
        """The state after the requests due by now that change nothing, as was recorded."""
        while state.step < len(self.steps) and self.steps[state.step]["at"] <= at:
            step = self.steps[state.step]
            command = command_of_step(step, state.world)
            assert command is not None
            done = execute(state.world, command, step["at"])
            if done.happened or status_of(command, done) != step["status"]:
                break
            state = msgspec.structs.replace(state, world=done.world, step=state.step + 1)
        return state

    def _by_user(self, state: State, entry: Entry) -> Iterator[State]:
        if state.step >= len(self.steps) or self.steps[state.step]["at"] > entry.at:
            return
        step = self.steps[state.step]
        command = command_of_step(step, state.world)
        assert command is not None
        done = execute(state.world, command, step["at"])
        if not done.happened or status_of(command, done) != step["status"]:
            return
        known = matched(done.world, done.happened[0], entry)
        if isinstance(known, World):
            found = _with(state, known, entry, done.happened[1:])
            yield msgspec.structs.replace(found, step=state.step + 1)

    def _by_machine(self, state: State, entry: Entry) -> Iterator[State]:
        if entry.type == "DELETED" and "deletionTimestamp" not in entry.object["metadata"]:
            return
        for command in machine_writes(state.world, entry):
            done = execute(state.world, command, entry.at)
            known = matched(done.world, done.happened[0], entry) if done.happened else ""
            if isinstance(known, World):
                yield _with(state, known, entry, done.happened[1:])

    def _by_loops(self, state: State, entry: Entry) -> Iterator[State]:
        """What controllers may have decided; first what also fits what comes after."""
        held: list[State] = []
        for effort in EFFORTS:
            for loop in self.loops:
                for mind in self._minds(state, loop):
                    if not loop.may_write(mind, entry, state.world):
                        continue
                    for step in self._by_loop(state.world, loop, mind, entry, effort):
                        found = _with(state, step.world, entry, step.happened)
                        minds = state.minds.set((loop.controller.name, mind.key), step.mind)
                        found = msgspec.structs.replace(found, minds=minds)
                        if self._fits(step, entry):
                            yield found
                        else:
                            held.append(found)
        yield from held

    def _by_loop(
        self, world: World, loop: Loop, mind: Mind, entry: Entry, effort: Effort
    ) -> Iterator[Step]:
        if effort is EFFORTS[0]:
            yield from loop.carried_out(mind, world, entry)
        rested = loop.without_effect(mind, world, entry.at)
        if rested is None:
            return
        for look in loop.looks(*rested, entry.at, effort):
            yield from loop.carried_out(look.mind, look.world, entry)
            refused = loop.without_effect(look.mind, look.world, entry.at)
            if refused and refused[0].woken and refused[0].memory != look.mind.memory:
                # What was refused is remembered, and told of by the next look.
                for again in loop.looks(*refused, entry.at, effort):
                    yield from loop.carried_out(again.mind, again.world, entry)

    def _fits(self, step: Step, entry: Entry) -> bool:
        """Whether the rest of a plan is what the recording shows next of the same objects."""
        world = step.world
        for command in (one for batch in step.mind.batches for one in batch):
            if not isinstance(command, Update):
                continue
            done = execute(world, command, entry.at)
            if not done.happened:
                continue
            after = self._after(place_of(world, done.happened[0]), entry)
            if after is None or isinstance(matched(done.world, done.happened[0], after), str):
                return False
            world = done.world
        return True

    def _after(self, place: Place, entry: Entry) -> Entry | None:
        """The next that was recorded of an object."""
        later = (one for one in self.history[entry.number + 1 :] if one.place == place)
        return next(later, None)

    def _minds(self, state: State, loop: Loop) -> Iterator[Mind]:
        """What there is of every key of a controller, known or new."""
        name = loop.controller.name
        caches = pmap({w.resource: state.world.newest(w.resource) for w in loop.controller.watches})
        keys = dict.fromkeys(loop.controller.every_key(caches))  # type: ignore[arg-type]
        keys |= {key: None for of, key in state.minds if of == name}
        for key in sorted(keys):
            yield state.minds.get((name, key), Mind(key))

    # -- nothing left to do ---------------------------------------------------------------------

    def rested(self, state: State, at: float) -> State | str:
        """The state once everybody has looked at everything, or who would still change what."""
        for place, owed in state.owed.items():
            if owed:
                return f"{place} was changed once more: {owed[0].change!r}"
        for loop in self.loops:
            for mind in self._minds(state, loop):
                found = self._at_rest(state, loop, mind, at)
                if isinstance(found, str):
                    return found
                state = found
        state = self.informed(state, at)
        for name, running in state.running.items():
            if running.out:
                return f"{name} would ask for {running.out!r}"
        return state

    def _at_rest(self, state: State, loop: Loop, mind: Mind, at: float) -> State | str:
        name, world = loop.controller.name, state.world
        for _ in range(20):
            rest = loop.without_effect(mind, world, at)
            if rest is None:
                return f"{name} {mind.key} would still do {mind.batches!r}"
            mind, world = rest
            look = loop.look_at_all(mind, world, at)
            if look is None or not any(look.mind.batches):
                break
            mind, world = look.mind, look.world
        minds = state.minds.set((name, mind.key), mind)
        return msgspec.structs.replace(state, world=world, minds=minds)

    # -- the search -----------------------------------------------------------------------------

    def followed(self, state: State) -> State | str:
        """The state at the end of the recording, or what nobody explains."""
        paths = [iter((state,))]
        deepest, tries = -1, -len(self.history)
        reason = ""
        while paths:
            tries += 1
            found = next(paths[-1], None)
            if found is None or tries > MOST_TRIES:
                if len(paths) - 1 > deepest:
                    deepest = len(paths) - 1
                    reason = self._unexplained(deepest - 1)
                if tries > MOST_TRIES:
                    break
                paths.pop()
                continue
            number = len(paths) - 1
            at_rest = self._rested_before(found, number)
            if isinstance(at_rest, str):
                if number >= deepest:
                    deepest, reason = number, f"before {self._named(number)}: {at_rest}"
                continue
            if number == len(self.history):
                return at_rest
            paths.append(self.explained(at_rest, self.history[number], self._before(number)))
        return reason

    def _named(self, number: int) -> str:
        return str(self.history[number]) if number < len(self.history) else "the end"

    def _before(self, number: int) -> float:
        return self.history[number - 1].at if number else 0.0

    def _rested_before(self, state: State, number: int) -> State | str:
        before = self._before(number)
        if number < len(self.history):
            rest = before + self.quiet_s
            if self.history[number].at <= rest:
                return state
            found = self.rested(self.unnoticed_steps(state, rest), rest)
            later = self.history[number].at - 2 * self.quiet_s
            # What is due in between may be told of, but must change nothing.
            return found if later <= rest or isinstance(found, str) else self.rested(found, later)
        last = max(before + self.quiet_s, self.steps[-1]["at"] if self.steps else 0.0)
        state = self.unnoticed_steps(state, last)
        if state.step < len(self.steps):
            return f"our answer to {self.steps[state.step]} is another"
        return self.rested(state, last)

    def _unexplained(self, number: int) -> str:
        entry = self.history[number]
        return f"nobody makes this: {entry} {changed(entry.old or {}, entry.object)!r}"


def _births(state: State, entry: Entry) -> list[Place]:
    """Objects that were made under names of which the recording has not told yet."""
    if entry.type != "ADDED":
        return []
    return [place for place, owed in state.owed.items() if owed and owed[0].change.old is None]


def _with(state: State, world: World, entry: Entry, more: tuple[Happened, ...]) -> State:
    """The state after a command, of whose changes the recording has still to show some."""
    owed = state.owed
    for one in more:
        place = place_of(world, one)
        owed = owed.set(place, (*owed.get(place, ()), one))
    return msgspec.structs.replace(state, world=world, owed=owed)
