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
FULL_MS: Final = BURST * REFILL_MS
SIMILAR_EVENTS: Final = 10
SIMILAR_WITHIN_MS: Final = 600_000
COMBINED: Final = "(combined from similar events): "
SERIES_ENDS_MS: Final = 360_000

BUCKETS: Final = 4_096
BUCKET_SIZE: Final = 4
MOST_SEEN: Final = 16
"""How many different events of one object are remembered, to be counted up."""


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
    place, bucket: where its subject is remembered, and who else is.
    """

    place: int
    bucket: Bucket
    key: str
    tokens_ms: int
    at_ms: int
    seen: tuple[Seen, ...]
    similar: tuple[Similar, ...]
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


def observe(memory: EventMemory, command: RecordEvent, now_ms: int) -> Observation:
    """Decide what to do about an event. It is to be remembered in any case."""
    key = subject_key(command)
    place = crc32(key.encode()) % BUCKETS
    bucket = memory.buckets[place]
    for subject in bucket:
        if subject.key == key:
            again = _in_series if command.action else _again
            return again(place, bucket, subject, command, now_ms)
    if command.action:
        empty = Subject(key, FULL_MS, now_ms)
        return _in_series(place, bucket, empty, command, now_ms)
    message = command.message
    seen_key = (command.field_path, command.type, command.reason, message)
    similar = (Similar((command.type, command.reason), (message,), now_ms),)
    left = FULL_MS - REFILL_MS
    return Observation(
        place, bucket, key, left, now_ms, (), similar, seen_key, message, None, 1, True
    )


def remember(
    memory: EventMemory, observation: Observation, number: int, now_ms: int
) -> EventMemory:
    """The memory after the event was stored under a number (or dropped: -1).

    Its subject is the one used last; a full bucket forgets its oldest.
    """
    key, seen_key, seen = observation.key, observation.seen_key, observation.seen
    entry = Seen(seen_key, number, observation.count, now_ms)
    if seen:
        entries = (entry, *[one for one in seen if one.key != seen_key][: MOST_SEEN - 1])
    else:
        entries = (entry,)
    subject = Subject(key, observation.tokens_ms, observation.at_ms, entries, observation.similar)
    bucket = observation.bucket
    if bucket:
        kept = (subject, *[one for one in bucket if one.key != key][: BUCKET_SIZE - 1])
    else:
        kept = (subject,)
    return EventMemory(memory.buckets.set(observation.place, kept))


def _find(subject: Subject, key: tuple[str, ...]) -> Seen | None:
    for seen in subject.seen:
        if seen.key == key:
            return seen
    return None


def _again(
    place: int, bucket: Bucket, subject: Subject, command: RecordEvent, now_ms: int
) -> Observation:
    """An event of a subject that is known: counted, combined with its like, or dropped."""
    seen_key, message, similar = _combined(subject, command, now_ms)
    seen = _find(subject, seen_key)
    # One event is taken out of the allowance, if one is left.
    tokens = min(subject.tokens_ms + now_ms - subject.at_ms, FULL_MS)
    allowed = tokens >= REFILL_MS
    return Observation(
        place,
        bucket,
        subject.key,
        tokens - REFILL_MS if allowed else tokens,
        now_ms,
        subject.seen,
        similar,
        seen_key,
        message,
        seen.number if seen is not None else None,
        seen.count + 1 if seen is not None else 1,
        allowed,
    )


def _combined(
    subject: Subject, command: RecordEvent, now_ms: int
) -> tuple[tuple[str, ...], str, tuple[Similar, ...]]:
    """The key and message under which an event is counted: its own, or those of its like.

    And the messages of all likes, with this one.
    """
    like = (command.type, command.reason)
    message = command.message
    messages: tuple[str, ...] = ()
    others = []
    for one in subject.similar:
        if one.key != like:
            others.append(one)
        elif now_ms - one.last_ms <= SIMILAR_WITHIN_MS:
            messages = one.messages
    if message not in messages:
        messages = (*messages, message)
    combines = len(messages) >= SIMILAR_EVENTS
    if combines:
        messages = messages[1:]
    similar = (Similar(like, messages, now_ms), *others)
    if combines:
        return like, COMBINED + message, similar
    return (command.field_path, command.type, command.reason, message), message, similar


def _in_series(
    place: int, bucket: Bucket, subject: Subject, command: RecordEvent, now_ms: int
) -> Observation:
    """An event of the newer kind: the first repetition is written, later ones now and then."""
    key = (command.action, command.type, command.reason)
    seen = _find(subject, key)
    if seen is None or now_ms - seen.last_ms > SERIES_ENDS_MS:
        number, count, write = None, 1, True
    else:
        number, count = seen.number, seen.count + 1
        write = count == 2
    return Observation(
        place,
        bucket,
        subject.key,
        subject.tokens_ms,
        subject.at_ms,
        subject.seen,
        subject.similar,
        key,
        command.message,
        number,
        count,
        write,
    )
