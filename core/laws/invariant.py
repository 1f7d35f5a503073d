"""Invariants: sentences that hold in every history of a cluster, each with a name.

    for breach in breaches(EVER, history):
        print(breach)

An invariant looks at a history (every state of the store with the time from which on it held,
oldest first) and tells each moment that breaks it. A test, a simulator and a bug report so say the
same sentence. Most look at one moment or at two neighbours; `in_each_moment` and `in_each_step`
make invariants of such a look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import msgspec

from kelm.core.laws.availability import History
from kelm.core.store.store import Store
from kelm.core.store.table import Table
from kelm.effects.address import Key, Resource
from kelm.effects.document import Document

Broken: TypeAlias = Iterable[tuple[int, str]]
"""When an invariant was broken and how, as the end of a sentence."""


class Invariant(msgspec.Struct, frozen=True):
    """A sentence that must hold, and what finds the moments at which it does not."""

    name: str
    broken: Callable[[History], Broken]


class Breach(msgspec.Struct, frozen=True):
    """A broken invariant: when, which, how."""

    at_ms: int
    name: str
    how: str

    def __str__(self) -> str:
        return f"at {self.at_ms} ms: {self.name}: {self.how}"


def breaches(invariants: Iterable[Invariant], history: Iterable[tuple[int, Store]]) -> list[Breach]:
    """Every breach in a history, earliest first.

    >>> empty = Invariant("a store is empty", in_each_moment(lambda store: store.resources()))
    >>> breaches([empty], [(0, Store())])
    []
    """
    kept = tuple(history)
    found = (
        Breach(at_ms, invariant.name, how)
        for invariant in invariants
        for at_ms, how in invariant.broken(kept)
    )
    return sorted(found, key=lambda breach: breach.at_ms)


def in_each_moment(look: Callable[[Store], Iterable[str]]) -> Callable[[History], Broken]:
    """An invariant of single moments."""

    def broken(history: History) -> Broken:
        for at_ms, store in history:
            for how in look(store):
                yield at_ms, how

    return broken


def at_the_end(look: Callable[[Store], Iterable[str]]) -> Callable[[History], Broken]:
    """An invariant of the last moment of a history: of a cluster that has come to rest."""

    def broken(history: History) -> Broken:
        for at_ms, store in tuple(history)[-1:]:
            for how in look(store):
                yield at_ms, how

    return broken


def in_each_change(
    resource: Resource, look: Callable[[Key, Document | None, Document | None], Iterable[str]]
) -> Callable[[History], Broken]:
    """An invariant of what one object of a resource may become, given what it was."""

    def broken(history: History) -> Broken:
        before = Table(resource)
        for at_ms, store in history:
            now = store.table(resource)
            for key, old, new in changed(before, now):
                for how in look(key, old, new):
                    yield at_ms, how
            before = now

    return broken


def changed(before: Table, now: Table) -> Iterator[tuple[Key, Document | None, Document | None]]:
    """What became of each object between two versions of a table, once for each write."""
    if before is now or before.revision == now.revision:
        return
    changes = now.changes_since(before.revision)
    if changes is not None:
        yield from ((change.key, change.old, change.new) for change in changes)
        return
    for key in sorted({*before.slot_of, *now.slot_of}):
        old, new = before.get(key), now.get(key)
        if old is not new:
            yield key, old, new
