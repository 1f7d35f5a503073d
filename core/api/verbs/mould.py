"""What becomes of a request's object before it gets a name, kept for the next equal request.

A ReplicaSet asks for five hundred pods with one and the same document. All that the API does to it
before it is named (types, defaults, admission, validation) depends on that document, on the
request's namespace and on the tables that were read on the way. The first pod pays for it; the
others find the tables unchanged and take the result. Nobody can see the difference but in time: a
result is used only where working it out again would give the same.
"""

from __future__ import annotations

import msgspec

from kelm.core.store.store import Store
from kelm.core.store.table import Table
from kelm.effects.address import Resource
from kelm.effects.document import Document


class Reading:
    """A store that remembers which tables were read. It lives for one request."""

    __slots__ = ("_read", "_store")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[Resource, Table | None] = {}

    def table(self, resource: Resource) -> Table:
        self._read[resource] = _stored(self._store, resource)
        return self._store.table(resource)

    @property
    def read(self) -> tuple[tuple[Resource, Table | None], ...]:
        """The tables that were read, None where nothing was ever stored."""
        return tuple(self._read.items())


class Mould(msgspec.Struct, frozen=True, gc=False):
    """An accepted object without its name, and what it was made from.

    read: the tables that were read, as they were.
    fields: what whoever makes it owns of it, None where nobody asked.
    """

    resource: Resource
    namespace: str
    read: tuple[tuple[Resource, Table | None], ...]
    object: Document
    fields: Document | None = None

    def fits(self, store: Store, resource: Resource, namespace: str, *, owned: bool) -> bool:
        """Whether the same would be made again; `owned`: for somebody who owns what they make."""
        if self.resource != resource or self.namespace != namespace:
            return False
        if owned and self.fields is None:
            return False
        return all(_stored(store, read) is table for read, table in self.read)


def _stored(store: Store, resource: Resource) -> Table | None:
    number = store.number_of.get(resource)
    return store.tables[number] if isinstance(number, int) else None


def mould_of(given: Document) -> Mould | None:
    """What was made of a document before, if anything was."""
    try:
        found = given.derived
    except AttributeError:
        return None
    return found if type(found) is Mould else None
