"""Programs on the platform: the laws, shared watches, restarts, stopping, bugs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import msgspec
import pytest

from kelm.adapters.kubernetes.platform import KubernetesPlatform
from kelm.effects.commands import Delete, Get, Request, Requests
from kelm.effects.laws import Step, broken_laws
from kelm.effects.messages import Answered, Message, Observed, TimerFired
from kelm.effects.platform import Platform
from kelm.effects.program import Subscriptions, Watch
from tests.adapters.kubernetes.scripted import (
    QUICK,
    Answer,
    Scripted,
    event,
    listing,
    pod,
    reply,
    serving,
    status,
    stream,
    until,
)

PODS, WATCH = "GET /api/v1/pods", "WATCH /api/v1/pods"


class Heard(msgspec.Struct, frozen=True):
    """A Program that keeps everything it hears, and may ask for something each time."""

    name: str = "listener"
    watches: tuple[Watch, ...] = (Watch("pods"),)
    first: Requests = ()
    after_ms: int | None = None

    def init(self) -> tuple[tuple[Message, ...], Requests]:
        return (), self.first

    def update(
        self, state: tuple[Message, ...], message: Message
    ) -> tuple[tuple[Message, ...], Requests]:
        return (*state, message), ()

    def subscriptions(self, state: tuple[Message, ...]) -> Subscriptions:
        fired = any(isinstance(message, TimerFired) for message in state)
        wake_at_ms = state[0].now_ms + self.after_ms if self.after_ms and state else None
        return Subscriptions(self.watches, None if fired else wake_at_ms)


Live = Callable[[KubernetesPlatform, Scripted], Coroutine[Any, Any, None]]


def living(
    answers: Mapping[str, list[Answer]],
    live: Live,
    widen: Callable[[Watch], Watch] = lambda watch: watch,
) -> dict[str, list[Step]]:
    lives: dict[str, list[Step]] = {}

    async def run() -> None:
        async with serving(answers) as (script, wire):
            platform = KubernetesPlatform(
                wire,
                QUICK,
                widen=widen,
                observer=lambda name, step: lives.setdefault(name, []).append(step),
            )
            try:
                await live(platform, script)
            finally:
                await platform.close()

    asyncio.run(run())
    for life in lives.values():
        assert broken_laws(tuple(life)) == ()
    return lives


def observed(platform: KubernetesPlatform, name: str) -> list[Observed]:
    return [message for message in platform.state(name) if isinstance(message, Observed)]


EVENTS = {
    PODS: [listing(9, pod("a", 3, spec={"nodeName": "node-1"}))],
    WATCH: [
        stream(
            event("ADDED", pod("b", 10, spec={"nodeName": "node-2"})),
            event("MODIFIED", pod("a", 11, spec={"nodeName": "node-1"}, x=1)),
        )
    ],
}


def test_programs_that_watch_the_same_share_one_watch_and_hear_everything() -> None:
    async def live(platform: KubernetesPlatform, script: Scripted) -> None:
        platform.start("one", Heard("one"))
        await until(lambda: any(message.changes for message in observed(platform, "one")))
        await until(lambda: observed(platform, "one")[-1].cache.revision == 11)
        platform.start("two", Heard("two"))
        await until(lambda: bool(observed(platform, "two")))
        first = observed(platform, "two")[0]
        assert first.replaced and len(first.cache) == 2
        assert len(script.asked("WATCH")) == 1

    living(EVENTS, live)


def test_a_widened_watch_tells_each_program_of_its_own_objects() -> None:
    async def live(platform: KubernetesPlatform, script: Scripted) -> None:
        for node in ("node-1", "node-2"):
            watch = Watch("pods", field="spec.nodeName", value=node)
            platform.start(node, Heard(node, (watch,)))
        await until(lambda: observed(platform, "node-1")[-1:] != [])
        await until(lambda: sum(len(o.changes) for o in observed(platform, "node-1")) == 1)
        await until(lambda: sum(len(o.changes) for o in observed(platform, "node-2")) == 1)
        keys = [c.key for o in observed(platform, "node-2") for c in o.changes]
        assert keys == ["n/b"] and len(script.asked("WATCH")) == 1

    living(EVENTS, live, widen=lambda watch: Watch(watch.resource))


def test_two_watches_of_one_program_on_one_resource_are_both_served() -> None:
    both = (
        Watch("pods", field="spec.nodeName", value="node-1"),
        Watch("pods", field="spec.nodeName", value="node-2"),
        Watch("pods"),
    )

    async def live(platform: KubernetesPlatform, script: Scripted) -> None:
        platform.start("p", Heard("p", both))

        def keys() -> list[str]:
            return sorted(c.key for o in observed(platform, "p") for c in o.changes)

        await until(lambda: keys() == ["n/a", "n/a", "n/b", "n/b"])
        assert len(script.asked("WATCH")) == 1
        platform.stop("p")
        assert not platform._feeds._feeds

    async def run() -> None:
        async with serving(EVENTS) as (script, wire):
            platform = KubernetesPlatform(wire, QUICK, widen=lambda watch: Watch(watch.resource))
            try:
                await live(platform, script)
            finally:
                await platform.close()

    asyncio.run(run())


def test_it_is_a_platform() -> None:
    """Type checkers see that both interpreters keep the protocol."""

    async def live(platform: KubernetesPlatform, _script: Scripted) -> None:
        seen: Platform = platform
        seen.start("one", Heard("one", ()))
        before = seen.now_ms
        assert abs(before - time.time() * 1_000) < 60_000 and seen.now_ms >= before
        seen.stop("one")

    living({}, live)


def test_answers_come_back_by_number() -> None:
    async def live(platform: KubernetesPlatform, _script: Scripted) -> None:
        first = (Request(1, Get("pods", "n", "a")), Request(2, Get("pods", "n", "z")))
        platform.start("asker", Heard("asker", (), first))
        await until(lambda: len(platform.state("asker")) == 2)
        answers = {m.id: m.outcome for m in platform.state("asker") if isinstance(m, Answered)}
        assert answers[1].unwrap()["metadata"] == pod("a", 3)["metadata"]
        assert answers[2].failure().code == 404

    living({"GET /api/v1/namespaces/n/pods/a": [reply(200, pod("a", 3))]}, live)


def test_a_timer_fires_once_and_not_early() -> None:
    async def live(platform: KubernetesPlatform, _script: Scripted) -> None:
        platform.start("sleeper", Heard("sleeper", after_ms=120))
        await until(lambda: isinstance(platform.state("sleeper")[-1:], tuple))
        await until(lambda: any(isinstance(m, TimerFired) for m in platform.state("sleeper")))
        first, *_, last = platform.state("sleeper")
        assert last.now_ms >= first.now_ms + 120
        await asyncio.sleep(0.1)
        fired = [m for m in platform.state("sleeper") if isinstance(m, TimerFired)]
        assert len(fired) == 1

    living({PODS: [listing(9)], WATCH: [stream()]}, live)


def test_nothing_reaches_a_program_that_was_replaced() -> None:
    slow_answer = reply(200, pod("a", 3))

    async def slow(request: Any) -> Any:
        await asyncio.sleep(0.1)
        return await slow_answer(request)

    async def live(platform: KubernetesPlatform, _script: Scripted) -> None:
        first = (Request(1, Get("pods", "n", "a")),)
        platform.start("p", Heard("p", (), first))
        await asyncio.sleep(0.02)
        platform.start("p", Heard("p", ()))
        await asyncio.sleep(0.2)
        assert platform.state("p") == ()

    living({"GET /api/v1/namespaces/n/pods/a": [slow]}, live)


def test_a_program_that_was_stopped_asks_for_nothing_more() -> None:
    class Insatiable(Heard, frozen=True):
        def update(self, state: Any, message: Message) -> Any:
            number = len(state) + 2
            return (*state, message), (Request(number, Get("pods", "n", "a")),)

    async def slow(request: Any) -> Any:
        await asyncio.sleep(0.05)
        return await reply(200, pod("a", 3))(request)

    async def live(platform: KubernetesPlatform, script: Scripted) -> None:
        first = (Request(1, Get("pods", "n", "a")),)
        platform.start("p", Insatiable("p", (), first))
        await until(lambda: len(script.asked("GET")) == 3)
        platform.stop("p")
        await asyncio.sleep(0.2)
        assert len(script.asked("GET")) == 3

    living({"GET /api/v1/namespaces/n/pods/a": [slow]}, live)


def test_a_history_that_was_replaced_starts_the_program_anew() -> None:
    async def live(platform: KubernetesPlatform, _script: Scripted) -> None:
        platform.start("p", Heard("p"))
        await until(lambda: [o.cache.revision for o in observed(platform, "p")] == [5])

    answers = {
        PODS: [listing(90, pod("a", 3)), listing(5, pod("z", 4))],
        WATCH: [
            stream(event("ERROR", status(410, "Expired")), then="end"),
            stream(),
        ],
    }

    async def run() -> None:
        async with serving(answers) as (script, wire):
            platform = KubernetesPlatform(wire, QUICK)
            try:
                await live(platform, script)
            finally:
                await platform.close()

    asyncio.run(run())


def test_a_program_that_raises_ends_the_platform() -> None:
    class Broken(Heard, frozen=True):
        def update(self, state: Any, message: Message) -> Any:
            raise ZeroDivisionError

    async def live(platform: KubernetesPlatform, _script: Scripted) -> None:
        platform.start("broken", Broken("broken"))
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(asyncio.shield(platform.failed), 5)

    living(EVENTS, live)


def test_stopping_waits_for_requests_under_way() -> None:
    done: list[str] = []

    async def slow(request: Any) -> Any:
        await asyncio.sleep(0.1)
        done.append(request.path)
        return await reply(200, pod("a", 3))(request)

    async def live(platform: KubernetesPlatform, _script: Scripted) -> None:
        first = (Request(1, Delete("pods", "n", "a", uid="u")),)
        platform.start("p", Heard("p", (), first))
        await asyncio.sleep(0.02)

    living({"DELETE /api/v1/namespaces/n/pods/a": [slow]}, live)
    assert len(done) == 1
