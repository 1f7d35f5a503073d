"""What the head of a request says, or the words with which it is turned away.

Decided as Go decides it, leniencies included: lines may end with a line feed alone, values may be
folded, any word is a method. `read_head` is a pure function of the bytes up to the empty line.

Source: go1.26, net/http/request.go (readRequest, parseRequestLine), net/http/server.go
(conn.readRequest), net/http/transfer.go (readTransfer, fixLength), net/textproto/reader.go.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

import msgspec

from kelm.adapters.apiserver.http.target import Target, read_target

Headers: TypeAlias = "list[tuple[bytes, bytes]]"

HTTP_HEADS: Final = {b"HTTP/1.1": (1, 1), b"HTTP/1.0": (1, 0)}
VERSION: Final = re.compile(rb"HTTP/(\d)\.(\d)")
TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
SPACED_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z ]+")
VALUE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
HOST: Final = re.compile(rb"[!$%&'()*+,\-.0-9:;=A-Za-z\[\]_~]*")
LENGTH: Final = re.compile(rb"[0-9]+")
LONGEST: Final = (1 << 63) - 1
FOLDED: Final = (b" ", b"\t")


class Turned(msgspec.Struct, frozen=True):
    """A request that is turned away before anybody has looked at it.

    said: what the body says where it is not the code alone.
    """

    code: int = 400
    said: str = ""


class Head(msgspec.Struct, frozen=True):
    """A request without its body.

    version: (1, 0) and up; what is newer than 1.1 is spoken to in 1.1.
    length: of the body, None where it comes in chunks.
    upgrades_to_2: whether these are the first words of HTTP/2.
    """

    method: bytes
    target: Target
    version: tuple[int, int]
    headers: Headers
    length: int | None = 0
    closes: bool = False
    expects: bytes = b""
    upgrades_to_2: bool = False


BAD: Final = Turned()
UNSUPPORTED_ENCODING: Final = Turned(501, "Unsupported transfer encoding")
OTHER_VERSION: Final = Turned(505, "unsupported protocol version")


def read_head(raw: bytes) -> Head | Turned:
    r"""Read a head, the empty line at its end left out.

    >>> head = read_head(b"GET /a%20b?c HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n")
    >>> head.target.path, head.target.query, head.headers
    ('/a b', b'c', [(b'host', b'x'), (b'x-a', b'1')])
    >>> read_head(b"GET / HTTP/1.1\r\n")
    Turned(code=400, said='missing required Host header')
    >>> read_head(b"GET /\r\n")
    Turned(code=400, said='')
    """
    first, *lines = [line.removesuffix(b"\r") for line in raw.split(b"\n")]
    method, _, rest = first.partition(b" ")
    wanted, space, protocol = rest.partition(b" ")
    version = _version(protocol)
    if not space or not TOKEN.fullmatch(method) or version is None:
        return BAD
    target = read_target(method, wanted)
    headers = _read_headers(lines)
    if target is None or headers is None:
        return BAD
    preface = method == b"PRI" and version == (2, 0) and wanted == b"*"
    values = _by_name(headers)
    length = _read_length(values, version)
    if isinstance(length, Turned):
        return length
    wrong = _why_turned(method, version, headers, values, preface=preface)
    if wrong is not None:
        return wrong
    expects = values.get(b"expect", [b""])[0]
    closes = _closes(values, version)
    return Head(method, target, version, headers, length, closes, expects, preface)


def _version(protocol: bytes) -> tuple[int, int] | None:
    known = HTTP_HEADS.get(protocol)
    if known is not None:
        return known
    found = VERSION.fullmatch(protocol)
    return (int(found[1]), int(found[2])) if found else None


def _read_headers(lines: list[bytes]) -> Headers | None:
    """All headers, their names small; None where a line is none."""
    found: Headers = []
    for line in _unfolded(lines):
        name, colon, value = line.partition(b":")
        if not colon or not SPACED_TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
            return None
        found.append((name.lower(), value.strip(b" \t")))
    return found


def _unfolded(lines: list[bytes]) -> list[bytes]:
    """Lines whose continuations are joined to them; one that continues nothing stays as it is."""
    found: list[bytes] = []
    for line in lines:
        if line.startswith(FOLDED) and found:
            found[-1] = found[-1].rstrip(b" \t") + b" " + line.strip(b" \t")
        elif line:
            found.append(b"" if line.startswith(FOLDED) else line)
    return found


def _by_name(headers: Headers) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(value)
    return found


def _why_turned(
    method: bytes,
    version: tuple[int, int],
    headers: Headers,
    values: dict[bytes, list[bytes]],
    *,
    preface: bool,
) -> Turned | None:
    """What is wrong with a request that could be read."""
    hosts = values.get(b"host", [])
    if len(hosts) > 1:
        return BAD
    if version[0] != 1 and not preface:
        return OTHER_VERSION
    if version >= (1, 1) and not hosts and not preface and method != b"CONNECT":
        return Turned(400, "missing required Host header")
    if hosts and not HOST.fullmatch(hosts[0]):
        return Turned(400, "malformed Host header")
    if any(b" " in name for name, _ in headers):
        return Turned(400, "invalid header name")
    return None


def _read_length(values: dict[bytes, list[bytes]], version: tuple[int, int]) -> int | Turned | None:
    """How long the body is, None for as long as its chunks."""
    encodings = values.get(b"transfer-encoding")
    if encodings is not None and version >= (1, 1):
        if len(encodings) != 1 or encodings[0].lower() != b"chunked":
            return UNSUPPORTED_ENCODING
        return None
    lengths = {one.strip() for one in values.get(b"content-length", ())}
    if not lengths:
        return 0
    if len(lengths) > 1:
        return BAD
    (only,) = lengths
    if not LENGTH.fullmatch(only) or int(only) > LONGEST:
        return BAD
    return int(only)


def _closes(values: dict[bytes, list[bytes]], version: tuple[int, int]) -> bool:
    """Whether the connection ends with the answer."""
    tokens = {
        token.strip().lower() for one in values.get(b"connection", ()) for token in one.split(b",")
    }
    if b"close" in tokens:
        return True
    return version < (1, 1) and b"keep-alive" not in tokens
