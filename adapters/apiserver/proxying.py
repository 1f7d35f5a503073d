"""Requests through the API server to a pod, a Service or a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kelm.adapters.apiserver.exchange import Exchange
from kelm.adapters.simulator.calls import calling
from kelm.core.api.rest.answer import refused
from kelm.core.api.rest.connections.proxy import (
    Location,
    location,
    prefix_of,
    rewritten_html,
    rewritten_location,
    unreachable,
)
from kelm.core.api.rest.request import Connect
from kelm.core.network.calls import API_SERVER, Source
from kelm.core.node.host.pages import kubelet_page
from kelm.core.node.programs.http import HttpResponse, Unreachable
from kelm.core.node.programs.process import Fetch
from kelm.effects.refusals import Refusal

if TYPE_CHECKING:
    from kelm.adapters.apiserver.app import App

NOT_FORWARDED: Final = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length", "authorization"}
)
FROM_API_SERVER: Final = Source(ip=API_SERVER, from_outside=True)


async def serve(app: App, exchange: Exchange, connect: Connect) -> None:
    """Hand a request on and its answer back."""
    cluster, target, request = app.engine.cluster, connect.target, connect.request
    app.engine.settle()
    place = location(cluster.store, target, cluster.simulator.events)
    if isinstance(place, Refusal):
        await app.reply(exchange, refused(place))
        return
    rest = target.rest
    if not rest and not exchange.path.endswith("/") and request.method in ("GET", "HEAD"):
        query = f"?{exchange.raw_query}" if exchange.raw_query else ""
        moved = [(b"location", f"{exchange.path}/{query}".encode())]
        await exchange.answer(301, b"", b"", moved)
        return
    path = f"/{rest}"
    if rest and exchange.path.endswith("/"):
        path += "/"
    prefix = prefix_of(exchange.path, rest)
    reply = _asked(app, exchange, connect, place, path)
    if isinstance(reply, Unreachable):
        await app.reply(exchange, refused(unreachable(place, reply.kind)))
    else:
        await _hand_back(exchange, reply, prefix, place)


def _asked(
    app: App, exchange: Exchange, connect: Connect, place: Location, path: str
) -> HttpResponse | Unreachable:
    cluster, request = app.engine.cluster, connect.request
    if place.node:
        if place.node in cluster.machines.down():
            return Unreachable("timeout", place.node)
        return kubelet_page(cluster.store, place.node, path)
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, values in exchange.headers.items()
        for value in values
        if name.decode("latin-1") not in NOT_FORWARDED
    )
    forwarded = (*headers, ("x-forwarded-uri", exchange.path))
    wanted = Fetch(
        place.host,
        place.port,
        request.method,
        path,
        exchange.raw_query,
        forwarded,
        request.raw,
    )
    return calling.fetch(cluster, wanted, FROM_API_SERVER)


async def _hand_back(exchange: Exchange, reply: HttpResponse, prefix: str, place: Location) -> None:
    body, more, content_type = reply.body, [], b""
    for name, value in reply.headers:
        if name.lower() == "content-type":
            content_type = value.encode("latin-1")
        elif name.lower() == "location":
            more.append((b"location", rewritten_location(value, prefix, place).encode("latin-1")))
        elif name.lower() not in NOT_FORWARDED:
            more.append((name.lower().encode("latin-1"), value.encode("latin-1")))
    if content_type.startswith(b"text/html"):
        body = rewritten_html(body, prefix, place)
    await exchange.answer(reply.status, content_type, body, more)
