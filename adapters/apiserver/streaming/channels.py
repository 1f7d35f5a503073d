"""The streams of a remote command over one connection.

Source: kubernetes v1.36, apimachinery/pkg/util/remotecommand/constants.go;
streaming/pkg/httpstream/wsstream/conn.go (channels, base64, the close signal of version 5);
cri-streaming/pkg/streaming/remotecommand/websocket.go (what is written on the channel of errors).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Final, Protocol

import msgspec

from kelm.adapters.apiserver.streaming.socket import SocketExchange
from kelm.effects.document import Document, text

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2
ERROR: Final = 3
RESIZE: Final = 4
CLOSE: Final = 255
PROTOCOLS: Final = (
    "v5.channel.k8s.io",
    "v4.channel.k8s.io",
    "v4.base64.channel.k8s.io",
    "channel.k8s.io",
    "base64.channel.k8s.io",
)
MOST_IN_A_MESSAGE: Final = 32 * 1024


class Channels(Protocol):
    """Streams with numbers. `receive` gives None once the client has gone, and no bytes at the
    end of a stream. `tell` says how it ended."""

    async def receive(self) -> tuple[int, bytes] | None: ...
    async def send(self, channel: int, data: bytes) -> None: ...
    async def tell(self, status: Document) -> None: ...
    async def close(self) -> None: ...


class SocketChannels:
    """Channels in the messages of a WebSocket: the first byte is the channel's number."""

    def __init__(self, socket: SocketExchange, protocol: str) -> None:
        self._socket = socket
        self._in_base64 = "base64" in protocol
        self._closes = protocol.startswith("v5")
        self._has_status = protocol.startswith(("v4", "v5"))

    async def receive(self) -> tuple[int, bytes] | None:
        while True:
            message = await self._socket.message()
            if message is None:
                return None
            raw = message.encode() if isinstance(message, str) else message
            if not raw:
                continue
            if self._in_base64:
                return raw[0] - ord("0"), b64decode(raw[1:])
            if self._closes and raw[0] == CLOSE:
                return (raw[1], b"") if len(raw) > 1 else (STDIN, b"")
            if len(raw) > 1:
                return raw[0], raw[1:]

    async def send(self, channel: int, data: bytes) -> None:
        for start in range(0, len(data), MOST_IN_A_MESSAGE):
            part = data[start : start + MOST_IN_A_MESSAGE]
            if self._in_base64:
                await self._socket.tell(f"{channel}{b64encode(part).decode()}")
            else:
                await self._socket.tell(bytes((channel,)) + part)

    async def tell(self, status: Document) -> None:
        """Say how it ended; protocols before version 4 only say what went wrong, as text."""
        if self._has_status:
            await self.send(ERROR, msgspec.json.encode(status))
        elif text(status, "status") != "Success":
            await self.send(ERROR, text(status, "message").encode())

    async def close(self) -> None:
        await self._socket.close()


def chosen(offered: list[str]) -> str | None:
    """The protocol to speak: the client's first that is known; "" where it offers none.

    >>> chosen(["v9", "v5.channel.k8s.io"]), chosen([]), chosen(["v9"])
    ('v5.channel.k8s.io', '', None)
    """
    if not offered:
        return ""
    return next((one for one in offered if one in PROTOCOLS), None)
