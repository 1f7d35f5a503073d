"""A recorded history, entry by entry, and when each of them was.

Source: shared/upstream/traces/README.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

Object = dict[str, Any]
Trace = dict[str, Any]

ZERO_MS = 1_767_225_600_000
"""What `<T+0>` is in a replay."""
TIME = re.compile(r"<T([+-]\d+)>")


class Entry(NamedTuple):
    """One watch event; `object` is the whole reduced object, `old` the one before.

    number: its place among the entries that a replay follows.
    """

    at: float
    type: str
    kind: str
    namespace: str
    name: str
    object: Object
    old: Object | None
    number: int = 0

    @property
    def place(self) -> tuple[str, str, str]:
        return self.kind, self.namespace, self.name

    def __str__(self) -> str:
        return f"{self.at} s: {self.type} {self.kind} {self.name}"


def merged(old: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    new = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = merged(new.get(key), value)
    return new


def changed(old: Any, new: Any) -> Any:
    """What is new in an object, without what stayed."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {
        key: changed(old.get(key), new.get(key))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    }


def entries(trace: Trace) -> Iterator[Entry]:
    """The history in the order of the resource versions, with whole objects."""
    now: dict[tuple[str, str, str], Object] = {}
    for one in trace["history"]:
        key = one["kind"], one["ns"], one["name"]
        old = now.get(key)
        whole = one["object"] if "object" in one else merged(old, one.get("patch", {}))
        now[key] = whole
        yield Entry(one["t"], one["type"], *key, whole, old)
        if one["type"] == "DELETED":
            del now[key]


def texts(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def _just_written(entry: Entry) -> Iterator[str]:
    """Times in an object that say when this version of it was written."""
    if entry.type == "ADDED":
        yield entry.object["metadata"].get("creationTimestamp", "")
    if entry.kind == "Job" and entry.type == "MODIFIED":
        # Jobs have no grace: what says when one is to go is from then, too.
        yield from (text for text in texts(entry.object) if text not in set(texts(entry.old)))


def start_offset(history: Iterable[Entry], least: float = -0.5) -> float:
    """By how much `<T+0>` is later than the start of the recording, in seconds.

    Placeholders are whole seconds of the recorded clock, relative to a start that was none. What
    was written at `<T+n>` was seen n + offset after the start, or up to a second later.

    least: what it is at least.
    """
    lags = [
        entry.at - int(found[1])
        for entry in history
        for text in _just_written(entry)
        if (found := TIME.fullmatch(text))
    ]
    if not lags:
        return 0.0
    latest, earliest = min(lags), max(lags) - 1
    return (latest + max(earliest, least)) / 2 if earliest < latest else latest
