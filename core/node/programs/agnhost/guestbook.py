"""agnhost guestbook: a front end, a primary that stores, and replicas that it tells.

What a server has stored is in a file of its container, so that it is gone with the container.

Source: kubernetes v1.36, test/images/agnhost/guestbook/guestbook.go. Differs: a replica asks its
primary when it is asked itself, instead of registering there and being told.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

import msgspec

from kelm.core.node.files.entries import Trouble
from kelm.core.node.programs.agnhost.server import Server, port_flag
from kelm.core.node.programs.flags import read_flags
from kelm.core.node.programs.http import (
    Answering,
    HttpRequest,
    HttpResponse,
    Reply,
    Unreachable,
    text_response,
)
from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.process import Fetch

STORE: Final = "/tmp/guestbook.json"
TIMEOUT_MS: Final = 5_000
BACKEND_PORT: Final = "6379"


def handle(inside: Inside, request: HttpRequest) -> Answering:
    """Answer one request."""
    values = request.values
    if request.path == "/guestbook":
        return _front(inside, values)
    if request.path == "/get":
        return _get(inside, values.get("key", ""))
    if request.path == "/set":
        return _set(inside, values)
    if request.path == "/register":
        return _json({"data": _stored(inside)})
    return text_response("404 page not found\n", 404)


def _flags(inside: Inside) -> dict[str, str]:
    return read_flags((*inside.launch.command, *inside.launch.args))[0]


def _json(value: object) -> HttpResponse:
    return HttpResponse(body=msgspec.json.encode(value))


def _stored(inside: Inside) -> dict[str, str]:
    data = inside.disk.read(STORE)
    if isinstance(data, Trouble):
        return {}
    return msgspec.json.decode(data, type=dict[str, str])


def _get(inside: Inside, key: str) -> Answering:
    primary = _flags(inside).get("replicaof", "")
    if primary:
        return _ask_primary(inside, primary, key)
    stored = _stored(inside)
    return _json({"data": stored.get(key, "") if key else stored})


def _ask_primary(inside: Inside, primary: str, key: str) -> Generator[Fetch, Reply, HttpResponse]:
    port = int(_flags(inside).get("backend-port", BACKEND_PORT))
    query = f"key={key}" if key else ""
    reply = yield Fetch(primary, port, path="/get", query=query, timeout_ms=TIMEOUT_MS)
    return _json({"data": ""}) if isinstance(reply, Unreachable) else reply


def _set(inside: Inside, values: dict[str, str]) -> Answering:
    key = values.get("key", "")
    if not key:
        return text_response("cannot set with empty key.\n", 400)
    stored = {**_stored(inside), key: values.get("value", "")}
    inside.disk.write(STORE, msgspec.json.encode(stored))
    return _json({"message": "Updated"})


def _front(inside: Inside, values: dict[str, str]) -> Answering:
    command = values.get("cmd", "").lower()
    if command not in ("get", "set"):
        return text_response(f"unsupported cmd: '{command}'\n", 400)
    if command == "set" and not values.get("key"):
        return text_response("cannot set with empty key.\n", 400)
    host = "agnhost-replica" if command == "get" else "agnhost-primary"
    return _forward(inside, host, command, values)


def _forward(
    inside: Inside, host: str, command: str, values: dict[str, str]
) -> Generator[Fetch, Reply, HttpResponse]:
    port = int(_flags(inside).get("backend-port", BACKEND_PORT))
    query = f"key={values.get('key', '')}&value={values.get('value', '')}"
    reply = yield Fetch(host, port, path=f"/{command}", query=query, timeout_ms=TIMEOUT_MS)
    if not isinstance(reply, Unreachable):
        return HttpResponse(body=reply.body)
    if reply.kind == "name":
        why = f"host and/or port param are invalid. lookup {host}: no such host\n"
        return text_response(why, 400)
    return text_response(f"encountered error: {reply.why}\n", 417)


GUESTBOOK: Final = Server(port_flag("http-port", 80), handle)
