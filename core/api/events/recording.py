"""Recording events, and reading them.

Source: kubernetes v1.36, client-go/tools/record/event.go (recordToSink).
"""

from __future__ import annotations

import msgspec

from kelm.core.api.events.correlation import EventMemory, Observation, observe, remember
from kelm.core.api.events.log import (
    PURGE_EVERY_MS,
    EventLog,
    EventRecord,
    added,
    changed,
    purged,
)
from kelm.core.store.store import Store, at_revision
from kelm.effects.commands import RecordEvent


class Events(msgspec.Struct, frozen=True):
    """The events of a cluster and what their recorders remember."""

    log: EventLog = EventLog()
    memory: EventMemory = EventMemory()


def record_event(
    store: Store, events: Events, command: RecordEvent, now_ms: int
) -> tuple[Store, Events]:
    """Write an event, count it, or drop it. A written one takes the store's next revision."""
    log = events.log
    if now_ms - log.purged_ms >= PURGE_EVERY_MS:
        log = purged(log, now_ms)
    seen = observe(events.memory, command, now_ms)
    number = seen.number
    if seen.write:
        revision = store.revision + 1
        if number is None:
            number = log.next_number
            log = added(
                log,
                EventRecord(
                    number, revision, revision, seen.count, now_ms, now_ms, command, seen.message
                ),
            )
        else:
            record = _again(log, seen, number, command, revision, now_ms)
            number = record.number
            log = added(log, record) if number == log.next_number else changed(log, record)
        store = at_revision(store, revision)
    elif number is None:
        number = -1
    return store, Events(log, remember(events.memory, seen, number, now_ms))


def _again(
    log: EventLog, seen: Observation, number: int, command: RecordEvent, revision: int, now_ms: int
) -> EventRecord:
    """The event to write of one that was seen before: counted up, or a new one if that is gone."""
    old = log.get(number)
    if old is None:
        number, born, since = log.next_number, revision, now_ms
    else:
        number, born, since, command = old.number, old.born, old.first_ms, old.command
    return EventRecord(number, born, revision, seen.count, since, now_ms, command, seen.message)
