"""Edges of bodies, of waiting for them, and of connections that end."""

from __future__ import annotations

from typing import Final

from tests.adapters.apiserver.edges.addresses import ADDRESSES, METHODS
from tests.adapters.apiserver.edges.cases import (
    CHUNKS,
    CLOSE,
    DRY,
    GET,
    HOST,
    JSON,
    MADE,
    MAP,
    ask,
    chunked,
    edge,
    long,
    sent,
    stranger,
)
from tests.adapters.apiserver.edges.lines import HEADERS, HOSTS, LINES

LENGTH: Final = f"Content-Length: {len(MADE)}"
WATCH: Final = f"{MAP}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name=edge"
MIB: Final = 1 << 20


def in_chunks(body: str, *lines: str) -> str:
    return ask("POST", DRY, *CHUNKS, *lines, body=body)


CHUNKED: Final = (
    edge("in chunks", in_chunks(chunked(MADE[:9], MADE[9:]))),
    edge("in slow chunks", in_chunks(""), 0.1, chunked(MADE[:9], end=""), 0.1, chunked(MADE[9:])),
    edge(
        "chunks and a trailer", in_chunks(chunked(MADE, end="0\r\nX-A: b\r\n\r\n"), "Trailer: X-A")
    ),
    edge("chunks with an extension", in_chunks(f"{len(MADE):x};a=b\r\n{MADE}\r\n0\r\n\r\n")),
    edge("chunks of no size", in_chunks("zz\r\n{}\r\n0\r\n\r\n")),
    edge("chunks of an empty size", in_chunks("\r\n{}\r\n0\r\n\r\n")),
    edge("chunks of a negative size", in_chunks("-1\r\n{}\r\n0\r\n\r\n")),
    edge("chunks of a huge size", in_chunks("fffffffffffffffff\r\n{}")),
    edge("chunks that are longer than they say", in_chunks("2\r\n{}{}\r\n0\r\n\r\n")),
    edge("chunks and a length", in_chunks(chunked(MADE), "Content-Length: 3")),
    edge("an encoding that is unknown", ask("POST", MAP, "Transfer-Encoding: gzip", body="abc")),
    edge("chunks twice", ask("POST", MAP, "Transfer-Encoding: chunked, chunked", body="0\r\n\r\n")),
    edge("chunks in HTTP/1.0", ask("POST", DRY, *CHUNKS, body=chunked(MADE), version="1.0")),
)
LENGTHS: Final = (
    *(
        edge(f"a length of {given}", ask("POST", MAP, f"Content-Length: {given}", body="{}"))
        for given in ("x", "-1", "+2", "99999999999999999999", "2, 2", "0x2", "")
    ),
    edge("two lengths that differ", ask("POST", MAP, "Content-Length: 2", "Content-Length: 3")),
    edge("two lengths that agree", ask("POST", DRY, JSON, LENGTH, LENGTH, body=MADE)),
    edge("no length", ask("POST", MAP, JSON)),
    edge("an empty body", sent("POST", MAP, "")),
    edge("three MiB", long("POST", DRY, 3 * MIB)),
    edge("one byte more than three MiB", long("POST", MAP, 3 * MIB + 1)),
    edge(
        "three MiB and more in chunks",
        in_chunks(f"{3 * MIB + 1:x}\r\n{{long:{3 * MIB + 1}}}\r\n0\r\n\r\n"),
    ),
    edge("ten MB announced, nothing sent", ask("POST", MAP, JSON, "Content-Length: 10000000")),
    edge("ten MB", long("POST", MAP, 10_000_000) + GET),
)
ENDS: Final = (
    edge("half of a head, then closed", f"GET /livez HTTP/1.1\r\n{HOST}", CLOSE),
    edge("nothing, then closed", CLOSE),
    edge("a body after an error, then the next request", sent("POST", MAP, "{}{}{}") + GET),
    edge("a body to nothing, then the next request", sent("POST", "/none", "x" * 1000) + GET),
    edge("a long body to nothing, then the next request", long("POST", "/none", 300_000) + GET),
    edge(
        "a long body of a stranger, then the next request",
        stranger("POST", MAP, "Content-Length: 300000", body="{long:300000}") + GET,
    ),
    edge(
        "a body of a stranger, then the next request",
        stranger("POST", MAP, "Content-Length: 3000", body="{long:3000}") + GET,
    ),
)
EXPECT: Final = "Expect: 100-continue"
WAITING: Final = (
    edge("waits to be told to go on", ask("POST", DRY, EXPECT, JSON, LENGTH), 0.3, MADE),
    edge("does not wait to be told to go on", ask("POST", DRY, EXPECT, JSON, LENGTH, body=MADE)),
    edge("waits, and is refused", ask("POST", "/none", EXPECT, "Content-Length: 10"), 0.3),
    edge("waits, and is a stranger", stranger("POST", MAP, EXPECT, "Content-Length: 10"), 0.3),
    edge("waits without a body", ask("GET", "/livez", EXPECT)),
    edge("expects something else", ask("GET", "/livez", "Expect: something")),
)
KINDS: Final = (
    edge("a body in gzip", sent("POST", MAP, "{}", "Content-Encoding: gzip")),
    edge("a content type that is unknown", sent("POST", MAP, "{}", kind="text/plain")),
    edge("a content type that is no type", sent("POST", MAP, "{}", kind=";;")),
    edge("a patch of an unknown type", sent("PATCH", f"{MAP}/edge", "{}", kind="text/plain")),
    edge(
        "made, and then there",
        sent("POST", DRY, MADE) + sent("POST", MAP, MADE.replace("made", "edge")),
    ),
    edge(
        "what means something in HTML",
        sent("POST", DRY, MADE.replace('"b"', '"<a>&\u2028"'.encode().decode("latin-1"))),
    ),
    edge("a time limit of nothing", ask("GET", f"{MAP}/edge?timeout=0s")),
    edge("a time limit too long", ask("GET", f"{MAP}/edge?timeout=100h")),
    edge("a watch that ends", ask("GET", WATCH)),
    edge("a watch in HTTP/1.0", ask("GET", WATCH, version="1.0")),
    edge("a request while a watch is open", ask("GET", WATCH) + GET),
)
GROUPS: Final = {
    "request lines": LINES,
    "hosts and headers": (*HOSTS, *HEADERS),
    "addresses": ADDRESSES,
    "methods": METHODS,
    "bodies": (*CHUNKED, *LENGTHS),
    "ends and waiting": (*ENDS, *WAITING, *KINDS),
}
EDGES: Final = tuple(one for group in GROUPS.values() for one in group)
