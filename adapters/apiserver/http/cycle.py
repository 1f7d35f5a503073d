"""One request and its answer on a connection, the answer written as Go writes it.

Names of headers in Go's case, those of the application in alphabetical order before those of the
server; bodies of 2 KB at most have a length, longer ones come in chunks. A body that nobody read
is read and forgotten if it is short; otherwise the connection ends with the answer.

Source: go1.26, net/http/server.go (chunkWriter.writeHeader, extraHeader, bufferBeforeChunkingSize,
maxPostHandlerReadBytes).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from kelm.adapters.apiserver.http.head import Head, Headers

BUFFERED: Final = 2048
DISCARDED: Final = 256 * 1024
HIGH_WATER: Final = 64 * 1024
SLICE: Final = 256 * 1024
"""Of a long body no more is handed over before the client has taken what went before."""
UNREAD_S: Final = 60.0
"""How long a client may take none of an answer. Source: apiserver's --request-timeout."""
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
TEXT: Final = b"text/plain; charset=utf-8"
"""What Go takes a body for whose type nobody has named. Nothing else is left unnamed here."""
LAST: Final = (b"date", b"content-length", b"content-type", b"connection", b"transfer-encoding")
GO_PHRASES: Final = {413: "Request Entity Too Large", 422: "Unprocessable Entity"}
Message = MutableMapping[str, Any]


@lru_cache(maxsize=256)
def canonical(name: bytes) -> bytes:
    """A header's name as Go writes it.

    >>> canonical(b"x-kubernetes-pf-flowschema-uid"), canonical(b"etag")
    (b'X-Kubernetes-Pf-Flowschema-Uid', b'Etag')
    """
    return b"-".join(part.capitalize() for part in name.split(b"-"))


@lru_cache(maxsize=64)
def status_line(code: int, *, old: bool = False) -> bytes:
    """The first line of an answer.

    >>> status_line(413)
    b'HTTP/1.1 413 Request Entity Too Large\\r\\n'
    """
    version = "1.0" if old else "1.1"
    return f"HTTP/{version} {code} {phrase(code)}\r\n".encode()


def phrase(code: int) -> str:
    """Go's words for a code."""
    return GO_PHRASES.get(code) or HTTPStatus(code).phrase


