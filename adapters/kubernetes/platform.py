"""The real cluster as a platform: Programs run here as they do on the simulator.

One event loop, one thread: an update never meets another. Watches are shared by all Programs of
the platform, requests go out side by side, timers follow the wall clock, which is kept from
going back.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

from kelm.adapters.kubernetes.catalogue import Resources
from kelm.adapters.kubernetes.event_writer import EventWriter
from kelm.adapters.kubernetes.feed import Feeds
from kelm.adapters.kubernetes.meters import LOG, Meters
from kelm.adapters.kubernetes.process import Process
from kelm.adapters.kubernetes.requests.carrier import Carrier, Deposed
from kelm.adapters.kubernetes.requests.wire import Wire
from kelm.adapters.kubernetes.settings import Settings
from kelm.core.store.relist import version_of
from kelm.effects.commands import Command, RecordEvent, Request
from kelm.effects.laws import Step
from kelm.effects.messages import Answered, Message, Outcome, TimerFired
from kelm.effects.program import Program, Watch

Observer = Callable[[str, Step], None]
"""Told every update of every Program: its name, and what it heard and asked."""
STOP_SECONDS = 5.0


def unchanged(watch: Watch) -> Watch:
    """Watch exactly what a Program asks for."""
    return watch


class KubernetesPlatform:
    """Satisfies `kelm.effects.platform.Platform` on a running event loop."""

    def __init__(
        self,
        wire: Wire,
        settings: Settings | None = None,
        *,
        meters: Meters | None = None,
        resources: Resources | None = None,
        carrier: Carrier | None = None,
        widen: Callable[[Watch], Watch] = unchanged,
        observer: Observer | None = None,
        seed: int | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.meters = meters or Meters()
        self.dice = random.Random(seed)
        self.resources = resources or Resources(wire)
        self.carrier = carrier or Carrier(
            wire, self.resources, self.settings, self.meters, self.dice
        )
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._events = EventWriter(self.carrier)
        self._feeds = Feeds(
            wire, self.resources, self.settings, self.meters, self.dice, widen, self._wake_up
        )
        self._observer = observer
        self._processes: dict[str, Process] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._now_ms = 0
        self._loop = asyncio.get_running_loop()

    @property
    def now_ms(self) -> int:
        """The wall clock; it waits where the clock is set back."""
        self._now_ms = max(self._now_ms, time.time_ns() // 1_000_000)
        return self._now_ms

    def start(self, name: str, program: Program[Any]) -> None:
        """Start a Program; one of that name is replaced, and nothing meant for it arrives."""
        self.stop(name)
        process = Process(name, program)
        self._processes[name] = process
        self._guarded(lambda: self._become(process, None, *program.init()))

    def stop(self, name: str) -> None:
        """Stop a Program."""
        process = self._processes.pop(name, None)
        if process is not None:
            process.end()
            self._feeds.forget(process)

    def state(self, name: str) -> Any:
        """The present state of a Program."""
        return self._processes[name].state

    def tell(self, name: str, message: Any) -> None:
        """Hand a message to a Program now, as a machine is told that a container crashed."""
        process = self._processes[name]
        self._guarded(lambda: self._update(process, message))

    async def close(self) -> None:
        """Stop everything; requests under way get a few seconds to come back."""
        for name in list(self._processes):
            self.stop(name)
        await self._events.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._feeds.close()
        if not self.failed.done():
            self.failed.cancel()

    # -- one update ----------------------------------------------------------------------------

    def _guarded(self, act: Callable[[], None]) -> None:
        """A Program that raises has a bug: the platform ends, and says so."""
        try:
            act()
        except Exception as bug:
            LOG.critical("a Program failed", exc_info=bug)
            if not self.failed.done():
                self.failed.set_exception(bug)

    def _update(self, process: Process, message: Message) -> None:
        start = time.perf_counter()
        state, requests = process.program.update(process.state, message)
        self.meters.updates.labels(process.kind).inc()
        self.meters.update_seconds.labels(process.kind).inc(time.perf_counter() - start)
        self._become(process, message, state, requests)

    def _become(
        self,
        process: Process,
        heard: Message | None,
        state: Any,
        requests: tuple[Request, ...],
    ) -> None:
        process.state = state
        subscriptions = process.program.subscriptions(state)
        if self._observer is not None:
            self._observer(process.name, Step(heard, requests, subscriptions.wake_at_ms))
        for request in requests:
            self._ask(process, request)
        if process.subscribe(subscriptions):
            self._feeds.register(process)
        self._set_timer(process, subscriptions.wake_at_ms)

    # -- watches -------------------------------------------------------------------------------

    def _wake_up(self, process: Process, index: int) -> None:
        """A watch of a process has something to tell: tell it once the present turn is over."""
        if not process.delivering[index]:
            process.delivering[index] = True
            self._loop.call_soon(self._deliver, process, process.life, index)

    def _deliver(self, process: Process, life: int, index: int) -> None:
        if process.life != life or index >= len(process.delivering):
            return
        process.delivering[index] = False
        message = self._feeds.next_message(process, index, self.now_ms)
        if message is None:
            return
        if process.saw_later(index, message):
            LOG.warning(
                "the history of %s was replaced: %s starts anew", message.resource, process.name
            )
            self.start(process.name, process.program)
            return
        self._guarded(lambda: self._update(process, message))

    # -- timers --------------------------------------------------------------------------------

    def _set_timer(self, process: Process, wake_at_ms: int | None) -> None:
        if process.timer is not None:
            if process.wake_at_ms == wake_at_ms:
                return
            process.timer.cancel()
            process.timer = None
        process.wake_at_ms = wake_at_ms
        if wake_at_ms is not None and process.alive:
            delay = max(0, wake_at_ms - self.now_ms) / 1_000
            process.timer = self._loop.call_later(delay, self._fire, process, process.life)

    def _fire(self, process: Process, life: int) -> None:
        if process.life != life:
            return
        wake_at_ms, process.timer = process.wake_at_ms, None
        now_ms = self.now_ms
        if wake_at_ms is None or now_ms < wake_at_ms:
            self._set_timer(process, wake_at_ms)
            return
        process.wake_at_ms = None
        self._guarded(lambda: self._update(process, TimerFired(now_ms)))

    # -- requests ------------------------------------------------------------------------------

    def _ask(self, process: Process, request: Request) -> None:
        command = request.command
        if isinstance(command, RecordEvent):
            self._events.record(command, self.now_ms)
            return
        task = self._loop.create_task(self._carry_out(process, process.life, request.id, command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, process: Process, life: int, number: int, command: Command) -> None:
        try:
            outcome = await self.carrier.carry_out(command)
        except Deposed:
            return
        except Exception as bug:
            LOG.critical("a command failed", exc_info=bug)
            if not self.failed.done():
                self.failed.set_exception(bug)
            return
        self._note_write(command, outcome)
        if number and process.life == life:
            answer = Answered(self.now_ms, number, outcome)
            self._guarded(lambda: self._update(process, answer))

    def _note_write(self, command: Command, outcome: Outcome) -> None:
        doc = outcome.value_or(None)
        if doc is not None:
            self._feeds.wrote(getattr(command, "resource", "pods"), version_of(doc))
