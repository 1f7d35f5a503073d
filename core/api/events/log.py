"""Events as the API keeps them: many, small, and gone after an hour.

A cluster of 100,000 pods makes 400,000 of them and almost nobody reads one, so an event is kept
as a small record in a vector and becomes a document when it is read. Events that users write
themselves are documents in the store like everything else; both share the store's revisions.

Source: kubernetes v1.36, api/core/v1/types.go (Event), kube-apiserver's --event-ttl.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import Final

import msgspec
from pyrsistent import pvector
from pyrsistent.typing import PVector

from kelm.core.api.verbs.identity import uid
from kelm.core.objects.time import format_micro_time, format_time
from kelm.effects.address import ObjectRef
from kelm.effects.commands import RecordEvent
from kelm.effects.document import EMPTY, Document, Json

TIME_TO_LIVE_MS: Final = 3_600_000
PURGE_EVERY_MS: Final = 600_000
KEPT_CHANGES: Final = 10_000
UID_SALT: Final = 0x45564E54
"""Keeps the uids of events apart from those of objects, which count separately."""


class EventRecord(msgspec.Struct, frozen=True, gc=False):
    """One event in one version; `born` is the revision of its first, `deleted` says its last."""

    number: int
    born: int
    revision: int
    count: int
    first_ms: int
    last_ms: int
    command: RecordEvent
    message: str
    """The command's message, or that of several combined."""
    deleted: bool = False

    @property
    def name(self) -> str:
        """`<object>.<hex>`, the hex being nanoseconds as far as anybody can tell."""
        nanoseconds = self.first_ms * 1_000_000 + self.number % 1_000_000
        return f"{self.command.regarding.name}.{nanoseconds:x}"

    @property
    def namespace(self) -> str:
        return self.command.regarding.namespace or "default"


class EventLog(msgspec.Struct, frozen=True):
    """All events of the last hour, by number, and their latest changes.

    Event `n` is in slot `n - base`; None stands for one that is gone. `forgotten` is the
    revision of the newest change that `recent` no longer has.
    """

    slots: PVector[EventRecord | None] = pvector()
    base: int = 0
    older: PVector[EventRecord] = pvector()
    recent: PVector[EventRecord] = pvector()
    forgotten: int = 0
    purged_ms: int = 0

    @property
    def next_number(self) -> int:
        return self.base + len(self.slots)

    def get(self, number: int) -> EventRecord | None:
        """The event of a number, None once it is gone."""
        slot = number - self.base
        return self.slots[slot] if 0 <= slot < len(self.slots) else None

    def records(self) -> tuple[EventRecord, ...]:
        """All events, oldest first."""
        return tuple(record for record in self.slots if record is not None)

    def changes_since(self, revision: int) -> tuple[EventRecord, ...] | None:
        """What was written after a revision, oldest first; None where that is forgotten."""
        if revision < self.forgotten:
            return None
        return (*_after(self.older, revision), *_after(self.recent, revision))


def _after(changes: PVector[EventRecord], revision: int) -> tuple[EventRecord, ...]:
    return tuple(changes[bisect_right(changes, revision, key=_revision) :])


def _revision(record: EventRecord) -> int:
    return record.revision


def added(log: EventLog, record: EventRecord) -> EventLog:
    """The log with a new event, which carries its `next_number`."""
    return _with(log, log.slots.append(record), record)


def changed(log: EventLog, record: EventRecord) -> EventLog:
    """The log with a newer version of an event, or with its end."""
    kept = None if record.deleted else record
    return _with(log, log.slots.set(record.number - log.base, kept), record)


def _with(log: EventLog, slots: PVector[EventRecord | None], record: EventRecord) -> EventLog:
    older, recent, forgotten = log.older, log.recent, log.forgotten
    if len(recent) >= KEPT_CHANGES:
        forgotten = older[-1].revision if older else forgotten
        older, recent = recent, pvector()
    return EventLog(slots, log.base, older, recent.append(record), forgotten, log.purged_ms)


def purged(log: EventLog, now_ms: int) -> EventLog:
    """The log without what nobody has added to for an hour.

    Like the lapse of a lease it costs no revision; whoever watches hears nothing of it.
    """
    oldest = now_ms - TIME_TO_LIVE_MS
    slots = [
        record if record is not None and record.last_ms > oldest else None for record in log.slots
    ]
    lost = next((place for place, record in enumerate(slots) if record is not None), len(slots))
    return msgspec.structs.replace(
        log, slots=pvector(slots[lost:]), base=log.base + lost, purged_ms=now_ms
    )


def find(log: EventLog, namespace: str, name: str) -> EventRecord | None:
    """The event of a name: its suffix says when it was made, and nearly which one it is."""
    try:
        nanoseconds = int(name.rpartition(".")[2], 16)
    except ValueError:
        return None
    start = log.base + (nanoseconds - log.base) % 1_000_000
    for number in range(start, log.next_number, 1_000_000):
        record = log.get(number)
        if record is not None and record.name == name and record.namespace == namespace:
            return record
    return None


def document_of(record: EventRecord, seed: int) -> Document:
    """An event as the API shows it.

    An event with an action is of the newer kind, events.k8s.io: it is never counted but has a
    series, and no first and last time but one event time.
    """
    command = record.command
    fields: dict[str, Json] = {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": _metadata(record, seed),
        "involvedObject": _involved(command),
        "reason": command.reason,
        "message": record.message,
    }
    shown = _newer(record) if command.action else _older(record)
    return Document({**fields, **shown})


def _older(record: EventRecord) -> dict[str, Json]:
    command = record.command
    return {
        "source": _source(command.component, command.host),
        "firstTimestamp": format_time(record.first_ms),
        "lastTimestamp": format_time(record.last_ms),
        "count": record.count,
        "type": command.type,
        "eventTime": None,
        "reportingComponent": command.component,
        "reportingInstance": command.host,
    }


def _newer(record: EventRecord) -> dict[str, Json]:
    command = record.command
    fields: dict[str, Json] = {
        "source": EMPTY,
        "firstTimestamp": None,
        "lastTimestamp": None,
        "type": command.type,
        "eventTime": format_micro_time(record.first_ms),
        "action": command.action,
        "reportingComponent": command.component,
        "reportingInstance": command.host,
    }
    if record.count > 1:
        fields["series"] = Document(
            count=record.count, lastObservedTime=format_micro_time(record.last_ms)
        )
    return fields


def _metadata(record: EventRecord, seed: int) -> Document:
    return Document(
        name=record.name,
        namespace=record.namespace,
        uid=uid(seed ^ UID_SALT, record.number),
        resourceVersion=str(record.revision),
        creationTimestamp=format_time(record.first_ms),
    )


def _involved(command: RecordEvent) -> Document:
    ref: ObjectRef = command.regarding
    fields: dict[str, Json] = {"kind": command.regarding_kind}
    optional = (
        ("namespace", ref.namespace),
        ("name", ref.name),
        ("uid", ref.uid),
        ("apiVersion", command.regarding_api_version),
        ("fieldPath", command.field_path),
    )
    fields.update((key, value) for key, value in optional if value)
    return Document(fields)


@lru_cache(maxsize=1024)
def _source(component: str, host: str) -> Document:
    return Document(component=component, host=host) if host else Document(component=component)
