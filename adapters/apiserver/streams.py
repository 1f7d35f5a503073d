"""Watches that are open: each has its outbox, all share what an event was encoded to.

A watch is a place in the log of changes. When the cluster has moved, every watch of a resource is
handed the changes that it has not seen; it sends them as fast as its client takes them. A client
that does not take them at all loses its watch: it will list anew, as after any lost watch.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/watch.go, storage/cacher/cacher.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeAlias

from returns.result import Failure

from kelm.adapters.apiserver.encoding import Encoding
from kelm.core.api.custom.definition import find_custom
from kelm.core.api.fields import Selectors, read_selectors
from kelm.core.api.rest.request import Watch
from kelm.core.api.rest.watching import bookmark, chooses_converted, open_watch, shown
from kelm.core.api.server import ApiServer, watch_events
from kelm.core.api.stored import stored_resource
from kelm.core.api.verbs.listing import chosen
from kelm.core.api.verbs.watch import WatchEvent, watch_event
from kelm.core.store.table import Table
from kelm.effects.address import Resource
from kelm.effects.document import Document
from kelm.effects.messages import Change
from kelm.effects.refusals import Refusal

Convert: TypeAlias = Callable[[Resource, Document, str], Awaitable[Document | Refusal]]
"""A custom object in another version."""
OUTBOX_BYTES: Final = 32 * 1024 * 1024
"""How much may wait for a client before its watch is closed."""


class Stream:
    """One open watch."""

    def __init__(self, watch: Watch, selectors: Selectors, encoding: Encoding) -> None:
        self.watch = watch
        self.selectors = selectors
        self.revision = 0
        self.closed = False
        self._encoding = encoding
        self._first = True
        self._outbox: list[bytes] = []
        self._waiting_bytes = 0
        self._opening = True
        self.cut_off: Callable[[], None] = self.end
        """What is done with a client that does not take what it watches."""
        self._filled = asyncio.Event()
        self._prefix = f"{watch.target.namespace}/" if watch.target.namespace else ""
        options = watch.options
        self.view = (self._prefix, options.label_selector, options.field_selector)
        """What two watches that see the same have in common."""

    @property
    def is_plain(self) -> bool:
        """Whether an event looks to this watch as it does to any other of its version."""
        return not self.watch.media.form

    @property
    def is_waiting(self) -> bool:
        """Whether something is still to be sent."""
        return bool(self._outbox)

    def sees(self, change: Change) -> WatchEvent | None:
        """What this watch sees of a change."""
        if change.revision <= self.revision or not change.key.startswith(self._prefix):
            return None
        return watch_event(self.watch.target.info, self.selectors, change)

    def encoded(self, event: WatchEvent, now_ms: int) -> bytes:
        """An event as a line of this watch."""
        doc = shown(self.watch, event.object, now_ms, head=self._first)
        self._first = False
        return self._encoding.event(event.type, doc)

    def push(self, line: bytes) -> None:
        """Have a line sent."""
        if self.closed:
            return
        self._outbox.append(line)
        self._waiting_bytes += len(line)
        self._filled.set()
        if self._waiting_bytes > OUTBOX_BYTES and not self._opening:
            self.closed = True
            self._outbox.clear()
            self.cut_off()

    def opened(self) -> None:
        """All that was there is in the outbox, however much it is; from now on it is bounded."""
        self._opening = False
        self._waiting_bytes = 0

    def push_event(self, event: WatchEvent, now_ms: int) -> None:
        self.push(self.encoded(event, now_ms))

    def push_bookmark(self, *, initial: bool = False, now_ms: int = 0) -> None:
        """Tell the client how far it has seen."""
        doc = bookmark(self.watch, self.revision, initial=initial)
        if self.watch.media.form:
            doc = shown(self.watch, doc, now_ms, head=self._first)
        self.push(self._encoding.event("BOOKMARK", doc))

    def end(self, refusal: Refusal | None = None) -> None:
        """Send what is waiting and close."""
        if refusal is not None:
            self.push(self._encoding.event("ERROR", refusal.status()))
        self.closed = True
        self._filled.set()

    def dispose(self) -> None:
        """Nobody reads it any more."""

    async def lines(self, within_s: float) -> bytes:
        """What is waiting, once something is; nothing after a time or at the end."""
        if not self._outbox and not self.closed:
            try:
                await asyncio.wait_for(self._filled.wait(), within_s)
            except TimeoutError:
                return b""
        self._filled.clear()
        joined = b"".join(self._outbox)
        self._outbox.clear()
        self._waiting_bytes = 0
        return joined


class Unsure(WatchEvent, frozen=True):
    """A change of which is known what it is to a watch once its objects are converted."""

    change: Change


Job: TypeAlias = tuple[WatchEvent, int]


class ConvertingStream(Stream):
    """A watch whose objects a webhook converts, one after the other, before they are sent."""

    def __init__(
        self,
        watch: Watch,
        selectors: Selectors,
        encoding: Encoding,
        convert: Convert,
        *,
        chooses: bool,
    ) -> None:
        super().__init__(watch, selectors, encoding)
        self._convert = convert
        self._chooses = chooses
        """Whether it is to be told only of converted objects whether they are meant."""
        self._jobs: asyncio.Queue[Job | Callable[[], None]] = asyncio.Queue()
        self._worker = asyncio.get_running_loop().create_task(self._work())

    @property
    def is_plain(self) -> bool:
        return False

    def sees(self, change: Change) -> WatchEvent | None:
        if not self._chooses:
            return super().sees(change)
        shown = change.new or change.old
        if shown is None or change.revision <= self.revision:
            return None
        return Unsure("MODIFIED", shown, change) if change.key.startswith(self._prefix) else None

    async def _work(self) -> None:
        while not self.closed:
            job = await self._jobs.get()
            if not isinstance(job, tuple):
                job()
                continue
            event, now_ms = job
            found = await self._converted(event)
            if isinstance(found, Refusal):
                super().end(found)
            elif found is not None:
                super().push_event(found, now_ms)

    async def _converted(self, event: WatchEvent) -> WatchEvent | Refusal | None:
        """What this watch sees of an event, its object converted; None for nothing."""
        info = self.watch.target.info
        if isinstance(event, Unsure):
            change = event.change
            old, new = await self._shown(change.old), await self._shown(change.new)
            if isinstance(old, Refusal) or isinstance(new, Refusal):
                return old if isinstance(old, Refusal) else new  # type: ignore[return-value]
            known = Change(change.revision, change.key, old, new)
            return watch_event(info, self.selectors, known)
        found = await self._shown(event.object)
        if isinstance(found, Refusal) or found is None:
            return found
        if self._chooses and not chosen(info, self.selectors, found):
            return None
        return WatchEvent(event.type, found)

    async def _shown(self, doc: Document | None) -> Document | Refusal | None:
        if doc is None:
            return None
        target = self.watch.target
        return await self._convert(stored_resource(target.info), doc, target.api_version)

    def push_event(self, event: WatchEvent, now_ms: int) -> None:
        self._jobs.put_nowait((event, now_ms))

    def push_bookmark(self, *, initial: bool = False, now_ms: int = 0) -> None:
        push = super().push_bookmark
        self._jobs.put_nowait(lambda: push(initial=initial, now_ms=now_ms))

    def end(self, refusal: Refusal | None = None) -> None:
        end = super().end
        self._jobs.put_nowait(lambda: end(refusal))

    def dispose(self) -> None:
        self._worker.cancel()


class Streams:
    """All open watches, by resource."""

    def __init__(self, encoding: Encoding, convert: Convert) -> None:
        self._encoding = encoding
        self._convert = convert
        self._open: dict[Resource, dict[Stream, None]] = {}
        self._seen: dict[Resource, Table] = {}
        self._events: object = None

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def __iter__(self) -> Iterator[Stream]:
        return (stream for streams in self._open.values() for stream in streams)

    def open(self, server: ApiServer, watch: Watch, now_ms: int) -> Stream | Refusal:
        """Open a watch: its first events are in its outbox."""
        begun = open_watch(server, watch)
        if isinstance(begun, Refusal):
            return begun
        resource = stored_resource(watch.target.info)
        options = watch.options
        selectors = read_selectors(
            watch.target.info, options.label_selector, options.field_selector
        )
        assert not isinstance(selectors, Refusal)
        stream = Stream(watch, selectors, self._encoding)
        custom = find_custom(server.store, resource)
        if custom is not None and custom.calls_out:
            chooses = chooses_converted(server.store, watch)
            stream = ConvertingStream(
                watch, selectors, self._encoding, self._convert, chooses=chooses
            )
        seen = (stream.sees(change) for change in begun.changes)
        for event in (*begun.events, *(one for one in seen if one is not None)):
            stream.push_event(event, now_ms)
        stream.revision = begun.revision
        if begun.bookmark:
            stream.push_bookmark(initial=True, now_ms=now_ms)
        if begun.failure is not None:
            stream.end(begun.failure)
            return stream
        stream.opened()
        if resource not in self._open:
            self._open[resource] = {}
            self._seen[resource] = server.store.table(resource)
        self._open[resource][stream] = None
        return stream

    def end(self) -> None:
        """End every watch: the server goes down."""
        for streams in self._open.values():
            for stream in streams:
                stream.end()

    def close(self, stream: Stream) -> None:
        """Forget a watch."""
        stream.closed = True
        stream.dispose()
        resource = stored_resource(stream.watch.target.info)
        streams = self._open.get(resource, {})
        streams.pop(stream, None)
        if not streams:
            self._open.pop(resource, None)
            self._seen.pop(resource, None)

    def moved(self, server: ApiServer, now_ms: int) -> None:
        """Hand every watch what has happened since it was last told."""
        for resource in list(self._open):
            if resource == "events":
                self._events_moved(server, now_ms)
                continue
            table, seen = server.store.table(resource), self._seen[resource]
            if table is seen:
                continue
            self._seen[resource] = table
            changes = table.changes_since(seen.revision)
            streams = self._open[resource]
            if changes is None:
                self._lose(streams)
            else:
                self._hand_out(streams, changes, now_ms)
            for stream in streams:
                stream.revision = max(stream.revision, table.revision)

    @staticmethod
    def _lose(streams: dict[Stream, None]) -> None:
        for stream in streams:
            stream.end()

    def _hand_out(
        self, streams: dict[Stream, None], changes: tuple[Change, ...], now_ms: int
    ) -> None:
        for change in changes:
            lines: dict[tuple[str, str], bytes] = {}
            for stream, event in self._viewers(streams, change):
                if not stream.is_plain:
                    stream.push_event(event, now_ms)
                    continue
                key = (event.type, stream.watch.target.api_version)
                line = lines.get(key)
                if line is None:
                    line = lines[key] = stream.encoded(event, now_ms)
                stream.push(line)

    @staticmethod
    def _viewers(
        streams: dict[Stream, None], change: Change
    ) -> Iterator[tuple[Stream, WatchEvent]]:
        seen: dict[tuple[str, str, str], WatchEvent | None] = {}
        for stream in streams:
            if change.revision <= stream.revision:
                continue
            if stream.view not in seen:
                seen[stream.view] = stream.sees(change)
            event = seen[stream.view]
            if event is not None:
                yield stream, event

    def _events_moved(self, server: ApiServer, now_ms: int) -> None:
        """Events are told from their own log, as most of them are in no table."""
        table = server.store.table("events")
        if server.events.log is self._events and table is self._seen["events"]:
            return
        self._events, self._seen["events"] = server.events.log, table
        for stream in self._open["events"]:
            options = stream.watch.options
            chosen = (stream.watch.target.namespace, options.label_selector)
            found = watch_events(server, "events", stream.revision, *chosen, options.field_selector)
            if isinstance(found, Failure):
                stream.end(found.failure())
                continue
            for event in found.unwrap():
                stream.push_event(event, now_ms)
            stream.revision = max(stream.revision, server.store.revision)
