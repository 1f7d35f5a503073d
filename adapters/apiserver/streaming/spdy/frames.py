"""SPDY/3.1 frames: bytes to frames and back.

Source: https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1 (2.2 framing, 2.6.10
name/value header block with its dictionary).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec

VERSION: Final = 3
SYN_STREAM: Final = 1
SYN_REPLY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PING: Final = 6
GOAWAY: Final = 7
HEADERS: Final = 8
WINDOW_UPDATE: Final = 9
FIN: Final = 1
CANCEL: Final = 5
LONGEST: Final = 1 << 24

_NAMES: Final = """
options head post put delete trace accept accept-charset accept-encoding accept-language
accept-ranges age allow authorization cache-control connection content-base content-encoding
content-language content-length content-location content-md5 content-range content-type date etag
expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since
last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer
retry-after server te trailer transfer-encoding upgrade user-agent vary via warning
www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin
"""
_TAIL: Final = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
    "Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
    "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _dictionary() -> bytes:
    words = [name.replace("_", " ").encode() for name in _NAMES.split()]
    return b"".join(struct.pack(">I", len(word)) + word for word in words) + _TAIL.encode()


DICTIONARY: Final = _dictionary()
"""What both sides' compression of headers begins with."""

Headers: TypeAlias = "dict[str, str]"


class Data(msgspec.Struct, frozen=True):
    """Bytes of a stream; `fin` says that no more will come."""

    stream: int
    data: bytes
    fin: bool = False


class Opened(msgspec.Struct, frozen=True):
    """The other side opens a stream."""

    stream: int
    headers: Headers
    fin: bool = False


class Control(msgspec.Struct, frozen=True):
    """Any other control frame, with its body."""

    type: int
    flags: int
    body: bytes


Frame: TypeAlias = Data | Opened | Control


class Wrong(Exception):
    """What came is no SPDY/3.1."""


class Codec:
    """Both directions of one connection; headers are compressed as one long text each way."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now.

        Raises:
            Wrong

        >>> list(Codec().feed(Codec().data(3, b"hi", fin=True)))
        [Data(stream=3, data=b'hi', fin=True)]
        """
        self._held += data
        while len(self._held) >= 8:
            first, second = struct.unpack(">II", self._held[:8])
            length = second & 0xFFFFFF
            if len(self._held) < 8 + length:
                return
            body = bytes(self._held[8 : 8 + length])
            del self._held[: 8 + length]
            flags = second >> 24
            if not first >> 31:
                yield Data(first, body, bool(flags & FIN))
            else:
                yield self._control(first, flags, body)

    def _control(self, first: int, flags: int, body: bytes) -> Frame:
        if first >> 16 & 0x7FFF != VERSION:
            raise Wrong(f"SPDY version {first >> 16 & 0x7FFF}")
        kind = first & 0xFFFF
        if kind == SYN_STREAM:
            if len(body) < 10:
                raise Wrong("a short SYN_STREAM")
            (stream,) = struct.unpack(">I", body[:4])
            return Opened(stream & 0x7FFFFFFF, self._headers(body[10:]), bool(flags & FIN))
        if kind in (SYN_REPLY, HEADERS) and len(body) >= 4:
            self._headers(body[4:])
        return Control(kind, flags, body)

    def _headers(self, block: bytes) -> Headers:
        try:
            plain = self._inflate.decompress(block, LONGEST)
            (count,) = struct.unpack(">I", plain[:4])
            found: Headers = {}
            place = 4
            for _ in range(count):
                pair = []
                for _ in range(2):
                    (length,) = struct.unpack(">I", plain[place : place + 4])
                    pair.append(plain[place + 4 : place + 4 + length].decode("latin-1"))
                    place += 4 + length
                found[pair[0].lower()] = pair[1].partition("\0")[0]
            return found
        except (zlib.error, struct.error) as wrong:
            raise Wrong(f"headers: {wrong}") from wrong

    def _block(self, headers: Headers) -> bytes:
        parts = [struct.pack(">I", len(headers))]
        for pair in headers.items():
            for text in pair:
                raw = text.encode("latin-1")
                parts.append(struct.pack(">I", len(raw)) + raw)
        return self._deflate.compress(b"".join(parts)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    # -- what is sent ------------------------------------------------------------------------------

    @staticmethod
    def data(stream: int, data: bytes, *, fin: bool = False) -> bytes:
        return struct.pack(">II", stream, (FIN if fin else 0) << 24 | len(data)) + data

    @staticmethod
    def control(kind: int, body: bytes, flags: int = 0) -> bytes:
        head = struct.pack(">II", 1 << 31 | VERSION << 16 | kind, flags << 24 | len(body))
        return head + body

    def reply(self, stream: int, headers: Headers | None = None) -> bytes:
        """The other side's stream is accepted."""
        return self.control(SYN_REPLY, struct.pack(">I", stream) + self._block(headers or {}))

    def open(self, stream: int, headers: Headers) -> bytes:
        """Open a stream, as a client does."""
        head = struct.pack(">IIH", stream, 0, 0)
        return self.control(SYN_STREAM, head + self._block(headers))

    def reset(self, stream: int, status: int = CANCEL) -> bytes:
        return self.control(RST_STREAM, struct.pack(">II", stream, status))

    def go_away(self, last: int) -> bytes:
        return self.control(GOAWAY, struct.pack(">II", last, 0))
