"""Attaching to the program that runs in a container.

One that waits for input is talked with, and its container ends when it does. Of any other it is
shown what it writes from now on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from returns.result import Failure

from kelm.adapters.apiserver.streaming.channels import ERROR, STDOUT, Channels
from kelm.adapters.apiserver.streaming.remote import converse
from kelm.adapters.simulator.calls import calling
from kelm.adapters.simulator.inputs import ConversationEnded
from kelm.core.api.rest.connections.remote_command import (
    CommandOptions,
    ended_status,
    failed_status,
)
from kelm.core.node.containers.behaviour import Line
from kelm.core.node.containers.logs import container_log
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.program import Kubelet
from kelm.core.node.sessions.opening import Unopened, open_attach, running_container
from kelm.core.node.sessions.session import Session
from kelm.core.node.sessions.terminal import on_screen
from kelm.effects.address import Key
from kelm.effects.document import Document

if TYPE_CHECKING:
    from kelm.adapters.apiserver.engine import Engine

LOOK_AGAIN_S: Final = 0.05


async def attach(
    engine: Engine, key: Key, container: str, options: CommandOptions, channels: Channels
) -> None:
    """Attach to a container."""
    engine.settle()
    found = calling.local_pod(engine.cluster, key)
    opened: Session | Unopened | None = Unopened(404, "pod does not exist")
    if found is not None:
        opened = open_attach(*found, container, engine.now_ms, terminal=options.tty)
    if isinstance(opened, Session) and options.stdin:
        await _talk(engine, key, container, options, channels, opened)
    elif isinstance(opened, Unopened):
        why = f"unable to upgrade connection: {opened.message}"
        await channels.tell(failed_status(why))
    else:
        await _follow(engine, key, container, options, channels)
    await channels.close()


async def _talk(
    engine: Engine,
    key: Key,
    container: str,
    options: CommandOptions,
    channels: Channels,
    session: Session,
) -> None:
    heard = _Heard(channels, engine)

    def opening(_machine: Kubelet, _pod: LocalPod, _now_ms: int) -> Session | Unopened:
        return session

    code = await converse(engine, key, opening, options, heard)
    if code is None:
        return
    namespace, _, name = key.partition("/")
    lines = heard.lines(session.inside.started_ms)
    engine.inject(ConversationEnded(namespace, name, container, code, lines))
    engine.settle()
    await channels.tell(ended_status(0))


class _Heard:
    """Channels that remember what was said, for the container's log."""

    def __init__(self, channels: Channels, engine: Engine) -> None:
        self._channels = channels
        self._engine = engine
        self._said: list[tuple[int, bytes]] = []

    async def receive(self) -> tuple[int, bytes] | None:
        return await self._channels.receive()

    async def send(self, channel: int, data: bytes) -> None:
        if channel != ERROR:
            self._said.append((self._engine.now_ms, data))
        await self._channels.send(channel, data)

    async def tell(self, status: Document) -> None:
        await self._channels.tell(status)

    async def close(self) -> None:
        await self._channels.close()

    def lines(self, started_ms: int) -> tuple[Line, ...]:
        """The log of all that."""
        found, partial, at_ms = [], b"", started_ms
        for at_ms, data in self._said:
            *whole, partial = (partial + data).replace(b"\r\n", b"\n").split(b"\n")
            found += [(at_ms, line) for line in whole]
        if partial:
            found.append((at_ms, partial))
        return tuple(
            Line(at_ms - started_ms, line.decode("utf-8", "replace")) for at_ms, line in found
        )


async def _follow(
    engine: Engine, key: Key, container: str, options: CommandOptions, channels: Channels
) -> None:
    """Show what the program writes from now on, until it ends or the client goes."""
    listener = asyncio.ensure_future(_until_gone(channels))
    last_ms = engine.now_ms
    running = True
    try:
        while running and not listener.done():
            engine.settle()
            found = calling.local_pod(engine.cluster, key)
            if found is None:
                break
            pod = found[1]
            running = not isinstance(running_container(pod, container), Unopened)
            log = container_log(pod, container, engine.now_ms)
            new = () if isinstance(log, Failure) else log.unwrap()
            for line in new:
                if line.at_ms > last_ms:
                    text = f"{line.text}\n".encode()
                    await channels.send(STDOUT, on_screen(text) if options.tty else text)
            last_ms = max([last_ms, *(line.at_ms for line in new)])
            if running:
                await asyncio.wait({listener}, timeout=LOOK_AGAIN_S)
        if not listener.done():
            await channels.tell(ended_status(0))
    finally:
        listener.cancel()


async def _until_gone(channels: Channels) -> None:
    while await channels.receive() is not None:
        pass
