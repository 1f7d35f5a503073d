"""One resource's objects, as a value: old versions stay valid and share what did not change.

Objects are numbered: a slot in a vector each, in the order of their creation, so that walking a
table is the same in every run and changing an object touches one short path. Names and index
entries are looked up in maps that only creation, deletion and relabelling change. An index keeps
the slots that were ever filed under a value and is checked when read; it is swept when half of it
is stale. The last changes are kept with the table (a watch, a reconcile and a diff cost what
changed, not what there is).

Why vectors with slots and not maps of maps: docs/decisions/0002-store.md has the measurements.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import msgspec
from pyrsistent import pvector
from pyrsistent.typing import PVector

from kelm.core.store.hash_map import HashMap, hash_map
from kelm.core.store.indexes import entries, is_controlled_by, moved_entries
from kelm.effects.address import Key, Resource
from kelm.effects.document import Document
from kelm.effects.messages import Change

KEPT_CHANGES = 10_000
"""How many changes a table keeps at least before a watch from further back is refused."""


class Posting(msgspec.Struct, frozen=True):
    """The slots filed under one index entry, some of them perhaps no longer."""

    slots: PVector[int] = pvector()
    stale: int = 0


class Table(msgspec.Struct, frozen=True):
    """All objects of a resource at one revision. Satisfies `kelm.effects.messages.Cache`."""

    resource: Resource
    revision: int = 0
    slots: PVector[Document | None] = pvector()
    slot_of: HashMap[Key, int] = HashMap()
    posting_of: HashMap[str, int] = HashMap()
    postings: PVector[Posting] = pvector()
    older: PVector[Change] = pvector()
    recent: PVector[Change] = pvector()
    forgotten: int = 0
    """The revision of the newest change that is no longer kept."""

    def __len__(self) -> int:
        return len(self.slot_of)

    def get(self, key: Key) -> Document | None:
        slot = self.slot_of.get(key)
        return None if slot is None else self.slots[slot]

    def objects(self) -> Iterator[Document]:
        return (doc for doc in self.slots if doc is not None)

    def sorted_keys(self) -> list[Key]:
        """All keys in the API's order."""
        return sorted(self.slot_of)

    def select(self, index: str, value: str) -> Iterator[Document]:
        """The objects filed under a value, in the order in which they came there.

        >>> from kelm.effects.document import document
        >>> pod = document({"metadata": {"name": "a", "namespace": "n", "labels": {"app": "web"}}})
        >>> table = put(Table("pods"), "n/a", pod, revision=1)
        >>> [doc["metadata"]["name"] for doc in table.select("label", "n/app=web")]
        ['a']
        """
        if index == "metadata.name":
            found = self.get(value)
            return iter(() if found is None else (found,))
        if index == "owner":
            owned = self._filed(f"ownedBy/{value}")
            return (doc for doc in owned if is_controlled_by(doc, value))
        return self._filed(f"{index}/{value}")

    def _filed(self, entry: str) -> Iterator[Document]:
        number = self.posting_of.get(entry)
        if number is None:
            return iter(())
        posting = self.postings[number]
        if posting.stale:
            return iter([doc for _, doc in _live(self, posting, entry)])
        slots = self.slots
        return (doc for slot in posting.slots if (doc := slots[slot]) is not None)

    def changes_since(self, revision: int) -> tuple[Change, ...] | None:
        """What changed after a revision, oldest first; None where that is no longer known."""
        if revision < self.forgotten:
            return None
        recent = self.recent
        if not recent or recent[-1].revision <= revision:
            return ()
        if len(recent) > 1 and recent[-2].revision <= revision:
            return (recent[-1],)
        if recent[0].revision > revision:
            return (*_after(self.older, revision), *recent)
        return _after(recent, revision)


def _after(changes: PVector[Change], revision: int) -> tuple[Change, ...]:
    start = bisect_right(changes, revision, key=_revision_of)
    return tuple(changes[start:])


def _revision_of(change: Change) -> int:
    return change.revision


