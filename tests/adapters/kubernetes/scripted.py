"""An HTTP server that answers by script and misbehaves on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from kelm.adapters.kubernetes.credentials import Access
from kelm.adapters.kubernetes.requests.wire import Wire
from kelm.adapters.kubernetes.settings import Settings

Doc = dict[str, Any]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

QUICK = Settings(
    deadline_ms=500,
    silence_ms=400,
    lag_ms=300,
    first_backoff_ms=10,
    longest_backoff_ms=40,
    absent_ms=50,
    watch_ms=10_000,
    page=2,
)


class Seen(msgspec.Struct, frozen=True):
    """One request that came in."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


def reply(code: int, doc: Doc | str, **headers: str) -> Answer:
    """Answer with a document."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        text = doc if isinstance(doc, str) else json.dumps(doc)
        kind = "text/plain" if isinstance(doc, str) else "application/json"
        return web.Response(status=code, text=text, headers=named, content_type=kind)

    return answer


def status(code: int, reason: str, message: str = "no", **details: object) -> Doc:
    return {
        "kind": "Status",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "details": details,
        "code": code,
    }


async def lost(request: web.Request) -> web.StreamResponse:
    """Close the connection without a word, after the request was read."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def silent(_request: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.sleep(60)
    return web.Response()


def stream(*events: Doc | str, then: str = "hang") -> Answer:
    """A watch: these events, then `hang`, `end`, or `reset` in the middle of a line."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for event in events:
            line = event if isinstance(event, str) else json.dumps(event)
            await response.write(line.encode() + b"\n")
        if then == "hang":
            await asyncio.sleep(60)
        if then == "reset":
            await response.write(b'{"type":"ADDED","obj')
            assert request.transport is not None
            request.transport.abort()
        return response

    return answer


def pod(name: str, version: int, uid: str = "", **fields: object) -> Doc:
    meta = {
        "name": name,
        "namespace": "n",
        "uid": uid or f"uid-{name}",
        "resourceVersion": str(version),
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, **fields}


def event(kind: str, doc: Doc) -> Doc:
    return {"type": kind, "object": doc}


def bookmark(version: int) -> Doc:
    return event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": str(version)}})


def listing(version: int, *docs: Doc, token: str = "") -> Answer:
    meta = {"resourceVersion": str(version), **({"continue": token} if token else {})}
    bare = [{key: doc[key] for key in doc if key not in ("kind", "apiVersion")} for doc in docs]
    return reply(200, {"kind": "PodList", "apiVersion": "v1", "metadata": meta, "items": bare})


CORE: Doc = {
    "kind": "APIResourceList",
    "groupVersion": "v1",
    "resources": [
        {"name": name, "kind": kind, "namespaced": kind != "Node"}
        for name, kind in (("pods", "Pod"), ("pods/status", "Pod"), ("nodes", "Node"))
    ],
}


class Scripted:
    """What is answered to `METHOD /path`, in order; the last answer stays."""

    def __init__(self, answers: Mapping[str, list[Answer]]) -> None:
        self.answers = {
            "GET /api": [reply(200, {"kind": "APIVersions", "versions": ["v1"]})],
            "GET /apis": [reply(200, {"kind": "APIGroupList", "groups": []})],
            "GET /api/v1": [reply(200, CORE)],
            **answers,
        }
        self.seen: list[Seen] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        watches = request.query.get("watch") == "true"
        self.seen.append(
            Seen(
                "WATCH" if watches else request.method,
                request.path,
                dict(request.query),
                json.loads(text) if text else None,
                dict(request.headers),
            )
        )
        place = f"{'WATCH' if watches else request.method} {request.path}"
        left = self.answers.get(place)
        if left is None:
            return await reply(404, status(404, "NotFound", f"no {place}"))(request)
        return await (left.pop(0) if len(left) > 1 else left[0])(request)

    def asked(self, method: str) -> list[Seen]:
        return [one for one in self.seen if one.method == method and "/api/v1/" in one.path]


@contextlib.asynccontextmanager
async def serving(answers: Mapping[str, list[Answer]]) -> AsyncIterator[tuple[Scripted, Wire]]:
    """The server on loopback, and a wire to it."""
    script = Scripted(answers)
    runner = web.ServerRunner(web.Server(script.handle), shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with Wire(Access(f"http://{host}:{port}")) as wire:
            yield script, wire
    finally:
        await runner.cleanup()


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something to become true."""
    end = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < end, "it does not become true"
        await asyncio.sleep(0.005)
