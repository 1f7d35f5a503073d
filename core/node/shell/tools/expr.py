"""`expr`: arithmetic, comparisons and matches of words.

Source: POSIX.1-2024, utility expr; busybox for what is said of errors.
"""

from __future__ import annotations

import re
from typing import Final

from kelm.core.node.programs.process import Process
from kelm.core.node.shell.state import Shell, Tool, Words
from kelm.core.node.shell.tools.options import answer, complain
from kelm.core.node.shell.tools.text import expression

_LEVELS: Final = (
    ("|",),
    ("&",),
    ("<", "<=", "=", "==", "!=", ">=", ">"),
    ("+", "-"),
    ("*", "/", "%"),
    (":",),
)
_NUMBER: Final = re.compile(r"-?\d+")


class Senseless(Exception):
    """An expression makes no sense; caught where it was asked for."""


def worked_out(words: Words) -> str:
    """The value of an expression.

    Raises:
        Senseless

    >>> worked_out(("7", "%", "2")), worked_out(("abc", ":", "a\\\\(.\\\\)c"))
    ('1', 'b')
    """
    rest = list(words)
    value = _level(rest, 0)
    if rest:
        raise Senseless("syntax error")
    return value


def _level(rest: list[str], depth: int) -> str:
    if depth == len(_LEVELS):
        return _operand(rest)
    value = _level(rest, depth + 1)
    while rest and rest[0] in _LEVELS[depth]:
        operator = rest.pop(0)
        value = _combined(value, operator, _level(rest, depth + 1))
    return value


def _operand(rest: list[str]) -> str:
    if not rest:
        raise Senseless("syntax error")
    word = rest.pop(0)
    if word == "(":
        value = _level(rest, 0)
        if not rest or rest.pop(0) != ")":
            raise Senseless("syntax error")
        return value
    if word == "length" and rest:
        return str(len(_operand(rest)))
    if word == "match" and len(rest) > 1:
        return _matched(_operand(rest), _operand(rest))
    if word == "index" and len(rest) > 1:
        text, letters = _operand(rest), _operand(rest)
        return str(next((n + 1 for n, one in enumerate(text) if one in letters), 0))
    if word == "substr" and len(rest) > 2:
        text, start, length = _operand(rest), _number(_operand(rest)), _number(_operand(rest))
        return text[start - 1 : start - 1 + length] if start > 0 and length > 0 else ""
    return word


def _combined(left: str, operator: str, right: str) -> str:
    if operator == "|":
        return left if _is_true(left) else right if _is_true(right) else "0"
    if operator == "&":
        return left if _is_true(left) and _is_true(right) else "0"
    if operator == ":":
        return _matched(left, right)
    if operator in _LEVELS[2]:
        return str(int(_compared(left, operator, right)))
    one, other = _number(left), _number(right)
    if operator in ("/", "%"):
        if other == 0:
            raise Senseless("division by zero")
        quotient = abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)
        return str(quotient if operator == "/" else one - quotient * other)
    return str({"+": one + other, "-": one - other, "*": one * other}[operator])


def _compared(left: str, operator: str, right: str) -> bool:
    numbers = _NUMBER.fullmatch(left) and _NUMBER.fullmatch(right)
    order = _number(left) - _number(right) if numbers else (left > right) - (left < right)
    return {
        "<": order < 0,
        "<=": order <= 0,
        ">": order > 0,
        ">=": order >= 0,
        "!=": order != 0,
    }.get(operator, order == 0)


def _is_true(value: str) -> bool:
    return value != "" and not (_NUMBER.fullmatch(value) and int(value) == 0)


def _number(word: str) -> int:
    if not _NUMBER.fullmatch(word):
        raise Senseless("non-numeric argument")
    return int(word)


def _matched(text: str, pattern: str) -> str:
    """What a basic expression's group matched at the beginning, else how much it matched."""
    try:
        found = re.match(expression(pattern), text)
        grouped = re.compile(expression(pattern)).groups
    except re.error:
        raise Senseless("syntax error") from None
    if grouped:
        return (found[1] or "") if found else ""
    return str(found.end() if found else 0)


def expr(_shell: Shell, words: Words) -> Process:
    """Say the value; 0 for one that is neither empty nor zero."""
    try:
        value = worked_out(words)
    except Senseless as error:
        return complain("expr", str(error), 2)
    return answer(f"{value}\n", int(not _is_true(value)))


EXPR: Final[dict[str, Tool]] = {"expr": expr}
