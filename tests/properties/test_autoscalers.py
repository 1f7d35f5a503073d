"""What autoscalers promise whatever befalls: bounds, patience, rest, and the number that is due."""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.inputs import (
    AnswersLost,
    FaultsEnded,
    LoadOffered,
    NodeBooted,
    NodeCrashed,
    ProcessRestarted,
    RequestsRefused,
    WatchStalled,
)
from kelm.core.controllers.horizontal_pod_autoscaler.behavior import Policy, Rules, stabilized
from kelm.core.controllers.horizontal_pod_autoscaler.memory import Memory, Past
from kelm.core.controllers.horizontal_pod_autoscaler.normalize import normalized
from kelm.core.controllers.horizontal_pod_autoscaler.selecting import Known
from kelm.core.controllers.horizontal_pod_autoscaler.spec import Spec
from kelm.core.objects.selectors.labels import NOTHING, of_labels
from kelm.core.operations.verbs import Scale
from kelm.effects.document import EMPTY, Document
from kelm.effects.refusals import Reason
from tests.core.controllers.test_horizontal_pod_autoscaler import (
    HPAS,
    LOOP,
    WEB,
    autoscaler,
    workload,
)

LEAST, MOST = 2, 7
ANYONE = st.sampled_from([LOOP, LOOP, "deployment-controller", "replicaset-controller", ""])
FAULTS = st.one_of(
    st.builds(RequestsRefused, ANYONE, st.sampled_from(list(Reason)), st.integers(1, 6)),
    st.builds(AnswersLost, ANYONE, st.integers(1, 4)),
    st.builds(WatchStalled, ANYONE.filter(bool), st.integers(1, 60_000)),
    st.builds(ProcessRestarted, ANYONE.filter(bool)),
    st.builds(NodeCrashed, st.just("node-1")),
)
DEEDS = st.one_of(
    FAULTS,
    st.integers(0, 12).map(lambda n: ("load", n * 50)),
    st.integers(1, 12).map(lambda n: ("scale", n)),
)
STORM = st.lists(st.tuples(DEEDS, st.sampled_from([1, 700, 15_000, 40_000])), max_size=7)


def play(cluster: Cluster, storm: list[tuple[Any, int]], load: int) -> int:
    """Let a storm happen and end it; the load that there is then, in thousandths."""
    for what, pause_ms in storm:
        if not isinstance(what, tuple):
            cluster.inject(what)
        elif what[0] == "load":
            load = what[1]
            offer(cluster, load)
        else:
            cluster.do(Scale(WEB, what[1]))
        cluster.run(pause_ms)
    cluster.inject(NodeBooted("node-1"))
    cluster.inject(FaultsEnded())
    return load


def offer(cluster: Cluster, milli: int) -> None:
    amounts = Document(cpu=f"{milli}m")
    cluster.inject(LoadOffered(WEB.resource, "default", "web", amounts))


def replicas(cluster: Cluster) -> int:
    return cluster.get(WEB.resource, "web")["spec"]["replicas"]  # type: ignore[index,return-value,call-overload]


