"""What only a simulated cluster has: its clock, its faults, its story.

    GET  /kelm/v1/status           how it is
    POST /kelm/v1/clock            {"advanceMs": 300000} or {"speed": "10x"}
    POST /kelm/v1/faults           a fault as traces have it: {"input": "NodeCrashed", "node": "n"}
    POST /kelm/v1/fork             {"to": "/path/journal.db"}: the cluster as it is, as a journal
    GET  /kelm/v1/history?count=N  what happened, as lines of a timeline

These addresses are no resources, so under RBAC only those may use them who may `*` all paths.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from returns.result import Failure, Result, Success

from kelm.adapters.apiserver.engine import Engine
from kelm.adapters.apiserver.exchange import Exchange
from kelm.adapters.apiserver.journal import JournalError, write_copy
from kelm.adapters.apiserver.pace import read_speed
from kelm.adapters.simulator.inputs import INPUTS, Fault, LoadOffered, MachineBooted, NodeDrained
from kelm.adapters.simulator.targets import missing_target
from kelm.core.api import refuse
from kelm.core.operations.timeline import timeline
from kelm.effects.codec import decode
from kelm.effects.refusals import Refusal

ROOT: Final = "/kelm/v1/"
LONGEST_MS: Final = 366 * 86_400_000
SHOWN: Final = 200


class Control:
    """The addresses of one cluster's simulation."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def answer(self, exchange: Exchange) -> None:
        """Answer a request below ROOT."""
        page = (exchange.method, exchange.path.removeprefix(ROOT))
        if page == ("GET", "status"):
            await exchange.json(self.status())
        elif page == ("GET", "history"):
            await exchange.json(self.history(exchange.query.get("count", ("",))[0]))
        elif page == ("POST", "clock"):
            await self._said(exchange, await self._clock(await exchange.body()))
        elif page == ("POST", "faults"):
            await self._said(exchange, self._fault(await exchange.body()))
        elif page == ("POST", "fork"):
            await self._said(exchange, self._fork(await exchange.body()))
        else:
            await exchange.text(404, "404 page not found\n")

    @staticmethod
    async def _said(exchange: Exchange, outcome: Result[dict[str, object], str]) -> None:
        if isinstance(outcome, Failure):
            refusal: Refusal = refuse.bad_request(outcome.failure())
            await exchange.json(refusal.status(), refusal.code)
        else:
            await exchange.json(outcome.unwrap())

    def status(self) -> dict[str, object]:
        """How the cluster is."""
        cluster = self._engine.cluster
        store = cluster.store
        return {
            "pid": os.getpid(),
            "nodes": len(store.table("nodes")),
            "pods": len(store.table("pods")),
            "resourceVersion": str(store.revision),
            "nowMs": cluster.now_ms,
            "elapsedMs": cluster.elapsed_ms,
            "speed": str(self._engine.speed),
            "settled": cluster.settled(),
        }

    def history(self, count: str) -> list[dict[str, object]]:
        """The last lines of what happened."""
        wanted = int(count) if count.isascii() and count.isdigit() else SHOWN
        lines = list(timeline(self._engine.facts))[-wanted:] if wanted else []
        zero_ms = self._engine.cluster.zero_ms
        return [
            {"elapsedMs": line.at_ms - zero_ms, "told": line.told, "bad": line.bad}
            for line in lines
        ]

    async def _clock(self, raw: bytes) -> Result[dict[str, object], str]:
        asked = _object(raw)
        if isinstance(asked, Failure):
            return asked
        given = asked.unwrap()
        span_ms, speed = given.get("advanceMs"), given.get("speed")
        if isinstance(speed, str):
            read = read_speed(speed)
            if isinstance(read, Failure):
                return Failure(read.failure())
            self._engine.set_speed(read.unwrap())
        if span_ms is not None:
            if type(span_ms) is not int or not 0 <= span_ms <= LONGEST_MS:
                return Failure(f"advanceMs: milliseconds from 0 to {LONGEST_MS}, not {span_ms!r}")
            await self._engine.advance(span_ms)
        return Success(self.status())

    def _fault(self, raw: bytes) -> Result[dict[str, object], str]:
        asked = _object(raw)
        if isinstance(asked, Failure):
            return asked
        read = decode(asked.unwrap(), "input", INPUTS)
        if isinstance(read, Failure):
            return Failure(read.failure())
        fault: Fault | MachineBooted = read.unwrap()
        if isinstance(fault, MachineBooted):
            return Failure("machines boot by themselves; NodeBooted switches one on again")
        if isinstance(fault, LoadOffered | NodeDrained):
            absurd = missing_target(fault, self._engine.cluster)
            if absurd:
                return Failure(absurd)
        self._engine.inject(fault)
        return Success(self.status())

    def _fork(self, raw: bytes) -> Result[dict[str, object], str]:
        """Write the cluster down where another server can go on from it."""
        asked = _object(raw)
        if isinstance(asked, Failure):
            return asked
        path = Path(str(asked.unwrap().get("to", "")))
        if not path.is_absolute() or path.exists():
            return Failure(f"to: the absolute path of a file that is still to be made, not {path}")
        try:
            write_copy(path, self._engine.cluster)
        except JournalError as problem:
            return Failure(str(problem))
        return Success(self.status())


def _object(raw: bytes) -> Result[Mapping[str, object], str]:
    try:
        value = msgspec.json.decode(raw or b"{}")
    except msgspec.DecodeError as wrong:
        return Failure(f"the body is no JSON: {wrong}")
    return Success(value) if isinstance(value, dict) else Failure("an object is expected")
