"""Port-forward: bytes between a client's connections and the programs of a pod.

A forwarded connection is a pair of streams. What comes on it is read as HTTP/1.1, request by
request, and answered by whoever listens on the port in the pod.

Source: kubernetes v1.36, cri-streaming/pkg/streaming/portforward/httpstream.go;
client-go/tools/portforward (the WebSocket that tunnels SPDY).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from kelm.adapters.apiserver.streaming.http_server import HttpServer
from kelm.adapters.apiserver.streaming.socket import SocketExchange
from kelm.adapters.apiserver.streaming.spdy.connection import Connection, Link, Stream
from kelm.adapters.simulator.calls import calling
from kelm.core.network.calls import Calls
from kelm.core.node.programs.http import HttpRequest, Reply, Unreachable
from kelm.effects.address import Key

if TYPE_CHECKING:
    from kelm.adapters.apiserver.engine import Engine

PROTOCOL: Final = "portforward.k8s.io"
TUNNELLED: Final = f"SPDY/3.1+{PROTOCOL}"
CREATION_TIMEOUT_S: Final = 30


class SocketLink:
    """SPDY's bytes in the messages of a WebSocket."""

    def __init__(self, socket: SocketExchange) -> None:
        self._socket = socket

    async def receive(self) -> bytes | None:
        message = await self._socket.message()
        return message.encode() if isinstance(message, str) else message

    async def send(self, data: bytes) -> None:
        await self._socket.tell(data)

    async def close(self) -> None:
        await self._socket.close()


async def forward(engine: Engine, key: Key, uid: str, link: Link) -> None:
    """Serve forwarded connections until the client goes."""
    connection = Connection(link)
    reading = asyncio.create_task(connection.run())
    waiting: dict[str, dict[str, Stream]] = {}
    pairs: set[asyncio.Task[None]] = set()
    try:
        while (stream := await connection.opened.get()) is not None:
            kind = stream.headers.get("streamtype", "")
            port = stream.headers.get("port", "")
            if kind not in ("data", "error") or not port.isdigit() or not 0 < int(port) < 65_536:
                await stream.reset()
                continue
            number = stream.number if kind == "error" else stream.number - 2
            pair = waiting.setdefault(stream.headers.get("requestid") or str(number), {})
            pair[kind] = stream
            if len(pair) == 2:
                task = asyncio.create_task(_Forwarded(engine, key, uid, int(port)).run(pair))
                pairs.add(task)
                task.add_done_callback(pairs.discard)
                pair_id = stream.headers.get("requestid") or str(number)
                del waiting[pair_id]
    finally:
        for task in (*pairs, reading):
            task.cancel()
        await connection.close()


class _Forwarded:
    """One forwarded connection."""

    def __init__(self, engine: Engine, key: Key, uid: str, port: int) -> None:
        self.engine = engine
        self.key = key
        self.uid = uid
        self.port = port

    async def run(self, pair: dict[str, Stream]) -> None:
        data, error = pair["data"], pair["error"]
        trouble = self._trouble()
        if trouble:
            where = f"error forwarding port {self.port} to pod {self.key.partition('/')[2]}"
            await error.send(f"{where}, uid {self.uid}: {trouble}".encode())
            await data.reset()
            await error.reset()
            return
        server = HttpServer(self._answer)
        while part := await data.received.get():
            await data.send(server.take(part))
            if server.closes:
                break
        await data.close()
        await error.close()

    def _trouble(self) -> str:
        """Why nobody can be connected with, "" if somebody can."""
        reply = self._ask(HttpRequest(port=self.port), probe=True)
        if not isinstance(reply, Unreachable):
            return ""
        why = "connect: connection refused" if reply.kind == "refused" else "i/o timeout"
        return (
            f"failed to execute portforward in network namespace: failed to connect to localhost:"
            f"{self.port} inside namespace, IPv4: dial tcp4 127.0.0.1:{self.port}: {why}"
        )

    def _ask(self, request: HttpRequest, *, probe: bool = False) -> Reply:
        self.engine.settle()
        calls = Calls(calling.world_of(self.engine.cluster), self.engine.now_ms)
        reply = calls.ask(self.key, request, probe=probe)
        calling.take_over(self.engine.cluster, calls)
        self.engine.settle()
        return reply

    def _answer(self, request: HttpRequest) -> Reply:
        from_here = (request.method, request.path, request.query, request.headers, request.body)
        return self._ask(HttpRequest(*from_here, self.port, "127.0.0.1"))
