"""agnhost netexec: a server that echoes, tells who it is, and calls others on request.

Source: kubernetes v1.36, test/images/agnhost/netexec/netexec.go.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final

import msgspec

from kelm.core.node.programs.agnhost.server import Flags, Server, number_of
from kelm.core.node.programs.http import (
    HTML,
    Answering,
    HttpRequest,
    HttpResponse,
    Reply,
    Unreachable,
    text_response,
)
from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.process import Fetch
from kelm.core.objects.time import format_time

DIAL_TIMEOUT_MS: Final = 5_000


def ports(flags: Flags, _variables: dict[str, str]) -> tuple[tuple[str, int], ...]:
    """HTTP, and UDP unless it is switched off; SCTP where it is switched on.

    >>> ports({"http-port": "80", "udp-port": "80"}, {}), ports({"udp-port": "-1"}, {})
    ((('TCP', 80), ('UDP', 80)), (('TCP', 8080),))
    """
    found = (
        ("TCP", number_of(flags.get("http-port", ""), 8_080)),
        ("UDP", number_of(flags.get("udp-port", ""), 8_081)),
        ("SCTP", number_of(flags.get("sctp-port", ""), -1)),
    )
    return tuple((protocol, port) for protocol, port in found if port >= 0)


def handle(inside: Inside, request: HttpRequest) -> Answering:
    """Answer one request; a datagram is a request with its protocol as the method."""
    if request.method in ("UDP", "SCTP"):
        return _datagram(inside, request)
    page = _PAGES.get(request.path)
    return _root(inside, request) if page is None else page(inside, request)


def _root(inside: Inside, request: HttpRequest) -> Answering:
    return text_response(f"NOW: {format_time(inside.now_ms)}")


def _client_ip(inside: Inside, request: HttpRequest) -> Answering:
    return text_response(f"{request.client_ip}:{request.client_port}")


def _server_port(inside: Inside, request: HttpRequest) -> Answering:
    return text_response(str(request.port))


def _header(inside: Inside, request: HttpRequest) -> Answering:
    key = request.values.get("key", "")
    if key:
        return text_response(request.header(key))
    found: dict[str, list[str]] = {}
    for name, value in request.headers:
        found.setdefault("-".join(word.capitalize() for word in name.split("-")), []).append(value)
    return HttpResponse(body=msgspec.json.encode(dict(sorted(found.items()))))


def _echo(inside: Inside, request: HttpRequest) -> Answering:
    values = request.values
    code = values.get("code", "")
    if code and not code.lstrip("-").isdigit():
        return text_response(f"argument 'code' must be an integer or empty, got \"{code}\"\n")
    inside.said.append(f"GET /echo?msg={values.get('msg', '')}&code={code}")
    return text_response(values.get("msg", ""), int(code or 200))


def _hostname(inside: Inside, request: HttpRequest) -> Answering:
    return text_response(inside.hostname)


def _redirect(inside: Inside, request: HttpRequest) -> Answering:
    values = request.values
    code = values.get("code", "")
    if code and not code.isdigit():
        return text_response(f"argument 'code' must be an integer or empty, got \"{code}\"\n")
    return redirect(request, values.get("location", ""), int(code or 302))


def redirect(request: HttpRequest, location: str, code: int) -> HttpResponse:
    """An answer that sends the client elsewhere, as Go's `http.Redirect` writes it."""
    if "://" not in location and not location.startswith("/"):
        location = f"{request.path.rpartition('/')[0]}/{location}"
    words = _STATUS_WORDS.get(code, "")
    body = f'<a href="{location}">{words}</a>.\n\n' if request.method == "GET" else ""
    return HttpResponse(code, body.encode(), (*HTML, ("Location", location)))


_STATUS_WORDS: Final = {
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
}


def _ok(inside: Inside, request: HttpRequest) -> Answering:
    return HttpResponse(headers=())


def _ready(inside: Inside, request: HttpRequest) -> Answering:
    return text_response("ok")


def _dial(inside: Inside, request: HttpRequest) -> Answering:
    values = request.values
    tries = values.get("tries") or "1"
    if not tries.isdigit():
        return text_response(f'tries parameter is invalid. strconv.Atoi: parsing "{tries}"\n', 400)
    if not values.get("request"):
        return text_response("request parameter not specified. <nil>\n", 400)
    protocol = values.get("protocol", "").lower()
    if protocol not in ("", "http", "udp", "sctp"):
        return text_response(f"unsupported protocol. {values.get('protocol')}\n", 400)
    return _dialled(values, protocol, int(tries))


def _dialled(
    values: dict[str, str], protocol: str, tries: int
) -> Generator[Fetch, Reply, HttpResponse]:
    """Ask somebody else, so many times, and tell what each answered."""
    port = int(values["port"]) if values.get("port", "").isdigit() else 0
    fetch = _fetch(values.get("host", ""), port, values["request"], protocol)
    responses, errors = [], []
    for _ in range(tries):
        reply = yield fetch
        if isinstance(reply, Unreachable):
            errors.append(_error(fetch, reply))
        else:
            responses.append(reply.body.decode("utf-8", "replace"))
    output = {}
    if responses and responses[-1]:
        output["responses"] = responses
    if errors:
        output["errors"] = errors
    return HttpResponse(body=msgspec.json.encode(dict(sorted(output.items()))))


def _fetch(host: str, port: int, request: str, protocol: str) -> Fetch:
    if protocol in ("udp", "sctp"):
        body = request.encode()
        return Fetch(host, port, body=body, protocol=protocol.upper(), timeout_ms=DIAL_TIMEOUT_MS)
    path, _, query = request.partition("?")
    return Fetch(host, port, path=f"/{path}", query=query, timeout_ms=DIAL_TIMEOUT_MS)


def _error(fetch: Fetch, reply: Unreachable) -> str:
    place = f"{fetch.host}:{fetch.port}"
    if fetch.protocol != "TCP":
        kind = fetch.protocol.lower()
        return f"reading from {kind} connection failed. err:'read {kind} {place}: i/o timeout'"
    why = "connect: connection refused" if reply.kind == "refused" else "i/o timeout"
    return f'Get "http://{place}{fetch.path}": dial tcp {place}: {why}'


def _datagram(inside: Inside, request: HttpRequest) -> HttpResponse:
    said = request.body.decode("utf-8", "replace").strip().lower()
    if said == "hostname":
        return text_response(inside.hostname)
    if said.startswith("echo "):
        return text_response(said.partition(" ")[2])
    if said == "clientip":
        return text_response(f"{request.client_ip}:{request.client_port}")
    return text_response(str(request.port) if said == "serverport" else "", 200)


Page = Callable[[Inside, HttpRequest], Answering]
_PAGES: Final[dict[str, Page]] = {
    "/clientip": _client_ip,
    "/serverport": _server_port,
    "/header": _header,
    "/dial": _dial,
    "/echo": _echo,
    "/healthz": _ok,
    "/readyz": _ready,
    "/hostname": _hostname,
    "/hostName": _hostname,
    "/redirect": _redirect,
}

NETEXEC: Final = Server(ports, handle)
