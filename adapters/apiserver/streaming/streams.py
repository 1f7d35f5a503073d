"""Requests for exec, attach and port-forward: refused, or given a connection with streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kelm.adapters.apiserver.exchange import Exchange
from kelm.adapters.apiserver.streaming import attaching, forwarding, remote
from kelm.adapters.apiserver.streaming.channels import (
    PROTOCOLS,
    Channels,
    SocketChannels,
    chosen,
)
from kelm.adapters.apiserver.streaming.socket import SocketExchange
from kelm.adapters.apiserver.streaming.spdy import channels as spdy
from kelm.adapters.apiserver.streaming.spdy.connection import Link
from kelm.adapters.apiserver.streaming.spdy.upgrade import SpdyExchange
from kelm.core.api import refuse
from kelm.core.api.rest.answer import refused
from kelm.core.api.rest.connections.remote_command import (
    CommandOptions,
    command_container,
    read_command_options,
)
from kelm.core.api.rest.query import text_of
from kelm.core.api.rest.request import Connect
from kelm.effects.address import key_of
from kelm.effects.document import Document, text
from kelm.effects.refusals import Reason, Refusal

if TYPE_CHECKING:
    from kelm.adapters.apiserver.app import App


async def serve(app: App, exchange: Exchange, connect: Connect, pod: Document) -> None:
    """Answer a request for streams."""
    refusal = _refusal(connect, pod)
    if refusal is not None:
        await app.reply(exchange, refused(refusal))
    elif connect.target.subresource in ("exec", "attach"):
        await _command(app, exchange, connect, pod)
    else:
        await _forward(app, exchange, connect, pod)


def _refusal(connect: Connect, pod: Document) -> Refusal | None:
    """Why there is nothing to connect with, whatever is asked for: the API server's word first."""
    target = connect.target
    command = target.subresource in ("exec", "attach")
    if command:
        container = command_container(pod, text_of(connect.query, "container"))
        if isinstance(container, Refusal):
            return container
    if not text(pod, "spec", "nodeName"):
        return refuse.bad_request(f"pod {target.name} does not have a host assigned")
    options = read_command_options(connect.query) if command else None
    return options if isinstance(options, Refusal) else None


async def _command(app: App, exchange: Exchange, connect: Connect, pod: Document) -> None:
    options = read_command_options(connect.query)
    assert not isinstance(options, Refusal)
    container = command_container(pod, options.container)
    assert not isinstance(container, Refusal)
    channels = await _opened(app, exchange, options)
    if channels is None:
        return
    key = key_of(connect.target.namespace, connect.target.name)
    begin = remote.execute if connect.target.subresource == "exec" else attaching.attach
    await begin(app.engine, key, container, options, channels)


async def _opened(app: App, exchange: Exchange, options: CommandOptions) -> Channels | None:
    """The streams of a connection, None where it was refused."""
    if isinstance(exchange, SpdyExchange):
        wanted = next((one for one in exchange.protocols if one in spdy.PROTOCOLS), None)
        if wanted is None:
            await _no_protocol(app, exchange, exchange.protocols)
            return None
        channels = spdy.SpdyChannels(await exchange.accept(wanted))
        return channels if await channels.open(options) else None
    if not isinstance(exchange, SocketExchange):
        await app.reply(exchange, refused(refuse.bad_request("Upgrade request required")))
        return None
    protocol = chosen(exchange.protocols)
    if protocol is None:
        await _no_protocol(app, exchange, exchange.protocols)
        return None
    await exchange.open(protocol)
    return SocketChannels(exchange, protocol)


async def _no_protocol(app: App, exchange: Exchange, offered: list[str]) -> None:
    why = f"unable to negotiate protocol: client supports {offered}, server supports {PROTOCOLS}"
    await app.reply(exchange, refused(Refusal(Reason.FORBIDDEN, why)))


async def _forward(app: App, exchange: Exchange, connect: Connect, pod: Document) -> None:
    link: Link
    if isinstance(exchange, SpdyExchange):
        if forwarding.PROTOCOL not in exchange.protocols:
            await _no_protocol(app, exchange, exchange.protocols)
            return
        link = await exchange.accept(forwarding.PROTOCOL)
    elif not isinstance(exchange, SocketExchange):
        await app.reply(exchange, refused(refuse.bad_request("Upgrade request required")))
        return
    elif forwarding.TUNNELLED not in exchange.protocols:
        await _no_protocol(app, exchange, exchange.protocols)
        return
    else:
        await exchange.open(forwarding.TUNNELLED)
        link = forwarding.SocketLink(exchange)
    key = key_of(connect.target.namespace, connect.target.name)
    await forwarding.forward(app.engine, key, text(pod, "metadata", "uid"), link)
