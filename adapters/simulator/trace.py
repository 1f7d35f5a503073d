"""A run as JSON lines, and its replay: the same bits, or the first line that differs.

The first line is what the run was made of (settings and seed). Then, in order, everything that
came from outside with the number of events before it, and every event that happened with what it
asked and what came of it. The last line is a digest of all that is stored. Replaying folds the
inputs over a new cluster of the same settings; nothing else is needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from returns.result import Failure

from kelm.adapters.simulator.events import Answer, Deliver, Dial, Event, Execute, Reached, Wake
from kelm.adapters.simulator.inputs import INPUTS, Asked, Input
from kelm.adapters.simulator.loop import Simulator
from kelm.core.api.webhooks.hearing import NotReached, Reply
from kelm.core.store.store import Store
from kelm.effects.codec import decode, encode, from_json, to_json
from kelm.effects.document import Document
from kelm.effects.messages import Outcome

Line = dict[str, Any]


def digest(store: Store) -> str:
    """A short text that two stores share only if they hold the same objects.

    >>> digest(Store()) == digest(Store())
    True
    """
    found = hashlib.sha256()
    for resource in sorted(store.resources()):
        table = store.table(resource)
        for key in table.sorted_keys():
            found.update(f"{resource}/{key}\n".encode())
            found.update(msgspec.json.encode(table.get(key), order="sorted"))
    return found.hexdigest()[:32]


def told(outcome: Outcome) -> str:
    """What became of a request, in a word: the version written or the reason refused."""
    if isinstance(outcome, Failure):
        return str(outcome.failure().reason.value)
    meta = outcome.unwrap().get("metadata")
    version = meta.get("resourceVersion") if isinstance(meta, Document) else None
    return f"ok {version}" if version else "ok"


def event_line(simulator: Simulator, event: Event) -> Line:
    """One event as a line: who, what, and the store's revision afterwards."""
    line: Line = {"n": simulator.events, "at_ms": simulator.now_ms}
    if isinstance(event, Execute):
        line |= {"event": "Execute", "process": event.process, "id": event.request.id}
        line["request"] = to_json(event.request.command)
    elif isinstance(event, Answer):
        line |= {"event": "Answer", "process": event.process, "id": event.id}
        line["outcome"] = told(event.outcome)
    elif isinstance(event, Dial | Reached):
        line |= {"event": type(event).__name__, "conversation": event.conversation}
        if isinstance(event, Reached):
            line["reply"] = _replied(event.reply)
    elif isinstance(event, Deliver):
        line |= {"event": "Deliver", "process": event.process, "watch": event.watch}
    elif isinstance(event, Wake):
        line |= {"event": "Wake", "process": event.process}
    else:
        line |= {"event": "Happen", "given": input_line(event.input)}
    line["revision"] = simulator.api.store.revision
    return line


def _replied(reply: Reply) -> str:
    """What came back, in a few words: the code and a digest of the rest, or why nothing did."""
    if isinstance(reply, NotReached):
        return reply.why
    return f"{reply.code} {hashlib.sha256(reply.body).hexdigest()[:16]}"


def input_line(given: Input) -> Line:
    """Something from outside, as JSON."""
    if isinstance(given, Asked):
        return {"input": "Asked", "command": to_json(given.command)}
    return dict(encode(given, "input"))


def read_input(line: Line) -> Input:
    """Read what `input_line` wrote.

    Raises:
        ValueError: it is no input.
    """
    if line.get("input") == "Asked":
        read: Any = from_json(line["command"]).map(Asked)
    else:
        read = decode(line, "input", INPUTS)
    if isinstance(read, Failure):
        raise ValueError(read.failure())
    found: Input = read.unwrap()
    return found


class Recorder:
    """Collects a run's lines through a sink, a file's `write` for example."""

    def __init__(self, sink: Callable[[str], object], header: Line) -> None:
        self._sink = sink
        self.write({"kelm": 1, **header})

    def write(self, line: Line) -> None:
        self._sink(msgspec.json.encode(line).decode() + "\n")

    def event(self, simulator: Simulator, event: Event) -> None:
        self.write(event_line(simulator, event))

    def given(self, simulator: Simulator, how: str, given: Input, due_ms: int) -> None:
        """Note an input, with how many events came before it."""
        self.write(
            {
                "after": simulator.events,
                "at_ms": simulator.now_ms,
                "how": how,
                "due_ms": due_ms,
                "given": input_line(given),
            }
        )

    def end(self, simulator: Simulator) -> None:
        """Close the trace with what is stored now."""
        store = simulator.api.store
        self.write({"end": simulator.events, "at_ms": simulator.now_ms, "digest": digest(store)})


class Difference(msgspec.Struct, frozen=True):
    """The first line in which a replay is not the recording; `line` counts from 1."""

    line: int
    recorded: str
    replayed: str

    def __str__(self) -> str:
        return f"line {self.line}\n  recorded: {self.recorded}\n  replayed: {self.replayed}"


def read_lines(text: Iterable[str]) -> Iterator[Line]:
    """The lines of a trace.

    Raises:
        ValueError: a line is no JSON object; the message names it.
    """
    for number, line in enumerate(text, start=1):
        try:
            value = msgspec.json.decode(line)
        except msgspec.DecodeError as problem:
            raise ValueError(f"line {number}: {problem}") from problem
        if not isinstance(value, dict):
            raise ValueError(f"line {number}: a trace's line is an object")
        yield value


def follow(simulator: Simulator, lines: Iterable[Line]) -> Difference | None:
    """Give a fresh simulator a trace's inputs and compare every event with the recorded one."""
    for number, line in enumerate(lines, start=2):
        if "given" in line and "after" in line:
            simulator.future.now_ms = line["at_ms"]
            given = read_input(line["given"])
            if line["how"] == "ask" and isinstance(given, Asked):
                simulator.begin(given.command, to="caller")
            else:
                simulator.happen(line["due_ms"], given)
        elif "end" in line:
            replayed = digest(simulator.api.store)
            if replayed != line["digest"]:
                return Difference(number, line["digest"], replayed)
        else:
            if simulator.future.next_ms is None:
                return Difference(number, _text(line), "nothing more happens")
            happened = event_line(simulator, simulator.step())
            if _text(happened) != _text(line):
                return Difference(number, _text(line), _text(happened))
    return None


def _text(line: Line) -> str:
    return msgspec.json.encode(line, order="sorted").decode()
