"""How many may be at work at once: shares, and a server that is full."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kelm.adapters.apiserver.app import App
from kelm.adapters.apiserver.flows import Seats
from kelm.core.api.bootstrap import new_server
from kelm.core.api.fairness.seats import limits
from kelm.core.api.flow_control.first import LEVELS, SCHEMAS
from kelm.effects.document import document
from tests.adapters.apiserver.client import ADMIN, Client, still_app
from tests.adapters.apiserver.edges.record import FLOWS
from tests.adapters.apiserver.test_app import CONFIGS, NOW_MS

QUEUE = {"type": "Queue", "queuing": {"queues": 1, "queueLengthLimit": 1, "handSize": 1}}
REJECT = {"type": "Reject"}


def level(shares: int, how: Any, name: str = "tiny") -> Any:
    limited = {"nominalConcurrencyShares": shares, "limitResponse": how}
    return document({"metadata": {"name": name}, "spec": {"type": "Limited", "limited": limited}})


@given(st.lists(st.integers(0, 200), min_size=1, max_size=8), st.integers(1, 1_000))
def test_seats_are_shared_out_by_shares_and_none_is_lost(shares: list[int], seats: int) -> None:
    found = limits((level(one, REJECT, f"l{at}") for at, one in enumerate(shares)), seats)
    given_out = [found[f"l{at}"].seats for at in range(len(shares))]
    if sum(shares):
        assert seats <= sum(given_out) < seats + len(shares)
    for one, got in zip(shares, given_out, strict=True):
        assert (got > 0) == (one > 0)


def test_the_levels_of_a_real_server_have_its_seats() -> None:
    bodies = json.loads(FLOWS.read_text())["prioritylevelconfigurations"]
    found = limits(map(document, bodies))
    assert "exempt" not in found
    assert (found["catch-all"].seats, found["catch-all"].queued) == (13, 0)
    assert (found["workload-low"].seats, found["workload-low"].queued) == (245, 128 * 50)


def full(how: Any) -> App:
    """A server whose administrators have one seat."""
    rule = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}
    subject = {"kind": "Group", "group": {"name": "system:masters"}}
    spec = {
        "matchingPrecedence": 0,
        "priorityLevelConfiguration": {"name": "tiny"},
        "rules": [{"subjects": [subject], "resourceRules": [rule]}],
    }
    server = new_server(now_ms=NOW_MS)
    schema = document({"metadata": {"name": "tiny", "uid": "1"}, "spec": spec})
    store = server.store.put(LEVELS, "tiny", level(1, how)).put(SCHEMAS, "tiny", schema)
    app = still_app(msgspec.structs.replace(server, store=store), NOW_MS)
    app.flows.seats = Seats(total=1)
    return app


async def slow(app: App, go: asyncio.Event) -> int:
    """A request whose body is long in coming; its code."""
    codes: list[int] = []

    async def receive() -> Any:
        await go.wait()
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        codes.append(message.get("status", 0))

    headers = [(key.lower().encode(), value.encode()) for key, value in ADMIN.items()]
    scope = {"type": "http", "method": "POST", "path": CONFIGS, "headers": headers}
    await app(scope, receive, send)
    return codes[0]


@pytest.mark.parametrize(("how", "second"), [(REJECT, 429), (QUEUE, 200)])
def test_who_finds_no_seat_waits_or_is_told_to_come_again(how: Any, second: int) -> None:
    async def run() -> None:
        app, go = full(how), asyncio.Event()
        first = asyncio.create_task(slow(app, go))
        await asyncio.sleep(0)
        later = asyncio.create_task(Client(app).send("GET", CONFIGS))
        await asyncio.sleep(0)
        third = await Client(app).send("GET", CONFIGS)
        assert (third.status, third.headers["retry-after"]) == (429, "1")
        assert third.raw == b"Too many requests, please try again later.\n"
        assert "x-kubernetes-pf-flowschema-uid" in third.headers
        go.set()
        assert await first == 422
        assert (await later).status == second
        assert (await Client(app).send("GET", CONFIGS)).status == 200, "seats are given back"

    asyncio.run(run())


def test_health_and_watches_need_no_seat() -> None:
    async def run() -> None:
        app, go, over = full(REJECT), asyncio.Event(), asyncio.Event()
        first = asyncio.create_task(slow(app, go))
        watch = asyncio.create_task(Client(app).send("GET", f"{CONFIGS}?watch=1", over=over))
        await asyncio.sleep(0)
        assert (await Client(app).send("GET", "/livez")).status == 200
        go.set()
        over.set()
        assert (await first, (await watch).status) == (422, 200)

    asyncio.run(run())
