"""One list and watch, mirrored into a table of the kind that the simulator uses.

    list in chunks -> watch from the list's version -> reconnect from the last version seen
                          410: list again, and tell the difference as changes

A watch that says nothing for too long, not even a bookmark, is taken for dead; one that does not
show what this process itself wrote is renewed. Events that come twice are told once.

Source: kubernetes v1.36, client-go/tools/cache/reflector.go.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import msgspec

from kelm.adapters.kubernetes.catalogue import Resources
from kelm.adapters.kubernetes.documents import Siblings, shared_document
from kelm.adapters.kubernetes.meters import Meters
from kelm.adapters.kubernetes.requests.answers import outcome_of, refusal_of
from kelm.adapters.kubernetes.requests.pace import Backoff
from kelm.adapters.kubernetes.requests.wire import Wire
from kelm.adapters.kubernetes.served import Served
from kelm.adapters.kubernetes.settings import Settings
from kelm.adapters.kubernetes.trouble import NotAnswered, NotSent, told_refusal
from kelm.core.store import table as tables
from kelm.core.store.relist import advanced, key_of_doc, listed, relisted, version_of
from kelm.core.store.table import Table
from kelm.effects.document import Document, child, children, document, text
from kelm.effects.messages import unwrap_or_failure
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

Moved = Callable[[Table | None, Table], None]
"""Told the table before and after; before is None for a table that knows no changes."""


class Lost(Exception):
    """The watch cannot go on from where it was: list again."""


class Refused(Exception):
    """The server refused a list or a watch."""

    def __init__(self, refusal: Refusal, verb: str) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.verb = verb


class Reflector:
    """The belief of one watch, kept up to date."""

    def __init__(
        self,
        wire: Wire,
        resources: Resources,
        watch: Watch,
        settings: Settings,
        meters: Meters,
        moved: Moved,
        dice: random.Random,
    ) -> None:
        self.watch = watch
        self.table: Table | None = None
        self._wire = wire
        self._resources = resources
        self._settings = settings
        self._meters = meters
        self._moved = moved
        self._dice = dice
        self._siblings = Siblings()
        self._backoff = Backoff(dice, settings.first_backoff_ms, settings.longest_backoff_ms)
        self._current = False
        """Whether the table's revision is one that a watch may start from."""
        self._awaited: dict[int, asyncio.TimerHandle] = {}
        self._watching: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """List and watch until cancelled."""
        try:
            while True:
                await self._once()
        finally:
            for timer in self._awaited.values():
                timer.cancel()

    async def _once(self) -> None:
        resource = self.watch.resource
        try:
            served = await self._resources.find(resource)
            if served is None:
                self._absent()
                await asyncio.sleep(self._settings.absent_ms / 1_000)
                return
            if not self._current:
                await self._list(served)
            await self._watch_in_task(served)
            return
        except Lost:
            self._current = False
            self._meters.lost(resource)
            return
        except (NotSent, NotAnswered) as problem:
            self._meters.complain(resource, str(problem))
        except Refused as refused:
            if refused.refusal.reason is Reason.NOT_FOUND:
                self._resources.forget(resource)
                self._current = False
            told = told_refusal(refused.refusal, refused.verb, resource)
            self._meters.complain(resource, told)
        await asyncio.sleep(self._backoff.next_ms() / 1_000)

    def _absent(self) -> None:
        """Nobody serves this resource: there are no objects of it."""
        if self.table is None:
            self._become(None, Table(self.watch.resource))
        elif len(self.table):
            self._become(None, listed(self.watch.resource, (), self.table.revision + 1))
            self._current = False

    def _become(self, before: Table | None, table: Table) -> None:
        self.table = table
        self._meters.believes(self.watch.resource, len(table))
        self._moved(before, table)

    # -- listing -------------------------------------------------------------------------------

    def _selection(self) -> tuple[tuple[str, str], ...]:
        watch = self.watch
        return (("fieldSelector", f"{watch.field}={watch.value}"),) if watch.field else ()

    async def _list(self, served: Served) -> None:
        """List everything; with a belief from before, find out what changed."""
        docs, revision = await self._pages(served, self._settings.page)
        old = self.table
        if old is None or not old.revision:
            table: Table = listed(self.watch.resource, docs, revision)
            before = None
        else:
            table = relisted(old, docs, revision)
            before = old if table.forgotten <= old.revision <= table.revision else None
        self._meters.listed(self.watch.resource, len(docs))
        self._current = True
        self._become(before, table)

    async def _pages(self, served: Served, limit: int) -> tuple[list[Document], int]:
        docs: list[Document] = []
        token = ""
        while True:
            query = list(self._selection())
            if limit:
                query.append(("limit", str(limit)))
            if token:
                query.append(("continue", token))
            response = await self._wire.request(
                "GET",
                served.path(self.watch.namespace),
                query,
                timeout_ms=2 * self._settings.deadline_ms,
            )
            page = unwrap_or_failure(outcome_of(response, served))
            if isinstance(page, Refusal):
                if page.code == 410 and token:
                    return await self._pages(served, 0)
                raise Refused(page, "list")
            old = self.table
            for doc in children(page, "items"):
                before = None if old is None else old.get(key_of_doc(doc))
                docs.append(self._siblings.shared(before, doc))
            token = text(page, "metadata", "continue")
            if not token:
                return docs, version_of(page)

    # -- watching ------------------------------------------------------------------------------

    async def _watch_in_task(self, served: Served) -> None:
        """Watch, in a way that `wrote` can cut short."""
        self._watching = asyncio.create_task(self._watch(served))
        try:
            await self._watching
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                self._watching.cancel()
                raise
        finally:
            self._watching = None

    async def _watch(self, served: Served) -> None:
        table = self.table
        assert table is not None
        lasts_ms = round(self._settings.watch_ms * (1 + self._dice.random()))
        query = (
            *self._selection(),
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", str(table.revision)),
            ("timeoutSeconds", str(max(1, lasts_ms // 1_000))),
        )
        path = served.path(self.watch.namespace)
        async with self._wire.stream(path, query, self._settings.silence_ms) as (response, lines):
            if response.code != 200:
                refusal = unwrap_or_failure(outcome_of(response))
                if isinstance(refusal, Refusal):
                    raise Lost if refusal.code == 410 else Refused(refusal, "watch")
            self._meters.connected(self.watch.resource)
            async for batch in lines:
                self._take(batch)
                self._backoff.reset()

    def _take(self, batch: list[bytes]) -> None:
        """Fold a few events into the table and tell of them at once."""
        before = table = self.table
        assert before is not None and table is not None
        try:
            for line in batch:
                table = self._folded(table, line)
        finally:
            if table is not before:
                self._become(before, table)
                self._shown(table.revision)

    def _folded(self, table: Table, line: bytes) -> Table:
        try:
            event = msgspec.json.decode(line)
            kind, doc = event["type"], document(event["object"])
        except (msgspec.DecodeError, KeyError, TypeError) as problem:
            raise NotAnswered(f"a watch event that is none: {line[:80]!r}") from problem
        if kind == "ERROR":
            refusal = refusal_of(doc)
            raise Lost if refusal.code == 410 else Refused(refusal, "watch")
        revision = version_of(doc)
        if revision <= table.revision:
            return table
        self._meters.event(self.watch.resource, kind)
        if kind == "BOOKMARK":
            return advanced(table, revision)
        key = key_of_doc(doc)
        old = table.get(key)
        if kind == "DELETED":
            if old is None:
                return advanced(table, revision)
            return tables.remove(table, key, shared_document(old, doc), revision)
        if old is not None and _uid(old) != _uid(doc):
            raise Lost
        return tables.put(table, key, self._siblings.shared(old, doc), revision)

    # -- lag -----------------------------------------------------------------------------------

    def wrote(self, revision: int) -> None:
        """This process wrote a version: the watch should show it before long."""
        table = self.table
        if table is None or not self._current or revision <= table.revision:
            return
        loop = asyncio.get_running_loop()
        delay = self._settings.lag_ms / 1_000
        if revision not in self._awaited:
            self._awaited[revision] = loop.call_later(delay, self._late, revision)
            self._meters.awaits(self.watch.resource, revision)

    def _shown(self, revision: int) -> None:
        for awaited in [number for number in self._awaited if number <= revision]:
            self._awaited.pop(awaited).cancel()
            self._meters.shown(self.watch.resource, awaited)

    def _late(self, revision: int) -> None:
        self._awaited.pop(revision, None)
        self._meters.unseen(self.watch.resource, revision)
        self._meters.complain(
            self.watch.resource, f"the watch lags: it does not show version {revision}; renewed"
        )
        if self._watching is not None:
            self._watching.cancel()


def _uid(doc: Document) -> str:
    return text(child(doc, "metadata"), "uid")
