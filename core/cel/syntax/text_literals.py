"""What a quoted text or bytes literal means.

Source: cel-go v0.26, parser/unescape.go.
"""

from __future__ import annotations

import re
from typing import Final

from returns.result import Failure, Result, Success

_SIMPLE: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "`": "`", "?": "?",
}  # fmt: skip
_ESCAPE: Final = re.compile(r"\\(?:[xX](..)|u(....)|U(.{8})|([0-3][0-7][0-7])|(.))", re.DOTALL)


def unquoted(word: str) -> Result[str, str]:
    """The text of a literal.

    >>> unquoted('"a' + chr(92) + 'x41"').unwrap()
    'aA'
    """
    inner, raw = _inner(word)
    if raw or "\\" not in inner:
        return Success(inner)
    parts: list[str] = []
    end = 0
    for match in _ESCAPE.finditer(inner):
        parts.append(inner[end : match.start()])
        code = _code(match)
        if code is None:
            parts.append(_SIMPLE[match.group(5)])
        elif code > 0x10FFFF or 0xD800 <= code < 0xE000:
            return Failure("invalid unicode code point")
        else:
            parts.append(chr(code))
        end = match.end()
    return Success("".join((*parts, inner[end:])))


def unquoted_bytes(word: str) -> Result[bytes, str]:
    """The bytes of a literal, whose first letter is the b; numbers are bytes, not characters."""
    inner, raw = _inner(word[1:])
    if raw or "\\" not in inner:
        return Success(inner.encode())
    parts: list[bytes] = []
    end = 0
    for match in _ESCAPE.finditer(inner):
        parts.append(inner[end : match.start()].encode())
        if match.group(2) or match.group(3):
            return Failure("unable to unescape string")
        code = _code(match)
        parts.append(_SIMPLE[match.group(5)].encode() if code is None else bytes([code & 0xFF]))
        end = match.end()
    return Success(b"".join((*parts, inner[end:].encode())))


def _inner(word: str) -> tuple[str, bool]:
    raw = word[0] in "rR"
    word = (word[1:] if raw else word).replace("\r\n", "\n").replace("\r", "\n")
    size = 3 if len(word) >= 6 and word[:3] in ("'''", '"""') else 1
    return word[size:-size], raw


def _code(match: re.Match[str]) -> int | None:
    for group, base in ((1, 16), (2, 16), (3, 16), (4, 8)):
        digits = match.group(group)
        if digits:
            return int(digits, base)
    return None
