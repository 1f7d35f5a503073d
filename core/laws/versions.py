"""The history of a store: every accepted write is in it once, and a watch leads where a list is.

Events count in the same versions and are kept apart (`core/api/events/log.py`), so a version that
no table has is one of theirs.

Source: kubernetes documentation, Kubernetes API concepts, "Resource versions" and "Efficient
detection of changes".
"""

from __future__ import annotations

from collections.abc import Iterator

from kelm.core.laws.availability import History
from kelm.core.laws.invariant import Broken, Invariant
from kelm.core.objects.meta import metadata
from kelm.core.store.store import Store
from kelm.core.store.table import Table
from kelm.effects.address import Key
from kelm.effects.document import Document
from kelm.effects.messages import Change


def _each_once(history: History) -> Broken:
    before: Store | None = None
    for at_ms, store in history:
        if before is not None:
            written = sorted(change.revision for change in _since(before, store))
            if len(written) != len(set(written)):
                yield at_ms, f"one version is in the history twice: {written}"
            if written and not before.revision < written[0] <= written[-1] <= store.revision:
                yield at_ms, f"between {before.revision} and {store.revision} came {written}"
        before = store


def _since(before: Store, now: Store) -> Iterator[Change]:
    for table in now.tables:
        old = before.table(table.resource)
        if table is not old:
            yield from table.changes_since(old.revision) or ()


def _carried(history: History) -> Broken:
    before = Store()
    for at_ms, store in history:
        for change in _since(before, store):
            doc = change.new or change.old
            carried = metadata(doc).resource_version if doc is not None else ""
            if carried != str(change.revision):
                yield at_ms, f"{change.key}, written as {change.revision}, carries {carried}"
        before = store


def _watched(history: History) -> Broken:
    """From the first version and from every eighth on, the changes lead to the last."""
    kept = list(history)
    for at_ms, old in kept[::8]:
        for table in kept[-1][1].tables:
            believed = replayed(old.table(table.resource), table)
            listed = {key: table.get(key) for key in table.sorted_keys()}
            if believed is not None and believed != listed:
                keys = sorted(k for k in {*believed, *listed} if believed.get(k) != listed.get(k))
                yield at_ms, f"a watch on {table.resource} from {old.revision} misses {keys}"


def replayed(old: Table, now: Table) -> dict[Key, Document] | None:
    """What a watcher believes that listed an old version and heard every change since.

    None where the changes are no longer known, and the watcher would have to list again.
    """
    changes = now.changes_since(old.revision)
    if changes is None:
        return None
    believed = {key: doc for key in old.sorted_keys() if (doc := old.get(key)) is not None}
    for change in changes:
        if change.new is None:
            believed.pop(change.key, None)
        else:
            believed[change.key] = change.new
    return believed


HISTORY: tuple[Invariant, ...] = (
    Invariant("every accepted write is in the history once, and versions only grow", _each_once),
    Invariant("an object carries the version of its last write", _carried),
    Invariant("a watch from any version leads to what a list shows", _watched),
)
