"""Events through the API: recorded ones and those that users wrote are one resource.

A recorded event that somebody changes becomes a document in the store like any other; from then
on its recorder finds it gone and begins a new one.
"""

from __future__ import annotations

from typing import Final

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.api.events import log as event_log
from kelm.core.api.events.log import EventRecord
from kelm.core.api.events.recording import Events
from kelm.core.api.fields import Selectors, read_selectors
from kelm.core.api.resources import RESOURCES
from kelm.core.api.verbs import watch
from kelm.core.api.verbs.delete import deleted_status
from kelm.core.api.verbs.listing import Entry, chosen
from kelm.core.api.verbs.metadata import versioned
from kelm.core.api.verbs.watch import WatchEvent
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.commands import DeleteCollection
from kelm.effects.document import Document
from kelm.effects.refusals import Refusal

EVENTS: Final = RESOURCES["events"]


def recorded(store: Store, events: Events, namespace: str, name: str) -> Document | None:
    """A recorded event by name."""
    record = event_log.find(events.log, namespace, name)
    return None if record is None else event_log.document_of(record, store.seed)


def recorded_entries(store: Store, events: Events, namespace: str) -> list[Entry]:
    """The recorded events of a namespace ("" for all), as a list wants them."""
    return [
        (key_of(record.namespace, record.name), event_log.document_of(record, store.seed))
        for record in events.log.records()
        if not namespace or record.namespace == namespace
    ]


def forget(
    store: Store, events: Events, namespace: str, name: str
) -> tuple[Store, Events, Document] | None:
    """Delete a recorded event; None where there is none of this name."""
    record = event_log.find(events.log, namespace, name)
    if record is None:
        return None
    last = msgspec.structs.replace(record, revision=store.next_revision, deleted=True)
    log = event_log.changed(events.log, last)
    answer = deleted_status(EVENTS, event_log.document_of(record, store.seed))
    store = msgspec.structs.replace(store, revision=last.revision)
    return store, msgspec.structs.replace(events, log=log), answer


def forget_all(
    store: Store, events: Events, command: DeleteCollection
) -> tuple[Store, Events, tuple[Document, ...]] | Refusal:
    """Delete the recorded events that a deletion of many chooses, and show them."""
    selectors = read_selectors(EVENTS, command.label_selector, command.field_selector)
    if isinstance(selectors, Refusal):
        return selectors
    found = []
    for record in events.log.records():
        doc = event_log.document_of(record, store.seed)
        elsewhere = command.namespace and record.namespace != command.namespace
        forgotten = None
        if not elsewhere and chosen(EVENTS, selectors, doc):
            forgotten = forget(store, events, record.namespace, record.name)
        if forgotten is not None:
            store, events, _ = forgotten
            found.append(doc)
    return store, events, tuple(found)


def promoted(store: Store, events: Events, namespace: str, name: str) -> tuple[Store, Events]:
    """The same events, the one of this name in the store from now on."""
    record = event_log.find(events.log, namespace, name)
    if record is None:
        return store, events
    doc = event_log.document_of(record, store.seed)
    key = key_of(namespace, name)
    store = store.put("events", key, versioned(doc, store.next_revision))
    log = events.log
    slots = log.slots.set(record.number - log.base, None)
    return store, msgspec.structs.replace(events, log=msgspec.structs.replace(log, slots=slots))


def events_since(
    store: Store,
    events: Events,
    revision: int,
    namespace: str = "",
    label_selector: str = "",
    field_selector: str = "",
) -> Result[tuple[WatchEvent, ...], Refusal]:
    """What happened to events after a revision: `watch.changes_since` for this resource."""
    written = watch.changes_since(
        store, "events", revision, namespace, label_selector, field_selector
    )
    selectors = read_selectors(EVENTS, label_selector, field_selector)
    if isinstance(written, Failure) or isinstance(selectors, Refusal):
        return written
    changes = events.log.changes_since(revision)
    if changes is None:
        return Failure(watch.expired(revision, events.log.forgotten))
    seen = [_event(record, selectors, store.seed) for record in changes
            if not namespace or record.namespace == namespace]  # fmt: skip
    both = (*written.unwrap(), *(event for event in seen if event is not None))
    return Success(tuple(sorted(both, key=_revision)))


def _event(record: EventRecord, selectors: Selectors, seed: int) -> WatchEvent | None:
    doc = event_log.document_of(record, seed)
    if not chosen(EVENTS, selectors, doc):
        return None
    if record.deleted:
        return WatchEvent("DELETED", doc)
    return WatchEvent("ADDED" if record.born == record.revision else "MODIFIED", doc)


def _revision(event: WatchEvent) -> int:
    meta = event.object["metadata"]
    return int(str(meta.get("resourceVersion"))) if isinstance(meta, Document) else 0
