"""Small servers and objects that the tests of this room begin with."""

from __future__ import annotations

from returns.result import Success

from kelm.core.api.server import ApiServer, handle
from kelm.core.objects.time import parse_time
from kelm.effects.commands import Command, Create
from kelm.effects.document import Document, document
from kelm.effects.refusals import Refusal

NOW_MS = parse_time("2026-01-01T00:00:00Z")


def server_with(*commands: Command) -> ApiServer:
    """A server with a namespace `default` and its service account, after these commands."""
    server = ApiServer()
    first: list[Command] = [
        Create("namespaces", "", document({"metadata": {"name": "default"}})),
        Create("serviceaccounts", "default", document({"metadata": {"name": "default"}})),
    ]
    for command in (*first, *commands):
        server = done(server, command)[0]
    return server


def done(server: ApiServer, command: Command, now_ms: int = NOW_MS) -> tuple[ApiServer, Document]:
    """What a command makes of a server, and its answer."""
    server, outcome = handle(server, command, now_ms)
    assert isinstance(outcome, Success), outcome
    return server, outcome.unwrap()


def refused(server: ApiServer, command: Command, now_ms: int = NOW_MS) -> Refusal:
    """Why a command is refused; nothing may have changed."""
    after, outcome = handle(server, command, now_ms)
    assert after is server
    return outcome.failure()


def pod(name: str = "web", **spec: object) -> Document:
    containers = [{"name": "c", "image": "nginx"}]
    meta = {"name": name, "labels": {"app": name}}
    return document({"metadata": meta, "spec": {"containers": containers, **spec}})


def deployment(name: str = "web", replicas: int = 2) -> Document:
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": "nginx"}]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return document({"metadata": {"name": name}, "spec": spec})


def config(name: str = "c", **data: str) -> Document:
    return document({"metadata": {"name": name}, "data": data})


def meta(doc: Document, field: str) -> object:
    """A field of an object's metadata."""
    found = doc["metadata"]
    assert isinstance(found, Document)
    return found.get(field)
