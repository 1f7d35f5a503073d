"""`$(( ))`: whole numbers with C's operators.

Source: POSIX.1-2024, Shell Command Language (XCU 2.6.4 Arithmetic Expansion).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_TOKEN: Final = re.compile(
    r"\s*(0[xX][0-9a-fA-F]+|\d+|[A-Za-z_]\w*|\+\+|--|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||"
    r"[-+*/%&|^]=|[-+*/%<>!~&|^?:=(),])"
)
_LEVELS: Final = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", ">", "<=", ">="),
    ("<<", ">>"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip


class Fault(Exception):
    """An expression makes no sense; caught where it was asked for."""


def evaluate(text: str, variables: dict[str, str]) -> int:
    """The value of an expression; assignments change `variables`.

    Raises:
        Fault

    >>> evaluate("1 + 2 * (3 - 1)", {}), evaluate("i % 3 == 1 ? 7 : 8", {"i": "4"})
    (5, 7)
    """
    tokens = _tokens(text)
    if not tokens:
        return 0
    reader = _Reader(tokens, variables)
    value = reader.assignment()
    if reader.tokens:
        raise Fault("arithmetic syntax error")
    return value


def _tokens(text: str) -> list[str]:
    found, place = [], 0
    text = text.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise Fault("arithmetic syntax error")
        found.append(match[1])
        place = match.end()
    return found


class _Reader:
    def __init__(self, tokens: list[str], variables: dict[str, str]) -> None:
        self.tokens = tokens
        self.variables = variables

    def take(self, *wanted: str) -> str:
        if self.tokens and self.tokens[0] in wanted:
            return self.tokens.pop(0)
        return ""

    def value_of(self, name: str) -> int:
        text = self.variables.get(name, "") or "0"
        try:
            return int(text, 0) if text.lower().startswith("0x") else int(text)
        except ValueError:
            return 0

    def assignment(self) -> int:
        if len(self.tokens) > 1 and re.match(r"[A-Za-z_]", self.tokens[0]):
            operator = self.tokens[1]
            if operator == "=" or (
                operator.endswith("=") and operator not in ("==", "!=", "<=", ">=")
            ):
                name = self.tokens[0]
                del self.tokens[:2]
                value = self.assignment()
                if operator != "=":
                    value = _apply(operator[:-1], self.value_of(name), value)
                self.variables[name] = str(value)
                return value
        return self.choice()

    def choice(self) -> int:
        condition = self.binary(0)
        if not self.take("?"):
            return condition
        yes = self.assignment()
        if not self.take(":"):
            raise Fault("arithmetic syntax error")
        no = self.choice()
        return yes if condition else no

    def binary(self, level: int) -> int:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while operator := self.take(*_LEVELS[level]):
            left = _apply(operator, left, self.binary(level + 1))
        return left

    def unary(self) -> int:
        operator = self.take("-", "+", "!", "~", "++", "--")
        if operator in ("++", "--"):
            name = self.tokens.pop(0) if self.tokens else ""
            value = self.value_of(name) + (1 if operator == "++" else -1)
            self.variables[name] = str(value)
            return value
        if operator:
            value = self.unary()
            return {"-": -value, "+": value, "!": int(not value), "~": ~value}[operator]
        return self.atom()

    def atom(self) -> int:
        if self.take("("):
            value = self.assignment()
            if not self.take(")"):
                raise Fault("arithmetic syntax error")
            return value
        if not self.tokens:
            raise Fault("arithmetic syntax error")
        token = self.tokens.pop(0)
        if token[0].isdigit():
            return int(token, 16) if token.lower().startswith("0x") else int(token)
        if not re.match(r"[A-Za-z_]", token):
            raise Fault("arithmetic syntax error")
        value = self.value_of(token)
        change = self.take("++", "--")
        if change:
            self.variables[token] = str(value + (1 if change == "++" else -1))
        return value


_OPERATORS: Final[dict[str, Callable[[int, int], int]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "<<": lambda a, b: a << (b & 63),
    ">>": lambda a, b: a >> (b & 63),
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "&&": lambda a, b: int(bool(a and b)),
    "||": lambda a, b: int(bool(a or b)),
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b),
    "<=": lambda a, b: int(a <= b),
    ">=": lambda a, b: int(a >= b),
}


def _apply(operator: str, left: int, right: int) -> int:
    if operator in ("/", "%"):
        if right == 0:
            raise Fault("divide by zero")
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if operator == "/" else left - quotient * right
    value = _OPERATORS[operator](left, right)
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)
