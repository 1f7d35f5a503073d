"""Requests for what somebody else serves: passed on, and their answers handed back as they come.

Who serves is a program in the simulated cluster, reached through its Service, or a server outside
of it. A program's answer is whole; where it says that more comes (`HttpResponse.then`), as a
watch's does, it is asked again whenever something may have happened.

Source: kubernetes v1.36, kube-aggregator/pkg/apiserver/handler_proxy.go.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from kelm.adapters.apiserver.exchange import Exchange
from kelm.adapters.apiserver.outside.caller import in_words
from kelm.adapters.apiserver.outside.others import PROBLEMS, Place, Trust, trust_of
from kelm.adapters.simulator.calls import calling
from kelm.adapters.simulator.calls.webhooks import UNTRUSTED
from kelm.core.api.aggregation.backends import Outside, backend, group_path
from kelm.core.api.aggregation.checking import ASKER, MASTERS, server_name
from kelm.core.api.aggregation.discovery import UNAVAILABLE, elsewhere
from kelm.core.api.aggregation.passing import (
    Headers,
    handed_back,
    is_available,
    passed_on,
)
from kelm.core.api.rest.access import User
from kelm.core.api.rest.query import integer_of
from kelm.core.network.calls import Source
from kelm.core.node.programs.http import HttpResponse, Unreachable
from kelm.core.node.programs.process import Fetch
from kelm.effects.document import Document, child, freeze, text

if TYPE_CHECKING:
    from kelm.adapters.apiserver.engine import Engine

METHODS_WITH_BODIES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LOOK_AGAIN_S: Final = 0.05
WATCHED_S: Final = 1_800
KEPT_S: Final = 10.0
AGGREGATOR: Final = User(ASKER, (MASTERS,))
ACCEPT: Final = (("Accept", "application/json"),)


class Asked(msgspec.Struct, frozen=True):
    """A request that is to be passed on."""

    method: str
    path: str
    query: str = ""
    headers: Headers = ()
    body: bytes = b""


class PassingOn:
    """What others serve of one cluster's API."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: dict[tuple[str, str], tuple[float, Document | None]] = {}

    async def serve(self, exchange: Exchange, service: Document, user: User) -> None:
        """Pass a request on and hand its answer back."""
        if not is_available(service):
            await exchange.text(503, UNAVAILABLE)
            return
        body = await exchange.body() if exchange.method in METHODS_WITH_BODIES else b""
        given = (
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in exchange.headers.items()
            for value in values
        )
        client = exchange.client[0] if isinstance(exchange.client, tuple) else ""
        headers = passed_on(given, user, str(client))
        asked = Asked(exchange.method, exchange.path, exchange.raw_query, headers, body)
        where = backend(self._engine.server.store, service)
        if isinstance(where, str):
            await exchange.text(503, UNAVAILABLE)
        elif isinstance(where, Outside):
            await self._outside(exchange, service, where, asked)
        else:
            await self._inside(exchange, service, asked)

    # -- programs in the cluster -----------------------------------------------------------------

    def _fetched(self, service: Document, asked: Asked) -> HttpResponse | Unreachable | str:
        """What the program behind an APIService answers, or why it is not believed."""
        spec = child(service, "spec")
        if trust_of(spec) == Trust():
            return UNTRUSTED.why
        where = backend(self._engine.server.store, service)
        if isinstance(where, str):
            return where
        named = (("Host", f"{server_name(spec)}:{where.port}"), *asked.headers)
        wanted = Fetch(
            where.host, where.port, asked.method, asked.path, asked.query, named, asked.body
        )
        return calling.fetch(self._engine.cluster, wanted, Source())

    async def _inside(self, exchange: Exchange, service: Document, asked: Asked) -> None:
        self._engine.settle()
        reply = self._fetched(service, asked)
        if not isinstance(reply, HttpResponse):
            await _unreachable(exchange, reply if isinstance(reply, str) else reply.why)
            return
        content_type, more = reply.header("content-type").encode("latin-1"), _raw(reply.headers)
        if not reply.then:
            await exchange.answer(reply.status, content_type, reply.body, more)
            return
        gone = asyncio.ensure_future(exchange.gone())
        try:
            await exchange.start(reply.status, content_type, more)
            await self._follow(exchange, service, asked, reply, gone)
        finally:
            gone.cancel()

    async def _follow(
        self,
        exchange: Exchange,
        service: Document,
        asked: Asked,
        reply: HttpResponse,
        gone: asyncio.Future[None],
    ) -> None:
        """Send what comes, until the time is over or the client is gone."""
        wanted = integer_of(exchange.query, "timeoutSeconds")
        seconds = wanted if isinstance(wanted, int) and wanted else WATCHED_S
        end = time.monotonic() + seconds
        await exchange.part(reply.body)
        while reply.then and not gone.done() and time.monotonic() < end:
            left = end - time.monotonic()
            await asyncio.wait((gone,), timeout=max(0.0, min(LOOK_AGAIN_S, left)))
            query = reply.then
            found = self._fetched(service, msgspec.structs.replace(asked, query=query))
            if not isinstance(found, HttpResponse):
                break
            reply = found
            if reply.body and not gone.done():
                await exchange.part(reply.body)
        if not gone.done():
            await exchange.part(b"", more=False)

    # -- servers outside -------------------------------------------------------------------------

    @staticmethod
    def _place(service: Document, where: Outside, path: str, query: str) -> Place:
        spec = child(service, "spec")
        url = f"https://{where.host}:{where.port}{path}{f'?{query}' if query else ''}"
        return Place(url, server_name(spec), trust_of(spec))

    async def _outside(
        self, exchange: Exchange, service: Document, where: Outside, asked: Asked
    ) -> None:
        place = self._place(service, where, asked.path, asked.query)
        gone = asyncio.ensure_future(exchange.gone())
        sending = asyncio.ensure_future(self._streamed(exchange, place, asked))
        try:
            await asyncio.wait((gone, sending), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            gone.cancel()
            sending.cancel()

    async def _streamed(self, exchange: Exchange, place: Place, asked: Asked) -> None:
        started = False
        try:
            others = self._engine.others
            async with others.request(asked.method, place, asked.headers, asked.body) as found:
                content_type = found.headers.get("Content-Type", "").encode("latin-1")
                more = _raw(found.headers.items())
                started = True
                await exchange.start(found.status, content_type, more)
                async for part in found.content.iter_any():
                    await exchange.part(part)
                await exchange.part(b"", more=False)
        except PROBLEMS() as problem:
            if started:
                raise ConnectionError("the answer broke off") from problem
            await _unreachable(exchange, in_words(problem))

    # -- what they serve -------------------------------------------------------------------------

    async def lists(self) -> dict[str, Document]:
        """What each other server that answers says of its resources, by APIService."""
        found = {}
        for service in elsewhere(self._engine.server.store):
            told = await self.page(service, group_path(service))
            if told is not None:
                found[text(service, "metadata", "name")] = told
        return found

    async def page(self, service: Document, path: str) -> Document | None:
        """A page of another server, None where it is not to be had."""
        if not is_available(service):
            return None
        where = backend(self._engine.server.store, service)
        headers = passed_on(ACCEPT, AGGREGATOR)
        if not isinstance(where, Outside):
            reply = self._fetched(service, Asked("GET", path, headers=headers))
            if not isinstance(reply, HttpResponse) or reply.status != 200:
                return None
            return _document(reply.body)
        key = text(service, "metadata", "uid"), path
        since, kept = self._kept.get(key, (float("-inf"), None))
        if time.monotonic() < since + KEPT_S:
            return kept
        told = await self._read(self._place(service, where, path, ""), headers)
        self._kept[key] = (time.monotonic(), told)
        return told

    async def _read(self, place: Place, headers: Headers) -> Document | None:
        try:
            async with (
                asyncio.timeout(5),
                self._engine.others.request("GET", place, headers, b"") as found,
            ):
                return _document(await found.read()) if found.status == 200 else None
        except PROBLEMS():
            return None


def _raw(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """The headers that a client gets, as they are sent."""
    return [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in handed_back(headers)
    ]


def _document(body: bytes) -> Document | None:
    try:
        found = freeze(msgspec.json.decode(body))
    except (msgspec.DecodeError, TypeError):
        return None
    return found if isinstance(found, Document) else None


async def _unreachable(exchange: Exchange, why: str) -> None:
    await exchange.text(503, f"error trying to reach service: {why}\n")
