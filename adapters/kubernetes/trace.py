"""What a Program heard and asked, as JSON lines: an incident that can be replayed.

    {"process": NAME, "program": CONFIGURATION}                    it was started
    {"process": NAME, "heard": MESSAGE, "asked": [...], "wake_at_ms": T}     one update

A belief is written as what changed in it since the line before, or whole where that is not known,
in the order of its slots, so that a replay sees the same objects in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from returns.result import Failure

from kelm.core.node.program import Kubelet
from kelm.core.store.table import Table
from kelm.effects.address import Resource
from kelm.effects.codec import to_json
from kelm.effects.commands import Request
from kelm.effects.laws import Step
from kelm.effects.messages import Answered, Change, Message, Observed, TimerFired
from kelm.effects.program import Program

FORMAT = "kelm-program-trace/1"


def configuration(program: Program[Any]) -> dict[str, object]:
    """What is needed to make the Program again: its name, and for a machine what it is."""
    if isinstance(program, Kubelet):
        return {
            "name": program.name,
            "node": program.node,
            "index": program.index,
            "zone": program.zone,
            "capacity": program.capacity,
        }
    return {"name": program.name}


def asked_line(request: Request) -> dict[str, object]:
    """One request."""
    return {"id": request.id, **to_json(request.command)}


class Recorder:
    """Writes every update of some Programs."""

    def __init__(self, write: Callable[[str], object], programs: tuple[Program[Any], ...]) -> None:
        self._write = write
        self._programs = {program.name: program for program in programs}
        self._seen: dict[tuple[str, Resource], Table] = {}
        self._line({"format": FORMAT})

    def __call__(self, name: str, step: Step) -> None:
        if step.heard is None:
            for place in [place for place in self._seen if place[0] == name]:
                del self._seen[place]
            self._line({"process": name, "program": configuration(self._programs[name])})
        self._line(
            {
                "process": name,
                "heard": None if step.heard is None else self._heard(name, step.heard),
                "asked": [asked_line(request) for request in step.asked],
                "wake_at_ms": step.wake_at_ms,
            }
        )

    def _line(self, line: dict[str, object]) -> None:
        self._write(msgspec.json.encode(line).decode() + "\n")

    def _heard(self, name: str, message: Message) -> dict[str, object]:
        now: dict[str, object] = {"message": type(message).__name__, "now_ms": message.now_ms}
        if isinstance(message, TimerFired):
            return now
        if isinstance(message, Answered):
            outcome = message.outcome
            if isinstance(outcome, Failure):
                return {**now, "id": message.id, "refused": msgspec.to_builtins(outcome.failure())}
            return {**now, "id": message.id, "answer": outcome.unwrap()}
        return {**now, **self._observed(name, message)}

    def _observed(self, name: str, message: Observed) -> dict[str, object]:
        table = message.cache
        assert isinstance(table, Table)
        before = self._seen.get((name, message.resource))
        self._seen[name, message.resource] = table
        moved = None if before is None else table.changes_since(before.revision)
        line: dict[str, object] = {"resource": message.resource, "revision": table.revision}
        if message.replaced:
            line["replaced"] = True
        if moved is None:
            line["objects"] = list(table.objects())
        else:
            line["moved"] = [_moved(change) for change in moved]
        if message.changes != (moved or ()):
            line["told"] = [change.revision for change in message.changes]
        return line


def _moved(change: Change) -> dict[str, object]:
    line: dict[str, object] = {"revision": change.revision, "key": change.key}
    if change.new is None:
        return {**line, "gone": change.old}
    return {**line, "object": change.new}
