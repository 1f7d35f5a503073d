"""HTTP as data: a request that reaches a container, and what its program answers.

To have an image of yours answer, give it a `handle`:

    from kelm.core.node.containers.images import Images, image, serves
    from kelm.core.node.programs.http import HttpRequest, HttpResponse
    from kelm.core.node.programs.inside import Inside

    def handle(inside: Inside, request: HttpRequest) -> HttpResponse:
        if request.path == "/healthz":
            return HttpResponse(body=b"ok")
        return HttpResponse(404, b"nothing here")

    images = Images().with_image("shop", image(serves(8080), handle=handle))

`inside` is what the program sees of its container: its launch (pod, arguments, environment), its
files, the time, its addresses. An answer is a function of `inside` and the request alone; what is
to be remembered is written to a file (`inside.disk.write`). A handler that must ask others first is
a generator: it yields `Fetch` and gets an `HttpResponse` or an `Unreachable` for it.

Who wants an answer does not call `handle` but `kelm.core.network.calls.Calls.fetch`, which finds
the pod behind a name or an address as a client in the cluster would.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Final, TypeAlias

import msgspec

from kelm.core.node.programs.process import Fetch

Headers: TypeAlias = "tuple[tuple[str, str], ...]"
PLAIN: Final = (("Content-Type", "text/plain; charset=utf-8"),)
JSON: Final = (("Content-Type", "application/json"),)
HTML: Final = (("Content-Type", "text/html; charset=utf-8"),)


class HttpRequest(msgspec.Struct, frozen=True):
    """One request. `query` is what follows the `?`; header names are matched without case.

    client_ip, client_port: where it comes from, as the program sees it.
    """

    method: str = "GET"
    path: str = "/"
    query: str = ""
    headers: Headers = ()
    body: bytes = b""
    port: int = 80
    client_ip: str = "127.0.0.1"
    client_port: int = 40_000

    def header(self, name: str) -> str:
        """The first header of this name, "" where there is none.

        >>> HttpRequest(headers=(("Host", "web"),)).header("host")
        'web'
        """
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")

    @property
    def values(self) -> dict[str, str]:
        """The query's fields, each with its first value.

        >>> HttpRequest(query="a=1%202&b&a=3").values
        {'a': '1 2', 'b': ''}
        """
        found: dict[str, str] = {}
        for part in self.query.split("&"):
            key, _, value = part.partition("=")
            if key:
                found.setdefault(unquoted(key), unquoted(value))
        return found


class HttpResponse(msgspec.Struct, frozen=True):
    """What comes back. `after_ms`: how long the program takes; who calls a webhook waits for it.

    then: more comes: the query to ask the same path with for it, as a watch goes on. The API server
    does so for whom it passes requests on; others take what there is.
    """

    status: int = 200
    body: bytes = b""
    headers: Headers = PLAIN
    after_ms: int = 0
    then: str = ""

    def header(self, name: str) -> str:
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


class Unreachable(msgspec.Struct, frozen=True):
    """Nothing came back. `kind` says at which step it ended; `why` names what was asked for.

    `refused`: nobody listens there; `timeout`: packets vanished; `name`: no such host.
    """

    kind: str
    why: str = ""


Reply: TypeAlias = HttpResponse | Unreachable
Answering: TypeAlias = HttpResponse | Generator[Fetch, Reply, HttpResponse]
"""What a handler gives: an answer, or a generator that asks others first."""


def unquoted(text: str) -> str:
    """Text of a query without its escapes.

    >>> unquoted("a+b%2Fc%zz")
    'a b/c%zz'
    """
    head, *rest = text.replace("+", " ").split("%")
    found = head.encode()
    for part in rest:
        try:
            found += bytes((int(part[:2], 16),)) + part[2:].encode()
        except ValueError:
            found += b"%" + part.encode()
    return found.decode("utf-8", "replace")


def text_response(text: str, status: int = 200) -> HttpResponse:
    """Plain text."""
    return HttpResponse(status, text.encode())


_PAGE: Final = re.compile(
    rb"[\t\n\x0c\r ]*<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b"
    rb"|body|br|p|!--)[ >]",
    re.IGNORECASE,
)


def sniffed(body: bytes) -> HttpResponse:
    """An answer of which a program in Go does not say what it is: a page looks like one.

    >>> dict(sniffed(b"<a href='/'>").headers), sniffed(b"a < b").headers == PLAIN
    ({'Content-Type': 'text/html; charset=utf-8'}, True)

    Source: Go's net/http, DetectContentType.
    """
    return HttpResponse(200, body, HTML if _PAGE.match(body) else PLAIN)


def json_response(value: object, status: int = 200) -> HttpResponse:
    """A value as JSON."""
    return HttpResponse(status, msgspec.json.encode(value), JSON)
