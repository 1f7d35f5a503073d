"""HTTP/1.1 connections that have become SPDY.

A request with `Upgrade: SPDY/3.1` reaches the application as a scope of type `spdy`. It is refused
with an `http.response`, or accepted with `spdy.accept`; then bytes come and go as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any, Final

from kelm.adapters.apiserver.exchange import Exchange, Headers, Receive, Scope, Send
from kelm.adapters.apiserver.streaming.spdy.connection import Link

SPDY: Final = b"spdy/3.1"
HIGH_WATER: Final = 1 << 20


class SpdyProtocol(asyncio.Protocol):
    """A connection that was taken over."""

    def __init__(self, transport: asyncio.Transport, scope: Scope) -> None:
        self._transport = transport
        self._scope = scope
        self._received: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._writable = asyncio.Event()
        self._writable.set()

    async def run(self, app: Any) -> None:
        try:
            await app(self._scope, self._receive, self._send)
        finally:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received.put_nowait(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable.set()
        self._received.put_nowait(None)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def _receive(self) -> MutableMapping[str, Any]:
        data = await self._received.get()
        if data is None:
            self._received.put_nowait(None)
            return {"type": "spdy.disconnect"}
        return {"type": "spdy.receive", "bytes": data}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        await self._writable.wait()
        if self._transport.is_closing():
            return
        kind = message["type"]
        if kind == "spdy.send":
            self._transport.write(message["bytes"])
        elif kind == "spdy.accept":
            self._head(101, message["headers"])
        elif kind == "http.response.start":
            self._head(message["status"], [*message["headers"], (b"connection", b"close")])
        elif kind == "http.response.body":
            self._transport.write(message["body"])
        else:
            self._transport.close()

    def _head(self, code: int, headers: Headers) -> None:
        lines = [f"HTTP/1.1 {code} {HTTPStatus(code).phrase}".encode()]
        lines += [name + b": " + value for name, value in headers]
        self._transport.write(b"\r\n".join((*lines, b"", b"")))


class SpdyExchange(Exchange):
    """A client that wants to speak SPDY."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)
        offered = self.headers.get(b"x-stream-protocol-version", [])
        self.protocols = [
            one.strip() for value in offered for one in value.decode("latin-1").split(",")
        ]

    async def body(self) -> bytes:
        return b""

    async def accept(self, protocol: str) -> Link:
        """Become SPDY, with one of the protocols that the client offers."""
        headers = [(b"Upgrade", b"SPDY/3.1"), (b"Connection", b"Upgrade")]
        headers.append((b"X-Stream-Protocol-Version", protocol.encode("latin-1")))
        await self._send({"type": "spdy.accept", "headers": headers})
        return _Taken(self._receive, self._send)


class _Taken:
    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def receive(self) -> bytes | None:
        message = await self._receive()
        data: bytes | None = message.get("bytes")
        return data

    async def send(self, data: bytes) -> None:
        await self._send({"type": "spdy.send", "bytes": data})

    async def close(self) -> None:
        await self._send({"type": "spdy.close"})
