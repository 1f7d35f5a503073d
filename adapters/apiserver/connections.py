"""What a machine answers: logs.

The kubelet's state is read, never changed: a log is a function of how a container behaves and of
how far it has come.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from returns.result import Failure, Result

from kelm.adapters.apiserver import proxying
from kelm.adapters.apiserver.engine import Engine
from kelm.adapters.apiserver.exchange import Exchange
from kelm.adapters.apiserver.streaming import streams
from kelm.adapters.apiserver.streaming.socket import SocketExchange
from kelm.adapters.simulator.machines import kubelet_name
from kelm.core.api import refuse
from kelm.core.api.rest.answer import refused
from kelm.core.api.rest.connections.logs import LogOptions, log_container, read_log_options
from kelm.core.api.rest.request import Connect
from kelm.core.node.containers.logs import LogLine, as_text, container_log
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.sessions.opening import Unopened, running_container
from kelm.effects.address import key_of
from kelm.effects.document import Document, text
from kelm.effects.refusals import Refusal

if TYPE_CHECKING:
    from kelm.adapters.apiserver.app import App

LOOK_AGAIN_S: Final = 0.2
PLAIN: Final = b"text/plain"


async def serve(app: App, exchange: Exchange, connect: Connect) -> None:
    """Answer for the machine on which a pod runs."""
    target = connect.target
    if target.subresource == "proxy":
        await proxying.serve(app, exchange, connect)
        return
    doc = app.engine.server.store.get(target.info.resource, key_of(target.namespace, target.name))
    if doc is None:
        await app.reply(exchange, refused(refuse.not_found(target.info, target.name)))
    elif target.subresource == "log":
        if isinstance(exchange, SocketExchange):
            exchange.streams = True
        await _log(app, exchange, connect, doc)
    else:
        await streams.serve(app, exchange, connect, doc)


async def _log(app: App, exchange: Exchange, connect: Connect, pod: Document) -> None:
    options = read_log_options(connect.query)
    if isinstance(options, Refusal):
        await app.reply(exchange, refused(options))
        return
    container = log_container(pod, options)
    if isinstance(container, Refusal):
        await app.reply(exchange, refused(container))
        return
    if not text(pod, "spec", "nodeName"):
        await exchange.answer(204, PLAIN, b"")
        return
    lines = read_log(app.engine, pod, container, options)
    if isinstance(lines, Refusal):
        await app.reply(exchange, refused(lines))
        return
    shown = _shown(app.engine, lines, options)
    if options.follow and not options.previous:
        await _follow(app.engine, exchange, pod, container, options)
    else:
        await exchange.answer(200, PLAIN, shown.encode())


def read_log(
    engine: Engine, pod: Document, container: str, options: LogOptions
) -> tuple[LogLine, ...] | Refusal:
    """The lines of a container's log."""
    local = _local(engine, pod)
    name = text(pod, "metadata", "name")
    if local is None:
        why = f'container "{container}" in pod "{name}" is waiting to start: ContainerCreating'
        return refuse.bad_request(why)
    found: Result[tuple[LogLine, ...], str] = container_log(
        local, container, engine.now_ms, previous=options.previous
    )
    return refuse.bad_request(found.failure()) if isinstance(found, Failure) else found.unwrap()


def _local(engine: Engine, pod: Document) -> LocalPod | None:
    """A pod as its kubelet knows it."""
    process = engine.cluster.simulator.processes.get(kubelet_name(text(pod, "spec", "nodeName")))
    if process is None:
        return None
    meta = pod["metadata"]
    assert isinstance(meta, Document)
    found: LocalPod | None = process.state.pods.get(
        key_of(text(meta, "namespace"), text(meta, "name"))
    )
    return found


def _shown(engine: Engine, lines: tuple[LogLine, ...], options: LogOptions) -> str:
    since_ms = options.since_ms
    if options.since_seconds is not None:
        since_ms = engine.now_ms - options.since_seconds * 1_000
    return as_text(
        lines,
        timestamps=options.timestamps,
        tail_lines=options.tail_lines,
        since_ms=since_ms,
        limit_bytes=options.limit_bytes,
    )


async def _follow(
    engine: Engine, exchange: Exchange, pod: Document, container: str, options: LogOptions
) -> None:
    """Send what is there and what comes, until the container ends or the client goes."""
    gone = asyncio.ensure_future(exchange.gone())
    try:
        await exchange.start(200, PLAIN)
        lines = read_log(engine, pod, container, options)
        assert not isinstance(lines, Refusal)
        await exchange.part(_shown(engine, lines, options).encode())
        last = lines[-1].at_ms if lines else 0
        while not gone.done() and _runs(engine, pod, container):
            await asyncio.wait({gone}, timeout=LOOK_AGAIN_S)
            found = read_log(engine, pod, container, options)
            if isinstance(found, Refusal):
                break
            new = tuple(line for line in found if line.at_ms > last)
            if new and not gone.done():
                last = new[-1].at_ms
                await exchange.part(as_text(new, timestamps=options.timestamps).encode())
        if not gone.done():
            await exchange.part(b"", more=False)
    finally:
        gone.cancel()


def _runs(engine: Engine, pod: Document, container: str) -> bool:
    local = _local(engine, pod)
    if local is None or local.uid != text(pod, "metadata", "uid"):
        return False
    return not isinstance(running_container(local, container), Unopened)
