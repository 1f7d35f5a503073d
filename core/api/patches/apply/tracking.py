"""Who owns which field after a write that is no apply.

Whoever changes a field owns it from then on, and nobody else does; what is gone is nobody's. An
object is tracked from the moment it is made, if whoever made it said who they are; of others nobody
owns anything until the first apply. Old managedFields may be sent along, edited, or, as an empty
list, dropped: then nothing is tracked any more.

Source: kubernetes v1.36, apimachinery/pkg/util/managedfields/internal: fieldmanager.go
(decodeLiveOrNew), managedfieldsupdater.go, capmanagers.go, stripmeta.go, skipnonapplied.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kelm.core.api.patches.apply.changes import changes
from kelm.core.api.patches.apply.field_trees import Tree, minus, union
from kelm.core.api.patches.apply.managers import Manager, entry_of, in_order, manager_of
from kelm.core.api.patches.strategic.rules import Place
from kelm.core.objects.time import format_time, parse_time
from kelm.effects.document import EMPTY, Document, child, children, text

MOST_UPDATERS: Final = 10
OLD_UPDATES: Final = "ancient-changes"
NOBODYS: Final = Document(
    {
        "f:apiVersion": EMPTY,
        "f:kind": EMPTY,
        "f:metadata": Document(
            {
                ".": EMPTY,
                **{
                    f"f:{name}": EMPTY
                    for name in (
                        "name",
                        "namespace",
                        "creationTimestamp",
                        "selfLink",
                        "uid",
                        "clusterName",
                        "generation",
                        "managedFields",
                        "resourceVersion",
                    )
                },
            }
        ),
    }
)
"""Fields that belong to the system."""

Entries = tuple[Document, ...]


def entries_of(doc: Document) -> Entries:
    """An object's managedFields."""
    return children(doc, "metadata", "managedFields")


def is_valid(entries: Entries) -> bool:
    """Whether entries can be read: else those of the stored object count.

    Source: managedfields.go (DecodeManagedFields).
    """
    return all(
        text(entry, "operation") in ("Apply", "Update")
        and text(entry, "apiVersion")
        and text(entry, "fieldsType") == "FieldsV1"
        and _is_tree(child(entry, "fieldsV1"))
        for entry in entries
    )


def _is_tree(tree: Document) -> bool:
    return all(
        (step == "." or step[:2] in ("f:", "v:", "k:", "i:"))
        and isinstance(inner, Document)
        and _is_tree(inner)
        for step, inner in tree.items()
    )


def known_entries(live: Document | None, given: Document, subresource: str = "") -> Entries:
    """The managedFields that a write starts from.

    >>> live = Document(metadata=Document(managedFields=(Document(manager="me"),)))
    >>> known_entries(live, Document(metadata=Document(managedFields=()))), len(entries_of(live))
    ((), 1)
    """
    stored = entries_of(live) if live is not None else ()
    if subresource:
        return stored
    sent = child(given, "metadata").get("managedFields")
    if not isinstance(sent, tuple):
        return stored
    if sent == (EMPTY,):
        return ()
    entries = entries_of(given)
    return entries if is_valid(entries) and len(entries) == len(sent) else stored


def first_fields(new: Document, place: Place) -> Tree:
    """What whoever makes an object owns of it."""
    return minus(changes(EMPTY, new, place).taken, NOBODYS)


def created(entries: Entries, fields: Tree, manager: Manager, now_ms: int) -> Entries:
    """The managedFields of a new object; `entries` came with it."""
    return _taken(entries, fields, EMPTY, manager, now_ms)


def updated(
    entries: Entries,
    old: Document,
    new: Document,
    manager: Manager,
    place: Place,
    now_ms: int,
) -> Entries:
    """The managedFields of an object that was changed; nothing is tracked where nothing was."""
    if not entries:
        return ()
    found = changes(old, new, place)
    taken = minus(found.taken, NOBODYS)
    if not taken and not found.removed:
        return entries
    return _taken(entries, taken, found.removed, manager, now_ms)


def _taken(entries: Entries, taken: Tree, removed: Tree, manager: Manager, now_ms: int) -> Entries:
    """Entries after a manager took some fields, and others went."""
    lost = union(taken, removed)
    kept = []
    mine = EMPTY
    for entry in entries:
        fields = child(entry, "fieldsV1")
        if taken and manager_of(entry).is_same(manager):
            mine = minus(fields, removed)
            continue
        left = minus(fields, lost)
        if left:
            kept.append(entry if left is fields else Document({**entry, "fieldsV1": left}))
    if taken:
        kept.append(entry_of(manager, union(mine, taken), format_time(now_ms)))
    return in_order(_capped(kept))


def _capped(entries: list[Document]) -> Iterable[Document]:
    """At most ten that update: the oldest of a version become one."""
    updaters = sorted(
        (entry for entry in entries if text(entry, "operation") == "Update"), key=_age
    )
    excess = len(updaters) - MOST_UPDATERS
    if excess <= 0:
        return entries
    kept = [entry for entry in entries if text(entry, "operation") != "Update"]
    buckets: dict[str, list[Document]] = {}
    while updaters and excess > 0:
        entry = updaters.pop(0)
        bucket = buckets.setdefault(text(entry, "apiVersion"), [])
        excess -= bool(bucket)
        bucket.append(entry)
    return (*kept, *updaters, *(_bucket(version, held) for version, held in buckets.items()))


def _age(entry: Document) -> tuple[int, str]:
    since = text(entry, "time")
    return parse_time(since) if since else 0, text(entry, "manager")


def _bucket(version: str, entries: list[Document]) -> Document:
    if len(entries) == 1:
        return entries[0]
    fields = EMPTY
    for entry in entries:
        fields = union(fields, child(entry, "fieldsV1"))
    manager = Manager(OLD_UPDATES, "Update", version)
    return entry_of(manager, fields, text(entries[-1], "time") or None)
