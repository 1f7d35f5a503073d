"""A proxy between kelm and an API server that does what networks and servers do on bad days.

Each request takes the next fault of a tape; when the tape is used up, all goes well.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

REQUEST_FAULTS = (
    "none",
    "reset before",
    "lost answer",
    "delay",
    "409",
    "429",
    "429 at once",
    "500",
    "500 after",
    "503",
)
WATCH_FAULTS = ("none", "410", "cut", "half-closed", "twice", "late", "refused")
KEPT_HEADERS = ("Content-Type", "Accept", "User-Agent")
FORGED = {
    "409": (409, "Conflict"),
    "429": (429, "TooManyRequests"),
    "429 at once": (429, "TooManyRequests"),
    "500": (500, "InternalError"),
    "500 after": (500, "InternalError"),
    "503": (503, "ServiceUnavailable"),
    "refused": (500, "InternalError"),
}


class FaultProxy:
    """Forwards to one server, with faults from two tapes."""

    def __init__(self, server: str, tls: ssl.SSLContext) -> None:
        self._server = server
        self._tls = tls
        self._session: aiohttp.ClientSession
        self._requests: list[str] = []
        self._watches: list[str] = []
        self.happened: Counter[str] = Counter()
        self.only = ("", "")
        """Requests of this method whose path ends so have faults; all, if empty."""
        self.url = ""

    def load(self, requests: Sequence[str], watches: Sequence[str]) -> None:
        """The faults to come, in order."""
        self._requests, self._watches = list(requests), list(watches)

    @property
    def watches_left(self) -> tuple[str, ...]:
        return tuple(self._watches)

    def clear(self) -> None:
        """No more faults."""
        self.load((), ())

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[FaultProxy]:
        """Serve on loopback while the block runs."""
        connector = aiohttp.TCPConnector(limit=0, ssl=self._tls)
        async with aiohttp.ClientSession(connector=connector) as self._session:
            runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            try:
                yield self
            finally:
                await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.query.get("watch") == "true":
            fault = self._watches.pop(0) if self._watches else "none"
            self.happened[f"watch: {fault}"] += 1
            return await self._watch(request, fault)
        discovery = not request.path.startswith("/api/v1/") and request.path.count("/") < 4
        method, end = self.only
        meant = request.method.startswith(method) and request.path.endswith(end) and not discovery
        fault = self._requests.pop(0) if self._requests and meant else "none"
        self.happened[f"{request.method}: {fault}"] += 1
        return await self._request(request, fault)

    async def _request(self, request: web.BaseRequest, fault: str) -> web.StreamResponse:
        body = await request.read()
        if fault == "reset before":
            return self._abort(request)
        if fault in FORGED and not fault.endswith("after"):
            return forged(fault)
        if fault == "delay":
            await asyncio.sleep(0.3)
        async with self._forward(request, body) as answer:
            data = await answer.read()
            if fault == "lost answer":
                return self._abort(request)
            if fault == "500 after":
                return forged(fault)
            headers = {"Content-Type": answer.headers.get("Content-Type", "")}
            return web.Response(status=answer.status, body=data, headers=headers)

    async def _watch(self, request: web.BaseRequest, fault: str) -> web.StreamResponse:
        if fault == "refused":
            return forged(fault)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if fault == "410":
            await response.prepare(request)
            gone = {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410}
            await response.write(msgspec.json.encode({"type": "ERROR", "object": gone}) + b"\n")
            return response
        async with self._forward(request, b"") as answer:
            if answer.status != 200:
                return web.Response(status=answer.status, body=await answer.read())
            await response.prepare(request)
            async for data in answer.content.iter_any():
                if fault == "half-closed":
                    await asyncio.sleep(60)
                if fault == "cut":
                    await response.write(data[: max(1, len(data) // 2)])
                    return self._abort(request)
                if fault == "late":
                    await asyncio.sleep(1.2 if request.path.endswith("/pods") else 0.1)
                await response.write(data)
                if fault == "twice" and data.endswith(b"\n") and data.startswith(b'{"type"'):
                    await response.write(data)
        return response

    @contextlib.asynccontextmanager
    async def _forward(
        self, request: web.BaseRequest, body: bytes
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {key: request.headers[key] for key in KEPT_HEADERS if key in request.headers}
        url = URL(self._server + request.raw_path, encoded=True)
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.request(
            request.method, url, data=body or None, headers=headers, timeout=timeout
        ) as answer:
            yield answer

    @staticmethod
    def _abort(request: web.BaseRequest) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()


def forged(fault: str) -> web.Response:
    """A refusal that the server never gave."""
    code, reason = FORGED[fault]
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "message": f"forged: {fault}",
        "code": code,
    }
    headers = {"Content-Type": "application/json"}
    if fault.startswith("429"):
        headers["Retry-After"] = "0" if fault.endswith("at once") else "1"
    return web.Response(status=code, body=msgspec.json.encode(body), headers=headers)
