"""What the API server itself says of definitions after one was written.

Upstream's controllers do this some milliseconds later; here it is done with the write, one step
after the other, so that watches see the same steps and nobody can ask in between.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/controller/{status,establish,apiapproval,
nonstructuralschema}, pkg/apiserver/apiserver.go (their wiring).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.core.api.custom.definition import DEFINITIONS
from kelm.core.api.custom.naming import approved, established, named, structural
from kelm.core.api.resources import RESOURCES
from kelm.core.api.verbs.metadata import versioned
from kelm.core.api.verbs.owners import owned
from kelm.core.api.verbs.request import Call
from kelm.core.store.store import Store
from kelm.effects.document import Document, text

MANAGER: Final = "kube-apiserver"


def settled(store: Store, before: Store, now_ms: int) -> Store:
    """The store in which all is said of the definitions in whose groups something changed."""
    if store.table(DEFINITIONS) is before.table(DEFINITIONS):
        return store
    for group in _changed_groups(store, before):
        store = _settled_group(store, group, now_ms)
    return store


def _changed_groups(store: Store, before: Store) -> tuple[str, ...]:
    changes = store.table(DEFINITIONS).changes_since(before.revision) or ()
    found = (change.new or change.old for change in changes)
    return tuple(dict.fromkeys(text(one, "spec", "group") for one in found if one is not None))


def _settled_group(store: Store, group: str, now_ms: int) -> Store:
    """Say what is to be said until nothing is: a name given up may be another's at once."""
    while True:
        after = store
        for definition in _of_group(store, group):
            after = _settled_one(after, text(definition, "metadata", "name"), now_ms)
        if after is store:
            return store
        store = after


def _of_group(store: Store, group: str) -> tuple[Document, ...]:
    found = store.table(DEFINITIONS).objects()
    return tuple(one for one in found if text(one, "spec", "group") == group)


def _settled_one(store: Store, name: str, now_ms: int) -> Store:
    def by_name(definition: Document) -> Document:
        group = _of_group(store, text(definition, "spec", "group"))
        return named(definition, group, now_ms)

    steps: tuple[Callable[[Document], Document], ...] = (
        by_name,
        lambda it: approved(it, now_ms),
        lambda it: structural(it, now_ms),
        lambda it: established(it, now_ms),
    )
    for step in steps:
        old = store.get(DEFINITIONS, name)
        assert old is not None
        new = step(old)
        if new is not old:
            store = _written(store, name, old, new, now_ms)
    return store


def _written(store: Store, name: str, old: Document, new: Document, now_ms: int) -> Store:
    call = Call(now_ms, manager=MANAGER)
    info = RESOURCES[DEFINITIONS]
    full = owned(store, info, old, new, new, new, call, "status")
    return store.put(DEFINITIONS, name, versioned(full, store.next_revision))
