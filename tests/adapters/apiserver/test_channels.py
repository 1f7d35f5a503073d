"""How a command's end is told, by each protocol that a WebSocket may speak."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from typing import cast

import pytest

from kelm.adapters.apiserver.streaming.channels import ERROR, PROTOCOLS, SocketChannels
from kelm.adapters.apiserver.streaming.socket import SocketExchange
from kelm.core.api.rest.connections.remote_command import ended_status
from kelm.effects.document import text


class Socket:
    """A socket that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str | bytes] = []

    async def tell(self, message: str | bytes) -> None:
        self.told.append(message)


def said(protocol: str, code: int) -> list[bytes]:
    """What comes on the channel of errors after a command that ended with this code."""
    socket = Socket()
    channels = SocketChannels(cast(SocketExchange, socket), protocol)
    asyncio.run(channels.tell(ended_status(code)))
    found = []
    for message in socket.told:
        in_base64 = isinstance(message, str)
        assert in_base64 is ("base64" in protocol)
        channel = int(message[0]) if in_base64 else message[0]
        assert channel == ERROR
        found.append(b64decode(message[1:]) if in_base64 else cast(bytes, message[1:]))
    return found


@pytest.mark.parametrize("protocol", [*PROTOCOLS, ""])
def test_protocols_with_a_status_tell_it_and_others_only_what_went_wrong(protocol: str) -> None:
    well, badly = said(protocol, 0), said(protocol, 3)
    if protocol.startswith("v"):
        assert [json.loads(one)["status"] for one in (*well, *badly)] == ["Success", "Failure"]
    else:
        assert well == []
        assert badly == [text(ended_status(3), "message").encode()]


def test_the_header_that_says_who_asks_is_read_however_it_is_written() -> None:
    async def nothing(*_given: object) -> dict[str, object]:
        return {}

    scope = {"path": "/", "query_string": b"", "headers": [(b"Authorization", b"Bearer secret")]}
    exchange = SocketExchange(scope, nothing, nothing)  # type: ignore[arg-type]
    assert exchange.header(b"authorization") == "Bearer secret"
