"""Bodies out of bytes: of a length, or in chunks.

Source: go1.26, net/http/internal/chunked.go (the words of its errors), net/http/transfer.go.
"""

from __future__ import annotations

import re
from typing import Final

HEX: Final = re.compile(rb"[0-9A-Fa-f]*")
LONGEST_LINE: Final = 4096
DIGITS: Final = 16


class BadBody(Exception):
    """The body is not written as one. The argument is Go's word for it."""


class Sized:
    """A body of so many bytes."""

    def __init__(self, length: int) -> None:
        self.left: int | None = length

    @property
    def over(self) -> bool:
        return self.left == 0

    def take(self, inbox: bytearray) -> bytes:
        """What of the body has come."""
        assert self.left is not None
        part = bytes(inbox[: self.left])
        del inbox[: len(part)]
        self.left -= len(part)
        return part


class Chunked:
    r"""A body in chunks.

    >>> inbox = bytearray(b"2;x=y\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\nGET")
    >>> body = Chunked()
    >>> body.take(inbox), body.over, bytes(inbox)
    (b'abc', True, b'GET')
    """

    def __init__(self) -> None:
        self.left: int | None = None
        self.over = False
        self._chunk = 0
        self._step = "size"

    def take(self, inbox: bytearray) -> bytes:
        """What of the body has come.

        Raises:
            BadBody
        """
        parts: list[bytes] = []
        while not self.over:
            if self._step == "data":
                part = bytes(inbox[: self._chunk])
                del inbox[: len(part)]
                self._chunk -= len(part)
                parts.append(part)
                if self._chunk:
                    break
                self._step = "end"
            line = _line(inbox)
            if line is None:
                break
            self._next(line)
        return b"".join(parts)

    def _next(self, line: bytes) -> None:
        if self._step == "end":
            if line:
                raise BadBody("malformed chunked encoding")
            self._step = "size"
        elif self._step == "trailer":
            self.over = not line
        else:
            self._chunk = _size(line)
            self._step = "data" if self._chunk else "trailer"


def _line(inbox: bytearray) -> bytes | None:
    """A line without its end, None where it is not whole."""
    at = inbox.find(b"\n")
    if at > LONGEST_LINE or (at < 0 and len(inbox) > LONGEST_LINE):
        raise BadBody("header line too long")
    if at < 0:
        return None
    line = bytes(inbox[:at]).removesuffix(b"\r")
    del inbox[: at + 1]
    return line


def _size(line: bytes) -> int:
    """How long a chunk is.

    >>> _size(b"1F;name=value")
    31
    """
    digits = line.partition(b";")[0].rstrip(b" \t")
    if not digits:
        raise BadBody("empty hex number for chunk length")
    if len(digits) > DIGITS and HEX.fullmatch(digits):
        raise BadBody("http chunk length too large")
    if not HEX.fullmatch(digits):
        raise BadBody("invalid byte in chunk length")
    return int(digits, 16)
