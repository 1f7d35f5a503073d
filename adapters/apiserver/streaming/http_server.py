"""HTTP/1.1 over a connection that is only bytes: requests out of them, answers into them."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

import httptools

from kelm.core.node.programs.http import HttpRequest, Reply, Unreachable

Answer = Callable[[HttpRequest], Reply]
BAD: Final = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Connection: close\r\n\r\n400 Bad Request"
)


class HttpServer:
    """One connection. `closes` says that it is over after what was sent."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._parser = httptools.HttpRequestParser(self)
        self._out = bytearray()
        self.closes = False
        self.on_message_begin()

    def take(self, data: bytes) -> bytes:
        """What is answered once these bytes have come."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._out += BAD
            self.closes = True
        out = bytes(self._out)
        self._out.clear()
        return out

    # -- what the parser finds ---------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        path, _, query = self._url.decode("latin-1").partition("?")
        method = self._parser.get_method().decode("latin-1")
        request = HttpRequest(method, unquote(path), query, tuple(self._headers), bytes(self._body))
        self._respond(request, self._answer(request))

    def _respond(self, request: HttpRequest, reply: Reply) -> None:
        if isinstance(reply, Unreachable):
            self.closes = True
            return
        lines = [f"HTTP/1.1 {reply.status} {_phrase(reply.status)}"]
        lines += [f"{name}: {value}" for name, value in reply.headers]
        lines.append(f"Content-Length: {len(reply.body)}")
        self._out += "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")
        if request.method != "HEAD":
            self._out += reply.body
        if not self._parser.should_keep_alive():
            self.closes = True


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return ""
