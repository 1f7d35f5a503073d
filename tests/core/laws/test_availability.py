"""Availability and recovery from histories that a person can follow."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kelm.core.laws.availability import availability, measure
from kelm.core.laws.recovery import recoveries, replicas
from kelm.core.laws.series import Step, Window, extended, stretches, windows_where
from kelm.core.store.store import Store
from kelm.effects.document import document
from tests.core.network.bench import START_MS, Bench


class Recorder:
    """A bench that keeps every state of its store."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.history: list[tuple[int, Store]] = []
        self.down: list[tuple[int, frozenset[str]]] = []

    def at(self, at_ms: int) -> Bench:
        self.bench.now_ms = START_MS + at_ms
        return self.bench

    def keep(self) -> None:
        self.bench.settle()
        self.history.append((self.bench.now_ms - START_MS, self.bench.server.store))


def two_pods() -> Recorder:
    recorder = Recorder()
    one = recorder.at(0)
    for number in (1, 2):
        one.node(f"node-{number}")
    one.service()
    recorder.keep()
    one = recorder.at(1_000)
    for number in (1, 2):
        one.pod(f"p{number}")
        one.run(f"p{number}", f"10.0.0.{number}", node=f"node-{number}")
    recorder.keep()
    return recorder


def test_a_crash_costs_half_until_the_endpoint_is_taken_out() -> None:
    recorder = two_pods()
    recorder.down.append((10_000, frozenset({"node-1"})))
    recorder.at(50_000).status("p1", "10.0.0.1", ready=False)
    recorder.keep()
    series = measure(recorder.history, recorder.down)["default/web"]
    assert series == (Step(0, 0.0), Step(1_000, 1.0), Step(10_000, 0.5), Step(50_000, 1.0))
    found = availability(series, 101_000)
    assert found.first_answer_ms == 1_000
    assert found.fraction == 0.8
    assert found.failed_requests(requests_per_second=10) == 200
    assert found.outages == () and found.degraded == (Window(10_000, 50_000),)


def test_a_container_that_stopped_does_not_answer_although_it_is_listed() -> None:
    recorder = two_pods()
    one = recorder.at(5_000)
    one.processes.clear()
    one.status("p1", "10.0.0.1", ready=True, phase="Failed")
    recorder.keep()
    assert measure(recorder.history)["default/web"][-1] == Step(5_000, 0.5)


def test_a_service_that_is_gone_is_not_missed() -> None:
    recorder = two_pods()
    recorder.at(2_000).delete("services", "web")
    recorder.keep()
    series = measure(recorder.history)["default/web"]
    assert series[-1] == Step(2_000, None)
    assert availability(series, 1_000_000).fraction == 1.0


def test_a_service_that_never_answered_was_not_available() -> None:
    found = availability((Step(0, 0.0),), 5_000)
    assert (found.fraction, found.first_answer_ms) == (0.0, None)
    assert found.outages == (Window(0, 5_000),)


def test_a_fault_nobody_feels_is_recovered_from_at_once() -> None:
    (found,) = recoveries([(10, "crash")], {"web": (Step(0, 1.0),)}, 100)
    assert (found.felt_ms, found.recovered_ms) == (None, 0)


def test_what_is_still_broken_at_the_end_has_not_recovered() -> None:
    (found,) = recoveries([(10, "crash")], {"web": (Step(0, 1.0), Step(20, 0.0))}, 100)
    assert (found.felt_ms, found.recovered_ms, found.last) == (10, None, "web")


def test_the_slowest_thing_decides() -> None:
    histories = {
        "service": (Step(0, 1.0), Step(10, 0.5), Step(50, 1.0)),
        "deployment": (Step(0, 1.0), Step(50, 0.5), Step(340, 1.0)),
    }
    (found,) = recoveries([(10, "crash")], histories, 1_000)
    assert (found.felt_ms, found.recovered_ms, found.last) == (0, 330, "deployment")


def test_replicas_are_counted_as_the_api_sees_them() -> None:
    def deployment(available: int, version: int) -> Any:
        meta = {"name": "web", "namespace": "default", "resourceVersion": str(version)}
        status = {"availableReplicas": available}
        return document({"metadata": meta, "spec": {"replicas": 4}, "status": status})

    history, store = [], Store()
    for at_ms, available in ((0, 0), (5, 4), (9, 3)):
        store = store.put("deployments.apps", "default/web", deployment(available, 0))
        history.append((at_ms, store))
    assert replicas(history) == {
        "deployments.apps default/web": (Step(0, 0.0), Step(5, 1.0), Step(9, 0.75))
    }


VALUES = st.sampled_from([None, 0.0, 0.5, 1.0])
SERIES = st.lists(st.tuples(st.integers(0, 50), VALUES), max_size=12).map(
    lambda steps: tuple(Step(at, value) for at, value in sorted(dict(steps).items()))
)


@given(SERIES, st.integers(0, 60))
def test_the_parts_of_a_history_are_the_whole(series: tuple[Step, ...], until_ms: int) -> None:
    found = availability(series, until_ms)
    second_by_second = [
        value for window, value in stretches(series, until_ms) for _ in range(window.length_ms)
    ]
    answered = next((i for i, value in enumerate(second_by_second) if value), None)
    assert (answered is None) == (found.first_answer_ms is None)
    if answered is not None:
        counted = [value for value in second_by_second[answered:] if value is not None]
        assert abs(found.fraction - sum(counted) / len(counted)) < 1e-9
        down = sum(window.length_ms for window in found.outages)
        assert down == sum(value == 0 for value in counted)


@given(st.lists(st.tuples(st.integers(0, 5), VALUES), max_size=20))
def test_steps_that_say_nothing_new_are_not_kept(given_steps: Any) -> None:
    series: tuple[Step, ...] = ()
    at_ms = 0
    for after_ms, value in given_steps:
        at_ms += after_ms
        series = extended(series, at_ms, value)
        assert series[-1].value == value
    for left, right in itertools.pairwise(series):
        assert left.from_ms < right.from_ms and left.value != right.value


def test_windows_join_where_they_touch() -> None:
    series = (Step(0, 0.0), Step(5, 0.5), Step(9, 1.0), Step(12, 0.0))
    assert windows_where(series, 20, lambda value: value < 1) == (Window(0, 9), Window(12, 20))
