"""Addresses of the web, and asking at one.

Source: RFC 3986 (URI syntax), RFC 9110 (redirections).
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any, Final

from kelm.core.node.programs.http import HttpResponse, Reply, Unreachable
from kelm.core.node.programs.process import Effect, Fetch, Sleep

_URL: Final = re.compile(
    r"(?:(https?)://)?(?:[^@/]*@)?(\[[^\]]*\]|[^:/?#]+)(?::(\d+))?([^?#]*)(?:\?([^#]*))?"
)
MOST_REDIRECTS: Final = 20


class Url:
    """The parts of an address.

    >>> url = Url("http://web:8080/a/b?c=d")
    >>> url.host, url.port, url.path, url.query
    ('web', 8080, '/a/b', 'c=d')
    """

    def __init__(self, text: str) -> None:
        match = _URL.match(text)
        self.scheme = (match[1] if match else "") or "http"
        self.host = match[2].strip("[]") if match else ""
        port = match[3] if match else ""
        self.port = int(port) if port else (443 if self.scheme == "https" else 80)
        self.path = (match[4] if match else "") or "/"
        self.query = (match[5] if match else "") or ""

    def beside(self, location: str) -> str:
        """An address that a redirect gives.

        >>> Url("http://web:8080/a/b").beside("c"), Url("https://web/a").beside("//other/x")
        ('http://web:8080/a/c', 'https://other/x')
        """
        if location.startswith("//"):
            return f"{self.scheme}:{location}"
        if location.partition("/")[0] in ("http:", "https:"):
            return location
        path = (
            location if location.startswith("/") else f"{self.path.rpartition('/')[0]}/{location}"
        )
        return f"{self.scheme}://{self.host}:{self.port}{path}"


def seconds_ms(text: str, otherwise: int) -> int:
    """A number of seconds as somebody wrote it, in milliseconds."""
    try:
        return int(float(text) * 1_000) if text else otherwise
    except ValueError:
        return otherwise


def followed(
    address: str,
    method: str,
    headers: tuple[tuple[str, str], ...],
    body: bytes,
    timeout_ms: int,
    follows: bool,
) -> Generator[Effect, Any, tuple[Url, Reply]]:
    """The answer at an address, or at the one that it leads to in the end."""
    for _ in range(MOST_REDIRECTS):
        url = Url(address)
        reply: Reply = yield Fetch(
            url.host, url.port, method, url.path, url.query, headers, body, "TCP", timeout_ms
        )
        if isinstance(reply, Unreachable):
            if reply.kind == "timeout":
                yield Sleep(timeout_ms)
            return url, reply
        location = reply.header("Location")
        if not follows or not location or not 300 <= reply.status < 400:
            return url, reply
        address = url.beside(location)
    return url, reply


def header_text(reply: HttpResponse) -> bytes:
    """The first lines of an answer as they come over a connection."""
    lines = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, '')}".rstrip()]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    lines.append(f"Content-Length: {len(reply.body)}")
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


REASONS: Final = {
    200: "OK",
    201: "Created",
    301: "Moved Permanently",
    302: "Found",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    418: "I'm a teapot",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
