"""One HTTP exchange as ASGI has it: what came, and the ways to answer.

Source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import asyncio
import uuid
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import msgspec

from kelm.adapters.apiserver.encoding import go_json
from kelm.adapters.apiserver.http.target import read_query
from kelm.core.api.rest.query import Query, query_of
from kelm.core.api.rest.request import MAX_BODY_BYTES

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers: TypeAlias = "list[tuple[bytes, bytes]]"

ZIPPED_ABOVE_BYTES = 128 * 1024
"""Source: apiserver/pkg/endpoints/handlers/responsewriters/writers.go."""
TEXT = b"text/plain; charset=utf-8"
JSON = b"application/json"
NOSNIFF = (b"x-content-type-options", b"nosniff")


def zipped(body: bytes) -> bytes:
    """A body as gzip, in the way that costs least.

    >>> zlib.decompress(zipped(b"{}" * 9), wbits=31)[:4]
    b'{}{}'
    """
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


class Gone(Exception):
    """The client went away before its request was complete."""


class Broken(Exception):
    """The body is not written as HTTP has it. The argument says why."""


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
        self.always: Headers = []
        """Headers of whatever it is answered with."""

    def header(self, name: bytes) -> str:
        values = self.headers.get(name)
        return values[0].decode("latin-1") if values else ""

    @property
    def query(self) -> Query:
        if not self._query_string:
            return {}
        return query_of(read_query(self._query_string))

    @property
    def raw_query(self) -> str:
        """What follows the `?`, as it came."""
        return self._query_string.decode("latin-1")

    async def body(self) -> bytes:
        """All of the body.

        Raises:
            TooLarge, Broken, Gone
        """
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            if message["type"] == "http.request.broken":
                raise Broken(message["said"])
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
        more = more or []
        cached = any(name == b"cache-control" for name, _ in more)
        headers = [
            *((b"content-type", content_type) for _ in range(bool(content_type))),
            *(() if cached else ((b"cache-control", b"no-cache, private"),)),
            (b"audit-id", self.header(b"audit-id").encode() or str(uuid.uuid4()).encode()),
            *self.always,
            *more,
        ]
        await self._send({"type": "http.response.start", "status": code, "headers": headers})

    async def part(self, body: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def abort(self) -> None:
        """End the connection at once, whatever is still on its way."""
        await self._send({"type": "http.response.abort"})

    async def answer(
        self, code: int, content_type: bytes, body: bytes, more: Headers | None = None
    ) -> None:
        """Answer as a whole, zipped where that is worth it and wanted."""
        headers = list(more or ())
        if len(body) > ZIPPED_ABOVE_BYTES and self._takes_gzip():
            body = await asyncio.to_thread(zipped, body)
            headers += [(b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding")]
        await self.start(code, content_type, headers)
        await self.part(body, more=False)

    def _takes_gzip(self) -> bool:
        return "gzip" in (one.strip() for one in self.header(b"accept-encoding").split(","))

    async def text(self, code: int, text: str, more: Headers | None = None) -> None:
        await self.answer(code, TEXT, text.encode(), [NOSNIFF, *(more or ())])

    async def json(
        self,
        value: object,
        code: int = 200,
        content_type: bytes = JSON,
        more: Headers | None = None,
    ) -> None:
        await self.answer(code, content_type, go_json(msgspec.json.encode(value)) + b"\n", more)
