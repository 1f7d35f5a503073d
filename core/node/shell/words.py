"""Reading the words of a script: quotes, parameters, substitutions.

Source: POSIX.1-2024, Shell Command Language (XCU 2.2 Quoting, 2.6 Word Expansions).
"""

from __future__ import annotations

import re
from typing import Final

from kelm.core.node.shell.syntax import (
    Arithmetic,
    Literal,
    Parameter,
    Part,
    Script,
    Substitution,
    Word,
)

_PLAIN: Final = re.compile(r"[^\s\\'\"$`;&|()<>#]+|#")
_PARAMETER: Final = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!-]")
_BRACED: Final = re.compile(
    r"(?:[A-Za-z_]\w*|\d+|[@*#?$!-])(:-|:=|:\?|:\+|%%|##|//|-|=|\?|\+|%|#|/|:)?"
)
_AHEAD: Final = re.compile(r"[^\s;&|()<>'\"$`\\]+")


class SyntaxFault(Exception):
    """A text is no script; caught where parsing began."""

    def __init__(self, message: str, *, incomplete: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.incomplete = incomplete


class Reader:
    """A place in a text, and the words from there on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.ended_by = ""

    def inner(self, closing: str) -> Script:
        """The script inside of a substitution."""
        raise NotImplementedError

    def here(self) -> str:
        return self.text[self.at : self.at + 1]

    def word_ahead(self) -> str:
        """The plain word that comes next, "" where something else does."""
        match = _AHEAD.match(self.text, self.at)
        if match is None:
            return ""
        after = self.text[match.end() : match.end() + 1]
        return "" if after in ("'", '"', "$", "`", "\\") and after else match[0]

    def blanks(self) -> None:
        while True:
            if self.here() in (" ", "\t") and self.here():
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
            else:
                return

    def skip_lines(self) -> None:
        """Past blanks, ends of lines and comments."""
        while True:
            self.blanks()
            if self.here() == "#":
                stop = self.text.find("\n", self.at)
                self.at = len(self.text) if stop < 0 else stop
            elif self.here() in ("\n", "\r"):
                self.at += 1
            else:
                return

    def expect(self, what: str) -> None:
        if not self.text.startswith(what, self.at):
            found = self.here()
            said = f'unexpected "{found}"' if found else "unexpected end of file"
            raise SyntaxFault(f"syntax error: {said}", incomplete=not found)
        self.at += len(what)

    # -- words -------------------------------------------------------------------------------------

    def word(self) -> Word:
        """One word; it must not be empty."""
        parts: list[Part] = []
        start = self.at
        while True:
            match = _PLAIN.match(self.text, self.at)
            if match is not None:
                parts.append(Literal(match[0]))
                self.at = match.end()
                continue
            part = self.special()
            if part is None:
                break
            parts += part
        if self.at == start:
            found = self.here()
            raise SyntaxFault(f'syntax error: unexpected "{found}"', incomplete=not found)
        return tuple(parts)

    def special(self) -> list[Part] | None:
        """A quote, an escape or an expansion at this place."""
        here = self.here()
        if here == "\\":
            escaped = self.text[self.at + 1 : self.at + 2]
            self.at += 2
            return [] if escaped == "\n" else [Literal(escaped, True)]
        if here == "'":
            stop = self.text.find("'", self.at + 1)
            if stop < 0:
                raise SyntaxFault("syntax error: unterminated quoted string", incomplete=True)
            found = self.text[self.at + 1 : stop]
            self.at = stop + 1
            return [Literal(found, True)]
        if here == '"':
            self.at += 1
            inner = self.quoted_text('"')
            self.expect('"')
            return [Literal("", True), *inner]
        if here in ("$", "`"):
            return [self.expansion(quoted=False)]
        return None

    def quoted_text(self, closing: str) -> Word:
        """Text in double quotes (or a here-document, closed by nothing) with its expansions."""
        parts: list[Part] = []
        plain: list[str] = []
        while self.at < len(self.text) and (not closing or self.here() != closing):
            here = self.here()
            if here == "\\":
                escaped = self.text[self.at + 1 : self.at + 2]
                known = escaped in ("$", "`", "\\", "\n") or (closing and escaped == '"')
                plain.append(("" if escaped == "\n" else escaped) if known else here + escaped)
                self.at += 2
            elif here in ("$", "`"):
                parts.append(Literal("".join(plain), True))
                plain = []
                parts.append(self.expansion(quoted=True))
            else:
                plain.append(here)
                self.at += 1
        if closing and self.at >= len(self.text):
            raise SyntaxFault("syntax error: unterminated quoted string", incomplete=True)
        parts.append(Literal("".join(plain), True))
        return tuple(parts)

    def expansion(self, *, quoted: bool) -> Part:
        if self.here() == "`":
            return self.backquoted(quoted=quoted)
        self.at += 1
        if self.text.startswith("((", self.at):
            return self.arithmetic(quoted=quoted)
        if self.here() == "(":
            self.at += 1
            return Substitution(self.inner(")"), quoted)
        if self.here() == "{":
            self.at += 1
            return self.braced(quoted=quoted)
        match = _PARAMETER.match(self.text, self.at)
        if match is None:
            return Literal("$", quoted)
        self.at = match.end()
        return Parameter(match[0], quoted=quoted)

    def backquoted(self, *, quoted: bool) -> Part:
        stop = self.text.find("`", self.at + 1)
        if stop < 0:
            raise SyntaxFault("syntax error: unterminated quoted string", incomplete=True)
        inside = type(self)(self.text[self.at + 1 : stop].replace('\\"', '"') + ")")
        self.at = stop + 1
        return Substitution(inside.inner(")"), quoted)

    def arithmetic(self, *, quoted: bool) -> Part:
        depth, place = 0, self.at
        while place < len(self.text):
            depth += {"(": 1, ")": -1}.get(self.text[place], 0)
            place += 1
            if depth == 0:
                inside = self.text[self.at + 2 : place - 2]
                self.at = place
                return Arithmetic(type(self)(inside).quoted_text(""), quoted)
        raise SyntaxFault("syntax error: missing '))'", incomplete=True)

    def braced(self, *, quoted: bool) -> Part:
        if self.here() == "#" and self.text[self.at + 1 : self.at + 2] not in ("}", ""):
            match = _PARAMETER.match(self.text, self.at + 1)
            if match is not None and self.text[match.end() : match.end() + 1] == "}":
                self.at = match.end() + 1
                return Parameter(match[0], "#len", quoted=quoted)
        match = _BRACED.match(self.text, self.at)
        if match is None:
            raise SyntaxFault("syntax error: bad substitution", incomplete=not self.here())
        operator = match[1] or ""
        name = match[0][: len(match[0]) - len(operator)]
        self.at = match.end()
        word = self.braced_word(quoted=quoted) if operator else ()
        self.expect("}")
        return Parameter(name, operator, word, quoted)

    def braced_word(self, *, quoted: bool) -> Word:
        """The word after an operator, up to the closing brace."""
        parts: list[Part] = []
        while self.at < len(self.text) and self.here() != "}":
            special = self.special()
            if special is not None:
                parts += special
            else:
                parts.append(Literal(self.here(), quoted))
                self.at += 1
        return tuple(parts)
