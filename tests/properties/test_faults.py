"""What particular faults may do, and what they may not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.inputs import AnswersLost, NodeCrashed, RequestsRefused, WatchStalled
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.laws.ever import EVER
from kelm.core.laws.invariant import breaches
from kelm.core.laws.machines import oversized
from kelm.core.laws.rest import AT_REST
from kelm.core.laws.restarts import CRASH_LOOP, restarts
from kelm.core.laws.rollout import MADE, WANTED, made_beyond, missing
from kelm.core.node.containers.images import Images, behave, exits, in_turn
from kelm.core.operations.verbs import Scale
from kelm.effects.commands import TerminateInstance
from kelm.effects.refusals import Reason
from tests.properties.deeds import HitPod
from tests.properties.specs import Spec, World
from tests.properties.story import HOUR_MS, Story
from tests.properties.strategies import (
    LOSSES,
    ORDERS,
    PAUSES_MS,
    SEEDS,
    faults_but_losses,
    machine_troubles,
    rollouts,
    specs,
    worlds,
)
from tests.properties.telling import telling

pytestmark = pytest.mark.timeout(900)

FEW = settings(max_examples=max(8, settings.default.max_examples // 4))
REPLACEMENT_MS = 900_000
"""A pool that was restarted looks at a silent machine for its whole patience once more."""
PROMPT_MS = 1_000
"""By then a ReplicaSet has seen that a pod is gone, and made another in its place."""


LAUNCH_FORGOTTEN = [
    (AnswersLost("node-pool/default", 2), 1),
    (TerminateInstance("default", "node-1"), 3),
    (WatchStalled("node-pool/default", 60_000), 400_000),
]
"""A pool that does not know what became of a launch asks again for the same machine."""
ENDS_REFUSED = [
    (NodeCrashed("node-1"), 1),
    (NodeCrashed("node-2"), 1),
    (RequestsRefused("node-pool/default", Reason.INTERNAL_ERROR, 2), 300_000),
]
"""A pool launched two machines beside two that it had not got rid of."""
END_NOT_FOUND = [
    (NodeCrashed("node-1"), 1),
    (RequestsRefused("node-pool/default", Reason.NOT_FOUND, 1), 300_000),
]
"""A pool that believed this answer kept a dead machine for ever."""
TWO_LOST = [
    (TerminateInstance("default", "node-1"), 1),
    (TerminateInstance("default", "node-2"), 400_000),
]


@st.composite
def without_losses(draw: st.DrawFn) -> tuple[World, list[tuple[Any, int]]]:
    world = draw(worlds(most=2))
    steps = st.tuples(faults_but_losses | rollouts(world), PAUSES_MS)
    return world, draw(st.lists(steps, min_size=1, max_size=8))


@FEW
@given(drawn=without_losses())
@example(drawn=(World((Spec(replicas=5),), 9, "random"), [(Scale(Spec().ref, 6), 5_000)]))
@example(drawn=(World((Spec(replicas=5),), 14, "random"), [(Scale(Spec().ref, 6), 5_000)]))
@example(drawn=(World((Spec(replicas=5),), 35, "random"), [(Scale(Spec().ref, 6), 5_000)]))
def test_as_long_as_answers_arrive_nobody_asks_for_more_than_is_wanted(drawn):
    world, storm = drawn
    with telling(Story(world)) as story:
        story.storm(storm)
        story.calm()
        story.settle()
        story.keeps(WANTED, MADE, *AT_REST)


@st.composite
def lossy(draw: st.DrawFn) -> tuple[World, list[tuple[Any, int]]]:
    world = draw(worlds(most=2))
    steps = st.tuples(LOSSES | rollouts(world), PAUSES_MS)
    return world, draw(st.lists(steps, min_size=1, max_size=8))


@FEW
@given(drawn=lossy())
def test_each_lost_answer_makes_at_most_one_pod_too_many_and_none_at_rest(drawn):
    world, storm = drawn
    with telling(Story(world)) as story:
        story.storm(storm)
        lost = sum(fault.count for fault, _ in storm if hasattr(fault, "count"))
        story.calm()
        story.settle()
        excess = [pods - asked for _, _, pods, asked in made_beyond(story.history())]
        assert max(excess, default=0) <= lost
        story.keeps(*EVER, *AT_REST)


@FEW
@given(
    spec=specs("web", "default", pre_stop_seconds=20),
    seed=SEEDS,
    order=ORDERS,
    hits=st.lists(
        st.tuples(
            st.builds(HitPod, st.sampled_from(["delete", "kill", "evict"]), st.integers(0, 9)),
            PAUSES_MS,
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_a_pod_that_is_leaving_is_replaced_before_it_is_gone(spec, seed, order, hits):
    with telling(Story(World((spec,), seed, order))) as story:
        story.cluster.run_until_converged()
        story.storm(hits)
        story.settle()
        late = [found for found in missing(story.history()) if found[1] > PROMPT_MS]
        assert late == [], f"missing (when, for how long, whose): {late}"


@FEW
@given(
    runs_ms=st.lists(st.integers(1, 700_000) | st.integers(1, 5_000), min_size=1, max_size=12),
    code=st.sampled_from([0, 1, 137]),
    seed=SEEDS,
    order=ORDERS,
)
def test_a_container_that_keeps_ending_waits_longer_and_longer(runs_ms, code, seed, order):
    ends = in_turn(*(behave(exits(after_ms=ms, code=code)) for ms in (*runs_ms, 2_000)))
    images = Images().with_image("ending", ends)
    plane = ControlPlane(images=images)
    cluster = Cluster(nodes=1, seed=seed, order=order, control_plane=plane)
    container = {"name": "c", "image": "ending"}
    meta = {"name": "p"}
    cluster.apply(
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}}
    )
    cluster.run(2 * HOUR_MS)
    history = [(cluster.zero_ms + at_ms, store) for at_ms, store in cluster.history]
    assert breaches([CRASH_LOOP, *EVER], history) == []
    found = list(restarts(history))
    assert len(found) >= 5
    late = [one for one in found if one.waited_ms > one.due_ms + 3_000]
    assert late == [], "waited for longer than the back-off"


@FEW
@given(drawn=st.tuples(SEEDS, ORDERS), steps=st.lists(machine_troubles, min_size=1, max_size=10))
@example(drawn=(0, "fifo"), steps=LAUNCH_FORGOTTEN)
@example(drawn=(0, "fifo"), steps=TWO_LOST)
@example(drawn=(0, "fifo"), steps=ENDS_REFUSED)
@example(drawn=(0, "fifo"), steps=END_NOT_FOUND)
def test_a_node_pool_holds_what_it_wants(drawn, steps):
    with telling(Story(World(seed=drawn[0], order=drawn[1]))) as story:
        story.storm(steps)
        story.calm()
        story.settle()
        story.cluster.run(REPLACEMENT_MS)
        assert list(oversized(story.machines(), "default", story.world.nodes)) == []
        alive = [h.name for h in story.cluster.machines.hosts.values() if h.state == "running"]
        assert len(alive) == story.world.nodes
        assert sorted(doc["metadata"]["name"] for doc in story.cluster.list("nodes")) == sorted(
            alive
        )
        story.keeps(*AT_REST)
