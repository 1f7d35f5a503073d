"""Events as clients write them: counted, combined and dropped by the core's memory, best effort.

Nobody waits for an event. They are written one after the other behind a short queue; what does
not fit is dropped, and what fails is dropped, too.

Source: kubernetes v1.36, client-go/tools/record/event.go (recordToSink, recordEvent).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import OrderedDict
from typing import Final

import msgspec
from returns.result import Success

from kelm.adapters.kubernetes.meters import LOG
from kelm.adapters.kubernetes.requests.carrier import Carrier, Deposed
from kelm.core.api.events.correlation import EventMemory, Observation, observe, remember
from kelm.core.api.events.log import EventRecord, document_of
from kelm.effects.commands import Command, Create, Patch, RecordEvent
from kelm.effects.document import Document, Json, text
from kelm.effects.refusals import Reason

QUEUED: Final = 1_000
KEPT: Final = 4_096
COUNTED: Final = ("count", "firstTimestamp", "lastTimestamp", "message", "series")


class EventWriter:
    """The recorders of all Programs of a platform."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._memory = EventMemory()
        self._written: OrderedDict[int, EventRecord] = OrderedDict()
        self._next = 0
        self._queue: asyncio.Queue[EventRecord] = asyncio.Queue(QUEUED)
        self._task: asyncio.Task[None] | None = None
        self._host = socket.gethostname()

    def record(self, command: RecordEvent, now_ms: int) -> None:
        """Take note of an event; it is written when its turn comes."""
        seen = observe(self._memory, command, now_ms)
        number = -1 if seen.number is None else seen.number
        if seen.write and not self._queue.full():
            record = self._record(seen, command, now_ms)
            number = record.number
            self._keep(record)
            self._queue.put_nowait(record)
            if self._task is None:
                self._task = asyncio.get_running_loop().create_task(self._write_all())
        self._memory = remember(self._memory, seen, number, now_ms)

    def _record(self, seen: Observation, command: RecordEvent, now_ms: int) -> EventRecord:
        old = self._written.get(seen.number) if seen.number is not None else None
        if old is not None:
            return msgspec.structs.replace(
                old, count=seen.count, last_ms=now_ms, message=seen.message
            )
        number, self._next = self._next, self._next + 1
        if not command.host and command.action:
            command = msgspec.structs.replace(command, host=f"{command.component}-{self._host}")
        return EventRecord(number, 0, 0, seen.count, now_ms, now_ms, command, seen.message)

    def _keep(self, record: EventRecord) -> None:
        self._written[record.number] = record
        self._written.move_to_end(record.number)
        if len(self._written) > KEPT:
            self._written.popitem(last=False)

    async def _write_all(self) -> None:
        while True:
            record = await self._queue.get()
            try:
                await self._write(record)
            except Deposed:
                return
            finally:
                self._queue.task_done()

    async def _write(self, record: EventRecord) -> None:
        if record.first_ms != record.last_ms or record.count > 1:
            outcome = await self._carrier.carry_out(patched(record))
            if isinstance(outcome, Success):
                return
            if outcome.failure().reason is not Reason.NOT_FOUND:
                LOG.debug("an event was not written: %s", outcome.failure().message)
                return
        outcome = await self._carrier.carry_out(created(record))
        if not isinstance(outcome, Success):
            LOG.debug("an event was not written: %s", outcome.failure().message)

    async def close(self) -> None:
        """Give what is queued a moment, then stop."""
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._queue.join(), 1.0)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def created(record: EventRecord) -> Command:
    """The command that writes a new event."""
    doc = document_of(record, 0)
    meta = Document(name=record.name, namespace=record.namespace)
    fields: dict[str, Json] = {key: item for key, item in doc.items() if item is not None}
    return Create("events", record.namespace, Document({**fields, "metadata": meta}))


def patched(record: EventRecord) -> Command:
    """The command that counts a known event up."""
    doc = document_of(record, 0)
    fields = {key: doc[key] for key in COUNTED if doc.get(key) is not None}
    name = text(doc, "metadata", "name")
    return Patch("events", record.namespace, name, Document(fields), "strategic")
