"""A recorded life is replayed as it was, and a change of mind is found."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from returns.result import Success

from kelm.adapters.kubernetes.replay import TraceError, replay
from kelm.adapters.kubernetes.trace import Recorder
from kelm.core.controllers.workloads.replicaset.controller import ReplicaSetController
from kelm.core.runtime.queue import ControllerProgram
from kelm.core.store import table as tables
from kelm.core.store.table import Table
from kelm.effects.commands import Create, Get, Request, Requests
from kelm.effects.document import Document, document, with_value
from kelm.effects.laws import Step
from kelm.effects.messages import Answered, Message, Observed, TimerFired
from kelm.effects.program import Subscriptions

LABELS = {"app": "web"}
SET = document(
    {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": "web",
            "namespace": "n",
            "uid": "u",
            "resourceVersion": "3",
            "generation": 1,
        },
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
        "status": {"replicas": 0},
    }
)


def recorded() -> list[str]:
    """A ReplicaSet makes its pods and is scaled up, as a trace."""
    lines: list[str] = []
    program = ControllerProgram(ReplicaSetController())
    recorder = Recorder(lines.append, (program,))
    state, asked = program.init()
    recorder(program.name, Step(None, asked, program.subscriptions(state).wake_at_ms))
    pods, sets = Table("pods"), tables.put(Table("replicasets.apps"), "n/web", SET, 3)
    now_ms = 1_000

    def tell(message: Message) -> None:
        nonlocal state, pods, now_ms
        state, requests = program.update(state, message)
        wake_at_ms = program.subscriptions(state).wake_at_ms
        recorder(program.name, Step(message, requests, wake_at_ms))
        for request in requests:
            if not isinstance(request.command, Create):
                continue
            revision = max(pods.revision, 3) + 1
            name = f"web-{revision}"
            meta = {
                **request.command.object["metadata"],  # type: ignore[dict-item]
                "name": name,
                "namespace": "n",
                "uid": name,
                "resourceVersion": str(revision),
            }
            pod = with_value(request.command.object, ("metadata",), document(meta))
            pods = tables.put(pods, f"n/{name}", pod, revision)
            tell(Answered(now_ms, request.id, Success(pod)))
        if wake_at_ms is not None and wake_at_ms <= now_ms:
            now_ms += 1
            tell(TimerFired(now_ms))

    tell(Observed(now_ms, "pods", pods, (), replaced=True))
    tell(Observed(now_ms, "replicasets.apps", sets, (), replaced=True))
    tell(Observed(now_ms, "pods", pods, pods.changes_since(0) or ()))
    grown = with_value(SET, ("spec", "replicas"), 3)
    more = tables.put(sets, "n/web", grown, 20)
    tell(Observed(now_ms, "replicasets.apps", more, more.changes_since(3) or ()))
    return lines


def same(given: Any) -> Any:
    assert given == {"name": "replicaset-controller"}
    return ControllerProgram(ReplicaSetController())


def test_the_same_program_does_the_same() -> None:
    lines = recorded()
    assert sum(line.count('"command":"Create"') for line in lines) == 2
    done = replay(lines, same)
    assert done.difference is None and done.steps == len(lines) - 2


def test_another_mind_is_found_at_its_first_step() -> None:
    class Timid(ReplicaSetController, frozen=True):
        def reconcile(self, sync: Any) -> Any:
            plan = super().reconcile(sync)
            batches = tuple(batch[:1] for batch in plan.batches)
            return type(plan)(batches, plan.memory, plan.again_at_ms, plan.tolerated)

    lines = recorded()
    found = replay(lines, lambda _: ControllerProgram(Timid())).difference
    assert found is None or found.field.startswith("asked")
    changed = [line.replace('"image":"i"', '"image":"j"', 1) for line in lines]
    found = replay(changed, same).difference
    assert found is not None and found.process == "replicaset-controller"
    assert found.field == "asked[0]" and '"j"' in str(found).replace("'", '"')


class Counting(msgspec.Struct, frozen=True):
    """Asks for what has as many letters as there were changes."""

    name: str = "counting"

    def init(self) -> tuple[None, Requests]:
        return None, ()

    def subscriptions(self, _state: None) -> Subscriptions:
        return Subscriptions()

    def update(self, _state: None, message: Message) -> tuple[None, Requests]:
        count = len(message.changes) if isinstance(message, Observed) else 0
        return None, (Request(1, Get("pods", "n", "x" * count)),)


def test_a_program_that_was_told_a_part_is_told_that_part_again() -> None:
    lines: list[str] = []
    program = Counting()
    recorder = Recorder(lines.append, (program,))
    before = tables.put(Table("pods"), "n/a", document({"metadata": {"name": "a"}}), 1)
    after = before
    for revision, name in enumerate("bcd", 2):
        doc = document({"metadata": {"name": name}})
        after = tables.put(after, f"n/{name}", doc, revision)
    changes = after.changes_since(1) or ()
    recorder(program.name, Step(None))
    for message in (
        Observed(1, "pods", before, (), replaced=True),
        Observed(2, "pods", after, changes[1:2]),
    ):
        recorder(program.name, Step(message, program.update(None, message)[1]))
    assert '"told":[3]' in lines[-1]
    assert replay(lines, lambda _: program).difference is None


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["{}"], "no trace of Programs"),
        (["nonsense"], "line 1 is no JSON"),
        (['{"format":"kelm-program-trace/1"}', '{"process":"x"}'], "never started"),
        (
            ['{"format":"kelm-program-trace/1"}', '{"process":"x","program":{"name":"x"}}'],
            'no Program is called "x"',
        ),
    ],
)
def test_what_is_no_trace_is_told(lines: list[str], told: str) -> None:
    with pytest.raises(TraceError, match=told):
        replay(lines, lambda _: None)


def test_a_document_in_a_trace_is_whole() -> None:
    assert any('"matchLabels":{"app":"web"}' in line for line in recorded())
    assert isinstance(SET["spec"], Document)
