"""Without a fault a rollout keeps its bounds at every moment of its history.

The bound above is one on what is wanted (`core/laws/rollout.py` says why). With every process as
fast as the others (fifo) the pods keep it too; with delays drawn at random an old pod may still be
there for a moment, as upstream, but no longer than its deletion takes.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from kelm.core.laws.ever import EVER
from kelm.core.laws.rest import AT_REST
from kelm.core.laws.rollout import AT_ONCE, KEPT_AVAILABLE, RECREATED, ROLLOUT, beyond
from kelm.core.operations.verbs import Restart, SetImage
from tests.properties.specs import Spec, World
from tests.properties.story import Story
from tests.properties.strategies import ORDERS, PAUSES_MS, SEEDS, rollouts, specs, worlds
from tests.properties.telling import telling

pytestmark = pytest.mark.timeout(900)

LONGEST_HOP_MS = 20
DELETION_MS = 10 * LONGEST_HOP_MS
"""A size is written, seen by the ReplicaSet's controller, and answered with a deletion."""


@st.composite
def histories(draw: st.DrawFn) -> tuple[World, list[tuple[Any, int]]]:
    world = draw(worlds(most=2))
    steps = st.tuples(rollouts(world), PAUSES_MS)
    return world, draw(st.lists(steps, min_size=1, max_size=8))


ROLLED_OVER = (
    World((Spec(replicas=4, surge="50%", unavailable=0, min_ready_seconds=30),), 3952, "random"),
    [(Restart(Spec().ref), 50_000), (SetImage(Spec().ref, (("c", "nginx:4"),)), 1)],
)
"""A ReplicaSet half way up lost a pod that was available, and kept one that was only ready."""


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(drawn=histories())
@example(drawn=ROLLED_OVER)
def test_whatever_is_wanted_in_the_middle_rollouts_keep_their_bounds(drawn):
    world, steps = drawn
    with telling(Story(world)) as story:
        story.cluster.run_until_converged()
        story.storm(steps)
        story.calm()
        story.settle()
        keeps_bounds(story)
        story.keeps(*AT_REST)


@settings(max_examples=max(10, settings.default.max_examples // 2))
@given(spec=specs("web", "default"), seed=SEEDS, order=ORDERS)
@example(spec=Spec(surge=None, pre_stop_seconds=20), seed=0, order="fifo")
def test_a_rollout_keeps_its_bounds_at_every_moment(spec, seed, order):
    with telling(Story(World((spec,), seed, order))) as story:
        story.cluster.run_until_converged()
        start = len(story.cluster.history)
        story.do(SetImage(spec.ref, (("c", "nginx:2"),)))
        story.cluster.run_until_converged()
        story.keeps(KEPT_AVAILABLE, RECREATED)
        event(f"{len(story.cluster.history) - start} moments")
        keeps_bounds(story)
        story.keeps(*AT_REST)


def keeps_bounds(story: Story) -> None:
    """Hold a history without faults to the laws of rollouts."""
    story.keeps(*EVER, *ROLLOUT)
    if story.world.order == "fifo":
        story.keeps(AT_ONCE)
    longest_ms = max((length_ms for _, length_ms in beyond(story.history())), default=0)
    assert longest_ms <= DELETION_MS, f"more pods than allowed for {longest_ms} ms"