def _live(table: Table, posting: Posting, entry: str) -> Iterator[tuple[int, Document]]:
    seen = set()
    for slot in posting.slots:
        doc = table.slots[slot]
        if doc is not None and slot not in seen and entry in entries(table.resource, doc):
            seen.add(slot)
            yield slot, doc


def put(table: Table, key: Key, doc: Document, revision: int) -> Table:
    """The table after an object was added or replaced."""
    slot = table.slot_of.get(key)
    if slot is None:
        return _add(table, key, doc, revision)
    old = table.slots[slot]
    assert old is not None
    changed = _logged(table, Change(revision, key, old, doc), table.slots.set(slot, doc))
    gone, come = moved_entries(table.resource, old, doc)
    return _file(_unfile(changed, gone), come, slot) if gone or come else changed


def _add(table: Table, key: Key, doc: Document, revision: int) -> Table:
    slot = len(table.slots)
    added = _logged(table, Change(revision, key, None, doc), table.slots.append(doc))
    named = msgspec.structs.replace(added, slot_of=table.slot_of.put(key, slot))
    return _file(named, entries(table.resource, doc), slot)


def remove(table: Table, key: Key, last: Document, revision: int) -> Table:
    """The table after an object was deleted; `last` is its final state, as watches show it."""
    slot = table.slot_of[key]
    old = table.slots[slot]
    assert old is not None
    slots = table.slots.set(slot, None)
    removed = msgspec.structs.replace(
        _logged(table, Change(revision, key, last, None), slots),
        slot_of=table.slot_of.remove(key),
    )
    removed = _unfile(removed, entries(table.resource, old))
    return _compacted(removed) if len(slots) > 2 * len(removed.slot_of) + 64 else removed


def _logged(table: Table, change: Change, slots: PVector[Document | None]) -> Table:
    """The table with these slots and one more change remembered."""
    older, recent, forgotten = table.older, table.recent, table.forgotten
    if len(recent) < KEPT_CHANGES:
        recent = recent.append(change)
    else:
        forgotten = older[-1].revision if older else forgotten
        older, recent = recent, pvector([change])
    return Table(
        table.resource,
        change.revision,
        slots,
        table.slot_of,
        table.posting_of,
        table.postings,
        older,
        recent,
        forgotten,
    )


def _file(table: Table, new: tuple[str, ...], slot: int) -> Table:
    if not new:
        return table
    postings, posting_of = table.postings, table.posting_of
    for entry in new:
        number = posting_of.get(entry)
        if number is None:
            posting_of = posting_of.put(entry, len(postings))
            postings = postings.append(Posting(pvector([slot])))
        else:
            old = postings[number]
            postings = postings.set(number, Posting(old.slots.append(slot), old.stale))
    return msgspec.structs.replace(table, postings=postings, posting_of=posting_of)


def _unfile(table: Table, gone: tuple[str, ...]) -> Table:
    if not gone:
        return table
    postings = table.postings
    for entry in gone:
        number = table.posting_of[entry]
        old = postings[number]
        posting = Posting(old.slots, old.stale + 1)
        if posting.stale * 2 > len(posting.slots):
            posting = Posting(pvector([slot for slot, _ in _live(table, posting, entry)]))
        postings = postings.set(number, posting)
    return msgspec.structs.replace(table, postings=postings)


def _compacted(table: Table) -> Table:
    """Number the objects anew, in their old order, once most slots are empty."""
    live = [doc for doc in table.slots if doc is not None]
    by_slot = {slot: key for key, slot in table.slot_of.items()}
    keys = [by_slot[slot] for slot, doc in enumerate(table.slots) if doc is not None]
    filed: dict[str, list[int]] = {}
    for slot, doc in enumerate(live):
        for entry in entries(table.resource, doc):
            filed.setdefault(entry, []).append(slot)
    return msgspec.structs.replace(
        table,
        slots=pvector(live),
        slot_of=hash_map((key, slot) for slot, key in enumerate(keys)),
        posting_of=hash_map((entry, number) for number, entry in enumerate(filed)),
        postings=pvector([Posting(pvector(slots)) for slots in filed.values()]),
    )
