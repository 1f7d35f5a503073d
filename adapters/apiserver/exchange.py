"""One HTTP exchange as ASGI has it: what came, and the ways to answer.

Source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import msgspec

from kelm.core.api.rest.query import Query, query_of
from kelm.core.api.rest.request import MAX_BODY_BYTES

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers: TypeAlias = "list[tuple[bytes, bytes]]"

TEXT = b"text/plain; charset=utf-8"
JSON = b"application/json"


class Gone(Exception):
    """The client went away before its request was complete."""


class TooLarge(Exception):
    """The body is longer than any that is accepted."""


class Exchange:
    """A request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.client: object = scope.get("client")
        self.headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            self.headers.setdefault(name, []).append(value)
        self._query_string: bytes = scope.get("query_string", b"")
        self._receive = receive
        self._send = send
        self.code = 0

    def header(self, name: bytes) -> str:
        values = self.headers.get(name)
        return values[0].decode("latin-1") if values else ""

    @property
    def query(self) -> Query:
        if not self._query_string:
            return {}
        text = self._query_string.decode("latin-1")
        return query_of(parse_qsl(text, keep_blank_values=True))

    async def body(self) -> bytes:
        """All of the body.

        Raises:
            TooLarge, Gone
        """
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            part = message.get("body", b"")
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise TooLarge
            parts.append(part)
            if not message.get("more_body"):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def gone(self) -> None:
        """Return when the client has gone away."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(self, code: int, content_type: bytes, more: Headers | None = None) -> None:
        """Begin an answer; `part` sends its body."""
        self.code = code
        headers = [
            (b"content-type", content_type),
            (b"cache-control", b"no-cache, private"),
            (b"audit-id", str(uuid.uuid4()).encode()),
            *(more or ()),
        ]
        await self._send({"type": "http.response.start", "status": code, "headers": headers})

    async def part(self, body: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def answer(
        self, code: int, content_type: bytes, body: bytes, more: Headers | None = None
    ) -> None:
        """Answer as a whole."""
        length = (b"content-length", str(len(body)).encode())
        await self.start(code, content_type, [length, *(more or ())])
        await self.part(body, more=False)

    async def text(self, code: int, text: str) -> None:
        nosniff = (b"x-content-type-options", b"nosniff")
        await self.answer(code, TEXT, text.encode(), [nosniff])

    async def json(self, value: object, code: int = 200, content_type: bytes = JSON) -> None:
        await self.answer(code, content_type, msgspec.json.encode(value))
