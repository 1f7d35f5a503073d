"""Asking a running server, as the command line does: over TLS, with the cluster's own files."""

from __future__ import annotations

import http.client
import ssl
from typing import Final
from urllib.parse import urlsplit

import msgspec

from kelm.adapters.apiserver.home import Home, Running

TIMEOUT_S: Final = 30.0


class RemoteError(Exception):
    """The server cannot be asked, or refuses; the message says which and why."""


def ask(
    home: Home, method: str, page: str, body: object = None, timeout_s: float = TIMEOUT_S
) -> object:
    """The answer of one of the pages below /kelm/v1/.

    Raises:
        RemoteError
    """
    running = home.running()
    if running is None:
        raise RemoteError(
            f'cluster "{home.name}" does not run; `kelm start -p {home.name}` does that'
        )
    try:
        code, raw = _exchange(home, running, method, page, body, timeout_s)
    except (OSError, http.client.HTTPException) as problem:
        raise RemoteError(
            f'cluster "{home.name}" does not answer at {running.server}: {problem}'
        ) from problem
    answer: object = msgspec.json.decode(raw)
    if code >= 400:
        said = answer.get("message") if isinstance(answer, dict) else answer
        raise RemoteError(str(said))
    return answer


def _exchange(
    home: Home, running: Running, method: str, page: str, body: object, timeout_s: float
) -> tuple[int, bytes]:
    address = urlsplit(running.server)
    context = ssl.create_default_context(cafile=str(home.folder / "ca.crt"))
    assert address.hostname is not None
    connection = http.client.HTTPSConnection(
        address.hostname, address.port, timeout=timeout_s, context=context
    )
    try:
        raw = None if body is None else msgspec.json.encode(body)
        connection.request(
            method, f"/kelm/v1/{page}", raw, {"Authorization": f"Bearer {home.token()}"}
        )
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def is_ours(home: Home, running: Running) -> bool:
    """Whether the server that was written down is the one that answers."""
    try:
        status = ask(home, "GET", "status", timeout_s=2.0)
    except RemoteError:
        return False
    return isinstance(status, dict) and status.get("pid") == running.pid
