"""Connections one by one: requests cut anywhere, silence, and clients that take nothing."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from kelm.adapters.apiserver import streams
from kelm.adapters.apiserver.http import cycle, protocol
from kelm.adapters.apiserver.http.protocol import HttpProtocol
from kelm.core.api.bootstrap import new_server
from kelm.core.api.rest.address import read_address, resolve
from kelm.core.api.rest.media import Media
from kelm.core.api.rest.options import ListOptions
from kelm.core.api.rest.request import Watch
from kelm.effects.commands import Create
from kelm.effects.document import document
from tests.adapters.apiserver.client import still_app
from tests.adapters.apiserver.edges.cases import chunked
from tests.adapters.apiserver.edges.test_reading import CUTS, pieces
from tests.adapters.apiserver.test_app import NOW_MS
from tests.adapters.apiserver.test_serve import Server


class Wire(asyncio.Transport):
    """What a protocol writes to."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.ended = ""
        self.reads = True

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = "aborted"

    def is_closing(self) -> bool:
        return bool(self.ended)

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what came."""
    said, more = b"", True
    while more:
        message = await receive()
        said += message.get("body", b"")
        more = message.get("more_body", False)
    body = f"{scope['method']} {scope['path']} ".encode() + said
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def connection(app: Any) -> tuple[HttpProtocol, Wire]:
    config = uvicorn.Config(app, ws="none", log_config=None)
    config.load()
    made, wire = HttpProtocol(config, ServerState(), {}), Wire()
    made.connection_made(wire)
    return made, wire


def said(app: Any, parts: list[bytes]) -> bytes:
    """What comes back when these bytes come one after the other."""

    async def run() -> bytes:
        made, wire = connection(app)
        for part in parts:
            made.data_received(part)
            await asyncio.sleep(0)
        for _ in range(60):
            await asyncio.sleep(0)
        made.connection_lost(None)
        return wire.written

    return asyncio.run(run())


SHORT = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
SIZED = b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345"
CHUNKS = (
    b"PUT /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    + chunked("ab", "c").encode()
)
LAST = b"GET /d HTTP/1.0\r\n\r\nGET /e HTTP/1.1\r\nHost: x\r\n\r\n"


@settings(max_examples=40)
@given(st.lists(st.sampled_from([SHORT, SIZED, CHUNKS]), max_size=4), CUTS)
def test_requests_are_answered_alike_however_they_are_cut(asked: list[bytes], cuts: Any) -> None:
    data = b"".join((*asked, LAST))
    answers = said(echo, pieces(data, cuts))
    assert answers == said(echo, [data])
    assert answers.count(b" 200 OK\r\n") == len(asked) + 1
    assert answers.endswith(b"GET /d ")


def test_a_request_that_comes_while_another_is_answered_waits() -> None:
    async def run() -> None:
        go, begun = asyncio.Event(), []

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            begun.append(scope["path"])
            await go.wait()
            await echo(scope, receive, send)

        made, wire = connection(slow)
        made.data_received(SHORT + SIZED + b"x" * cycle.HIGH_WATER)
        await asyncio.sleep(0)
        assert (begun, wire.reads) == (["/a"], False)
        go.set()
        await asyncio.sleep(0.01)
        assert begun == ["/a", "/b"]
        made.connection_lost(None)

    asyncio.run(run())


@pytest.mark.parametrize("begin", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_come_ends_the_connection(
    begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_S", 0.02)

    async def run() -> str:
        made, wire = connection(echo)
        if begin:
            made.data_received(begin)
        await asyncio.sleep(0.2)
        return wire.ended

    assert asyncio.run(run()) == "closed"


def test_a_connection_that_nobody_uses_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "IDLE_S", 0.02)

    async def run() -> tuple[bool, str]:
        made, wire = connection(echo)
        made.data_received(SHORT)
        await asyncio.sleep(0.01)
        answered = b"GET /a" in wire.written
        await asyncio.sleep(0.2)
        return answered, wire.ended

    assert asyncio.run(run()) == (True, "closed")


def test_an_answer_that_nobody_takes_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycle, "UNREAD_S", 0.02)

    async def long(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 3 * cycle.SLICE})

    async def run() -> tuple[str, int]:
        made, wire = connection(long)
        made.data_received(SHORT)
        made.pause_writing()
        await asyncio.sleep(0.2)
        made.connection_lost(None)
        return wire.ended, len(wire.written)

    assert asyncio.run(run()) == ("aborted", 0)


def test_a_body_waits_with_its_client_until_it_is_read() -> None:
    async def run() -> None:
        taken: list[int] = []

        async def picky(_scope: Any, receive: Any, _send: Any) -> None:
            while True:
                await asyncio.sleep(0.01)
                taken.append(len((await receive()).get("body", b"")))

        made, wire = connection(picky)
        made.data_received(b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n")
        for _ in range(3):
            made.data_received(b"x" * 100_000)
        assert not wire.reads
        for task in made.server_state.tasks:
            task.cancel()

    asyncio.run(run())


def grown(app: Any, count: int) -> None:
    """As many maps of 5 KB more."""
    table = len(app.engine.server.store.table("configmaps"))
    for number in range(table, table + count):
        doc = document({"metadata": {"name": f"m{number}"}, "data": {"x": "y" * 5_000}})
        command = Create("configmaps", "default", doc)
        asyncio.run(app.engine.ask(command)).outcome.unwrap()


def watched(app: Any) -> tuple[Any, list[str]]:
    """A watch of all maps, and whether it was cut off."""
    address = read_address("/api/v1/namespaces/default/configmaps")
    assert address is not None
    target = resolve(address)
    assert target is not None
    found = app.streams.open(
        app.engine.server, Watch(target, ListOptions(watch=True), Media()), NOW_MS
    )
    ended: list[str] = []
    found.cut_off = lambda: ended.append("cut off")
    return found, ended


def test_a_watch_that_nobody_reads_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "OUTBOX_BYTES", 10_000)
    app = still_app(new_server(now_ms=NOW_MS), NOW_MS)
    grown(app, 4)
    (unread, ended), (read, fine) = watched(app), watched(app)
    assert (ended, unread.is_waiting) == ([], True), "what is there at first is sent, all of it"
    for _ in range(4):
        grown(app, 1)
        assert b"ADDED" in asyncio.run(read.lines(0.0))
    assert (ended, unread.is_waiting, unread.closed) == (["cut off"], False, True)
    assert (fine, read.closed) == ([], False)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("slow")
    found = Server(folder, "--nodes", "0")
    yield found
    _, output = found.stop()
    assert "Traceback" not in output


def opened(server: Server, request: bytes) -> ssl.SSLSocket:
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.settimeout(30)
    plain.connect(("127.0.0.1", int(server.address.rpartition(":")[2])))
    wire = server.context.wrap_socket(plain, server_hostname="127.0.0.1")
    who = f"\r\nAuthorization: Bearer {server.token}\r\n\r\n".encode()
    wire.sendall(request.replace(b"\r\n\r\n", who, 1))
    return wire


PATH = b"/api/v1/namespaces/default/configmaps"


def everything(wire: ssl.SSLSocket) -> bytes:
    return b"".join(iter(lambda: wire.recv(1 << 16), b""))


def test_who_reads_nothing_holds_up_nobody(server: Server) -> None:
    for name in "abc":
        body = {"metadata": {"name": name}, "data": {"x": "y" * 900_000}}
        server.ask("POST", PATH.decode(), body)
    lazy = [
        opened(server, b"GET " + PATH + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for _ in range(5)
    ]
    assert server.ask("GET", PATH.decode() + "/a")["metadata"]["name"] == "a"
    for wire in lazy:
        with wire:
            answer = everything(wire)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(b"\r\n0\r\n\r\n")
        assert answer.count(b"y" * 1_000) >= 2_700


def test_who_goes_away_in_the_middle_leaves_nothing(server: Server) -> None:
    half = b"POST " + PATH + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n{"
    for request in (half, b"GET " + PATH + b"?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n", half[:30]):
        opened(server, request).close()
    assert server.ask("GET", "/version")["minor"] == "36"
