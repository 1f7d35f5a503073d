"""agnhost nettest: a server that notes who has written to it.

What it has received is in a file of its container. It looks for no peers of its own.

Source: kubernetes v1.36, test/images/agnhost/nettest/nettest.go.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kelm.core.node.files.entries import Trouble
from kelm.core.node.programs.agnhost.server import Server, port_flag
from kelm.core.node.programs.http import Answering, HttpRequest, HttpResponse, text_response
from kelm.core.node.programs.inside import Inside

STATE: Final = "/tmp/nettest.json"


class Received(msgspec.Struct):
    """How often who has written, and what went wrong with it."""

    counts: dict[str, int] = msgspec.field(default_factory=dict)
    errors: list[str] = msgspec.field(default_factory=list)


def handle(inside: Inside, request: HttpRequest) -> Answering:
    """Answer one request."""
    if request.path == "/write":
        return _write(inside, request.body)
    if request.path == "/read":
        return _read(inside)
    if request.path == "/status":
        return text_response("running")
    return text_response("404 page not found\n", 404)


def _state(inside: Inside) -> Received:
    data = inside.disk.read(STATE)
    return Received() if isinstance(data, Trouble) else msgspec.json.decode(data, type=Received)


def _write(inside: Inside, body: bytes) -> HttpResponse:
    state, source = _state(inside), ""
    try:
        said: Any = msgspec.json.decode(body)
        fields = {name.lower(): value for name, value in said.items()}
        source = str(fields.get("source", ""))
    except (msgspec.DecodeError, AttributeError) as problem:
        state.errors.append(str(problem))
    if source:
        state.counts[source] = state.counts.get(source, 0) + 1
    else:
        state.errors.append(f"{inside.hostname}: Got request with no source")
    inside.disk.write(STATE, msgspec.json.encode(state))
    return HttpResponse(body=msgspec.json.encode({"Hostname": inside.hostname}) + b"\n")


def _read(inside: Inside) -> HttpResponse:
    state = _state(inside)
    shown = {
        "Hostname": inside.hostname,
        "Sent": None,
        "Received": state.counts or None,
        "Errors": state.errors or None,
        "Log": None,
        "StillContactingPeers": True,
    }
    return HttpResponse(body=msgspec.json.format(msgspec.json.encode(shown), indent=1))


NETTEST: Final = Server(port_flag("port", 8_080), handle)
