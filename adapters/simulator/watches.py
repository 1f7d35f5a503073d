"""Who hears of a change, and how much of it a delivery brings.

A watch without a field hears of every change of its resource; what it has not heard yet is what
the table's log says since the version that it saw last. A watch on a field (a kubelet's pods) is
found through the value of the field, so that a change costs its hearers and not all processes.
"""

from __future__ import annotations

from bisect import bisect_right

from kelm.adapters.simulator.pickers import Picker
from kelm.adapters.simulator.process import Process
from kelm.core.store.table import Table
from kelm.effects.address import Resource
from kelm.effects.document import Document, Json
from kelm.effects.messages import Change, Observed
from kelm.effects.program import Watch

Hearer = tuple[Process, int]


Field = tuple[str, ...]
"""A dotted field's steps."""


def field_value(doc: Document | None, field: Field) -> str | None:
    """The value of a field, None where the object or the field is absent."""
    value: Json = doc
    for step in field:
        value = value.get(step) if isinstance(value, Document) else None
    return value if isinstance(value, str) else None


class Watches:
    """All watches of all processes, by resource and field value."""

    def __init__(self, *, keep_versions: bool) -> None:
        self._all: dict[Resource, list[Hearer]] = {}
        self._by_field: dict[Resource, dict[Field, dict[str, list[Hearer]]]] = {}
        self._keep_versions = keep_versions
        self._versions: dict[Resource, list[Table]] = {}
        self._called: set[Resource] = set()
        self.tables: dict[Resource, Table] = {}

    def copy(self, processes: dict[str, Process]) -> Watches:
        twin = Watches(keep_versions=self._keep_versions)
        twin.tables = dict(self.tables)
        twin._versions = {resource: list(kept) for resource, kept in self._versions.items()}
        for process in processes.values():
            twin.register(process)
        return twin

    def register(self, process: Process, before: tuple[Watch, ...] = ()) -> None:
        """Hear for a process what its subscriptions name, and nothing that they named `before`."""
        self._forget(process, (*before, *process.subscriptions.watches))
        for index, watch in enumerate(process.subscriptions.watches):
            self._hearers(watch).append((process, index))
            self._called.discard(watch.resource)

    def _hearers(self, watch: Watch) -> list[Hearer]:
        if not watch.field:
            return self._all.setdefault(watch.resource, [])
        field = tuple(watch.field.split("."))
        by_value = self._by_field.setdefault(watch.resource, {}).setdefault(field, {})
        return by_value.setdefault(watch.value, [])

    def forget(self, process: Process) -> None:
        """Hear nothing more for this process (by name: an older incarnation counts too)."""
        self._forget(process, process.subscriptions.watches)

    def _forget(self, process: Process, watches: tuple[Watch, ...]) -> None:
        for watch in watches:
            hearers = self._hearers(watch)
            hearers[:] = [h for h in hearers if h[0].name != process.name]

    def moved(self, table: Table, since: int) -> list[Hearer]:
        """Note a table's new version; whose watches have something to hear and were not called.

        Thousands of writes come between two deliveries, so the hearers of a whole resource are
        named by the first of them alone, until one of them has listened (`listens`).
        """
        resource = table.resource
        self.tables[resource] = table
        if self._keep_versions:
            self._versions.setdefault(resource, []).append(table)
        hearers: list[Hearer] = []
        if resource not in self._called:
            self._called.add(resource)
            hearers.extend(self._all.get(resource, ()))
        fields = self._by_field.get(resource)
        if fields:
            for change in table.changes_since(since) or ():
                for field, by_value in fields.items():
                    self._file(change, field, by_value, hearers)
        return hearers

    def listens(self, resource: Resource) -> None:
        """Note that a watch on a resource listens now and has to be called again."""
        self._called.discard(resource)

    @staticmethod
    def _file(
        change: Change, field: Field, by_value: dict[str, list[Hearer]], hearers: list[Hearer]
    ) -> None:
        old, new = change.old, change.new
        now = field_value(new, field)
        shared = old is not None and new is not None and old.get(field[0]) is new.get(field[0])
        was = now if shared else field_value(old, field)
        for value in (now,) if now == was else (now, was):
            for process, index in by_value.get(value, ()) if value else ():
                process.inboxes[index] = (*process.inboxes[index], change)
                hearers.append((process, index))

    def deliver(
        self, process: Process, index: int, picker: Picker, now_ms: int
    ) -> tuple[Observed, bool] | None:
        """The next message of a watch, and whether there is more; None if nothing is new."""
        watch = process.watch(index)
        table = self.tables.get(watch.resource, Table(watch.resource))
        seen = process.seen[index]
        changes = None if seen is None else self._unheard(process, index, watch, table, seen)
        if changes is None:
            process.seen[index], process.inboxes[index] = table, ()
            return Observed(now_ms, watch.resource, table, (), replaced=True), False
        if not changes:
            return None
        count = picker.deliver(len(changes))
        more = count < len(changes)
        if more:
            table = self._version(watch.resource, changes[count - 1].revision)
        process.seen[index] = table
        process.inboxes[index] = changes[count:] if watch.field else ()
        return Observed(now_ms, watch.resource, table, changes[:count]), more

    @staticmethod
    def _unheard(
        process: Process, index: int, watch: Watch, table: Table, seen: Table
    ) -> tuple[Change, ...] | None:
        if watch.field:
            return process.inboxes[index]
        changes = table.changes_since(seen.revision)
        if changes is None or not watch.namespace:
            return changes
        prefix = f"{watch.namespace}/"
        return tuple(change for change in changes if change.key.startswith(prefix))

    def _version(self, resource: Resource, revision: int) -> Table:
        kept = self._versions[resource]
        return kept[bisect_right(kept, revision, key=lambda table: table.revision) - 1]
