"""The streams of a remote command as SPDY streams.

Source: kubernetes v1.36, cri-streaming/pkg/streaming/remotecommand/httpstream.go (the streams that
each version waits for), websocket.go; api/core/v1/types.go (StreamType).
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from kelm.adapters.apiserver.streaming.channels import ERROR, RESIZE, STDERR, STDIN, STDOUT
from kelm.adapters.apiserver.streaming.spdy.connection import Connection, Link, Stream
from kelm.core.api.rest.connections.remote_command import CommandOptions
from kelm.effects.document import Document

PROTOCOLS: Final = ("v4.channel.k8s.io",)
TYPES: Final = {
    "stdin": STDIN,
    "stdout": STDOUT,
    "stderr": STDERR,
    "error": ERROR,
    "resize": RESIZE,
}
CREATION_TIMEOUT_S: Final = 30


class SpdyChannels:
    """Channels over a SPDY connection."""

    def __init__(self, link: Link) -> None:
        self.connection = Connection(link)
        self._streams: dict[int, Stream] = {}
        self._received: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, options: CommandOptions) -> bool:
        """Wait for all streams that the options ask for; whether they came."""
        self._tasks.append(asyncio.create_task(self._run()))
        wanted = {ERROR}
        wanted |= {STDIN} if options.stdin else set()
        wanted |= {STDOUT} if options.stdout else set()
        wanted |= {STDERR} if options.stderr else set()
        wanted |= {RESIZE} if options.tty else set()
        try:
            async with asyncio.timeout(CREATION_TIMEOUT_S):
                while wanted - self._streams.keys():
                    stream = await self.connection.opened.get()
                    if stream is None:
                        return False
                    self._add(stream)
        except TimeoutError:
            return False
        return True

    def _add(self, stream: Stream) -> None:
        number = TYPES.get(stream.headers.get("streamtype", ""))
        if number is None:
            return
        self._streams[number] = stream
        if number in (STDIN, RESIZE):
            self._tasks.append(asyncio.create_task(self._pump(number, stream)))

    async def _pump(self, number: int, stream: Stream) -> None:
        while True:
            data = await stream.received.get()
            self._received.put_nowait((number, data))
            if not data:
                return

    async def _run(self) -> None:
        await self.connection.run()
        self._received.put_nowait(None)

    async def receive(self) -> tuple[int, bytes] | None:
        return await self._received.get()

    async def send(self, channel: int, data: bytes) -> None:
        stream = self._streams.get(channel)
        if stream is not None:
            await stream.send(data)

    async def tell(self, status: Document) -> None:
        await self.send(ERROR, msgspec.json.encode(status))

    async def close(self) -> None:
        for number in (STDOUT, STDERR, ERROR):
            if number in self._streams:
                await self._streams[number].close()
        try:
            async with asyncio.timeout(1):
                await asyncio.shield(self._tasks[0])
        except TimeoutError:
            pass
        for task in self._tasks:
            task.cancel()
        await self.connection.close()
