"""Playing edges over TLS, and reading what comes back.

An answer is as it was on the wire: names of headers in their case and order, the body whole. What
differs from one run to the next is put into one form.
"""

from __future__ import annotations

import io
import json
import re
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse, IncompleteRead
from typing import Any, Final, NamedTuple

from tests.adapters.apiserver.edges.cases import CLOSE, Edge

LONG: Final = re.compile(r"\{long:(\d+)\}")
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
ENDING: Final = re.compile(rb"(?i)\r\nconnection: close\r\n|^HTTP/1.0 200")
LONGEST_S: Final = 10.0
QUIET_S: Final = 1.0
ENDING_S: Final = 3.0
SHORT_S: Final = 0.1
"""A server that says nothing for so long has nothing more to say, one by one as above: of whom
nothing is expected, of one that is about to hang up, and once all has come."""
AT_ONCE: Final = 8
DRAWN: Final = frozenset({"Audit-Id", "Date", "Process-Start-Time-Unix"})
FLOWS: Final = frozenset({"X-Kubernetes-Pf-Flowschema-Uid", "X-Kubernetes-Pf-Prioritylevel-Uid"})
VARIABLE: Final = re.compile(
    r'"(uid|creationTimestamp|time|resourceVersion|gitCommit|gitTreeState|buildDate|goVersion)'
    r'": ?"[^"]*"|(creationTimestamp|time|resourceVersion|uid): (?!null)("[^"]*"|[-0-9a-f]+)'
)
ADDRESS: Final = re.compile(r"127\.0\.0\.1:\d+")
LONG_BODY: Final = 2_000
Answers = dict[str, Any]


class Side(NamedTuple):
    """A server to play against, and who asks. flows: names of what it has by its uid."""

    context: ssl.SSLContext
    port: int
    token: str
    flows: Mapping[str, str]


def play_all(
    side: Side, edges: Iterable[Edge], wanted: Mapping[str, Answers]
) -> dict[str, Answers]:
    """What comes of each edge. wanted: what is expected, so that it is waited for."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda one: (one.name, play(side, one, wanted.get(one.name))), edges)
        return dict(found)


def play(side: Side, edge: Edge, wanted: Answers | None) -> Answers:
    """Send the pieces and read until nothing comes any more, or the connection ends."""
    plain = socket.create_connection(("127.0.0.1", side.port), timeout=LONGEST_S)
    with side.context.wrap_socket(plain, server_hostname="127.0.0.1") as wire:
        for piece in edge.pieces:
            if isinstance(piece, float):
                time.sleep(piece)
            elif piece == CLOSE:
                _close_writing(wire)
            elif not _sent(wire, written_out(piece, side.token)):
                break
        patience = _Patience(edge, wanted)
        raw, end = _read(wire, patience)
    return {"end": end, "answers": _answers(raw, side.flows, head=edge.head)}


class _Patience:
    """How long to wait for more: long while something is expected, else not."""

    def __init__(self, edge: Edge, wanted: Answers | None) -> None:
        self._watches = "timeoutSeconds=1" in str(edge.pieces)
        self._wanted, self._head = wanted, edge.head

    def seconds(self, raw: bytes) -> float:
        if ENDING.search(raw):
            return ENDING_S
        if self._wanted is None:
            return QUIET_S + self._watches * 1.5
        if self._wanted["end"] == "closed":
            return LONGEST_S
        found = _answers(raw, {}, head=self._head) if raw else []
        missing = len(found) < len(self._wanted["answers"]) or "<cut off>" in str(found)
        return LONGEST_S if missing else SHORT_S


def _sent(wire: ssl.SSLSocket, data: bytes) -> bool:
    try:
        wire.sendall(data)
    except OSError:
        return False
    return True


def _close_writing(wire: ssl.SSLSocket) -> None:
    """Say that no more is sent, as TLS says it; what is answered may still come."""
    wire.settimeout(0.0)
    try:
        wire.unwrap()
    except (ssl.SSLWantReadError, OSError):
        return


def written_out(piece: str, token: str) -> bytes:
    """A piece with what stands for other text replaced."""
    text = piece.replace("{auth}", f"Authorization: Bearer {token}\r\n")
    return LONG.sub(lambda found: "x" * int(found[1]), text).encode("latin-1")


def _read(wire: ssl.SSLSocket, patience: _Patience) -> tuple[bytes, str]:
    raw, end = b"", time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        wire.settimeout(patience.seconds(raw))
        try:
            part = wire.recv(1 << 16)
        except TimeoutError:
            return raw, "open"
        except OSError:
            return raw, "closed"
        if not part:
            return raw, "closed"
        raw += part
    return raw, "open"


class _Bytes:
    """What a reader of answers takes for a socket, and then for a file."""

    def __init__(self, data: io.BytesIO) -> None:
        self._data = data

    def makefile(self, _mode: str) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)

    def close(self) -> None:
        """Others read on."""


def _answers(raw: bytes, flows: Mapping[str, str], *, head: bool) -> list[Answers]:
    """The answers one after the other."""
    found: list[Answers] = []
    rest = io.BytesIO(raw)
    while rest.tell() < len(raw):
        at = rest.tell()
        if raw.startswith(CONTINUE, at):
            rest.seek(at + len(CONTINUE))
            found.append({"line": "HTTP/1.1 100 Continue", "headers": [], "body": ""})
        else:
            found.append(_answer(rest, raw[at:], flows, head=head))
    return found


def _answer(rest: io.BytesIO, raw: bytes, flows: Mapping[str, str], *, head: bool) -> Answers:
    sock: Any = _Bytes(rest)
    reply = HTTPResponse(sock, method="HEAD" if head else "GET")
    reply.begin()
    try:
        body = reply.read()
    except IncompleteRead as broken:
        body = broken.partial + b"<cut off>"
        rest.seek(0, io.SEEK_END)
    shown, in_json = _shown(body)
    line = raw.split(b"\r\n", 1)[0].decode("latin-1")
    headers = []
    for name, value in reply.headers.items():
        if name in DRAWN or (name == "Content-Length" and (in_json or shown == "long")):
            value = "*"
        elif name in FLOWS:
            value = flows.get(value, "unknown")
        headers.append(f"{name}: {value}")
    return {"line": line, "headers": headers, "body": shown}


def _starred(found: re.Match[str]) -> str:
    return f'"{found[1]}":"*"' if found[1] else f"{found[2]}: *"


def _shown(body: bytes) -> tuple[Any, bool]:
    """A body as it is compared, and whether it was JSON; a line's end is kept as a mark."""
    text = VARIABLE.sub(_starred, ADDRESS.sub("127.0.0.1:*", body.decode("utf-8", "replace")))
    if len(text) > LONG_BODY:
        return "long", False
    try:
        found = json.loads(text)
    except ValueError:
        return text, False
    form = ("indented" if "\n  " in text else "flat") + (
        ", ends a line" if text[-1:] == "\n" else ""
    )
    return {form: found}, True
