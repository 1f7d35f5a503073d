r"""Patterns in RE2's notation, run by Python's.

The two notations differ little, and what differs is translated or refused: RE2 has no
back-references and no looking around, its classes are ASCII, its `$` means the very end, and it has
`\z`, `\pN`, `\Q...\E` and POSIX classes. What Python would read otherwise never reaches it.

Source: the syntax page of github.com/google/re2; Go 1.26, regexp/syntax/parse.go (errors).
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import category

from returns.result import Failure, Result, Success

MOST_REPEATED: Final = 1000
MOST_CODE: Final = 0x10FFFF
_POSIX: Final = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": r"\x00-\x7F", "blank": r"\t ",
    "cntrl": r"\x00-\x1F\x7F", "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~",
    "punct": r"!-/:-@\[-`{-~", "space": r"\t\n\v\f\r ", "upper": "A-Z", "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_GROUP: Final = re.compile(
    r"\((?:\?(?:P?<(?P<name>[A-Za-z0-9_]+)>|(?P<flags>[imsU]*(?:-[imsU]+)?)(?P<end>[:)])))?"
)
_REPEAT: Final = re.compile(r"\{([0-9]+)(?:(,)([0-9]*))?\}")
_CATEGORIES: Final = frozenset("LMNPSZC")


class _Bad(Exception):
    def __init__(self, said: str, part: str) -> None:
        super().__init__(f"error parsing regexp: {said}: `{part}`")


def compiled(pattern: str) -> Result[re.Pattern[str], str]:
    r"""A pattern ready to search with, or what is wrong with it.

    >>> compiled(r"^\d+$").unwrap().search("12\n") is None
    True
    >>> compiled("[").failure()
    'error parsing regexp: missing closing ]: `[`'
    >>> compiled("(?=a)").failure()
    'error parsing regexp: invalid or unsupported Perl syntax: `(?=`'
    """
    try:
        return Success(re.compile(_Translation(pattern).done(), re.ASCII))
    except _Bad as bad:
        return Failure(str(bad))
    except (re.error, OverflowError, RecursionError) as other:
        return Failure(f"error parsing regexp: {other}: `{pattern}`")


class _Translation:
    """One pass over one pattern. Lives for one call of `compiled`."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.out: list[str] = []
        self.depth = 0
        self.lazy = False
        self.saved: list[bool] = []
        self.repeatable = False
        self.last = ""

    def done(self) -> str:
        while self.at < len(self.pattern):
            char = self.pattern[self.at]
            if char == "\\":
                self.escape()
            elif char == "[":
                self.set_of()
            elif char == "(":
                self.group()
            elif char == ")":
                self.close()
            elif char in "*+?":
                self.repeat(char)
            elif char == "{" and (counted := _REPEAT.match(self.pattern, self.at)) is not None:
                self.count(counted)
            else:
                self.plain(char)
        if self.depth:
            raise _Bad("missing closing )", self.pattern)
        return "".join(self.out)

    def put(self, text: str, *, repeatable: bool = True) -> None:
        self.out.append(text)
        self.repeatable = repeatable
        self.last = ""

    def plain(self, char: str) -> None:
        self.at += 1
        if char == "|":
            self.put("|", repeatable=False)
        elif char == "$":
            self.put("$" if self.multiline() else r"\Z")
        elif char in "{}]":
            self.put("\\" + char)
        else:
            self.put(char)

    def multiline(self) -> bool:
        return any("m" in text for text in self.out if text.startswith("(?") and text != "(?:")

    def escape(self) -> None:
        pattern, start = self.pattern, self.at
        if start + 1 >= len(pattern):
            raise _Bad("trailing backslash at end of expression", "")
        char = pattern[start + 1]
        self.at += 2
        if char == "Q":
            end = pattern.find("\\E", self.at)
            quoted = pattern[self.at : end] if end >= 0 else pattern[self.at :]
            self.at = len(pattern) if end < 0 else end + 2
            for one in quoted:
                self.put(re.escape(one))
        elif char == "z":
            self.put(r"\Z")
        elif char in "AbB":
            self.put("\\" + char)
        elif char == "C":
            self.put("(?s:.)")
        else:
            self.at = start
            text, is_set = self.one_escape()
            self.put(f"[{text}]" if is_set else text)

    def one_escape(self) -> tuple[str, bool]:
        """An escape that is a character or, in sets, a part of a set."""
        pattern, start = self.pattern, self.at
        if start + 1 >= len(pattern):
            raise _Bad("trailing backslash at end of expression", "")
        char = pattern[start + 1]
        self.at += 2
        if char in "dDwW":
            return "\\" + char, True
        if char in "sS":
            # RE2's white space has no vertical tab.
            return (
                (r"\t\n\f\r ", True)
                if char == "s"
                else (r"\x00-\x08\x0b\x0e-\x1f!-\U0010ffff", True)
            )
        if char in "pP":
            return self.category(start), True
        if char in "aftnrv":
            return "\\" + char, False
        if char == "x":
            match = re.compile(r"\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2})").match(pattern, self.at)
            if match is None:
                raise _Bad("invalid escape sequence", pattern[start : self.at + 1])
            self.at = match.end()
            return self.character(int(match.group(1) or match.group(2), 16), start), False
        octal = re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}").match(pattern, start + 1)
        if octal is not None:
            self.at = octal.end()
            return self.character(int(octal.group(), 8), start), False
        if char.isascii() and not char.isalnum() and char != "_":
            return re.escape(char), False
        raise _Bad("invalid escape sequence", pattern[start : start + 2])

    def character(self, code: int, start: int) -> str:
        if code > MOST_CODE:
            raise _Bad("invalid escape sequence", self.pattern[start : self.at])
        return f"\\U{code:08x}"

    def category(self, start: int) -> str:
        """The characters of a general category of Unicode, or all others."""
        match = re.compile(r"\{(\^?)([A-Za-z_]+)\}|([A-Z])").match(self.pattern, self.at)
        if match is None:
            raise _Bad("invalid character class range", self.pattern[start : self.at + 1])
        self.at = match.end()
        name = match.group(2) or match.group(3)
        if name[0] not in _CATEGORIES or len(name) > 2:
            raise _Bad("invalid character class range", self.pattern[start : self.at])
        other = (self.pattern[start + 1] == "P") is not bool(match.group(1))
        return _ranges(name, other)

    def set_of(self) -> None:
        pattern, start = self.pattern, self.at
        self.at += 1
        parts = ["["]
        if pattern[self.at : self.at + 1] == "^":
            parts.append("^")
            self.at += 1
        first = True
        while first or pattern[self.at : self.at + 1] != "]":
            if self.at >= len(pattern):
                raise _Bad("missing closing ]", pattern[start:])
            first = False
            parts.append(self.set_part(start))
        self.at += 1
        self.put("".join((*parts, "]")))

    def set_part(self, start: int) -> str:
        pattern = self.pattern
        if pattern.startswith("[:", self.at) and (end := pattern.find(":]", self.at)) > 0:
            return self.posix(end)
        low, is_set = self.set_character(start)
        if is_set or pattern[self.at : self.at + 1] != "-":
            return low
        if pattern[self.at + 1 : self.at + 2] in ("]", ""):
            return low
        here = self.at
        self.at += 1
        high, high_is_set = self.set_character(start)
        if high_is_set:
            raise _Bad("invalid character class range", pattern[here - 1 : self.at])
        try:
            re.compile(f"[{low}-{high}]")
        except re.error:
            raise _Bad("invalid character class range", pattern[here - 1 : self.at]) from None
        return f"{low}-{high}"

    def set_character(self, start: int) -> tuple[str, bool]:
        if self.at >= len(self.pattern):
            raise _Bad("missing closing ]", self.pattern[start:])
        char = self.pattern[self.at]
        if char == "\\":
            return self.one_escape()
        self.at += 1
        return (f"\\{char}" if char in "[]^-&~|" else char), False

    def posix(self, end: int) -> str:
        name = self.pattern[self.at + 2 : end]
        known = _POSIX.get(name.removeprefix("^"))
        if known is None:
            part = self.pattern[self.at : end + 2]
            raise _Bad("invalid character class range", part)
        self.at = end + 2
        if not name.startswith("^"):
            return known
        inside = re.compile(f"[{known}]")
        return (
            _spans([code for code in range(256) if not inside.match(chr(code))])
            + "\u0100-\U0010ffff"
        )

    def group(self) -> None:
        match = _GROUP.match(self.pattern, self.at)
        if match is None or (match.end() == self.at + 1 and self.pattern[match.end() :][:1] == "?"):
            part = self.pattern[self.at : self.at + 3]
            said = "missing argument to repetition operator" if match else ""
            raise _Bad("invalid or unsupported Perl syntax" if match else said, part)
        self.at = match.end()
        flags = match.group("flags") or ""
        on, _, off = flags.partition("-")
        if match.group("end") == ")":
            self.options(on, off)
            return
        self.depth += 1
        self.saved.append(self.lazy)
        self.lazy = (self.lazy or "U" in on) and "U" not in off
        kept = _python_flags(on, off)
        if match.group("name"):
            self.put(f"(?P<{match.group('name')}>", repeatable=False)
        elif match.group("end") == ":":
            self.put(f"(?{kept}:", repeatable=False)
        else:
            self.put("(", repeatable=False)

    def options(self, on: str, off: str) -> None:
        """Flags for the rest of a group: Python wants them to open one of their own."""
        self.lazy = (self.lazy or "U" in on) and "U" not in off
        rest = self.pattern[self.at :]
        end, depth = len(rest), 0
        for index, char in enumerate(rest):
            if char == "\\" or (index and rest[index - 1] == "\\"):
                continue
            depth += (char == "(") - (char == ")")
            if depth < 0:
                end = index
                break
        kept = _python_flags(on, off)
        self.pattern = f"{self.pattern[: self.at]}(?{kept}:{rest[:end]}){rest[end:]}"

    def close(self) -> None:
        if not self.depth:
            raise _Bad("unexpected )", self.pattern)
        self.at += 1
        self.depth -= 1
        self.lazy = self.saved.pop()
        self.put(")")

    def repeat(self, char: str) -> None:
        self.repeated(char, self.at, self.at + 1)

    def count(self, match: re.Match[str]) -> None:
        low, comma, high = match.groups()
        most = int(high) if high else int(low)
        if int(low) > MOST_REPEATED or most > MOST_REPEATED or (comma and high and most < int(low)):
            raise _Bad("invalid repeat count", match.group())
        self.repeated(match.group(), match.start(), match.end())

    def repeated(self, operator: str, start: int, end: int) -> None:
        if self.last:
            raise _Bad("invalid nested repetition operator", self.last + self.pattern[start:end])
        if not self.repeatable:
            raise _Bad("missing argument to repetition operator", operator)
        asked_lazy = self.pattern[end : end + 1] == "?"
        self.at = end + asked_lazy
        self.out.append(operator + ("?" if asked_lazy is not self.lazy else ""))
        self.last = self.pattern[start : self.at]


def _python_flags(on: str, off: str) -> str:
    """Flags in Python's order; RE2's U has none, since it is worked out here."""
    kept = "".join(char for char in "ims" if char in on)
    dropped = "".join(char for char in "ims" if char in off)
    return f"{kept}-{dropped}" if dropped else kept


def _ranges(name: str, other: bool) -> str:
    codes = [
        code for code in range(MOST_CODE + 1) if category(chr(code)).startswith(name) is not other
    ]
    return _spans(codes)


def _spans(codes: list[int]) -> str:
    """Numbers in ascending order as the ranges of a set."""
    parts: list[str] = []
    start = before = -1
    for code in (*codes, -2):
        if code == before + 1 and start >= 0:
            before = code
            continue
        if start >= 0:
            parts.append(f"\\U{start:08x}-\\U{before:08x}")
        start = before = code
    return "".join(parts)
