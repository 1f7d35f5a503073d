"""The cluster's store: every resource's table, one revision counter, one source of fresh numbers.

A store is a value. Whoever holds one sees a moment of the cluster for as long as they like: a
stale cache, the past, and a fork are all older stores.
"""

from __future__ import annotations

import msgspec
from pyrsistent import pvector
from pyrsistent.typing import PVector

from kelm.core.store import table as tables
from kelm.core.store.table import Table
from kelm.effects.address import Key, Resource
from kelm.effects.document import EMPTY, Document


class Store(msgspec.Struct, frozen=True):
    """All objects of a cluster at one revision.

    `seed` and `counter` make names and uids: nothing in a store is drawn from outside.
    """

    revision: int = 0
    counter: int = 0
    seed: int = 0
    number_of: Document = EMPTY
    """Each resource's number: its place in `tables`."""
    tables: PVector[Table] = pvector()
    written: int = 0
    """The number of the table that the last write went to."""

    @property
    def next_revision(self) -> int:
        """The revision, and so the resourceVersion, of the next write."""
        return self.revision + 1

    def table(self, resource: Resource) -> Table:
        """A resource's table, empty if nothing was ever stored there."""
        number = self.number_of.get(resource)
        return self.tables[number] if isinstance(number, int) else Table(resource)

    def get(self, resource: Resource, key: Key) -> Document | None:
        number = self.number_of.get(resource)
        return self.tables[number].get(key) if isinstance(number, int) else None

    def resources(self) -> tuple[Resource, ...]:
        """Every resource that ever held something, in the order of first use."""
        return tuple(table.resource for table in self.tables)

    def fresh(self) -> tuple[Store, int]:
        """A number never given before, and the store that has given it.

        >>> store, first = Store().fresh()
        >>> store.fresh()[1], first
        (2, 1)
        """
        number = self.counter + 1
        return Store(
            self.revision, number, self.seed, self.number_of, self.tables, self.written
        ), number

    def put(self, resource: Resource, key: Key, doc: Document) -> Store:
        """Add or replace an object, which carries `next_revision` as its resourceVersion.

        >>> from kelm.effects.document import document
        >>> doc = document({"metadata": {"name": "a", "resourceVersion": "1"}})
        >>> store = Store().put("nodes", "a", doc)
        >>> store.revision, store.get("nodes", "a") is doc
        (1, True)
        """
        return self._with(resource, tables.put(self.table(resource), key, doc, self.revision + 1))

    def remove(self, resource: Resource, key: Key, last: Document) -> Store:
        """Delete an object; `last` is its final state with `next_revision`, for the watches."""
        table = tables.remove(self.table(resource), key, last, self.revision + 1)
        return self._with(resource, table)

    def _with(self, resource: Resource, table: Table) -> Store:
        number = self.number_of.get(resource)
        if isinstance(number, int):
            tables, number_of = self.tables.set(number, table), self.number_of
        else:
            number = len(self.tables)
            number_of = Document({**self.number_of, resource: number})
            tables = self.tables.append(table)
        return Store(table.revision, self.counter, self.seed, number_of, tables, number)


def at_revision(store: Store, revision: int) -> Store:
    """The same tables at a later revision: something was written that no table holds."""
    return Store(revision, store.counter, store.seed, store.number_of, store.tables, store.written)
