"""The text of a label selector, as `kubectl -l` and `labelSelector=` have it.

    app=web,tier in (front,back),!legacy,shard>3

Tokens are the signs and everything between signs and blanks; `in` and `notin` are words only
where an operator may stand, so they may be keys and values too. Errors are upstream's own.

Source: kubernetes v1.36, apimachinery/pkg/labels/selector.go (Lexer, Parser), labels.go.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

from returns.result import Failure, Result, Success

from kelm.core.objects.selectors.labels import Selector, faults_text, selector
from kelm.core.objects.selectors.requirement import (
    ABSENT,
    EXISTS,
    GREATER,
    IN,
    LESS,
    NOT_IN,
    OPERATORS,
    Requirement,
    key_faults,
    requirement,
    requirement_faults,
    value_faults,
)

_TOKEN = re.compile(r"[ \t\r\n]*(==|!=|[=!(),><]|[^=!(),>< \t\r\n]+)")
_SIGNS = frozenset({"=", "==", "!=", "!", "(", ")", ",", ">", "<", ""})
_BINARY = {"=": "=", "==": "==", "!=": "!=", ">": GREATER, "<": LESS, "in": IN, "notin": NOT_IN}

Tokens: TypeAlias = tuple[str, ...]
_Parsed: TypeAlias = "tuple[Requirement, int]"


class _Wrong(Exception):
    """Never leaves this module."""


@lru_cache(maxsize=1024)
def parse_requirements(text: str) -> Result[tuple[Requirement, ...], str]:
    """The requirements of a selector's text, by key; "" asks for everything.

    >>> [str(one) for one in parse_requirements("b in (y,x), !a").unwrap()]
    ['!a', 'b in (x,y)']
    >>> parse_requirements("a===b").failure()
    "unable to parse requirement: found '=', expected: identifier"
    """
    tokens = (*_TOKEN.findall(text), "")
    found: list[Requirement] = []
    try:
        here = 0
        while tokens[here]:
            one, here = _next(tokens, here)
            found.append(one)
    except _Wrong as wrong:
        return Failure(str(wrong))
    return Success(tuple(sorted(found, key=lambda one: one.key)))


@lru_cache(maxsize=1024)
def parse_selector(text: str) -> Result[Selector, str]:
    """The selector that a text means.

    >>> parse_selector("app=web,tier!=db").unwrap().matches({"app": "web"})
    True
    """
    return parse_requirements(text).map(selector)


def parse_label_map(text: str) -> Result[dict[str, str], str]:
    """The labels of a text that only knows `key=value` pairs.

    Source: labels/labels.go, ConvertSelectorToLabelsMap.

    >>> parse_label_map("app=web, tier=front").unwrap()
    {'app': 'web', 'tier': 'front'}
    """
    found: dict[str, str] = {}
    for pair in text.split(",") if text else ():
        sides = pair.split("=")
        if len(sides) != 2:
            return Failure(f"invalid selector: {sides}")
        key, value = (side.strip() for side in sides)
        if wrong := (*key_faults(key), *value_faults(value)):
            return Failure(f"invalid selector: {'; '.join(wrong)}")
        found[key] = value
    return Success(found)


def _next(tokens: Tokens, here: int) -> _Parsed:
    """One requirement and the comma behind it."""
    if tokens[here] in _SIGNS and tokens[here] != "!":
        raise _Wrong(f"found '{tokens[here]}', expected: !, identifier, or 'end of string'")
    try:
        one, here = _requirement(tokens, here)
    except _Wrong as wrong:
        raise _Wrong(f"unable to parse requirement: {wrong}") from None
    if tokens[here] not in (",", ""):
        raise _Wrong(f"found '{tokens[here]}', expected: ',' or 'end of string'")
    if tokens[here] == "":
        return one, here
    after = tokens[here + 1]
    if after in _SIGNS and after != "!":
        raise _Wrong(f"found '{after}', expected: identifier after ','")
    return one, here + 1


def _requirement(tokens: Tokens, here: int) -> _Parsed:
    absent = tokens[here] == "!"
    here += absent
    key = tokens[here]
    if key in _SIGNS:
        raise _Wrong(f"found '{key}', expected: identifier")
    if wrong := key_faults(key):
        raise _Wrong(f'key: Invalid value: "{key}": {"; ".join(wrong)}')
    sign = tokens[here + 1]
    if absent or sign in (",", ""):
        return Requirement(key, ABSENT if absent else EXISTS), here + 1
    operator = _BINARY.get(sign)
    if operator is None:
        raise _Wrong(f"found '{sign}', expected: {', '.join(OPERATORS[:7])}")
    read = _values if operator in (IN, NOT_IN) else _value
    values, here = read(tokens, here + 2)
    if faults := requirement_faults(key, operator, values):
        raise _Wrong(faults_text(faults))
    return requirement(key, operator, values), here


def _value(tokens: Tokens, here: int) -> tuple[tuple[str, ...], int]:
    """The one value behind `=` and its like; none is the empty value."""
    if tokens[here] in (",", ""):
        return ("",), here
    if tokens[here] in _SIGNS:
        raise _Wrong(f"found '{tokens[here]}', expected: identifier")
    return (tokens[here],), here + 1


def _values(tokens: Tokens, here: int) -> tuple[tuple[str, ...], int]:
    """The values between parentheses; nothing between two commas is the empty value."""
    if tokens[here] != "(":
        raise _Wrong(f"found '{tokens[here]}' expected: '('")
    here += 1
    if tokens[here] in _SIGNS and tokens[here] not in (",", ")"):
        raise _Wrong(f"found '{tokens[here]}', expected: ',', ')' or identifier")
    values = []
    while True:
        value = "" if tokens[here] in (",", ")") else tokens[here]
        values.append(value)
        here += bool(value)
        if tokens[here] == ")":
            return tuple(values), here + 1
        if tokens[here] != ",":
            raise _Wrong(f"found '{tokens[here]}', expected: ',' or ')'")
        here += 1
        if tokens[here] in _SIGNS and tokens[here] not in (",", ")"):
            raise _Wrong(f"found '{tokens[here]}', expected: ',', or identifier")