@settings(max_examples=max(6, settings.default.max_examples // 6))
@given(storm=STORM, seed=st.integers(0, 99), order=st.sampled_from(["fifo", "random"]))
def test_after_a_storm_there_are_as_many_pods_as_the_load_needs_and_then_nothing_moves(
    storm, seed, order
):
    cluster = Cluster(nodes=3, seed=seed, order=order, keep_history=False)
    cluster.apply(workload(replicas=3), autoscaler(minReplicas=LEAST, most=MOST))
    load = play(cluster, storm, 0)
    cluster.run(900_000)
    count = replicas(cluster)
    event(f"{count} replicas")
    assert LEAST <= count <= MOST
    busy = load / count / 100
    assert count == MOST or busy <= 0.5 * 1.1 + 0.01
    assert count == LEAST or busy >= 0.5 * 0.9 - 0.01 or ceil(load / 50) >= count
    before = cluster.store.table(HPAS).revision, cluster.store.table(WEB.resource).revision
    cluster.run(120_000)
    assert before == (
        cluster.store.table(HPAS).revision,
        cluster.store.table(WEB.resource).revision,
    )


@settings(max_examples=max(6, settings.default.max_examples // 6))
@given(storm=STORM, seed=st.integers(0, 99))
def test_the_autoscaler_never_asks_for_more_or_fewer_than_its_bounds(storm, seed):
    cluster = Cluster(nodes=3, seed=seed, keep_history=False)
    cluster.apply(workload(replicas=3), autoscaler(minReplicas=LEAST, most=MOST))
    asked: list[int] = []

    def listen(simulator: Any, happened: Any) -> None:
        request = getattr(happened, "request", None)
        if request is not None and getattr(request.command, "subresource", "") == "scale":
            wanted = getattr(request.command, "object", None)
            if wanted is not None:
                asked.append(wanted["spec"].get("replicas", 0))

    cluster.simulator.after_event = listen
    play(cluster, storm, 0)
    cluster.run(400_000)
    assert all(LEAST <= count <= MOST for count in asked), asked


@settings(max_examples=max(5, settings.default.max_examples // 8))
@given(
    loads=st.lists(st.integers(0, 600), min_size=1, max_size=4),
    gaps=st.lists(st.sampled_from([20_000, 130_000, 320_000]), min_size=4, max_size=4),
)
def test_no_pod_is_taken_away_within_five_minutes_of_a_look_that_wanted_it(loads, gaps):
    cluster = Cluster(nodes=3, keep_history=False)
    cluster.apply(workload(replicas=1), autoscaler(most=MOST))
    wanted: list[tuple[int, int]] = []
    before = 1
    for load, gap_ms in zip(loads, gaps, strict=False):
        offer(cluster, load)
        for _ in range(gap_ms // 5_000):
            cluster.run(5_000)
            memory = cluster.simulator.processes[LOOP].state.memory.get("default/web")
            count = replicas(cluster)
            if count < before:
                lately = [n for at_ms, n in wanted if at_ms > cluster.now_ms - 285_000]
                assert count >= min(max(lately), MOST)
            if isinstance(memory, Memory):
                wanted += [(one.at_ms, one.replicas) for one in memory.recommendations]
            before = count


@given(
    current=st.integers(1, 20),
    asked=st.lists(st.integers(0, 40), min_size=1, max_size=30),
    least=st.integers(1, 5),
    more=st.integers(0, 20),
    paced=st.booleans(),
)
def test_a_walk_of_looks_stays_within_the_bounds_once_it_is_there(
    current, asked, least, more, paced
):
    most = least + more
    up = Rules((Policy("Pods", 4, 15), Policy("Percent", 100, 15)))
    down = Rules((Policy("Percent", 100, 15),), stabilization_window_seconds=60)
    spec = Spec("", "", "", least, most, (), (up, down) if paced else None, None)
    current, memory, now_ms = min(max(current, least), most), Memory(0), 0
    memory = Memory(0, recommendations=(Past(current, 0),))
    for desired in asked:
        now_ms += 15_000
        normal = normalized(spec, memory, EMPTY, current, desired, now_ms)
        assert least <= normal.replicas <= most
        current, memory = normal.replicas, normal.memory
        assert len(memory.recommendations) <= 22


@given(
    current=st.integers(1, 20),
    asked=st.lists(st.integers(1, 40), min_size=1, max_size=40),
    window=st.integers(0, 300),
)
def test_shrinking_waits_until_all_recommendations_of_the_window_agree(current, asked, window):
    down = Rules((), stabilization_window_seconds=window)
    up = Rules(())
    whole: list[tuple[int, int]] = []
    kept: tuple[Any, ...] = ()
    for number, desired in enumerate(asked):
        now_ms = number * 15_000
        recent = tuple(type(one)(one.replicas, one.ago_ms + 15_000) for one in kept)
        found, kept = stabilized(current, desired, recent, up, down)
        whole.append((now_ms, desired))
        lately = [n for at_ms, n in whole if at_ms > now_ms - window * 1_000 or at_ms == now_ms]
        assert found >= min(current, max(lately))
        current = found


LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"), max_size=2)


@given(
    moves=st.lists(st.tuples(st.sampled_from("pqrs"), LABELS | st.none()), max_size=12),
    labels=LABELS,
)
def test_the_index_of_selectors_finds_what_comparing_each_finds(moves, labels):
    known, now = Known(), dict.fromkeys("pqrs", NOTHING)
    for key, wanted in moves:
        new = NOTHING if wanted is None else of_labels(wanted)
        if new != now[key]:
            known = known.moved(f"n/{key}", now[key], new)
        now[key] = new
    places = ["n/", *(f"n/{name}={value}" for name, value in labels.items())]
    found = {
        key
        for place in places
        for key, selector in known.by_label.get(place) or ()
        if selector.matches(labels)
    }
    assert found == {f"n/{key}" for key, selector in now.items() if selector.matches(labels)}


@pytest.mark.parametrize("load", [46, 50, 54])
def test_within_the_tolerance_nothing_moves(load: int) -> None:
    cluster = Cluster(nodes=3, keep_history=False)
    cluster.apply(workload(replicas=2), autoscaler())
    offer(cluster, 2 * load)
    cluster.run(60_000)
    doc = cluster.get(WEB.resource, "web")
    cluster.run(600_000)
    assert cluster.get(WEB.resource, "web") is doc
