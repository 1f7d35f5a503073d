"""An election among candidates whose requests are lost, late, refused and half done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Failure

from kelm.core.api.bootstrap import new_server
from kelm.core.api.server import handle
from kelm.core.operations.leader_election import LEASES, Election, Standing
from kelm.effects.commands import Get, Request, Requests, Update
from kelm.effects.document import Document, child, text
from kelm.effects.messages import Answered, Outcome, TimerFired
from kelm.effects.refusals import Reason, Refusal

START_MS = 1_000_000_000
NEW = new_server(now_ms=START_MS)


class Race:
    """Candidates around one API server."""

    def __init__(self, count: int) -> None:
        self.now_ms = START_MS
        self.api = NEW
        self.candidates = [Election("kube-system", "lock", f"c{n}") for n in range(count)]
        self.states: list[Standing] = []
        self.out: list[tuple[int, Request]] = []
        self.late: list[tuple[int, str, int, Outcome]] = []
        for number, candidate in enumerate(self.candidates):
            state, requests = candidate.init()
            self.states.append(state)
            self._sent(number, requests)

    def _sent(self, number: int, requests: Requests) -> None:
        self.out.extend((number, request) for request in requests)

    def wake(self, number: int) -> None:
        candidate = self.candidates[number]
        wake_at_ms = candidate.subscriptions(self.states[number]).wake_at_ms
        if wake_at_ms is not None and wake_at_ms <= self.now_ms:
            self._tell(number, TimerFired(self.now_ms))

    def _tell(self, number: int, message: Any) -> None:
        state, requests = self.candidates[number].update(self.states[number], message)
        self.states[number] = state
        self._sent(number, requests)

    def serve(self, place: int, fate: str) -> None:
        """Let a request come through: done and heard, done and not heard yet, or lost."""
        number, request = self.out.pop(place % len(self.out))
        lost = Refusal(Reason.TIMEOUT, "no answer", unknown_outcome=True)
        outcome: Outcome = Failure(lost)
        if fate != "lost":
            self.api, outcome = handle(self.api, request.command, self.now_ms)
            if fate == "unheard":
                outcome = Failure(lost)
        if fate == "late":
            self.late.append((number, self.candidates[number].identity, request.id, outcome))
        else:
            self._tell(number, Answered(self.now_ms, request.id, outcome))

    def hear(self, place: int) -> None:
        """Let an answer arrive that was on its way, if the one who asked is still there."""
        number, identity, request, outcome = self.late.pop(place % len(self.late))
        if self.candidates[number].identity == identity:
            self._tell(number, Answered(self.now_ms, request, outcome))

    def crash(self, number: int) -> None:
        """The process dies and comes back under a new name; its requests are on their way."""
        self.out = [(-1 if n == number else n, r) for n, r in self.out]
        self.out = [(n, r) for n, r in self.out if n >= 0]
        old = self.candidates[number]
        fresh = Election(old.namespace, old.lease, old.identity + "'")
        self.candidates[number] = fresh
        self.states[number], requests = fresh.init()
        self._sent(number, requests)

    @property
    def leaders(self) -> list[int]:
        return [
            number
            for number, (candidate, state) in enumerate(
                zip(self.candidates, self.states, strict=True)
            )
            if candidate.left_ms(state, self.now_ms)
        ]


WAIT = st.tuples(st.just("wait"), st.sampled_from([500, 2_000, 9_000, 15_000]))
WAKE = st.tuples(st.just("wake"), st.integers(0, 1))
SERVE = st.tuples(st.sampled_from(["done", "done", "late", "unheard", "lost"]), st.integers(0, 3))
HEAR = st.tuples(st.just("hear"), st.integers(0, 3))
CRASH = st.tuples(st.just("crash"), st.integers(0, 1))
STEPS = st.lists(st.one_of(WAIT, WAKE, WAKE, SERVE, SERVE, HEAR, CRASH), min_size=5, max_size=60)


def run(race: Race, steps: list[tuple[str, int]]) -> Iterator[None]:
    for what, number in steps:
        if what == "wait":
            race.now_ms += number
        elif what == "wake":
            race.wake(number)
        elif what == "crash":
            race.crash(number)
        elif what == "hear":
            if race.late:
                race.hear(number)
        elif race.out:
            race.serve(number, what)
        yield


@settings(max_examples=300)
@given(STEPS)
def test_no_two_lead_at_once(steps: list[tuple[str, int]]) -> None:
    race = Race(2)
    for _ in run(race, steps):
        assert len(race.leaders) <= 1


def test_who_hears_late_that_it_leads_does_not_lead_for_longer() -> None:
    """A is told of its renewal after 9 s: B may take over 6 s later, and A knows."""
    race = Race(2)
    steps = [("wake", 0), ("done", 0), ("late", 0), ("wake", 1), ("done", 0)]
    steps += [("wait", 9_000), ("hear", 0), ("wait", 6_000), ("wake", 1), ("done", 0), ("done", 0)]
    for _ in run(race, steps):
        assert len(race.leaders) <= 1
    assert race.leaders == [1]


@given(STEPS)
def test_in_the_end_somebody_leads(steps: list[tuple[str, int]]) -> None:
    race = Race(2)
    for _ in run(race, steps):
        pass
    while race.late:
        race.hear(0)
    for _ in range(60):
        race.now_ms += 1_000
        for number in range(2):
            race.wake(number)
        while race.out:
            race.serve(0, "done")
    assert len(race.leaders) == 1


def lead() -> tuple[Race, Standing]:
    race = Race(1)
    race.wake(0)
    while race.out:
        race.serve(0, "done")
    return race, race.states[0]


def test_the_lease_says_who_holds_it_and_since_when() -> None:
    race, _ = lead()
    lease = race.api.store.get(LEASES, "kube-system/lock")
    assert lease is not None
    assert lease["spec"] == {
        "holderIdentity": "c0",
        "leaseDurationSeconds": 15,
        "acquireTime": "1970-01-12T13:46:40.000000Z",
        "renewTime": "1970-01-12T13:46:40.000000Z",
        "leaseTransitions": 0,
    }
    race.now_ms += 2_000
    race.wake(0)
    race.serve(0, "done")
    lease = race.api.store.get(LEASES, "kube-system/lock")
    assert lease is not None and text(lease, "spec", "renewTime").startswith("1970-01-12T13:46:42")
    assert text(lease, "spec", "acquireTime").startswith("1970-01-12T13:46:40")


def test_a_released_lease_is_taken_at_once() -> None:
    race, state = lead()
    command = race.candidates[0].release(state, race.now_ms)
    assert isinstance(command, Update)
    race.api, outcome = handle(race.api, command, race.now_ms)
    assert text(outcome.unwrap(), "spec", "holderIdentity") == ""
    late = Election("kube-system", "lock", "late")
    waiting, _ = late.init()
    waiting, (request,) = late.update(waiting, TimerFired(race.now_ms))
    assert isinstance(request.command, Get)
    race.api, outcome = handle(race.api, request.command, race.now_ms)
    waiting, (take,) = late.update(waiting, Answered(race.now_ms, request.id, outcome))
    race.api, outcome = handle(race.api, take.command, race.now_ms)
    leading, _ = late.update(waiting, Answered(race.now_ms, take.id, outcome))
    assert late.left_ms(leading, race.now_ms) == 10_000
    assert isinstance(outcome.unwrap(), Document)


def test_leading_ends_when_renewing_fails_for_too_long() -> None:
    race, state = lead()
    assert race.candidates[0].left_ms(state, race.now_ms + 9_999) == 1
    assert race.candidates[0].left_ms(state, race.now_ms + 10_000) == 0
    assert race.candidates[0].release(state, race.now_ms + 10_000) is None


def test_a_leader_that_finds_another_holder_stops_at_once_and_takes_nothing_back() -> None:
    race, state = lead()
    spec = Document({**child(state.lease, "spec"), "holderIdentity": "somebody else"})
    stolen = Update(LEASES, "kube-system", "lock", Document({**state.lease, "spec": spec}))
    race.api, _ = handle(race.api, stolen, race.now_ms)
    race.now_ms += 2_000
    race.wake(0)
    while race.out:
        race.serve(0, "done")
    assert race.leaders == []
    race.now_ms += 2_000
    race.wake(0)
    while race.out:
        race.serve(0, "done")
    lease = race.api.store.get(LEASES, "kube-system/lock")
    assert lease is not None and text(lease, "spec", "holderIdentity") == "somebody else"
