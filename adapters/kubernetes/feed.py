"""From reflectors to Programs: who hears of a change, and what the next message says.

Programs that watch the same share one reflector. Where thousands of machines each watch their own
pods, `widen` makes one watch on all pods of it, and a change finds its hearers by the field's
value.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable

from kelm.adapters.kubernetes.catalogue import Resources
from kelm.adapters.kubernetes.meters import Meters
from kelm.adapters.kubernetes.process import Process
from kelm.adapters.kubernetes.reflector import Reflector
from kelm.adapters.kubernetes.requests.wire import Wire
from kelm.adapters.kubernetes.settings import Settings
from kelm.core.store.table import Table
from kelm.effects.address import Resource
from kelm.effects.document import Document, value_at
from kelm.effects.messages import Change, Observed
from kelm.effects.program import Watch

Hearer = tuple[Process, int]
Ear = tuple[str, int]
"""A process's name and the place of the watch among its watches."""
WakeUp = Callable[[Process, int], None]


def field_value(doc: Document | None, field: str) -> str | None:
    """The value of a dotted field, None where the object or the field is absent."""
    value = None if doc is None else value_at(doc, *field.split("."))
    return value if isinstance(value, str) else None


class Feed:
    """One reflector and the watches of Programs that it serves."""

    def __init__(self, wake_up: WakeUp) -> None:
        self.reflector: Reflector
        self.task: asyncio.Task[None]
        self._wake_up = wake_up
        self._whole: dict[Ear, Hearer] = {}
        self._by_field: dict[str, dict[str, dict[Ear, Hearer]]] = {}

    def add(self, process: Process, index: int, wide: bool) -> None:
        """Serve a watch; `wide`: the reflector watches more than it asks for."""
        watch = process.watch(index)
        self._hearers(watch, wide)[process.name, index] = (process, index)
        if self.reflector.table is not None:
            self._wake_up(process, index)

    def _hearers(self, watch: Watch, wide: bool) -> dict[Ear, Hearer]:
        if wide and watch.field:
            return self._by_field.setdefault(watch.field, {}).setdefault(watch.value, {})
        return self._whole

    def drop(self, ear: Ear, watch: Watch, wide: bool) -> None:
        """Serve a watch of a process no longer."""
        hearers = self._hearers(watch, wide)
        hearers.pop(ear, None)
        if not hearers and hearers is not self._whole:
            del self._by_field[watch.field][watch.value]

    @property
    def idle(self) -> bool:
        return not self._whole and not any(self._by_field.values())

    def moved(self, before: Table | None, table: Table) -> None:
        """The table moved on: wake up whoever has something to hear."""
        for process, index in list(self._whole.values()):
            seen = process.seen[index]
            if before is None and seen is not None and seen.revision <= table.revision:
                process.seen[index] = None
            self._wake_up(process, index)
        changes = None if before is None else table.changes_since(before.revision)
        for field, by_value in self._by_field.items():
            if changes is None:
                for hearers in by_value.values():
                    for process, index in hearers.values():
                        process.seen[index] = None
                        self._wake_up(process, index)
                continue
            for change in changes:
                self._file(change, field, by_value)

    def _file(self, change: Change, field: str, by_value: dict[str, dict[Ear, Hearer]]) -> None:
        new, old = field_value(change.new, field), field_value(change.old, field)
        for value in {new, old} - {None}:
            for process, index in by_value.get(value or "", {}).values():
                process.inboxes[index].append(change)
                self._wake_up(process, index)


class Feeds:
    """All feeds of a platform, by what is really watched."""

    def __init__(
        self,
        wire: Wire,
        resources: Resources,
        settings: Settings,
        meters: Meters,
        dice: random.Random,
        widen: Callable[[Watch], Watch],
        wake_up: WakeUp,
    ) -> None:
        self._wire = wire
        self._resources = resources
        self._settings = settings
        self._meters = meters
        self._dice = dice
        self._widen = widen
        self._wake_up = wake_up
        self._feeds: dict[Watch, Feed] = {}
        self._of_resource: dict[Resource, list[Feed]] = {}
        self._served: dict[str, tuple[Watch, ...]] = {}

    def register(self, process: Process) -> None:
        """Serve all watches of a process, and no others of it."""
        before = self._served.pop(process.name, ())
        now = process.subscriptions.watches
        for index, watch in enumerate(now):
            wide = self._widen(watch)
            self._feed(wide).add(process, index, wide != watch)
        for index, watch in enumerate(before):
            if watch not in now[index : index + 1]:
                self._drop(process.name, index, watch)
        self._served[process.name] = now

    def forget(self, process: Process) -> None:
        """Serve a process no longer; a reflector that nobody hears ends."""
        for index, watch in enumerate(self._served.pop(process.name, ())):
            self._drop(process.name, index, watch)

    def _drop(self, name: str, index: int, watch: Watch) -> None:
        wide = self._widen(watch)
        feed = self._feeds.get(wide)
        if feed is not None:
            feed.drop((name, index), watch, wide != watch)
            if feed.idle:
                self._end(wide)

    def _feed(self, place: Watch) -> Feed:
        feed = self._feeds.get(place)
        if feed is None:
            feed = Feed(self._wake_up)
            feed.reflector = Reflector(
                self._wire,
                self._resources,
                place,
                self._settings,
                self._meters,
                feed.moved,
                self._dice,
            )
            feed.task = asyncio.get_running_loop().create_task(feed.reflector.run())
            self._feeds[place] = feed
            self._of_resource.setdefault(place.resource, []).append(feed)
        return feed

    def _end(self, place: Watch) -> None:
        feed = self._feeds.pop(place)
        self._of_resource[place.resource].remove(feed)
        feed.task.cancel()

    def next_message(self, process: Process, index: int, now_ms: int) -> Observed | None:
        """What a watch has to tell a process now; None if nothing is new."""
        watch = process.watch(index)
        wide = self._widen(watch)
        table = self._feeds[wide].reflector.table
        seen = process.seen[index]
        if table is None or table is seen:
            return None
        changes: Iterable[Change] | None = None
        if seen is not None:
            filed = wide != watch and watch.field
            changes = process.inboxes[index] if filed else table.changes_since(seen.revision)
        process.inboxes[index] = []
        if changes is None:
            message = Observed(now_ms, watch.resource, table, (), replaced=True)
        else:
            inside = f"{watch.namespace}/" if watch.namespace and wide != watch else ""
            told = tuple(change for change in changes if change.key.startswith(inside))
            message = Observed(now_ms, watch.resource, table, told)
        if not process.saw_later(index, message):
            process.seen[index] = table
        return message

    def wrote(self, resource: Resource, revision: int) -> None:
        """A write was answered: the watches on all of its resource should show it."""
        if revision:
            for feed in self._of_resource.get(resource, ()):
                watch = feed.reflector.watch
                if not watch.field and not watch.namespace:
                    feed.reflector.wrote(revision)

    async def close(self) -> None:
        """End all reflectors."""
        tasks = [feed.task for feed in self._feeds.values()]
        for place in list(self._feeds):
            self._end(place)
        await asyncio.gather(*tasks, return_exceptions=True)
