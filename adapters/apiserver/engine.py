"""The simulated cluster behind the API, driven in real time, in the server's own event loop.

Requests are carried out one after the other at the cluster time that it is now; between them the
cluster does whatever has become due, in short turns, so that no request waits long. Everybody who
watches is told after each.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from typing import Final

from kelm.adapters.apiserver.journal import Journal
from kelm.adapters.apiserver.outside.caller import Caller
from kelm.adapters.apiserver.outside.others import Others
from kelm.adapters.apiserver.pace import JUMP_MS, Pace, Speed
from kelm.adapters.simulator import inputs
from kelm.adapters.simulator.cluster import Cluster
from kelm.adapters.simulator.events import Dial, Reached
from kelm.adapters.simulator.loop import Simulator
from kelm.core.api.conversation import ADMIN, Asker, Concluded, OutsideCall, Show, Wanted
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.server import ApiServer
from kelm.core.api.webhooks.hearing import Reply
from kelm.core.metrics.served import metric_infos
from kelm.core.operations.timeline import Fact
from kelm.effects.address import Resource
from kelm.effects.document import Document, children, text
from kelm.effects.messages import unwrap_or_failure
from kelm.effects.refusals import Refusal

TURN_S: Final = 0.005
"""How long the cluster works before others have their turn."""
BEFORE_A_REQUEST_S: Final = 0.002
STEPS_BETWEEN_LOOKS: Final = 16
PAUSED_LOOK_S: Final = 0.02
CALLS: Final = (Dial, Reached)
SETTLED_EVERY_MS: Final = 1_000
IDLE_S: Final = 3_600.0
KEPT_EVERY_S: Final = 1.0


class Engine:
    """A cluster and its clock. `moved` is called whenever the API server may have changed."""

    _writing: asyncio.Future[None] | None = None
    """Done when what was asked for is on the disk, where that is waited for."""

    def __init__(
        self,
        cluster: Cluster,
        speed: Speed,
        journal: Journal | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cluster = cluster
        self._journal = journal
        self.moved: Callable[[ApiServer], None] = lambda _server: None
        self._clock = clock
        self._pace = Pace(speed, clock(), cluster.now_ms)
        self._wake = asyncio.Event()
        self._jump_until_ms = cluster.now_ms + JUMP_MS
        self._looked_ms = 0
        self._settled = False
        self._keep_at_s = 0.0
        self._ends: dict[int, asyncio.Future[Concluded]] = {}
        self._caller = Caller()
        self._calling: set[asyncio.Task[Reply]] = set()
        conversations = cluster.simulator.conversations
        self._inside, conversations.on_call = conversations.on_call, self._call
        conversations.on_concluded = self._concluded

    @property
    def others(self) -> Others:
        """The way to other API servers, outside of the cluster."""
        return self._caller.others

    @property
    def metrics(self) -> tuple[ResourceInfo, ...]:
        """What the metrics APIs serve beside the API server's own resources."""
        return metric_infos(self.cluster.measuring.loads)

    @property
    def server(self) -> ApiServer:
        return self.cluster.api

    @property
    def now_ms(self) -> int:
        return self.cluster.now_ms

    @property
    def speed(self) -> Speed:
        return self._pace.speed

    def set_speed(self, speed: Speed) -> None:
        """Go on at another pace from here."""
        self._turn(BEFORE_A_REQUEST_S)
        self._pace = Pace(speed, self._clock(), self.cluster.now_ms)
        self._wake.set()

    def catch_up(self) -> None:
        """Do what is due by now, as before every request."""
        self._turn(BEFORE_A_REQUEST_S)

    async def shown(self, resource: Resource, doc: Document, version: str) -> Document | Refusal:
        """A custom object in another version, which its definition's webhook may have to make."""
        done = await self.ask(Show(resource, (doc,)), Asker(api_version=version))
        found = unwrap_or_failure(done.outcome)
        return found if isinstance(found, Refusal) else children(found, "items")[0]

    async def ask(self, command: Wanted, asker: Asker = ADMIN) -> Concluded:
        """Carry out a request now, or as soon as its webhooks have answered."""
        self._turn(BEFORE_A_REQUEST_S)
        before = self.cluster.store
        done = self.cluster.begin(command, asker)
        if self.cluster.store is not before:
            self._stir()
            self._written_soon()
        await self.written()
        return done if isinstance(done, Concluded) else await self._end_of(done)

    def _written_soon(self) -> None:
        """Write down what is new: now, or where the disk is waited for with all that is asked for
        at the same time."""
        if self._journal is None or not self._journal.durable:
            self._tell()
        elif self._writing is None:
            loop = asyncio.get_running_loop()
            self._writing = loop.create_future()
            loop.call_soon(self._write_all)

    def _write_all(self) -> None:
        writing, self._writing = self._writing, None
        assert writing is not None
        try:
            self._tell()
        except sqlite3.Error as problem:
            writing.set_exception(problem)
        else:
            writing.set_result(None)

    async def written(self) -> None:
        """Return once everything that has happened is written down."""
        if self._writing is not None:
            await asyncio.shield(self._writing)

    def _stir(self) -> None:
        """Something happened that the cluster has to deal with."""
        self._jump_until_ms = self.cluster.now_ms + JUMP_MS
        self._settled = False
        self._wake.set()

    async def _end_of(self, number: int) -> Concluded:
        """The end of a request that waits. A clock that stands still goes on until then."""
        end: asyncio.Future[Concluded] = asyncio.get_running_loop().create_future()
        self._ends[number] = end
        self._stir()
        future = self.cluster.simulator.future
        while self.speed.factor == 0 and not end.done():
            next_ms = future.next_ms
            if next_ms is not None and any(isinstance(one, CALLS) for one in future.pending()):
                await self.advance(max(0, next_ms - self.cluster.now_ms))
            await asyncio.wait((end,), timeout=PAUSED_LOOK_S)
        return await end

    def _concluded(self, number: int, concluded: Concluded) -> None:
        end = self._ends.pop(number, None)
        if end is not None and not end.done():
            end.set_result(concluded)

    def _call(self, simulator: Simulator, number: int, call: OutsideCall) -> Reply | None:
        """Have a webhook called: one with a URL that the cluster does not know, in earnest."""
        if not self._calls_out(call):
            return self._inside(simulator, number, call)
        calling = asyncio.get_running_loop().create_task(self._caller.call(call))
        self._calling.add(calling)

        def came(done: asyncio.Task[Reply]) -> None:
            self._calling.discard(done)
            if not done.cancelled():
                simulator.conversations.replied(simulator, number, call.uid, done.result())
                self._stir()

        calling.add_done_callback(came)
        return None

    def _calls_out(self, call: OutsideCall) -> bool:
        url = text(call.question.client, "url")
        return bool(url) and url not in self.cluster.settings.control_plane.webhooks

    def _keep(self) -> None:
        """Write down what machines know, every now and then."""
        if self._journal is not None and self._clock() >= self._keep_at_s:
            self._journal.machines.write(self.cluster)
            self._keep_at_s = self._clock() + KEPT_EVERY_S

    async def close(self) -> None:
        """Give up the calls that are out, and their connections; write down what is not yet."""
        self._keep_at_s = 0.0
        self._keep()
        for calling in tuple(self._calling):
            calling.cancel()
        await self._caller.close()

    def settle(self) -> None:
        """Do what is due by now, so that whoever looks finds the present."""
        self._turn(BEFORE_A_REQUEST_S)

    def _tell(self) -> None:
        """Write down what is new, and then let everybody know."""
        if self._journal is not None:
            self._journal.write(self.cluster)
        self.moved(self.cluster.api)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What has happened, as far as it is remembered."""
        return self.cluster.facts

    def inject(self, fault: inputs.Fault) -> None:
        """Have a fault happen now."""
        self._turn(BEFORE_A_REQUEST_S)
        self._keep_at_s = 0.0
        self.cluster.inject(fault)
        self._jump_until_ms = self.cluster.now_ms + JUMP_MS
        self._settled = False
        self._wake.set()

    async def advance(self, span_ms: int) -> None:
        """Let a span of cluster time pass at once."""
        until_ms = self.cluster.now_ms + span_ms
        while not self._run(until_ms, self._budget(TURN_S)):
            self._tell()
            await asyncio.sleep(0)
        self._pace = Pace(self._pace.speed, self._clock(), self.cluster.now_ms)
        self._tell()
        self._wake.set()

    async def run(self) -> None:
        """Drive the cluster for ever."""
        while True:
            self._wake.clear()
            if not self._turn(TURN_S):
                await asyncio.sleep(0)
                continue
            if self._skip():
                await asyncio.sleep(0)
                continue
            try:
                await asyncio.wait_for(self._wake.wait(), self._idle_s())
            except TimeoutError:
                continue

    def _run(self, until_ms: int, more: Callable[[], bool]) -> bool:
        """Run while `more()` says so; whether that reached the time, which then it is."""
        simulator, future = self.cluster.simulator, self.cluster.simulator.future
        while (next_ms := future.next_ms) is not None and next_ms <= until_ms:
            if not more():
                return False
            simulator.step()
        future.now_ms = max(future.now_ms, until_ms)
        return True

    def _budget(self, seconds: float) -> Callable[[], bool]:
        """Whether there is time left, looked up every few steps."""
        end, steps = self._clock() + seconds, 0

        def left() -> bool:
            nonlocal steps
            steps += 1
            return bool(steps % STEPS_BETWEEN_LOOKS) or self._clock() < end

        return left

    def _turn(self, seconds: float) -> bool:
        """Do what is due, for a while; whether all of it is done."""
        until_ms = self._pace.cluster_ms_at(self._clock())
        if until_ms < self.cluster.now_ms:
            return True
        before = self.cluster.api
        done = self._run(until_ms, self._budget(seconds))
        if self.cluster.api is not before:
            self._tell()
        self._keep()
        return done

    def _skip(self) -> bool:
        """Jump to what happens next, if waiting is skipped and something is still to settle."""
        cluster, next_ms = self.cluster, self.cluster.simulator.future.next_ms
        if not self.speed.skips or next_ms is None or next_ms > self._jump_until_ms:
            return False
        if cluster.now_ms >= self._looked_ms + SETTLED_EVERY_MS or not self._settled:
            self._settled = cluster.settled()
            self._looked_ms = cluster.now_ms
        if self._settled:
            return False
        self._pace = Pace(self.speed, self._clock(), max(next_ms, cluster.now_ms))
        return True

    def _idle_s(self) -> float:
        next_ms = self.cluster.simulator.future.next_ms
        due_s = None if next_ms is None else self._pace.real_s_at(next_ms)
        return IDLE_S if due_s is None else max(0.0, min(due_s - self._clock(), IDLE_S))
