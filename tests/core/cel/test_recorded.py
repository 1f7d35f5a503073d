"""Our expressions with what upstream's environment of v1.36 made of them, one after the other.

The table was recorded with cel-go v0.26 and kube-apiserver's libraries: errors of compilation with
their places, types, values, errors of evaluation, and costs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from returns.result import Failure

from kelm.core.cel.checking.environment import Environment
from kelm.core.cel.checking.types import DYN, shown
from kelm.core.cel.compile import compile_expression, parse_and_check
from kelm.core.cel.estimating.estimate import estimate
from kelm.core.cel.running.values import (
    Duration,
    Optional,
    Timestamp,
    TypeOf,
    UInt,
    Value,
    of_key,
)
from kelm.core.cel.running.writing import written
from kelm.effects.document import freeze

LINES = (Path(__file__).parent / "recorded.jsonl").read_text().splitlines()
VARIABLES = {name: freeze(value) for name, value in json.loads(LINES[0])["variables"].items()}
CASES = [json.loads(line) for line in LINES[1:]]
ENVIRONMENT = Environment(dict.fromkeys(("x", "y", "object"), DYN))

SCALARS: dict[type, tuple[str, Callable[[Value], str]]] = {
    int: ("int", str),
    UInt: ("uint", lambda value: str(int(value))),
    float: ("double", written),
    bytes: ("bytes", bytes.hex),
    Duration: ("duration", lambda value: str(value.ns)),
    Timestamp: ("timestamp", written),
    TypeOf: ("type", lambda value: str(value.name)),
}


def as_recorded(value: Value) -> Any:
    """A value in the notation of the table."""
    kind = type(value)
    if value is None or kind in (str, bool):
        return value
    if kind in SCALARS:
        name, write = SCALARS[kind]
        return {name: write(value)}
    if kind is Optional:
        return {"some": as_recorded(value.value)} if value.present else {"none": True}
    if isinstance(value, tuple):
        return [as_recorded(one) for one in value]
    if isinstance(value, dict):
        pairs = [[as_recorded(of_key(key)), as_recorded(one)] for key, one in value.items()]
        return {"map": sorted(pairs, key=str)}
    return {value.type_name: str(value)}


def in_order(recorded: Any) -> Any:
    """The table's maps in the order of ours."""
    if isinstance(recorded, list):
        return [in_order(one) for one in recorded]
    if isinstance(recorded, dict):
        inner = {key: in_order(value) for key, value in recorded.items()}
        return {"map": sorted(inner["map"], key=str)} if "map" in inner else inner
    return recorded


def estimated(expression: str) -> list[int]:
    """What an expression costs at least and at most over data of any size."""
    checked = parse_and_check(expression, ENVIRONMENT).unwrap()
    found = estimate(checked, lambda _path: None)
    return [found.least, found.most]


def outcome(expression: str) -> dict[str, Any]:
    compiled = compile_expression(expression, ENVIRONMENT)
    if isinstance(compiled, Failure):
        errors = compiled.failure()
        return {"compile": ("program: " if errors.while_planning else "") + errors.text}
    program = compiled.unwrap()
    evaluation = program.evaluate(VARIABLES)
    said: dict[str, Any] = {"type": shown(program.type), "estimate": estimated(expression)}
    if isinstance(evaluation.result, Failure):
        return {**said, "error": evaluation.result.failure().message}
    return {**said, "value": as_recorded(evaluation.result.unwrap()), "cost": evaluation.cost}


def test_the_table_is_there() -> None:
    assert len(CASES) > 900


@pytest.mark.parametrize("start", range(0, len(CASES), 50))
def test_expressions_come_out_as_upstream_has_them(start: int) -> None:
    for case in CASES[start : start + 50]:
        wanted = {key: in_order(value) for key, value in case.items() if key != "expression"}
        assert outcome(case["expression"]) == wanted, case["expression"]
