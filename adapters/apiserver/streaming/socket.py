"""A WebSocket as an exchange: refused like any request, or opened.

Source: https://asgi.readthedocs.io/en/latest/specs/www.html (WebSocket, denial response);
kubernetes v1.36, apiserver/pkg/authentication/request/websocket/protocol.go (a token as protocol).
"""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64decode
from binascii import Error as NoBase64
from typing import Final

from kelm.adapters.apiserver.exchange import Exchange, Headers, Receive, Scope, Send

TOKEN_PROTOCOL: Final = "base64url.bearer.authorization.k8s.io."
CLOSED: Final = 1000


class SocketExchange(Exchange):
    """A client that wants to open a WebSocket."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name.lower(), value) for name, value in scope["headers"]]
        super().__init__({**scope, "method": "GET", "headers": headers}, receive, send)
        offered: list[str] = list(scope.get("subprotocols") or ())
        self.protocols = [one for one in offered if not one.startswith(TOKEN_PROTOCOL)]
        for one in offered:
            if one.startswith(TOKEN_PROTOCOL) and b"authorization" not in self.headers:
                self.headers[b"authorization"] = [b"Bearer " + _token(one)]
        self.is_open = False
        self.streams = False
        self._connected = False

    async def body(self) -> bytes:
        return b""

    async def start(self, code: int, content_type: bytes, more: Headers | None = None) -> None:
        """Refuse to open the socket, with an answer as to any request; or `streams` a good one."""
        if self.streams and code == 200:
            await self.open(next((one for one in self.protocols if "binary" in one), None))
            return
        await self._connect()
        headers = [(b"content-type", content_type), *(more or ())]
        kind = "websocket.http.response.start"
        await self._send({"type": kind, "status": code, "headers": headers})

    async def part(self, body: bytes, *, more: bool = True) -> None:
        if not self.is_open:
            kind = "websocket.http.response.body"
            await self._send({"type": kind, "body": body, "more_body": more})
            return
        if body:
            in_base64 = any(one.startswith("base64") for one in self.protocols)
            await self.tell(b64encode(body).decode() if in_base64 else body)
        if not more:
            await self.close()

    async def _connect(self) -> None:
        if not self._connected:
            await self._receive()
            self._connected = True

    async def open(self, protocol: str | None) -> None:
        """Open the socket with one of the protocols that the client offers."""
        await self._connect()
        await self._send({"type": "websocket.accept", "subprotocol": protocol or None})
        self.is_open = True

    async def message(self) -> bytes | str | None:
        """What comes next; None once the client has gone."""
        if not self.is_open:
            return None
        received = await self._receive()
        if received["type"] == "websocket.disconnect":
            self.is_open = False
            return None
        data: bytes | str | None = received.get("bytes")
        return data if data is not None else received.get("text") or ""

    async def gone(self) -> None:
        while await self.message() is not None:
            pass

    async def tell(self, data: bytes | str) -> None:
        """Send one message; nothing to one that has gone."""
        if self.is_open:
            key = "text" if isinstance(data, str) else "bytes"
            await self._send({"type": "websocket.send", key: data})

    async def abort(self) -> None:
        await self.close()

    async def close(self) -> None:
        if self.is_open:
            self.is_open = False
            await self._send({"type": "websocket.close", "code": CLOSED})


def _token(protocol: str) -> bytes:
    text = protocol.removeprefix(TOKEN_PROTOCOL)
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except NoBase64:
        return b""
