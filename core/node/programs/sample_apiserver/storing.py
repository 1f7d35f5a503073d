"""The sample API server's store, kept in a file: what was written, one after the other."""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.node.files.entries import Trouble
from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.sample_apiserver.resources import FISCHERS, FLUNDERS, empty_store
from kelm.core.store.store import Store
from kelm.effects.document import Document, document

FILE: Final = "/var/lib/wardle/journal"
KEPT: Final = (FLUNDERS, FISCHERS, "namespaces")


class Write(msgspec.Struct, frozen=True, array_like=True):
    """One object as it was written; None where it was deleted."""

    resource: str
    key: str
    doc: dict[str, object] | None


_READER: Final = msgspec.json.Decoder(Write)


def load(inside: Inside) -> Store:
    """The store as the last request left it.

    Uids and generated names are made from how often there was a request, and when.
    """
    found = inside.disk.read(FILE)
    lines = b"" if isinstance(found, Trouble) else found
    writes = _READER.decode_lines(lines)
    store = empty_store(inside.now_ms * 1_000 + len(writes))
    for one in writes:
        if one.doc is not None:
            store = store.put(one.resource, one.key, document(one.doc))
        else:
            old = store.get(one.resource, one.key)
            assert old is not None, f"{one.key} was deleted and never written"
            store = store.remove(one.resource, one.key, old)
    return store


def _plain(doc: Document | None) -> dict[str, object] | None:
    return None if doc is None else dict(doc)


def save(inside: Inside, before: Store, after: Store) -> None:
    """Write down what a request has changed, in the order in which it did."""
    changes = [
        (change.revision, Write(resource, change.key, _plain(change.new)))
        for resource in KEPT
        for change in after.table(resource).changes_since(before.revision) or ()
    ]
    if not changes:
        return
    changes.sort(key=lambda one: one[0])
    lines = b"".join(msgspec.json.encode(write) + b"\n" for _, write in changes)
    inside.disk.make_directory("/var/lib/wardle", parents=True)
    inside.disk.write(FILE, lines, append=True)
