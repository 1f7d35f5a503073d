"""Where the reading of one text stands, and how what is wrong is worded.

Source: ANTLR 4, DefaultErrorStrategy; cel-go v0.26, parser/parser.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.core.cel.syntax.errors import Issue
from kelm.core.cel.syntax.lexer import Token, tokens

MOST_NESTED: Final = 80
"""How deep expressions may be nested, as each level takes several of Python's."""
BINARY: Final = {
    "<": (1, "_<_"), "<=": (1, "_<=_"), ">=": (1, "_>=_"), ">": (1, "_>_"), "==": (1, "_==_"),
    "!=": (1, "_!=_"), "in": (1, "@in"), "+": (2, "_+_"), "-": (2, "_-_"),
    "*": (3, "_*_"), "/": (3, "_/_"), "%": (3, "_%_"),
}  # fmt: skip
_IN_ORDER: Final = ("[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":")
_STARTS: Final = ("[", "{", "(", ".", "-", "!")
START_KINDS: Final = frozenset(
    {*_STARTS, "true", "false", "null", "double", "int", "uint", "text", "bytes", "name"}
)
_CLASSES: Final = "'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER"


RESERVED: Final = frozenset(
    [
        *("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import"),
        *("in", "let", "loop", "package", "namespace", "null", "return", "true", "var", "void"),
        "while",
    ]
)


class Broken(Exception):
    """The grammar allows nothing here; what was found is among the issues."""


def too_deep(at: int) -> Issue:
    return Issue(at, f"expression recursion limit exceeded: {MOST_NESTED}")


class Words:
    """The words of one text and how far they are read. Lives for one call of `parse`."""

    def __init__(self, source: str) -> None:
        self.words, found = tokens(source)
        self.issues: list[Issue] = list(found)
        self.position = 0
        self.numbers = 0
        self.depth = 0
        self.closers: list[tuple[str, ...]] = [("end",)]

    # -- words -----------------------------------------------------------------------------

    @property
    def word(self) -> Token:
        return self.words[self.position]

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def take(self) -> Token:
        word = self.words[self.position]
        if word.kind != "end":
            self.position += 1
        return word

    def take_if(self, kind: str) -> Token | None:
        return self.take() if self.word.kind == kind else None

    def broken(self, said: str, at: int | None = None) -> Broken:
        where = self.word.at if at is None else at
        self.issues.append(Issue(where, f"Syntax error: {said}"))
        return Broken()

    def unexpected(self, expecting: str, right: frozenset[str]) -> Broken:
        """What stands here is too much if the next word would be right, else it is wrong."""
        following = self.words[min(self.position + 1, len(self.words) - 1)]
        extra = self.word.kind != "end" and following.kind in right
        how = "extraneous" if extra else "mismatched"
        return self.broken(f"{how} input '{self.word.text}' expecting {expecting}")

    def ends(self, kind: str) -> bool:
        """Whether such a word may follow an expression here."""
        return kind in BINARY or kind in ("?", "&&", "||", ".", "[") or kind in self.closers[-1]

    def expect(self, kind: str, follow: Callable[[str], bool]) -> Token:
        if self.word.kind == kind:
            return self.take()
        if follow(self.word.kind):
            raise self.broken(f"missing '{kind}' at '{self.word.text}'")
        raise self.unexpected(f"'{kind}'", frozenset({kind}))


def expecting(also: tuple[str, ...]) -> str:
    signs = [f"'{sign}'" for sign in _IN_ORDER if sign in _STARTS or sign in also]
    return "{" + ", ".join((*signs, _CLASSES)) + "}"


def begins(kind: str) -> bool:
    """Whether an expression may begin with such a word."""
    return kind in START_KINDS
