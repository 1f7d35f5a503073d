"""Which events are worth writing: repeated ones are counted, similar ones combined, floods dropped.

Every client of the API does this for itself before it writes; here one memory does it for all,
keyed by who reports and about what. For one source and object:

    the same event again            its count goes up
    ten similar ones in 10 minutes  one event "(combined from similar events): " counts the rest
                                    (similar: all but the message is equal)
    more than 25 in a burst         dropped; one more is allowed every 5 minutes

Events of the newer kind (with an action) have neither: a repetition becomes a series.

The memory holds a bounded number of objects: buckets of the most recently used, as a cache has
them. What it forgets is written as a new event, as after a restart of the client.

Source: kubernetes v1.36, client-go/tools/record/events_cache.go; client-go/tools/events.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

import msgspec
from pyrsistent import pvector
from pyrsistent.typing import PVector

from kelm.effects.commands import RecordEvent

BURST: Final = 25
REFILL_MS: Final = 300_000
SIMILAR_EVENTS: Final = 10
SIMILAR_WITHIN_MS: Final = 600_000
COMBINED: Final = "(combined from similar events): "
SERIES_ENDS_MS: Final = 360_000

BUCKETS: Final = 4_096
BUCKET_SIZE: Final = 4


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One event that was observed: how often, and the number under which it is stored."""

    key: tuple[str, ...]
    number: int
    count: int
    last_ms: int


class Similar(msgspec.Struct, frozen=True, gc=False):
    """The messages of events that are equal otherwise, while they keep coming."""

    key: tuple[str, ...]
    messages: tuple[str, ...]
    last_ms: int


class Subject(msgspec.Struct, frozen=True, gc=False):
    """What is remembered of one source and object.

    `tokens_ms` is what is left of the burst, in milliseconds of refill.
    """

    key: str
    tokens_ms: int
    at_ms: int
    seen: tuple[Seen, ...] = ()
    similar: tuple[Similar, ...] = ()


Bucket = tuple[Subject, ...]


class EventMemory(msgspec.Struct, frozen=True):
    """What the recorders of a cluster remember."""

    buckets: PVector[Bucket] = pvector([()] * BUCKETS)


class Observation(msgspec.Struct, frozen=True, gc=False):
    """What to do about an event.

    write: whether to write it at all.
    number: the stored event to count up, or None for a new one.
    count: how often it was seen by now.
    """

    subject: Subject
    seen_key: tuple[str, ...]
    message: str
    number: int | None
    count: int
    write: bool


def subject_key(command: RecordEvent) -> str:
    """Who reports, and about what."""
    ref = command.regarding
    return (
        f"{command.component}/{command.host}/{command.regarding_kind}/{ref.namespace}/{ref.name}/"
        f"{ref.uid}/{command.regarding_api_version}"
    )


def recall(memory: EventMemory, key: str) -> Subject | None:
    """What is remembered of a source and object."""
    for subject in memory.buckets[crc32(key.encode()) % BUCKETS]:
        if subject.key == key:
            return subject
    return None


def remember(memory: EventMemory, subject: Subject) -> EventMemory:
    """The memory with this subject as the one used last; a full bucket forgets its oldest."""
    place = crc32(subject.key.encode()) % BUCKETS
    others = tuple(one for one in memory.buckets[place] if one.key != subject.key)
    bucket = (subject, *others[: BUCKET_SIZE - 1])
    return EventMemory(memory.buckets.set(place, bucket))


def observe(memory: EventMemory, command: RecordEvent, now_ms: int) -> Observation:
    """Decide what to do about an event. `subject` is to be remembered in any case."""
    key = subject_key(command)
    subject = recall(memory, key) or Subject(key, BURST * REFILL_MS, now_ms)
    if command.action:
        return _in_series(subject, command, now_ms)
    subject, seen_key, message = _combined(subject, command, now_ms)
    seen = _find(subject, seen_key)
    subject, allowed = _spend(subject, now_ms)
    number = seen.number if seen is not None else None
    count = seen.count + 1 if seen is not None else 1
    return Observation(subject, seen_key, message, number, count, allowed)


def noted(observation: Observation, number: int, now_ms: int) -> Subject:
    """What is remembered after the event was stored under a number (or dropped: -1)."""
    subject = observation.subject
    entry = Seen(observation.seen_key, number, observation.count, now_ms)
    others = tuple(one for one in subject.seen if one.key != observation.seen_key)
    return msgspec.structs.replace(subject, seen=(entry, *others[: BUCKET_SIZE - 1]))


def _find(subject: Subject, key: tuple[str, ...]) -> Seen | None:
    for seen in subject.seen:
        if seen.key == key:
            return seen
    return None


def _spend(subject: Subject, now_ms: int) -> tuple[Subject, bool]:
    """Take one event out of the allowance, if one is left."""
    refilled = subject.tokens_ms + now_ms - subject.at_ms
    tokens = min(refilled, BURST * REFILL_MS)
    allowed = tokens >= REFILL_MS
    left = tokens - REFILL_MS if allowed else tokens
    return Subject(subject.key, left, now_ms, subject.seen, subject.similar), allowed


def _combined(
    subject: Subject, command: RecordEvent, now_ms: int
) -> tuple[Subject, tuple[str, ...], str]:
    """The key and message under which an event is counted: its own, or those of its like."""
    like = (command.type, command.reason)
    known = next((one for one in subject.similar if one.key == like), None)
    messages: tuple[str, ...] = ()
    if known is not None and now_ms - known.last_ms <= SIMILAR_WITHIN_MS:
        messages = known.messages
    if command.message not in messages:
        messages = (*messages, command.message)
    combines = len(messages) >= SIMILAR_EVENTS
    if combines:
        messages = messages[1:]
    entry = Similar(like, messages, now_ms)
    others = tuple(one for one in subject.similar if one.key != like)
    subject = Subject(subject.key, subject.tokens_ms, subject.at_ms, subject.seen, (entry, *others))
    if combines:
        return subject, like, COMBINED + command.message
    own = (command.field_path, command.type, command.reason, command.message)
    return subject, own, command.message


def _in_series(subject: Subject, command: RecordEvent, now_ms: int) -> Observation:
    """An event of the newer kind: the first repetition is written, later ones now and then."""
    key = (command.action, command.type, command.reason)
    seen = _find(subject, key)
    if seen is None or now_ms - seen.last_ms > SERIES_ENDS_MS:
        return Observation(subject, key, command.message, None, 1, True)
    count = seen.count + 1
    return Observation(subject, key, command.message, seen.number, count, count == 2)
