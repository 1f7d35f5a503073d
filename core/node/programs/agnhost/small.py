"""The smaller servers of agnhost.

Source: kubernetes v1.36, test/images/agnhost: liveness/server.go, serve-hostname/serve_hostname.go,
test-webserver/test-webserver.go, porter/porter.go, fakegitserver/gitserver.go,
grpc-health-checking/grpc-health-checking.go.
"""

from __future__ import annotations

from posixpath import normpath
from typing import Final

import msgspec

from kelm.core.node.files.entries import Directory, Trouble
from kelm.core.node.programs.agnhost.netexec import redirect
from kelm.core.node.programs.agnhost.server import Flags, Server, port_flag
from kelm.core.node.programs.flags import read_flags
from kelm.core.node.programs.http import (
    HTML,
    JSON,
    Answering,
    HttpRequest,
    HttpResponse,
    sniffed,
    text_response,
)
from kelm.core.node.programs.inside import Inside

ALIVE_MS: Final = 10_000
"""How long `agnhost liveness` says that it is well."""
PORTER: Final = {
    "SERVE_PORT_": "TCP",
    "SERVE_TCP_PORT_": "TCP",
    "SERVE_TLS_PORT_": "TCP",
    "SERVE_UDP_PORT_": "UDP",
    "SERVE_SCTP_PORT_": "SCTP",
}
"""The beginnings of the variables that say what is served, and over which protocol."""
NOT_FOUND: Final = text_response("404 page not found\n", 404)
CONTENT_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "jpg": "image/jpeg",
    "png": "image/png",
}


def liveness(inside: Inside, request: HttpRequest) -> Answering:
    """Well for ten seconds, then not."""
    if request.path == "/started":
        return text_response(f"{inside.age_ms / 1_000:g}s")
    if request.path == "/redirect":
        return redirect(request, request.values.get("loc", ""), 302)
    if request.path != "/healthz":
        return NOT_FOUND
    if inside.has_run_for(ALIVE_MS + 1):
        return text_response(f"error: {inside.age_ms / 1_000:g}", 500)
    return text_response("ok")


def serve_hostname(inside: Inside, request: HttpRequest) -> Answering:
    """The container's host name, whatever is asked."""
    return text_response(inside.hostname)


def serve_files(inside: Inside, request: HttpRequest) -> Answering:
    """The container's files, and lists of its directories.

    Source: Go's net/http, FileServer.
    """
    path = normpath(f"/{request.path}").replace("//", "/")
    found = inside.disk.entry(path)
    if isinstance(found, Trouble):
        return NOT_FOUND
    if not isinstance(found, Directory):
        return _file(inside, path)
    if not request.path.endswith("/"):
        return HttpResponse(301, b"", (("Location", f"{path.rpartition('/')[2]}/"),))
    if not isinstance(inside.disk.entry(f"{path}/index.html"), Trouble):
        return _file(inside, f"{path}/index.html")
    names = inside.disk.names(path)
    lines = []
    for name in () if isinstance(names, Trouble) else names:
        tail = "/" if isinstance(inside.disk.entry(f"{path}/{name}"), Directory) else ""
        lines.append(f'<a href="{name}{tail}">{name}{tail}</a>\n')
    head = '<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n'
    return HttpResponse(200, f"{head}{''.join(lines)}</pre>\n".encode(), HTML)


def _file(inside: Inside, path: str) -> HttpResponse:
    data = inside.disk.read(path)
    if isinstance(data, Trouble):
        return text_response("403 Forbidden\n", 403)
    kind = CONTENT_TYPES.get(path.rpartition(".")[2], "text/plain; charset=utf-8")
    return HttpResponse(200, data, (("Content-Type", kind), ("Cache-Control", "private")))


def porter(inside: Inside, request: HttpRequest) -> Answering:
    """What the environment says for the port and its protocol."""
    wanted = request.method if request.method in PORTER.values() else "TCP"
    found = [
        inside.launch.env.get(f"{prefix}{request.port}")
        for prefix, protocol in PORTER.items()
        if protocol == wanted
    ]
    value = next((one for one in found if one is not None), "")
    flags, _ = read_flags((*inside.launch.command, *inside.launch.args), ("json-response",))
    if flags.get("json-response") != "true" or wanted != "TCP":
        return sniffed(value.encode())
    return HttpResponse(
        body=msgspec.json.encode({"Method": request.method, "Body": value}), headers=JSON
    )


def porter_ports(_flags: Flags, variables: dict[str, str]) -> tuple[tuple[str, int], ...]:
    """A port for each variable that names one.

    >>> porter_ports({}, {"SERVE_PORT_80": "a", "SERVE_UDP_PORT_80": "b", "X": ""})
    (('TCP', 80), ('UDP', 80))
    """
    found = []
    for prefix, protocol in PORTER.items():
        for name in sorted(variables):
            number = name.removeprefix(prefix)
            if name.startswith(prefix) and number.isdigit():
                found.append((protocol, int(number)))
    return tuple(found)


def fake_git(inside: Inside, request: HttpRequest) -> Answering:
    """A page that says what it is."""
    return text_response("I am a fake git server")


LIVENESS: Final = Server(port_flag("", 8080), liveness)
SERVE_HOSTNAME: Final = Server(
    port_flag("port", 9376), serve_hostname, None, switches=("http", "tcp", "udp", "close")
)
TEST_WEBSERVER: Final = Server(port_flag("port", 80), serve_files)
PORTER_SERVER: Final = Server(porter_ports, porter, switches=("json-response",))
FAKE_GIT: Final = Server(port_flag("", 8000), fake_git)
