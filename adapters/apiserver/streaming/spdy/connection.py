"""A SPDY connection as a server has it: streams that the client opens.

Source: https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1 (2.3 streams, 2.6
control frames). Differs: no flow control; Kubernetes' clients know none either.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Final, Protocol

from kelm.adapters.apiserver.streaming.spdy.frames import (
    GOAWAY,
    PING,
    RST_STREAM,
    Codec,
    Control,
    Data,
    Frame,
    Headers,
    Opened,
    Wrong,
)

MOST_IN_A_FRAME: Final = 32 * 1024


class Link(Protocol):
    """What carries the bytes. `receive` gives None at the end."""

    async def receive(self) -> bytes | None: ...
    async def send(self, data: bytes) -> None: ...
    async def close(self) -> None: ...


class Stream:
    """One stream. Received data comes in order; b"" is its end."""

    def __init__(self, connection: Connection, number: int, headers: Headers) -> None:
        self.number = number
        self.headers = headers
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self._connection = connection
        self._closed = False

    async def send(self, data: bytes) -> None:
        for start in range(0, len(data), MOST_IN_A_FRAME):
            part = data[start : start + MOST_IN_A_FRAME]
            await self._connection.send(self._connection.codec.data(self.number, part))

    async def close(self) -> None:
        """Nothing more will be sent."""
        if not self._closed:
            self._closed = True
            await self._connection.send(self._connection.codec.data(self.number, b"", fin=True))

    async def reset(self) -> None:
        """Break the stream off."""
        if not self._closed:
            self._closed = True
            await self._connection.send(self._connection.codec.reset(self.number))


class Connection:
    """A connection; `run` reads it until the client goes."""

    def __init__(self, link: Link) -> None:
        self.codec = Codec()
        self.opened: asyncio.Queue[Stream | None] = asyncio.Queue()
        self._link = link
        self._streams: dict[int, Stream] = {}
        self._last = 0

    async def run(self) -> None:
        """Take what comes. At the end `opened` gives None and every stream has ended."""
        try:
            while (data := await self._link.receive()) is not None:
                for frame in self.codec.feed(data):
                    await self._take(frame)
        except Wrong:
            await self.send(self.codec.go_away(self._last))
        finally:
            for stream in self._streams.values():
                stream.received.put_nowait(b"")
            self.opened.put_nowait(None)

    async def _take(self, frame: Frame) -> None:
        if isinstance(frame, Opened):
            stream = Stream(self, frame.stream, frame.headers)
            self._streams[frame.stream] = stream
            self._last = max(self._last, frame.stream)
            await self.send(self.codec.reply(frame.stream))
            if frame.fin:
                stream.received.put_nowait(b"")
            self.opened.put_nowait(stream)
        elif isinstance(frame, Data):
            known = self._streams.get(frame.stream)
            if known is not None and frame.data:
                known.received.put_nowait(frame.data)
            if known is not None and frame.fin:
                known.received.put_nowait(b"")
        elif isinstance(frame, Control):
            await self._told(frame)

    async def _told(self, frame: Control) -> None:
        if frame.type == PING:
            await self.send(self.codec.control(PING, frame.body))
        elif frame.type == RST_STREAM and len(frame.body) >= 4:
            (number,) = struct.unpack(">I", frame.body[:4])
            gone = self._streams.pop(number, None)
            if gone is not None:
                gone.received.put_nowait(b"")
        elif frame.type == GOAWAY:
            return

    async def send(self, data: bytes) -> None:
        await self._link.send(data)

    async def close(self) -> None:
        await self._link.close()
