"""What goes over the wire, byte for byte, and in which pieces.

`{auth}` stands for a line that says who asks, `{long:N}` for N letters. A number between two pieces
is a pause in seconds, `CLOSE` ends what the client sends while it still reads.
"""

from __future__ import annotations

from typing import Final, NamedTuple

CLOSE: Final = "close"
HOST: Final = "Host: 127.0.0.1\r\n"
STRANGER: Final = "Authorization: Bearer x\r\n"
MAP: Final = "/api/v1/namespaces/default/configmaps"
DRY: Final = f"{MAP}?dryRun=All"
MADE: Final = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"made"},"data":{"a":"b"}}'
JSON: Final = "Content-Type: application/json"
CHUNKS: Final = (JSON, "Transfer-Encoding: chunked")


class Edge(NamedTuple):
    """One connection. head: whether the answers have no body, as the requests were HEAD."""

    name: str
    pieces: tuple[str | float, ...]
    head: bool = False


def edge(name: str, *pieces: str | float, head: bool = False) -> Edge:
    return Edge(name, pieces, head)


def ask(method: str, target: str, *lines: str, body: str = "", version: str = "1.1") -> str:
    """A request as text: its first line, who asks, more lines, a body.

    >>> ask("GET", "/version")
    'GET /version HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n{auth}\\r\\n'
    """
    own = HOST if not any(line.lower().startswith("host:") for line in lines) else ""
    more = "".join(f"{line}\r\n" for line in lines)
    return f"{method} {target} HTTP/{version}\r\n{own}{{auth}}{more}\r\n{body}"


def stranger(method: str, target: str, *lines: str, body: str = "") -> str:
    """The same with a token that nobody has."""
    return ask(method, target, *lines, body=body).replace("{auth}", STRANGER)


def nobody(method: str, target: str, *lines: str, body: str = "") -> str:
    """The same without a token."""
    return ask(method, target, *lines, body=body).replace("{auth}", "")


def sent(method: str, target: str, body: str, *lines: str, kind: str = "application/json") -> str:
    """A request whose body has a length."""
    length = f"Content-Length: {len(body)}"
    return ask(method, target, f"Content-Type: {kind}", length, *lines, body=body)


def long(method: str, target: str, length: int, *lines: str) -> str:
    """A request with a text as its body, quotes included that long."""
    body = f'"{{long:{length - 2}}}"'
    return ask(method, target, JSON, f"Content-Length: {length}", *lines, body=body)


def words(text: str) -> tuple[str, ...]:
    """What stands between spaces."""
    return tuple(text.split())


def chunked(*chunks: str, end: str = "0\r\n\r\n") -> str:
    """A body in chunks.

    >>> chunked("ab", "c")
    '2\\r\\nab\\r\\n1\\r\\nc\\r\\n0\\r\\n\\r\\n'
    """
    return "".join(f"{len(one):x}\r\n{one}\r\n" for one in chunks) + end


GET: Final = ask("GET", f"{MAP}/edge")
