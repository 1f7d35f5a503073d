"""HTTP to one API server: single requests, and streams of lines. Nothing is decided here.

Connections are kept open and shared; a watch has one for itself. Credentials are read anew when
the server no longer knows them: tokens of service accounts and of exec plugins expire.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from kelm.adapters.kubernetes.credentials import Access, Source, load_access
from kelm.adapters.kubernetes.requests.answers import Response
from kelm.adapters.kubernetes.trouble import NoAccess, NotAnswered, NotSent, told_connection

Query = Iterable[tuple[str, str]]
UNAUTHORIZED = 401
READ_BYTES = 1 << 18
BEFORE_SENDING = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
CONNECT_SECONDS = 10.0
FAREWELL_SECONDS = 0.25
"""TLS connections say goodbye after they were closed; a loop that ends before leaves them open."""


class Wire:
    """A session with one API server."""

    def __init__(self, access: Access, source: Source | None = None) -> None:
        self.access = access
        self._source = source
        self._renewing = asyncio.Lock()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            read_bufsize=READ_BYTES,
            headers={"User-Agent": f"kelm/{importlib.metadata.version('kelm')}"},
        )
        self._session._retry_connection = False  # it would send a PUT or DELETE a second time

    @classmethod
    async def connect(cls, source: Source) -> Wire:
        """A session with the credentials that `source` names."""
        return cls(await load_access(source), source)

    async def __aenter__(self) -> Wire:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self._session.close()
        if self.access.tls is not None:
            await asyncio.sleep(FAREWELL_SECONDS)

    async def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: bytes | None = None,
        content_type: str = "application/json",
        *,
        timeout_ms: int,
        accept: str = "application/json",
    ) -> Response:
        """Send one request and read its answer.

        Raises:
            NotSent: the server was not reached.
            NotAnswered: it was, and no whole answer came in time.
        """
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        timeout = aiohttp.ClientTimeout(total=timeout_ms / 1_000, sock_connect=CONNECT_SECONDS)
        for renewed in (False, True):
            access = self.access
            async with self._opened(method, path, query, headers, body, timeout) as answer:
                data = await answer.read()
            if answer.status != UNAUTHORIZED or renewed or not await self._renew(access):
                break
        return Response(answer.status, data, _retry_after(answer))

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, query: Query, silence_ms: int
    ) -> AsyncIterator[tuple[Response, AsyncIterator[list[bytes]]]]:
        """Open a stream of lines; each item is what came together.

        Raises:
            NotSent, NotAnswered: as `request`; NotAnswered also after `silence_ms` without a byte.
        """
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_SECONDS, sock_read=silence_ms / 1_000
        )
        headers = {"Accept": "application/json"}
        access = self.access
        async with self._opened("GET", path, query, headers, None, timeout) as answer:
            if answer.status != 200:
                data = await answer.read()
                if answer.status == UNAUTHORIZED:
                    await self._renew(access)
                yield Response(answer.status, data, _retry_after(answer)), _lines(answer)
                return
            yield Response(answer.status), _lines(answer)

    @contextlib.asynccontextmanager
    async def _opened(
        self,
        method: str,
        path: str,
        query: Query,
        headers: dict[str, str],
        body: bytes | None,
        timeout: aiohttp.ClientTimeout,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        access = self.access
        sent = dict(headers)
        if access.authorization:
            sent["Authorization"] = access.authorization
        options: dict[str, Any] = {"ssl": access.tls if access.tls is not None else True}
        if access.proxy:
            options["proxy"] = access.proxy
        if access.tls_server_name:
            options["server_hostname"] = access.tls_server_name
        try:
            async with self._session.request(
                method,
                URL(access.server + path, encoded=True).extend_query(list(query)),
                data=body,
                headers=sent,
                timeout=timeout,
                **options,
            ) as answer:
                yield answer
        except BEFORE_SENDING as problem:
            raise NotSent(told_connection(access.server, problem)) from problem
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as problem:
            said = str(problem) or type(problem).__name__
            raise NotAnswered(f"no answer from {access.server}: {said}") from problem

    async def _renew(self, used: Access) -> bool:
        """Read the credentials anew; whether they are others than those used."""
        if self._source is None:
            return False
        async with self._renewing:
            if self.access is used:
                with contextlib.suppress(NoAccess):
                    self.access = await load_access(self._source)
        same = msgspec.structs.replace(self.access, tls=None) == msgspec.structs.replace(
            used, tls=None
        )
        return not same or self.access.tls is not used.tls


def _retry_after(answer: aiohttp.ClientResponse) -> int:
    asked = answer.headers.get("Retry-After", "")
    return int(asked) if asked.isdecimal() else 0


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[list[bytes]]:
    """Whole lines, as many at a time as have come; a broken last line is left out."""
    rest = b""
    async for data in answer.content.iter_any():
        *lines, rest = (rest + data).split(b"\n")
        if lines:
            yield [line for line in lines if line]
