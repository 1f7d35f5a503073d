"""Plain HTTPS requests to a server in the background."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from kelm.adapters.apiserver.background import BackgroundServer

Ask: TypeAlias = Callable[..., "tuple[int, Mapping[str, str], Any]"]


def asking(server: BackgroundServer) -> Ask:
    """A function that sends a request and gives back code, headers and what the body says."""
    context = ssl.create_default_context(cafile=str(server.authority))
    where = urlsplit(server.server)

    def ask(
        method: str,
        path: str,
        body: object = None,
        content_type: str = "application/json",
        more: Mapping[str, str] | None = None,
    ) -> tuple[int, Mapping[str, str], Any]:
        assert where.hostname is not None
        connection = http.client.HTTPSConnection(
            where.hostname, where.port, context=context, timeout=30
        )
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": content_type}
        headers.update(more or {})
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, headers)
            response = connection.getresponse()
            raw = response.read().decode()
            try:
                found: Any = json.loads(raw)
            except ValueError:
                found = raw
            return (
                response.status,
                {key.lower(): value for key, value in response.getheaders()},
                found,
            )
        finally:
            connection.close()

    return ask
