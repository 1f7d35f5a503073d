"""`test`, `[` and `[[`: questions about files, texts and numbers.

Source: POSIX.1-2024, utility test.
"""

from __future__ import annotations

import re
from typing import Final

from kelm.core.node.files.entries import Directory, File, Link, Trouble
from kelm.core.node.programs.process import Process
from kelm.core.node.shell.patterns import matches
from kelm.core.node.shell.state import Shell, Tool, Words
from kelm.core.node.shell.tools.options import answer, complain

_NUMBERS: Final = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
}


def check(shell: Shell, name: str, words: Words) -> Process:
    """Answer a question with 0 for yes and 1 for no."""
    closing = {"[": "]", "[[": "]]"}.get(name)
    if closing is not None:
        if not words or words[-1] != closing:
            return complain(name, f"missing {closing}", 2)
        words = words[:-1]
    reader = _Question(shell, list(words), extended=name == "[[")
    found = reader.either() if words else False
    if reader.trouble:
        return complain(name, reader.trouble, 2)
    return answer("", int(not found))


class _Question:
    def __init__(self, shell: Shell, words: list[str], *, extended: bool) -> None:
        self.shell = shell
        self.words = words
        self.extended = extended
        self.trouble = ""

    def either(self) -> bool:
        found = self.both()
        while self.words and self.words[0] in ("-o", "||"):
            self.words.pop(0)
            found = self.both() or found
        if self.words and self.words[0] != ")":
            self.trouble = self.trouble or f"{self.words[0]}: unknown operand"
            self.words.clear()
        return found

    def both(self) -> bool:
        found = self.one()
        while self.words and self.words[0] in ("-a", "&&"):
            self.words.pop(0)
            found = self.one() and found
        return found

    def one(self) -> bool:
        words = self.words
        if not words:
            self.trouble = "argument expected"
            return False
        if len(words) >= 3 and self.is_binary(words[1]):
            left, operator, right = words[:3]
            del words[:3]
            return self.compare(left, operator, right)
        word = words.pop(0)
        if word == "!" and words:
            return not self.one()
        if word == "(" and words:
            found = self.either()
            if words:
                words.pop(0)
            return found
        if re.fullmatch(r"-[a-zA-Z]", word) and words:
            return self.unary(word[1], words.pop(0))
        return bool(word)

    @staticmethod
    def is_binary(word: str) -> bool:
        return word in _NUMBERS or word in ("=", "==", "!=", "<", ">", "=~", "-nt", "-ot")

    def compare(self, left: str, operator: str, right: str) -> bool:
        if operator in _NUMBERS:
            for side in (left, right):
                if not re.fullmatch(r"\s*[-+]?\d+\s*", side):
                    self.trouble = f"{side}: bad number"
                    return False
            return bool(_NUMBERS[operator](int(left), int(right)))
        if operator in ("=", "==", "!="):
            same = matches([(right, False)], left) if self.extended else left == right
            return same == (operator != "!=")
        if operator == "=~":
            return re.search(right, left) is not None
        if operator in ("-nt", "-ot"):
            ages = [self.changed_ms(left), self.changed_ms(right)]
            return ages[0] > ages[1] if operator == "-nt" else ages[0] < ages[1]
        return left < right if operator == "<" else left > right

    def changed_ms(self, path: str) -> int:
        found = self.shell.inside.disk.entry(self.shell.path(path))
        return found.at_ms if isinstance(found, File | Directory) else -1

    def unary(self, letter: str, word: str) -> bool:
        if letter in ("n", "z"):
            return bool(word) == (letter == "n")
        if letter == "t":
            return self.shell.inside.terminal
        disk = self.shell.inside.disk
        found = disk.entry(self.shell.path(word), follow=letter not in ("h", "L"))
        if isinstance(found, Trouble):
            return word in ("/dev/null", "/dev/stdout", "/dev/stderr") and letter in ("e", "c", "w")
        if letter in ("h", "L"):
            return isinstance(found, Link)
        if isinstance(found, Link) or letter == "e":
            return letter == "e"
        if letter in ("r", "w", "x"):
            bit = {"r": 4, "w": 2, "x": 1}[letter]
            mount = disk.mount_of(self.shell.path(word))
            if letter == "w" and mount is not None and mount.read_only:
                return False
            return bool(found.mode & 0o111) if bit == 1 else disk.may(found, bit)
        if letter == "s":
            return isinstance(found, Directory) or bool(found.data)
        return {"f": isinstance(found, File), "d": isinstance(found, Directory)}.get(letter, False)


CHECKS: Final[dict[str, Tool]] = {
    "test": lambda shell, words: check(shell, "test", words),
    "[": lambda shell, words: check(shell, "[", words),
}
