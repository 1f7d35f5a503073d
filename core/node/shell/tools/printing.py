"""`echo` and `printf`: arguments as text.

Source: POSIX.1-2024, utilities echo and printf.
"""

from __future__ import annotations

import re
from typing import Final

_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "a": "\a", "b": "\b", "e": "\033"}
_ESCAPE: Final = re.compile(r"\\(0[0-7]{0,3}|[0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)", re.DOTALL)
_FORMAT: Final = re.compile(r"%([-+ 0#]*)(\d+|\*)?(?:\.(\d+))?([diouxXcsbfgeq%])")


def unescaped(text: str) -> str:
    """Text with its backslashes read.

    >>> unescaped("a\\\\tb\\\\x41\\\\101")
    'a\\tbAA'
    """

    def read(match: re.Match[str]) -> str:
        code = match[1]
        if code in _ESCAPES:
            return _ESCAPES[code]
        if code[0] == "x" and len(code) > 1:
            return chr(int(code[1:], 16))
        if code[0] in "01234567":
            return chr(int(code, 8) & 255)
        return "\\" + code

    return _ESCAPE.sub(read, text)


def echoed(words: tuple[str, ...]) -> str:
    """What `echo` says.

    >>> echoed(("-n", "a", "b")), echoed(("-e", "a\\\\nb"))
    ('a b', 'a\\nb\\n')
    """
    end, reads = "\n", False
    rest = list(words)
    while rest and re.fullmatch(r"-[neE]+", rest[0]):
        option = rest.pop(0)
        end = "" if "n" in option else end
        reads = "e" in option if "e" in option or "E" in option else reads
    text = " ".join(rest)
    return (unescaped(text) if reads else text) + end


def formatted(form: str, words: tuple[str, ...]) -> str:
    """What `printf` says; the format is used again while arguments are left.

    >>> formatted("%s=%03d\\\\n", ("a", "1", "b", "2"))
    'a=001\\nb=002\\n'
    """
    form = unescaped(form)
    rest, parts = list(words), []
    while True:
        before = len(rest)
        parts.append(_FORMAT.sub(lambda match: _one(match, rest), form))
        if not rest or len(rest) == before:
            return "".join(parts)


def _one(match: re.Match[str], rest: list[str]) -> str:
    flags, width, precision, kind = match[1], match[2] or "", match[3], match[4]
    if kind == "%":
        return "%"
    if width == "*":
        width = rest.pop(0) if rest else ""
    value = rest.pop(0) if rest else ""
    tail = f".{precision}" if precision else ""
    if kind in "diu":
        return f"%{flags}{width}d" % _integer(value)
    if kind in "oxX":
        return f"%{flags}{width}{kind}" % _integer(value)
    if kind in "fge":
        try:
            return f"%{flags}{width}{tail}{kind}" % float(value or 0)
        except ValueError:
            return value
    if kind == "c":
        value = value[:1]
    if kind == "b":
        value = unescaped(value)
    return f"%{flags.replace('0', '')}{width}{tail}s" % value


def _integer(text: str) -> int:
    try:
        return int(text, 0) if text.lower().startswith("0x") else int(text or "0")
    except ValueError:
        return ord(text[1]) if text[:1] in ("'", '"') and len(text) > 1 else 0
