"""A reading is no write: nobody waits until the belief shows it. A NotFound may be doubted."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from returns.result import Failure, Success

from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.core.runtime.queue import ControllerProgram
from kelm.core.store import table as tables
from kelm.core.store.table import Table
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Delete, ReadMetrics
from kelm.effects.document import Document, document
from kelm.effects.messages import Answered, Change, Observed, TimerFired
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal


class Asking(msgspec.Struct, frozen=True):
    """A controller that asks for one thing at every look, and tolerates that it is not there."""

    command: Command
    again_ms: int | None = None
    name: str = "asking"
    watches: tuple[Watch, ...] = (Watch("pods"),)
    workers: int = 1

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        return ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return ("n/a",)

    def reconcile(self, sync: Sync) -> Plan:
        again_at_ms = None if self.again_ms is None else sync.now_ms + self.again_ms
        tolerated = frozenset({Reason.NOT_FOUND})
        return Plan(((self.command,),), again_at_ms=again_at_ms, tolerated=tolerated)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def looked(asking: Asking, pods: Table, outcome: object) -> tuple[object, object, int | None]:
    """The program after its first request was answered so, and when it wants to be woken."""
    program = ControllerProgram(asking)
    state, _ = program.init()
    state, _ = program.update(state, Observed(0, "pods", pods, (), replaced=True))
    state, requests = program.update(state, TimerFired(0))
    state, _ = program.update(state, Answered(1, requests[0].id, outcome))  # type: ignore[arg-type]
    return program, state, program.subscriptions(state).wake_at_ms


def test_measures_with_a_resource_version_are_waited_for_by_nobody() -> None:
    answer = Success(Document(metadata=Document(resourceVersion="999")))
    program, state, _ = looked(Asking(ReadMetrics("resource"), 10), Table("pods"), answer)
    _, requests = program.update(state, TimerFired(10))  # type: ignore[attr-defined]
    assert [request.command for request in requests] == [ReadMetrics("resource")]


def test_a_notfound_is_believed_where_nothing_is_seen_and_doubted_where_it_is() -> None:
    gone = Failure(Refusal(Reason.NOT_FOUND, "gone"))
    pod = document({"metadata": {"name": "a", "namespace": "n", "uid": "u"}})
    seen = tables.put(Table("pods"), "n/a", pod, 1)
    delete = Asking(Delete("pods", "n", "a", uid="u"))
    namesake = Asking(Delete("pods", "n", "a", uid="other"))
    assert looked(delete, Table("pods"), gone)[2] is None
    assert looked(namesake, seen, gone)[2] is None
    assert looked(delete, seen, gone)[2] == 6
