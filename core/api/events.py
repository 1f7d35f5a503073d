"""Recording events, and reading them.

Source: kubernetes v1.36, client-go/tools/record/event.go (recordToSink).
"""

from __future__ import annotations

import msgspec

from kelm.core.api.event_correlation import EventMemory, Observation, noted, observe, remember
from kelm.core.api.event_log import EventLog, EventRecord, added, changed, due, purged
from kelm.core.store.store import Store
from kelm.effects.commands import RecordEvent


class Events(msgspec.Struct, frozen=True):
    """The events of a cluster and what their recorders remember."""

    log: EventLog = EventLog()
    memory: EventMemory = EventMemory()


def record_event(
    store: Store, events: Events, command: RecordEvent, now_ms: int
) -> tuple[Store, Events]:
    """Write an event, count it, or drop it. A written one takes the store's next revision."""
    log = purged(events.log, now_ms) if due(events.log, now_ms) else events.log
    seen = observe(events.memory, command, now_ms)
    number = -1 if seen.number is None else seen.number
    if seen.write:
        record = _record(log, seen, command, store.next_revision, now_ms)
        number = record.number
        log = added(log, record) if number == log.next_number else changed(log, record)
        store = msgspec.structs.replace(store, revision=record.revision)
    memory = remember(events.memory, noted(seen, number, now_ms))
    return store, Events(log, memory)


def _record(
    log: EventLog, seen: Observation, command: RecordEvent, revision: int, now_ms: int
) -> EventRecord:
    """The event to write: the stored one counted up, or a new one if that is gone."""
    old = log.get(seen.number) if seen.number is not None else None
    if old is None:
        number, born, since = log.next_number, revision, now_ms
    else:
        number, born, since = old.number, old.born, old.first_ms
        command = old.command
    return EventRecord(number, born, revision, seen.count, since, now_ms, command, seen.message)
