"""Asking the ASGI application without a socket, and an engine whose clock a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec
from returns.result import Success

from kelm.adapters.apiserver.app import App
from kelm.adapters.apiserver.engine import Engine
from kelm.adapters.apiserver.identity.authentication import Tokens
from kelm.core.api.authorization.decide import Mode
from kelm.core.api.conversation import ADMIN as ADMIN_ASKER
from kelm.core.api.conversation import Asker, Concluded, Show, Wanted
from kelm.core.api.server import ApiServer, handle
from kelm.core.api.webhooks.connecting import Connecting
from kelm.effects.document import EMPTY

TOKEN = "a-token"
ADMIN = {"Authorization": f"Bearer {TOKEN}"}


class StillEngine(Engine):
    """An API server alone: no controllers, no machines, and a clock that a test sets."""

    metrics = ()

    def __init__(self, server: ApiServer, now_ms: int) -> None:
        self.held = server
        self.at_ms = now_ms

    @property
    def server(self) -> ApiServer:
        return self.held

    @property
    def now_ms(self) -> int:
        return self.at_ms

    def catch_up(self) -> None:
        """Nothing is ever due."""

    async def ask(self, command: Wanted, asker: Asker = ADMIN_ASKER) -> Concluded:
        if isinstance(command, Connecting):
            return Concluded(Success(EMPTY))
        assert not isinstance(command, Show)
        self.held, outcome = handle(self.held, command, self.at_ms)
        self.moved(self.held)
        return Concluded(outcome)


class Reply(NamedTuple):
    """An answer, its body read if it is JSON."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        if self.headers.get("content-type", "").startswith("application/json"):
            return msgspec.json.decode(self.raw)
        return self.raw.decode()


class Client:
    """Sends requests to an application."""

    def __init__(self, app: App) -> None:
        self.app = app

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request; a body that is not bytes or text is sent as JSON."""
        return asyncio.run(self.send(method, path, body, headers))

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        over: asyncio.Event | None = None,
    ) -> Reply:
        """The same inside of an event loop; the client goes away when it is `over`."""
        if isinstance(body, str):
            body = body.encode()
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        )
        sent = {"User-Agent": "Python/1", **ADMIN, **(headers or {})}
        if body is not None and "Content-Type" not in sent:
            sent["Content-Type"] = "application/json"
        parts = urlsplit(path)
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(parts.path),
            "query_string": parts.query.encode(),
            "headers": [
                (key.lower().encode(), value.encode()) for key, value in sent.items() if value
            ],
        }
        return await self._exchange(scope, raw, over or asyncio.Event())

    async def _exchange(self, scope: dict[str, Any], raw: bytes, over: asyncio.Event) -> Reply:
        requests = [{"type": "http.request", "body": raw, "more_body": False}]
        found: dict[str, Any] = {"parts": []}

        async def receive() -> dict[str, Any]:
            if requests:
                return requests.pop()
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                found["status"] = message["status"]
                found["headers"] = {
                    key.decode(): value.decode() for key, value in message["headers"]
                }
            else:
                found["parts"].append(message["body"])

        await self.app(scope, receive, send)
        return Reply(found["status"], found["headers"], b"".join(found["parts"]))


def still_app(server: ApiServer, now_ms: int, mode: Mode = "AlwaysAllow") -> App:
    """An application in front of an API server alone."""
    return App(StillEngine(server, now_ms), Tokens(TOKEN), mode=mode)
