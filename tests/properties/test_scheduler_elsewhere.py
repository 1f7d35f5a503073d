"""What does not matter changes nothing: a value that is split in two, a pod elsewhere."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from tests.core.scheduler.world import World
from tests.properties.test_scheduler import (
    FEWER,
    HISTORY,
    NODES,
    PROBES,
    REQUIRED,
    SPREAD,
    TWO_ZONES,
    Story,
    verdicts,
)

TAINT = {"key": "other", "effect": "NoSchedule"}


def wants(*tiers: str) -> dict[str, Any]:
    """A pod that goes only to nodes of these tiers."""
    expression = {"key": "tier", "operator": "In", "values": list(tiers)}
    term = {"matchExpressions": [expression]}
    return {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [term]}}}}


@FEWER
@given(
    tiers=st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=5),
    pods=st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 2)), max_size=8),
)
@example(tiers=["a", "a", "b"], pods=[("a", 2)] * 5)
def test_splitting_a_value_in_two_equal_ones_changes_nothing(tiers, pods):
    whole, split = World(), World()
    for index, tier in enumerate(tiers):
        whole.node(f"n{index}", labels={"tier": tier} if tier else {})
        split.node(f"n{index}", labels={"tier": f"{tier}{index % 2}"} if tier else {})
    for index, (tier, cpu) in enumerate(pods):
        requests = {"cpu": str(cpu)} if cpu else {}
        whole.pod(f"p{index}", requests, **wants(tier))
        split.pod(f"p{index}", requests, **wants(f"{tier}0", f"{tier}1"))
    assert whole.places() == split.places()
    assert whole.events == split.events


@FEWER
@given(nodes=NODES, history=HISTORY, probe=st.sampled_from(PROBES))
@example(nodes=TWO_ZONES, history=[SPREAD, SPREAD], probe=SPREAD)
def test_a_pod_elsewhere_changes_nothing_of_what_is_said_of_a_node(nodes, history, probe):
    """It is in another namespace, on a node that nobody may use and that is in no domain."""
    story = Story(nodes)
    world = story.world
    world.node("apart", taints=[TAINT])
    world.patch("nodes", "apart", {"metadata": {"labels": {"kubernetes.io/hostname": None}}})
    world.namespace("elsewhere")
    for step in history:
        story.step(step)
    name = story.pod(probe, schedulingGates=[{"name": "x.io/probe"}])
    before = verdicts(world.why(name))
    world.pod("stranger", namespace="elsewhere", labels={"app": probe.app}, nodeName="apart")
    assert verdicts(world.why(name)) == before
