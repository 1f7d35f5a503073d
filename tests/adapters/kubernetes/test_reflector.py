"""List and watch against a server that misbehaves."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest
from aiohttp import web

from kelm.adapters.kubernetes.catalogue import Resources
from kelm.adapters.kubernetes.meters import Meters
from kelm.adapters.kubernetes.reflector import Reflector
from kelm.core.store.table import Table
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from tests.adapters.kubernetes.scripted import (
    QUICK,
    Answer,
    Scripted,
    bookmark,
    event,
    listing,
    lost,
    pod,
    reply,
    serving,
    silent,
    status,
    stream,
    until,
)

PODS, WATCH = "GET /api/v1/pods", "WATCH /api/v1/pods"


class Told:
    """What a reflector told: every table, and every change since the one before."""

    def __init__(self) -> None:
        self.tables: list[Table] = []
        self.changes: list[Change] = []
        self.replaced = 0

    def moved(self, before: Table | None, table: Table) -> None:
        self.tables.append(table)
        if before is None:
            self.replaced += 1
        else:
            self.changes.extend(table.changes_since(before.revision) or ())

    @property
    def names(self) -> list[str]:
        return sorted(key for key in self.tables[-1].slot_of) if self.tables else []


def watching(
    answers: Mapping[str, list[Answer]],
    live: Callable[[Reflector, Told, Scripted], Coroutine[Any, Any, None]],
    watch: Watch = Watch("pods"),  # noqa: B008  # frozen
) -> Told:
    told = Told()

    async def run() -> None:
        async with serving(answers) as (script, wire):
            reflector = Reflector(
                wire, Resources(wire, 0), watch, QUICK, Meters(), told.moved, random.Random(1)
            )
            task = asyncio.create_task(reflector.run())
            try:
                await live(reflector, told, script)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    return told


def test_a_list_comes_in_chunks_and_the_watch_starts_from_its_version() -> None:
    async def live(_reflector: Reflector, told: Told, script: Scripted) -> None:
        await until(lambda: told.names == ["n/a", "n/b", "n/c"] and len(told.changes) == 1)
        lists = script.asked("GET")
        assert [one.query.get("limit") for one in lists] == ["2", "2"]
        assert lists[1].query["continue"] == "more"
        watch = script.asked("WATCH")[0].query
        assert watch["resourceVersion"] == "9" and watch["allowWatchBookmarks"] == "true"

    told = watching(
        {
            PODS: [
                listing(9, pod("a", 3), pod("b", 4), token="more"),
                listing(9, pod("c", 5)),
            ],
            WATCH: [stream(event("MODIFIED", pod("a", 10, spec={"x": 1})))],
        },
        live,
    )
    first = told.tables[0].get("n/a")
    assert first is not None and first["kind"] == "Pod" and told.replaced == 1


def test_a_watch_that_ends_goes_on_from_the_last_version() -> None:
    async def live(_reflector: Reflector, told: Told, script: Scripted) -> None:
        await until(lambda: told.names == ["n/b"])
        starts = [one.query["resourceVersion"] for one in script.asked("WATCH")]
        assert starts == ["9", "10", "14"] and len(script.asked("GET")) == 1

    watching(
        {
            PODS: [listing(9, pod("a", 3))],
            WATCH: [
                stream(event("ADDED", pod("b", 10)), then="end"),
                stream(bookmark(14), then="reset"),
                stream(event("DELETED", pod("a", 15))),
            ],
        },
        live,
    )


def test_events_that_come_twice_are_told_once() -> None:
    async def live(_reflector: Reflector, told: Told, _script: Scripted) -> None:
        await until(lambda: told.names == ["n/a", "n/c"])

    twice = [event("ADDED", pod("b", 10)), event("DELETED", pod("b", 11))]
    told = watching(
        {
            PODS: [listing(9, pod("a", 3))],
            WATCH: [stream(*twice, *twice, event("ADDED", pod("c", 12)))],
        },
        live,
    )
    assert [change.revision for change in told.changes] == [10, 11, 12]


@pytest.mark.parametrize(
    "gone",
    [
        reply(410, status(410, "Expired")),
        stream(event("ERROR", status(410, "Expired")), then="end"),
    ],
    ids=["answer", "event"],
)
def test_a_watch_from_too_far_back_lists_again_and_tells_the_difference(gone: Answer) -> None:
    async def live(_reflector: Reflector, told: Told, _script: Scripted) -> None:
        await until(lambda: len(told.changes) >= 5)

    told = watching(
        {
            PODS: [
                listing(9, pod("a", 3), pod("b", 4), token="x"),
                listing(9, pod("c", 5), pod("d", 6)),
                listing(30, pod("a", 3), pod("b", 20), token="y"),
                listing(30, pod("c", 25, uid="another"), pod("e", 22)),
            ],
            WATCH: [gone, stream()],
        },
        live,
    )
    assert told.replaced == 1 and told.tables[-1].revision == 30
    assert [(c.key, c.old is None, c.new is None) for c in told.changes] == [
        ("n/c", False, True),
        ("n/d", False, True),
        ("n/b", False, False),
        ("n/e", True, False),
        ("n/c", True, False),
    ]
    revisions = [change.revision for change in told.changes]
    assert revisions == sorted(set(revisions)) and revisions[0] > 9 and revisions[-1] <= 30


def test_a_silent_watch_is_taken_for_dead() -> None:
    async def live(_reflector: Reflector, told: Told, script: Scripted) -> None:
        await until(lambda: told.names == ["n/b"])
        assert len(script.asked("WATCH")) == 2

    watching(
        {PODS: [listing(9)], WATCH: [stream(), stream(event("ADDED", pod("b", 10)))]},
        live,
    )


def test_a_watch_that_does_not_show_our_own_write_is_renewed() -> None:
    async def live(reflector: Reflector, told: Told, script: Scripted) -> None:
        await until(lambda: len(script.asked("WATCH")) == 1)
        await asyncio.sleep(0.05)
        reflector.wrote(10)
        await until(lambda: told.names == ["n/b"], 2.0)
        assert len(script.asked("WATCH")) >= 2

    async def lagging(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(json.dumps(bookmark(9)).encode() + b"\n")
            await asyncio.sleep(0.05)
        return response

    watching(
        {PODS: [listing(9)], WATCH: [lagging, stream(event("ADDED", pod("b", 10)))]},
        live,
    )


@pytest.mark.parametrize(
    "trouble",
    [
        reply(500, status(500, "InternalError")),
        reply(503, "upstream connect error"),
        reply(429, status(429, "TooManyRequests"), Retry_After="1"),
        reply(403, status(403, "Forbidden")),
        reply(200, "<html>login</html>"),
        lost,
        silent,
    ],
    ids=["500", "503", "429", "403", "login page", "lost", "silent"],
)
def test_trouble_passes(trouble: Answer) -> None:
    async def live(_reflector: Reflector, told: Told, _script: Scripted) -> None:
        await until(lambda: told.names == ["n/a", "n/b"])

    told = watching(
        {
            PODS: [trouble, listing(9, pod("a", 3))],
            WATCH: [trouble, stream(event("ADDED", pod("b", 10)))],
        },
        live,
    )
    assert told.replaced == 1


def test_what_is_not_served_is_empty() -> None:
    async def live(_reflector: Reflector, told: Told, script: Scripted) -> None:
        await until(lambda: bool(told.tables))
        assert told.names == [] and not script.asked("WATCH")

    watching({}, live, Watch("widgets.example.com"))


def test_an_extension_that_is_down_hides_no_other_group() -> None:
    async def live(_reflector: Reflector, told: Told, _script: Scripted) -> None:
        await until(lambda: told.names == ["n/a"])

    groups = [
        {"name": name, "versions": [{"groupVersion": f"{name}/v1"}]}
        for name in ("down.example.com", "up.example.com")
    ]
    widgets = {"name": "widgets", "kind": "Widget", "namespaced": True}
    served = {"groupVersion": "up.example.com/v1", "resources": [widgets]}
    path = "/apis/up.example.com/v1/widgets"
    watching(
        {
            "GET /apis": [reply(200, {"kind": "APIGroupList", "groups": groups})],
            "GET /apis/down.example.com/v1": [reply(503, "down")],
            "GET /apis/up.example.com/v1": [reply(200, served)],
            f"GET {path}": [listing(9, pod("a", 3))],
            f"WATCH {path}": [stream()],
        },
        live,
        Watch("widgets.up.example.com"),
    )


def test_a_history_that_was_replaced_is_told_as_a_new_list() -> None:
    async def live(_reflector: Reflector, told: Told, _script: Scripted) -> None:
        await until(lambda: told.replaced == 2)

    told = watching(
        {
            PODS: [listing(90, pod("a", 3)), listing(5, pod("z", 4))],
            WATCH: [reply(410, status(410, "Expired")), stream()],
        },
        live,
    )
    assert told.names == ["n/z"] and told.tables[-1].revision == 5


def test_a_field_is_selected_by_the_server() -> None:
    async def live(_reflector: Reflector, told: Told, script: Scripted) -> None:
        await until(lambda: bool(script.asked("WATCH")))
        both = [script.asked(kind)[0].query["fieldSelector"] for kind in ("GET", "WATCH")]
        assert both == ["spec.nodeName=node-1"] * 2

    watching(
        {PODS: [listing(9)], WATCH: [stream()]},
        live,
        Watch("pods", field="spec.nodeName", value="node-1"),
    )
