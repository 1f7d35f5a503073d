"""What a probe or a hook does: decoded from the specification, with its ports looked up.

Source: kubernetes v1.36, api/core/v1/types.go (ProbeHandler, LifecycleHandler), pkg/probe/util.go
(ResolveContainerPort), pkg/kubelet/container/helpers.go (ExpandContainerCommandOnlyStatic).
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from kelm.core.node.containers.expansion import expand
from kelm.effects.document import Document, child, children, elements, number, text

MOST_PORTS: Final = 65_535


class HttpGet(msgspec.Struct, frozen=True, gc=False):
    """A GET request. `host` "" is the pod's own address."""

    port: int
    path: str = "/"
    scheme: str = "http"
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class TcpSocket(msgspec.Struct, frozen=True, gc=False):
    """A connection that is opened and closed again."""

    port: int
    host: str = ""


class Grpc(msgspec.Struct, frozen=True, gc=False):
    """A call of gRPC's health check, for a service or ("") for the whole server."""

    port: int
    service: str = ""


class Exec(msgspec.Struct, frozen=True, gc=False):
    """A command in the container."""

    command: tuple[str, ...]


class Pause(msgspec.Struct, frozen=True, gc=False):
    """Nothing, for so long."""

    for_ms: int


class Unusable(msgspec.Struct, frozen=True, gc=False):
    """No handler that could be carried out, and why not."""

    why: str


Handler: TypeAlias = HttpGet | TcpSocket | Grpc | Exec | Pause | Unusable
NO_HANDLER: Final = Unusable("no handler is given")


def handler_of(container: Document, doc: Document) -> Handler:
    """What a probe or a hook of a container does.

    >>> ports = (Document(name="web", containerPort=80),)
    >>> handler_of(Document(ports=ports), Document(httpGet=Document(port="web", path="/up")))
    HttpGet(port=80, path='/up', scheme='http', host='', headers=())
    >>> handler_of(Document(), Document(tcpSocket=Document(port="web"))).why
    'strconv.Atoi: parsing "web": invalid syntax'
    """
    if isinstance(doc.get("exec"), Document):
        return Exec(_command(container, child(doc, "exec")))
    if isinstance(doc.get("sleep"), Document):
        return Pause(number(doc, "sleep", "seconds") * 1_000)
    for name, made in (("httpGet", _http), ("tcpSocket", _tcp), ("grpc", _grpc)):
        inner = doc.get(name)
        if isinstance(inner, Document):
            port = _port(container, inner)
            return Unusable(port) if isinstance(port, str) else made(inner, port)
    return NO_HANDLER


def _http(doc: Document, port: int) -> Handler:
    headers = tuple(
        [(text(one, "name"), text(one, "value")) for one in children(doc, "httpHeaders")]
    )
    scheme = text(doc, "scheme").lower() or "http"
    return HttpGet(port, text(doc, "path") or "/", scheme, text(doc, "host"), headers)


def _tcp(doc: Document, port: int) -> Handler:
    return TcpSocket(port, text(doc, "host"))


def _grpc(doc: Document, port: int) -> Handler:
    return Grpc(port, text(doc, "service"))


def _port(container: Document, handler: Document) -> int | str:
    """The port's number, or why there is none."""
    given = handler.get("port")
    found = given if isinstance(given, int) else _port_named(container, str(given))
    if found is None:
        return f'strconv.Atoi: parsing "{given}": invalid syntax'
    return found if 0 < found <= MOST_PORTS else f"invalid port number: {found}"


def _port_named(container: Document, name: str) -> int | None:
    for one in children(container, "ports"):
        if one.get("name") == name:
            return number(one, "containerPort")
    return int(name) if name.isdigit() else None


def _command(container: Document, doc: Document) -> tuple[str, ...]:
    """The words of a command; of `$(NAME)` only what stands in the specification is known."""
    known = {text(one, "name"): text(one, "value") for one in children(container, "env")}
    words = [word for word in elements(doc, "command") if isinstance(word, str)]
    return tuple([expand(word, known) if known else word for word in words])
