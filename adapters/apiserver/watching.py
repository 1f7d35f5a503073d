"""Serving a watch: lines as they come, a bookmark now and then, and an end.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/get.go (the random minimum timeout of
watches), apiserver/pkg/storage/cacher (bookmarks once a minute and before the end).
"""

from __future__ import annotations

import asyncio
import time
from math import inf
from typing import TYPE_CHECKING, Final

from kelm.adapters.apiserver.exchange import JSON, Exchange
from kelm.adapters.apiserver.streams import Stream
from kelm.core.api.rest.answer import deprecation, refused
from kelm.core.api.rest.request import Watch
from kelm.effects.refusals import Refusal

if TYPE_CHECKING:
    from kelm.adapters.apiserver.app import App

DEFAULT_TIMEOUT_S: Final = 1_800.0
BOOKMARK_EVERY_S: Final = 60.0
BEFORE_THE_END_S: Final = 2.0


async def serve(app: App, exchange: Exchange, watch: Watch) -> None:
    """Open a watch and send what it sees until it ends."""
    stream = app.streams.open(app.engine.server, watch, app.engine.now_ms)
    if isinstance(stream, Refusal):
        await app.reply(exchange, refused(stream, watch.media))
        return
    warnings = [(b"warning", f'299 - "{text}"'.encode()) for text in deprecation(watch.target)]
    gone = asyncio.ensure_future(exchange.gone())
    stream.cut_off = lambda: app.aside(exchange.abort())
    try:
        await exchange.start(200, JSON, warnings)
        await exchange.part(b"")
        await _send(stream, exchange, gone)
    finally:
        gone.cancel()
        app.streams.close(stream)


async def _send(stream: Stream, exchange: Exchange, gone: asyncio.Future[None]) -> None:
    """Send lines until the time is over, the watch is closed, or the client is gone."""
    options = stream.watch.options
    timeout_s = float(options.timeout_seconds or DEFAULT_TIMEOUT_S)
    start = time.monotonic()
    end, last_call = start + timeout_s, start + timeout_s - BEFORE_THE_END_S
    wanted = options.allow_bookmarks and last_call > start
    bookmark = min(start + BOOKMARK_EVERY_S, last_call) if wanted else inf
    gone.add_done_callback(lambda _done: stream.end())
    while not gone.done():
        now = time.monotonic()
        lines = await stream.lines(max(0.0, min(bookmark, end) - now))
        if lines and not gone.done():
            await exchange.part(lines)
        now = time.monotonic()
        if now >= end or (stream.closed and not lines):
            break
        if now >= bookmark:
            stream.push_bookmark()
            bookmark = min(now + BOOKMARK_EVERY_S, last_call) if now < last_call else inf
    if not gone.done():
        await exchange.part(b"", more=False)
