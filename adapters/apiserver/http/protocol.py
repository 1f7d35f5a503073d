"""A connection: requests out of bytes, one after the other, each handed to the application.

A request is begun when the answer before it is written; what comes meanwhile waits, a little of it
here and the rest with the client. Heads that do not come, connections that nobody uses and answers
that nobody takes are ended.

Source: go1.26, net/http/server.go (conn.serve); kubernetes v1.36.2, apiserver/pkg/server/
secure_serving.go (its time limits).
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any, Final, cast

from uvicorn import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr
from uvicorn.server import ServerState

from kelm.adapters.apiserver.http.body import BadBody, Chunked, Sized
from kelm.adapters.apiserver.http.cycle import (
    HIGH_WATER,
    Cycle,
    Message,
    phrase,
    wants_to_be_told,
)
from kelm.adapters.apiserver.http.head import BAD, Head, Headers, Turned, read_head
from kelm.adapters.apiserver.streaming.spdy.upgrade import SPDY, SpdyProtocol
from kelm.core.api.rest.address import read_address
from kelm.core.api.rest.subresources import CONNECTIONS

LONGEST_HEAD: Final = (1 << 20) + 4096
HEAD_S: Final = 32.0
IDLE_S: Final = 90.0
LINGER_S: Final = 0.5
"""How long a client that still sends is listened to, so that it can read why it is turned away."""
END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
TOO_LONG: Final = Turned(431)
CHECK: Final = b"\nHost: x\n"
PANICKED: Final = b"This request caused apiserver to panic. Look in the logs for details.\n"
PLAIN: Final = (b"content-type", b"text/plain; charset=utf-8")
LOG: Final = logging.getLogger("uvicorn.error")


class HttpProtocol(asyncio.Protocol):
    """One connection, as uvicorn's server has it made."""

    transport: asyncio.Transport

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.config = config
        self.app: Any = config.loaded_app
        self.loop = _loop or asyncio.get_event_loop()
        self.server_state = server_state
        self.app_state = app_state
        self.client: tuple[str, int] | None = None
        self.cycle: Cycle | None = None
        self._inbox = bytearray()
        self._scanned = 0
        self._body: Sized | Chunked = Sized(0)
        self._writable = asyncio.Event()
        self._writable.set()
        self._paused = False
        self._ended = False
        self._timer: asyncio.TimerHandle | None = None

    # -- the connection ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.server_state.connections.add(cast("Any", self))
        self.client = get_remote_addr(self.transport)
        self._expect_within(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        self._ended = True
        self._inbox.clear()
        self._writable.set()
        if self.cycle is not None:
            self.cycle.lost()

    def eof_received(self) -> None:
        """The client says no more: what is half said is nothing, who waits is gone."""
        if self._inbox and not self._busy and not self._ended:
            self._turn_away(BAD)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def shutdown(self) -> None:
        """End the connection once what was asked is answered."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            self.cycle.closes = True

    def _forget(self) -> None:
        self.server_state.connections.discard(cast("Any", self))
        self._expect_within(None)

    def _expect_within(self, seconds: float | None) -> None:
        """End the connection if nothing has come by then."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if seconds is not None:
            self._timer = self.loop.call_later(seconds, self._close)

    def _close(self) -> None:
        self._ended = True
        self.transport.close()

    # -- bytes -------------------------------------------------------------------------------------

    @property
    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._inbox += data
        self._advance()

    def _advance(self) -> None:
        """Do what can be done with what has come."""
        while not self._ended:
            if self._busy:
                self._read_body()
                break
            if not self._begin():
                break
        self._throttle()

    def _throttle(self) -> None:
        """Read no more than is needed now."""
        cycle = self.cycle
        full = self._busy and len(self._inbox) + len(cycle.body if cycle else b"") > HIGH_WATER
        if full != self._paused and not self.transport.is_closing():
            self._paused = full
            (self.transport.pause_reading if full else self.transport.resume_reading)()

    def _read_body(self) -> None:
        cycle = self.cycle
        assert cycle is not None
        if cycle.body_over or cycle.broken or len(cycle.body) > HIGH_WATER:
            return
        try:
            part = self._body.take(self._inbox)
        except BadBody as bad:
            cycle.broke(str(bad))
            return
        if part or self._body.over:
            cycle.take(part, over=self._body.over)

    def _begin(self) -> bool:
        """Begin the next request, if its head is there."""
        if not self._inbox:
            return False
        if self._inbox.startswith((b"\r\n", b"\n")):
            self._turn_away(BAD)
            return False
        found = END_OF_HEAD.search(self._inbox, max(0, self._scanned - 2))
        if found is None:
            self._look_at_half()
            return False
        raw = bytes(self._inbox[: found.end()])
        del self._inbox[: len(raw)]
        self._scanned = 0
        head = TOO_LONG if len(raw) > LONGEST_HEAD else read_head(raw)
        if isinstance(head, Turned):
            self._turn_away(head)
            return False
        self._expect_within(None)
        if _upgrade(head) and self._takes_over(head) and self._upgraded(head, raw):
            return False
        self._body = Chunked() if head.length is None else Sized(head.length)
        calls, always = (self._advance, self._answered), self.server_state.default_headers
        self.cycle = Cycle(head, self.transport, self._writable, *calls, always)
        app = _go_server(head) or self.app
        self._run_in_task(app, self.cycle, self._scope(head))
        return True

    def _look_at_half(self) -> None:
        """Turn away at once what cannot become a request."""
        if self._scanned == 0:
            self._expect_within(HEAD_S)
        first, ended, _ = self._inbox.partition(b"\n") if not self._scanned else (b"", b"", b"")
        self._scanned = len(self._inbox)
        if len(self._inbox) > LONGEST_HEAD:
            self._turn_away(TOO_LONG)
        elif ended and read_head(bytes(first.removesuffix(b"\r")) + CHECK) == BAD:
            self._turn_away(BAD)

    def _turn_away(self, turned: Turned) -> None:
        status = f"{turned.code} {phrase(turned.code)}"
        body = status
        if turned.said and turned.code == 501:
            body = turned.said
        elif turned.said:
            body = status = f"{status}: {turned.said}"
        lines = f"HTTP/1.1 {status}", "Content-Type: text/plain; charset=utf-8", "Connection: close"
        self.transport.write("\r\n".join((*lines, "", body)).encode())
        self._end()

    def _end(self) -> None:
        """End the connection, so that a client which still sends can read the answer."""
        self._ended = True
        unread = self._inbox or (self.cycle is not None and not self.cycle.body_over)
        self._inbox.clear()
        self._throttle()
        if unread or self._scanned:
            self._timer = self.loop.call_later(LINGER_S, self.transport.close)
        else:
            self.transport.close()

    # -- requests ----------------------------------------------------------------------------------

    def _scope(self, head: Head) -> dict[str, Any]:
        target = head.target
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.0" if head.version < (1, 1) else "1.1",
            "server": get_local_addr(self.transport),
            "client": self.client,
            "scheme": "https",
            "root_path": "",
            "headers": head.headers,
            "method": head.method.decode(),
            "path": target.path,
            "raw_path": target.raw,
            "query_string": target.query,
            "state": self.app_state.copy(),
        }

    def _run_in_task(self, app: Any, cycle: Cycle, scope: dict[str, Any]) -> None:
        task = self.loop.create_task(self._run(app, cycle, scope))
        task.add_done_callback(self.server_state.tasks.discard)
        self.server_state.tasks.add(task)

    async def _run(self, app: Any, cycle: Cycle, scope: dict[str, Any]) -> None:
        try:
            await app(scope, cycle.receive, cycle.send)
        except Exception as raised:
            LOG.error("a request failed: %s %s", scope["method"], scope["path"], exc_info=raised)
            if cycle.response_started:
                self.transport.abort()
                return
            start = {"status": 500, "headers": [PLAIN, (b"connection", b"close")]}
            await cycle.send({"type": "http.response.start", **start})
            await cycle.send({"type": "http.response.body", "body": PANICKED})

    def _answered(self) -> None:
        """An answer is written: go on with what came meanwhile."""
        self.server_state.total_requests += 1
        assert self.cycle is not None
        if self.cycle.closes:
            self._end()
            return
        self._expect_within(IDLE_S)
        self._advance()

    def _takes_over(self, head: Head) -> bool:
        """Whether anything but an answer can come of this address."""
        address = read_address(head.target.path)
        if address is None:
            return False
        watched = address.watch or b"watch=" in head.target.query
        return address.subresource in CONNECTIONS or watched

    def _upgraded(self, head: Head, raw: bytes) -> bool:
        """Hand the connection over to another protocol."""
        wanted = _upgrade(head)
        if wanted == SPDY:
            self._forget()
            spdy = SpdyProtocol(self.transport, {**self._scope(head), "type": "spdy"})
            self._hand_over(spdy)
            task = self.loop.create_task(spdy.run(self.app))
            task.add_done_callback(self.server_state.tasks.discard)
            self.server_state.tasks.add(task)
            return True
        if wanted != b"websocket" or self.config.ws_protocol_class is None:
            return False
        self._forget()
        made: Any = self.config.ws_protocol_class
        websocket = made(
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        websocket.connection_made(self.transport)
        self._inbox[:0] = raw
        self._hand_over(websocket)
        return True

    def _hand_over(self, protocol: asyncio.Protocol) -> None:
        self._ended = True
        self.transport.set_protocol(protocol)
        if self._inbox:
            protocol.data_received(bytes(self._inbox))
        self._inbox.clear()


def _upgrade(head: Head) -> bytes:
    """The protocol that a client wants to go on in, b"" for none."""
    values: dict[bytes, bytes] = {}
    for name, value in head.headers:
        if name in (b"connection", b"upgrade"):
            values[name] = value.lower()
    tokens = [one.strip() for one in values.get(b"connection", b"").split(b",")]
    return values.get(b"upgrade", b"") if b"upgrade" in tokens else b""


def _go_server(head: Head) -> Any:
    """What answers in the application's place, None where it does itself.

    Source: go1.26, net/http/server.go (sendExpectationFailed, globalOptionsHandler).
    """
    if head.expects and not wants_to_be_told(head.expects):
        return _empty(417, [(b"connection", b"close")])
    if head.target.raw == b"*" and head.method == b"OPTIONS":
        return _empty(200, [(b"content-length", b"0")])
    return None


def _empty(code: int, headers: Headers) -> Any:
    async def answer(_scope: Message, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": code, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    return answer
