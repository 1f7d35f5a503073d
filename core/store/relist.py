"""A table after its resource was listed anew: the difference, told as changes.

A watch that was lost leaves a gap. The next list says what is now; what happened in between is
the difference to what was known. Every change of the API took a revision of its own, so that each
change of the difference gets one between the old revision and the list's: its object's version,
or, for what is gone, the first that nobody else has. An object that was replaced by a namesake is
told as gone and come.

Source: kubernetes v1.36, client-go/tools/cache (DeltaFIFO.Replace), which tells the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from pyrsistent import pvector

from kelm.core.store import table as tables
from kelm.core.store.hash_map import hash_map
from kelm.core.store.indexes import entries
from kelm.core.store.table import Posting, Table
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.document import Document, child, text


def version_of(doc: Document) -> int:
    """An object's resourceVersion as a number, 0 where it has none.

    >>> version_of(Document(metadata=Document(resourceVersion="12")))
    12
    """
    version = text(doc, "metadata", "resourceVersion")
    return int(version) if version.isdecimal() else 0


def key_of_doc(doc: Document) -> Key:
    """An object's key in its table."""
    meta = child(doc, "metadata")
    return key_of(text(meta, "namespace"), text(meta, "name"))


def listed(resource: Resource, docs: Iterable[Document], revision: int) -> Table:
    """A table as a first list gives it, oldest objects first; it knows of no changes before.

    >>> doc = Document(metadata=Document(name="a", resourceVersion="3"))
    >>> table = listed("nodes", [doc], 7)
    >>> table.revision, table.changes_since(6), table.changes_since(7)
    (7, None, ())
    """
    return in_order(resource, sorted(docs, key=_age), revision)


def in_order(resource: Resource, ordered: Sequence[Document], revision: int) -> Table:
    """A table of these objects in this order."""
    filed: dict[str, list[int]] = {}
    for slot, doc in enumerate(ordered):
        for entry in entries(resource, doc):
            filed.setdefault(entry, []).append(slot)
    return msgspec.structs.replace(
        Table(resource),
        revision=revision,
        forgotten=revision,
        slots=pvector(ordered),
        slot_of=hash_map((key_of_doc(doc), slot) for slot, doc in enumerate(ordered)),
        posting_of=hash_map((entry, place) for place, entry in enumerate(filed)),
        postings=pvector([Posting(pvector(slots)) for slots in filed.values()]),
    )


def _age(doc: Document) -> tuple[str, Key]:
    return text(doc, "metadata", "creationTimestamp"), key_of_doc(doc)


def advanced(table: Table, revision: int) -> Table:
    """The same objects, known to be so at a later revision."""
    return (
        table if revision <= table.revision else msgspec.structs.replace(table, revision=revision)
    )


class Step(msgspec.Struct, frozen=True):
    """One change of a difference; `doc` None: it is gone."""

    revision: int
    key: Key
    doc: Document | None


def relisted(table: Table, docs: Iterable[Document], revision: int) -> Table:
    """The table after a list at `revision`, with the difference in its log.

    Where the list is older than what was known (the server's history was replaced), or the
    difference does not fit between the revisions, it is a new table that knows no changes.
    """
    now = {key_of_doc(doc): doc for doc in docs}
    steps = _steps(table, now, revision)
    if steps is None:
        return listed(table.resource, now.values(), revision)
    for step in steps:
        if step.doc is not None:
            table = tables.put(table, step.key, step.doc, step.revision)
        else:
            last = table.get(step.key)
            assert last is not None
            table = tables.remove(table, step.key, last, step.revision)
    return advanced(table, revision)


def _steps(table: Table, now: dict[Key, Document], revision: int) -> list[Step] | None:
    if revision < table.revision:
        return None
    steps: list[Step] = []
    gone: list[tuple[int, Key]] = []
    for key, doc in now.items():
        old = table.get(key)
        if old is None or version_of(old) != version_of(doc):
            steps.append(Step(version_of(doc), key, doc))
            if old is not None and _uid(old) != _uid(doc):
                gone.append((version_of(doc), key))
    gone.extend((revision + 1, key) for key in table.slot_of if key not in now)
    gone.sort()
    taken = {step.revision for step in steps}
    if len(taken) < len(steps) or any(not table.revision < number <= revision for number in taken):
        return None
    number = table.revision
    for before, key in gone:
        number += 1
        while number in taken:
            number += 1
        if number >= before:
            return None
        steps.append(Step(number, key, None))
    return sorted(steps, key=lambda step: step.revision)


def _uid(doc: Document) -> str:
    return text(doc, "metadata", "uid")
