"""Shell patterns: `*`, `?` and `[...]`, with quoted text taken as it is.

Source: POSIX.1-2024, Shell Command Language (XCU 2.14 Pattern Matching Notation).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

Segments: TypeAlias = "Iterable[tuple[str, bool]]"
"""Text, each part with whether it was quoted."""


def regex_of(segments: Segments, *, greedy: bool = True) -> str:
    """A pattern as a regular expression.

    >>> regex_of([("a*", False), ("*", True)])
    'a.*\\\\*'
    """
    many = ".*" if greedy else ".*?"
    return "".join(
        re.escape(text) if quoted else _unquoted(text, many) for text, quoted in segments
    )


def _unquoted(text: str, many: str) -> str:
    found, place = [], 0
    while place < len(text):
        char = text[place]
        place += 1
        stop = text.find("]", place + 1) if char == "[" else -1
        if char == "*":
            found.append(many)
        elif char == "?":
            found.append(".")
        elif stop > 0:
            inside = text[place:stop].replace("\\", "\\\\")
            found.append(f"[{'^' + inside[1:] if inside[:1] in ('!', '^') else inside}]")
            place = stop + 1
        else:
            found.append(re.escape(char))
    return "".join(found)


def is_pattern(segments: Segments) -> bool:
    """Whether anything in a word is to be matched with names."""
    return any(not quoted and re.search(r"[*?\[]", text) for text, quoted in segments)


def matches(segments: Segments, text: str) -> bool:
    """Whether a pattern covers a text as a whole.

    >>> matches([("*.txt", False)], "a.txt"), matches([("*.txt", True)], "a.txt")
    (True, False)
    """
    return re.fullmatch(regex_of(segments), text, re.DOTALL) is not None
