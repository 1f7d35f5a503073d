"""The words of an expression.

Source: cel-go v0.26, parser/gen/CEL.g4 (lexer rules).
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from kelm.core.cel.syntax.errors import Issue

END: Final = "<EOF>"

_ESCAPED: Final = (
    r"\\(?:[abfnrtv\"'\\?`]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7][0-7])"
)
_TEXT: Final = (
    r"[rR]\"\"\"(?s:.)*?\"\"\"|[rR]'''(?s:.)*?'''|[rR]\"[^\"\n\r]*\"|[rR]'[^'\n\r]*'"
    rf"|\"\"\"(?:{_ESCAPED}|[^\\])*?\"\"\"|'''(?:{_ESCAPED}|[^\\])*?'''"
    rf"|\"(?:{_ESCAPED}|[^\\\"\n\r])*\"|'(?:{_ESCAPED}|[^\\'\n\r])*'"
)
_WORDS: Final = re.compile(
    r"(?P<space>[\t \r\n\f]+|//[^\n]*)"
    rf"|(?P<bytes>[bB](?:{_TEXT}))"
    rf"|(?P<text>{_TEXT})"
    r"|(?P<double>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+"
    r"|\.[0-9]+(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<uint>0x[0-9a-fA-F]+[uU]|[0-9]+[uU])"
    r"|(?P<int>0x[0-9a-fA-F]+|[0-9]+)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<escaped>`[A-Za-z0-9_.\-/ ]+`)"
    r"|(?P<sign>==|!=|<=|>=|&&|\|\||[\[\]{}().,\-!?:+*/%<>])"
)
_WORDS_OF_ITS_OWN: Final = frozenset({"true", "false", "null", "in"})


class Token(msgspec.Struct, frozen=True, gc=False):
    """A word: `kind` is text, bytes, double, uint, int, name, escaped, end or the sign itself."""

    kind: str
    text: str
    at: int


def tokens(source: str) -> tuple[tuple[Token, ...], tuple[Issue, ...]]:
    """The words of a text, and what in it is none.

    >>> [one.text for one in tokens("a.b >= 1")[0]]
    ['a', '.', 'b', '>=', '1', '<EOF>']
    """
    found: list[Token] = []
    issues: list[Issue] = []
    at, size = 0, len(source)
    while at < size:
        match = _WORDS.match(source, at)
        if match is None:
            end = _unreadable(source, at)
            issues.append(
                Issue(at, f"Syntax error: token recognition error at: '{source[at:end]}'")
            )
            at = end
            continue
        kind, word = match.lastgroup or "", match.group()
        if kind != "space":
            itself = kind == "sign" or (kind == "name" and word in _WORDS_OF_ITS_OWN)
            found.append(Token(word if itself else kind, word, at))
        at = match.end()
    found.append(Token("end", END, size))
    return tuple(found), tuple(issues)


def _unreadable(source: str, at: int) -> int:
    """Where what cannot be read ends: a text without an end goes up to what breaks it."""
    start = at
    if source[at] in "bBrR":
        at += 1
    if source[at] in "\"'":
        quote, here = source[at], at + 1
        while here < len(source) and source[here] not in "\n\r" and source[here] != quote:
            if source[here] == "\\":
                escape = re.compile(_ESCAPED).match(source, here)
                if escape is None:
                    return min(here + 2, len(source))
                here = escape.end()
            else:
                here += 1
        return here
    if source[start] in "=&|" and start + 1 < len(source):
        return start + 2
    return start + 1