class Cycle:
    """One request: what has come of its body, and what became of its answer.

    `on_read` has the connection read again; `on_over` is called once the answer is written;
    `always` are headers of every answer.
    """

    def __init__(
        self,
        head: Head,
        transport: asyncio.Transport,
        writable: asyncio.Event,
        on_read: Callable[[], None],
        on_over: Callable[[], None],
        always: Headers,
    ) -> None:
        self._head = head
        self._always = always
        self._transport = transport
        self._writable = writable
        self._on_read = on_read
        self._on_over = on_over
        self._old = head.version < (1, 1)
        self._no_body = head.method == b"HEAD"
        self._received = asyncio.Event()
        self.body = bytearray()
        self.body_over = head.length == 0
        self._read = 0
        self._told = False
        """Whether the application has been told that the body is over."""
        self.broken = ""
        self.disconnected = False
        self.closes = head.closes
        self.waits = head.length != 0 and not self._old and wants_to_be_told(head.expects)
        self.response_started = False
        self.response_complete = False
        self._chunked = False
        self._sniffed = b""
        self._waiting: tuple[int, Headers] | None = None
        self._parts: list[bytes] = []

    # -- what comes --------------------------------------------------------------------------------

    def take(self, part: bytes, *, over: bool) -> None:
        """Some of the body has come."""
        if not self.response_complete:
            self.body += part
        self.body_over = over
        self._received.set()

    def broke(self, said: str) -> None:
        """The body is none."""
        self.broken, self.closes = said, True
        self._received.set()

    def lost(self) -> None:
        """The connection is gone."""
        self.disconnected = True
        self._received.set()

    async def receive(self) -> Message:
        """What ASGI calls for the body, and for the news that the client went away."""
        if self.waits and not self._transport.is_closing():
            self._transport.write(CONTINUE)
        self.waits = False
        if not self.disconnected and not self.response_complete and not self.broken:
            self._on_read()
            if not self.body and not (self.body_over and not self._told):
                await self._wait()
        if self.broken:
            return {"type": "http.request.broken", "said": self.broken}
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        return self._part()

    async def _wait(self) -> None:
        self._received.clear()
        await self._received.wait()

    def _part(self) -> Message:
        part = bytes(self.body)
        self.body.clear()
        self._read += len(part)
        self._told = self.body_over
        return {"type": "http.request", "body": part, "more_body": not self.body_over}

    async def _discard(self) -> None:
        """Read what nobody has read, or let the connection end with the answer."""
        if self.waits or (self._head.length or 0) - self._read > DISCARDED:
            self.closes = self.closes or not self.body_over
            return
        seen = 0
        while not self.body_over and not self.disconnected and not self.broken:
            seen += len(self.body)
            self.body.clear()
            if seen > DISCARDED:
                self.closes = True
                return
            self._on_read()
            await self._wait()

    # -- what goes ---------------------------------------------------------------------------------

    async def send(self, message: Message) -> None:
        """What ASGI calls with the answer, in parts."""
        kind = message["type"]
        if kind == "http.response.abort":
            self._transport.abort()
        elif self.disconnected:
            return
        elif kind == "http.response.start":
            self.response_started = True
            self._waiting = message["status"], list(message.get("headers", ()))
        else:
            await self._body(message.get("body", b""), more=message.get("more_body", False))

    async def _body(self, part: bytes, *, more: bool) -> None:
        head = b""
        if self._waiting is not None:
            await self._discard()
            if self.disconnected:
                return
            code, headers = self._waiting
            if self._head.upgrades_to_2:
                headers.append((b"connection", b"close"))
            self._waiting = None
            length = None if more or len(part) > BUFFERED else len(part)
            if part and not any(name == b"content-type" for name, _ in headers):
                self._sniffed = TEXT
            head = self._begin(code, headers, length)
        before, after = self._framed(len(part))
        if not more and self._chunked and not self._no_body:
            after += b"0\r\n\r\n"
        if self._no_body:
            part = b""
        if len(part) < SLICE:
            await self._write(b"".join((head, before, part, after)))
        else:
            # A long body is not copied to be framed.
            await self._write(head + before)
            await self._write(part)
            await self._write(after)
        if not more and not self.disconnected:
            self._over()

    def _framed(self, length: int) -> tuple[bytes, bytes]:
        """What stands before and after a part of the body."""
        if self._no_body or not self._chunked or not length:
            return b"", b""
        return b"%x\r\n" % length, b"\r\n"

    def _over(self) -> None:
        self.response_complete = True
        self._received.set()
        self._on_over()

    def _begin(self, code: int, headers: Headers, length: int | None) -> bytes:
        """The head of the answer."""
        own = dict(self._own(code, headers, length))
        lines = [status_line(code, old=self._old)]
        for name, value in sorted(headers, key=_name):
            lines.append(b"%b: %b\r\n" % (canonical(name), value))
        lines += [b"%b: %b\r\n" % (canonical(name), own[name]) for name in LAST if name in own]
        return b"".join((*lines, b"\r\n"))

    def _own(self, code: int, headers: Headers, length: int | None) -> Headers:
        """What the server adds to the application's headers."""
        found = list(self._always)
        if self._sniffed:
            found.append((b"content-type", self._sniffed))
        has_length = any(name == b"content-length" for name, _ in headers)
        bodiless = code < 200 or code in (204, 304)
        if not bodiless and not has_length:
            if length is not None:
                found.append((b"content-length", b"%d" % length))
                has_length = True
            elif self._old:
                self.closes = True
            elif not self._no_body:
                self._chunked = True
                found.append((b"transfer-encoding", b"chunked"))
        asked_to_close = any(name == b"connection" for name, _ in headers)
        if asked_to_close:
            self.closes = True
        elif self.closes and not self._old:
            found.append((b"connection", b"close"))
        elif self._old and not self.closes:
            found.append((b"connection", b"keep-alive"))
        return found

    async def _write(self, data: bytes) -> None:
        """Hand bytes over, no faster than the client takes them."""
        view = memoryview(data)
        for at in range(0, len(data), SLICE):
            if self.disconnected:
                return
            if at or not self._writable.is_set():
                await self._drained()
            self._transport.write(view[at : at + SLICE])

    async def _drained(self) -> None:
        """Wait for the client to take something; one that takes nothing is cut off."""
        try:
            await asyncio.wait_for(self._writable.wait(), UNREAD_S)
        except TimeoutError:
            self._transport.abort()
            await self._writable.wait()


def wants_to_be_told(expects: bytes) -> bool:
    """Whether a client waits before it sends its body."""
    return b"100-continue" in (one.strip() for one in expects.lower().split(b","))


def _name(pair: tuple[bytes, bytes]) -> bytes:
    return pair[0]
