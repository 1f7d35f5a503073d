"""A recorded trace folded through `update` again: the first step that comes out otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from returns.result import Failure, Success

from kelm.adapters.kubernetes.trace import FORMAT, asked_line
from kelm.core.store import table as tables
from kelm.core.store.relist import advanced, in_order
from kelm.core.store.table import Table
from kelm.effects.address import Resource
from kelm.effects.commands import Requests
from kelm.effects.document import document
from kelm.effects.messages import Answered, Change, Message, Observed, TimerFired
from kelm.effects.program import Program
from kelm.effects.refusals import Refusal

Line = Mapping[str, Any]
MakeProgram = Callable[[Line], Program[Any] | None]
"""The Program of a recorded configuration, None where there is none of this name."""


class TraceError(Exception):
    """The file is no trace, or one that cannot be read."""


class Difference(msgspec.Struct, frozen=True):
    """The first step in which the Program does otherwise than was recorded."""

    line: int
    process: str
    heard: str
    field: str
    recorded: object
    replayed: object


class Replayed(msgspec.Struct, frozen=True):
    """How far a replay came: updates that agree, and the first that does not."""

    steps: int
    processes: tuple[str, ...]
    difference: Difference | None = None


class _Life:
    """One process under replay."""

    def __init__(self, program: Program[Any]) -> None:
        self.program = program
        self.state: Any = None
        self.tables: dict[Resource, Table] = {}

    def update(self, heard: Line | None) -> Requests:
        if heard is None:
            self.state, requests = self.program.init()
        else:
            self.state, requests = self.program.update(self.state, self._message(heard))
        return requests

    def _message(self, heard: Line) -> Message:
        now_ms = heard["now_ms"]
        if heard["message"] == "TimerFired":
            return TimerFired(now_ms)
        if heard["message"] == "Answered":
            if "refused" in heard:
                refusal = msgspec.convert(heard["refused"], Refusal)
                return Answered(now_ms, heard["id"], Failure(refusal))
            return Answered(now_ms, heard["id"], Success(document(heard["answer"])))
        return self._observed(now_ms, heard)

    def _observed(self, now_ms: int, heard: Line) -> Observed:
        resource = heard["resource"]
        before = self.tables.get(resource)
        if "objects" in heard:
            docs = [document(doc) for doc in heard["objects"]]
            table = in_order(resource, docs, heard["revision"])
        else:
            assert before is not None
            table = before
            for moved in heard["moved"]:
                table = _moved(table, moved)
            table = advanced(table, heard["revision"])
        self.tables[resource] = table
        changes: tuple[Change, ...] = ()
        if "moved" in heard and before is not None:
            changes = table.changes_since(before.revision) or ()
        if "told" in heard:
            told = set(heard["told"])
            changes = tuple(change for change in changes if change.revision in told)
        return Observed(now_ms, resource, table, changes, heard.get("replaced", False))


def _moved(table: Table, moved: Line) -> Table:
    key, revision = moved["key"], moved["revision"]
    if "gone" in moved:
        return tables.remove(table, key, document(moved["gone"]), revision)
    return tables.put(table, key, document(moved["object"]), revision)


def replay(lines: Iterable[str], make: MakeProgram) -> Replayed:
    """Fold a trace; stops at the first difference.

    Raises:
        TraceError: the trace cannot be read; the message says where.
    """
    lives: dict[str, _Life] = {}
    steps = 0
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        line = _read(number, text)
        if number == 1:
            if line.get("format") != FORMAT:
                raise TraceError(f"this is no trace of Programs (a first line with {FORMAT!r})")
            continue
        name = line.get("process")
        if not isinstance(name, str):
            raise TraceError(f'line {number} names no "process"')
        if "program" in line:
            lives[name] = _begin(number, line["program"], make)
            continue
        if name not in lives:
            raise TraceError(f"line {number}: {name} was never started")
        difference = _step(number, name, lives[name], line)
        if difference is not None:
            return Replayed(steps, tuple(sorted(lives)), difference)
        steps += 1
    return Replayed(steps, tuple(sorted(lives)))


def _read(number: int, text: str) -> Line:
    try:
        line = msgspec.json.decode(text)
    except msgspec.DecodeError as problem:
        raise TraceError(f"line {number} is no JSON: {problem}") from problem
    if not isinstance(line, dict):
        raise TraceError(f"line {number} is no JSON object")
    return line


def _begin(number: int, given: Line, make: MakeProgram) -> _Life:
    program = make(given)
    if program is None:
        raise TraceError(f'line {number}: no Program is called "{given.get("name")}"')
    return _Life(program)


def _step(number: int, name: str, life: _Life, line: Line) -> Difference | None:
    heard = line["heard"]
    try:
        requests = life.update(heard)
    except (KeyError, TypeError, msgspec.ValidationError) as problem:
        if not isinstance(heard, dict) or "message" not in heard:
            raise TraceError(f"line {number} cannot be read: {problem}") from problem
        raise
    told = "the start" if heard is None else _told(heard)
    asked = msgspec.json.decode(msgspec.json.encode([asked_line(one) for one in requests]))
    recorded = line["asked"]
    if asked != recorded:
        here = next(
            (i for i, pair in enumerate(zip(asked, recorded, strict=False)) if pair[0] != pair[1]),
            min(len(asked), len(recorded)),
        )
        was, now = recorded[here : here + 1], asked[here : here + 1]
        return Difference(number, name, told, f"asked[{here}]", _one(was), _one(now))
    wake_at_ms = life.program.subscriptions(life.state).wake_at_ms
    if wake_at_ms != line["wake_at_ms"]:
        return Difference(number, name, told, "wake_at_ms", line["wake_at_ms"], wake_at_ms)
    return None


def _one(found: list[object]) -> object:
    return found[0] if found else "nothing"


def _told(heard: Line) -> str:
    if heard["message"] == "Observed":
        return f"{heard['resource']} at revision {heard['revision']}"
    return f"the answer to request {heard['id']}" if "id" in heard else "a timer"
