"""Edges of request lines and headers."""

from __future__ import annotations

from typing import Final

from tests.adapters.apiserver.edges.cases import GET, HOST, MAP, ask, edge, nobody, sent, stranger

SLOW: Final = tuple(piece for letter in "GET /livez HTT" for piece in (letter, 0.01))
LINES: Final = (
    edge("plain", GET),
    edge("twice at once", GET + GET),
    edge("three at once, the second a bad one", GET + ask("GET", f"{MAP}/none") + GET),
    edge("byte by byte", *SLOW, f"P/1.1\r\n{HOST}{{auth}}", 0.05, "\r\n"),
    edge("only line feeds", GET.replace("\r\n", "\n")),
    edge("empty lines before", "\r\n\r\n" + GET),
    edge("no request", "hello\r\n\r\n"),
    edge("no request, and no more", "hello\r\n"),
    edge("garbage", "\x00\x01\x02\x03\r\n\r\n"),
    edge("no version", f"GET /version\r\n{HOST}\r\n"),
    edge("HTTP/1.0", ask("GET", "/livez", version="1.0")),
    edge("HTTP/1.0 kept alive", ask("GET", "/livez", "Connection: keep-alive", version="1.0")),
    edge(
        "HTTP/1.0 kept alive, a long answer",
        ask("GET", "/", "Connection: keep-alive", version="1.0"),
    ),
    edge("HTTP/1.0 without a host", "GET /livez HTTP/1.0\r\n\r\n"),
    edge("HTTP/1.2", ask("GET", "/livez", version="1.2")),
    edge("HTTP/0.9", ask("GET", "/livez", version="0.9")),
    edge("HTTP/2.0", ask("GET", "/livez", version="2.0")),
    edge("HTTP/3.0", ask("GET", "/livez", version="3.0")),
    edge("HTTP/x", ask("GET", "/livez", version="x")),
    edge("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    edge("connection closed on demand", ask("GET", "/livez", "Connection: close")),
    edge("an unknown method", ask("FETCH", f"{MAP}/edge")),
    edge("a small method", ask("get", f"{MAP}/edge")),
    edge("a method that is no token", ask("G(T", "/livez")),
    edge("two spaces", f"GET  /livez HTTP/1.1\r\n{HOST}\r\n"),
    edge("a space at the end", f"GET /livez HTTP/1.1 \r\n{HOST}\r\n"),
)
H2C: Final = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
SOCKET: Final = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
HOSTS: Final = (
    edge("no host", "GET /livez HTTP/1.1\r\n{auth}\r\n"),
    edge("an empty host", ask("GET", "/livez", "Host:")),
    edge("two hosts", ask("GET", "/livez", "Host: a", "Host: b")),
    edge("another host", ask("GET", f"{MAP}/edge", "Host: example.com")),
    edge("a host that is none", ask("GET", "/livez", "Host: a b")),
    edge("a host with a slash", ask("GET", "/livez", "Host: a/b")),
    edge("a host with an at", ask("GET", "/livez", "Host: u@h")),
)
HEADERS: Final = (
    edge("a header without a colon", ask("GET", "/livez", "what")),
    edge("a space before the colon", ask("GET", "/livez", "X-A : b")),
    edge("a name of two words", ask("GET", "/livez", "X A: b")),
    edge("a header without a name", ask("GET", "/livez", ": b")),
    edge("a folded header", ask("GET", "/livez", "X-A: b\r\n c")),
    edge("a first header that is folded", "GET /livez HTTP/1.1\r\n Host: a\r\n\r\n"),
    edge("a control character in a value", ask("GET", "/livez", "X-A: b\x01c")),
    edge("a zero in a value", ask("GET", "/livez", "X-A: b\x00c")),
    edge("a tab in a value", ask("GET", "/livez", "X-A: b\tc")),
    edge("a carriage return in a value", ask("GET", "/livez", "X-A: b\rc")),
    edge("letters beyond ASCII in a value", ask("GET", "/livez", "X-A: \xfc")),
    edge("letters beyond ASCII in a name", ask("GET", "/livez", "X-\xfc: a")),
    edge("100 KB of headers", ask("GET", "/livez", "X-A: {long:100000}")),
    edge("900 KB of headers", ask("GET", "/livez", "X-A: {long:900000}")),
    edge("1.1 MB of headers", ask("GET", "/livez", "X-A: {long:1100000}")),
    edge("a thousand headers", ask("GET", "/livez", *(f"X-{n}: {n}" for n in range(1000)))),
    edge("a token that is wrong", stranger("GET", f"{MAP}/edge")),
    edge("a token that is none", nobody("GET", f"{MAP}/edge", "Authorization: Basic eDp5")),
    edge("an empty token", nobody("GET", f"{MAP}/edge", "Authorization: Bearer ")),
    edge("nobody", nobody("GET", f"{MAP}/edge")),
    edge("nobody, and no such resource", nobody("GET", "/api/v1/namespaces/default/nothings/a")),
    edge("nobody, and no such page", nobody("GET", "/none")),
    edge("nobody, by a method that is unknown", nobody("FETCH", f"{MAP}/edge")),
    edge("two content types", sent("POST", MAP, "{}", "Content-Type: text/plain")),
    edge("an origin", ask("GET", f"{MAP}/edge", "Origin: https://example.com")),
    edge("an audit id", ask("GET", f"{MAP}/edge", "Audit-ID: mine")),
    edge("ranges", ask("GET", f"{MAP}/edge", "Range: bytes=0-3")),
    edge("an upgrade to h2c", ask("GET", "/livez", *H2C)),
    edge("an upgrade to something", ask("GET", f"{MAP}/edge", "Connection: Upgrade", "Upgrade: a")),
    edge("an upgrade to a WebSocket", ask("GET", f"{MAP}/edge", *SOCKET)),
    edge("an answer that is not to be had", ask("GET", f"{MAP}/edge", "Accept: text/html")),
    edge("a list that is not to be had", ask("GET", MAP, "Accept: text/html")),
    edge("an answer of any kind", ask("GET", f"{MAP}/edge", "Accept: text/html, */*;q=0.1")),
    edge("an answer for people", ask("GET", f"{MAP}/edge", "User-Agent: curl/8")),
    edge("an answer in YAML", ask("GET", f"{MAP}/edge", "Accept: application/yaml")),
    edge("a schema that is known", ask("GET", "/openapi/v3/apis/none", "If-None-Match: x")),
    edge("a refusal in YAML", ask("GET", f"{MAP}/none", "Accept: application/yaml")),
)
