"""A pod that fits nowhere may have less important pods leave a node."""

from __future__ import annotations

from typing import Any

from kelm.effects.commands import Create
from kelm.effects.document import document
from tests.core.scheduler.test_neighbours import HOST, far, term
from tests.core.scheduler.world import World


def world_of(*nodes: str) -> World:
    world = World()
    for name in nodes:
        world.node(name)
    return world


def important(world: World, value: int, **fields: Any) -> dict[str, Any]:
    return {"priorityClassName": world.priority(value, **fields)}


def budget(world: World, labels: dict[str, str], allowed: int) -> None:
    spec = {"minAvailable": 1, "selector": {"matchLabels": labels}}
    doc = {"metadata": {"name": "b"}, "spec": spec}
    world.do(Create("poddisruptionbudgets.policy", "default", document(doc)))
    world.patch(
        "poddisruptionbudgets.policy", "b", {"status": {"disruptionsAllowed": allowed}}, "status"
    )


def test_a_victim_is_marked_deleted_and_told_and_the_node_is_kept() -> None:
    world = world_of("n1")
    world.pod("low", {"cpu": "3"})
    world.pod("high", {"cpu": "3"}, **important(world, 100))
    low, high = world.seen("low"), world.seen("high")
    target = low.status.condition("DisruptionTarget")
    assert target is not None and target.reason == "PreemptionByScheduler"
    assert target.message == "default-scheduler: preempting to accommodate a higher priority pod"
    assert low.metadata.deletion_timestamp is not None
    assert high.status.nominated_node_name == "n1"
    assert world.told("high") == ["0/1 nodes are available: 1 Insufficient cpu."]
    uid = high.metadata.uid
    assert ("low", "Preempted", f"Preempted by pod {uid} on node n1") in world.events
    world.pod("late", {"cpu": "3"})
    world.delete("low")
    assert world.places() == {"high": "n1", "late": ""}
    assert world.seen("high").status.nominated_node_name == ""


def test_nobody_less_important_is_given_a_node_that_is_kept() -> None:
    world = world_of("n1")
    world.pod("low", {"cpu": "3"})
    world.pod("high", {"cpu": "2"}, **important(world, 100))
    world.busy = True
    world.delete("low")
    world.pod("small", {"cpu": "2"})
    world.pod("big", {"cpu": "3"})
    world.pod("higher", {"cpu": "3"}, **important(world, 200))
    world.busy = False
    world.carry_out()
    assert world.places() == {"high": "n1", "small": "n1", "big": "", "higher": ""}


def test_pods_are_given_back_from_the_most_important_on() -> None:
    world = world_of("n1")
    for name, value, cpu in (("a", 1, "1"), ("b", 2, "1"), ("c", 3, "1"), ("d", 9, "1")):
        world.pod(name, {"cpu": cpu}, **important(world, value))
    world.pod("high", {"cpu": "2"}, **important(world, 5))
    leaving = {n for n in "abcd" if world.seen(n).metadata.deletion_timestamp is not None}
    assert leaving == {"a", "b"}


def test_the_node_is_chosen_whose_victims_matter_least() -> None:
    world = world_of("n1", "n2", "n3")
    for name, node, value in (("a", "n1", 5), ("b", "n2", 1), ("c", "n3", 3)):
        world.pod(name, {"cpu": "3"}, nodeSelector={HOST: node}, **important(world, value))
    world.pod("high", {"cpu": "3"}, **important(world, 9))
    assert world.seen("high").status.nominated_node_name == "n2"


def test_a_budget_is_broken_only_where_there_is_no_other_way() -> None:
    world = world_of("n1", "n2")
    world.pod("kept", {"cpu": "3"}, labels={"app": "kept"}, nodeSelector={HOST: "n1"})
    world.pod("other", {"cpu": "3"}, nodeSelector={HOST: "n2"}, **important(world, 5))
    budget(world, {"app": "kept"}, 0)
    world.pod("high", {"cpu": "3"}, **important(world, 9))
    assert world.seen("high").status.nominated_node_name == "n2"
    world.pod("next", {"cpu": "3"}, **important(world, 9))
    assert world.seen("next").status.nominated_node_name == "n1"


def test_a_polite_pod_waits() -> None:
    world = world_of("n1")
    world.pod("low", {"cpu": "3"})
    world.pod("high", {"cpu": "3"}, **important(world, 100, preemptionPolicy="Never"))
    assert world.seen("low").metadata.deletion_timestamp is None
    assert world.told("high") == [
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: "
        "not eligible due to preemptionPolicy=Never."
    ]


def test_nobody_leaves_where_that_would_not_help() -> None:
    world = world_of("n1", "n2", "n3")
    world.pod("same", {"cpu": "3"}, nodeSelector={HOST: "n1"}, **important(world, 9))
    world.pod("less", {"cpu": "1"}, nodeSelector={HOST: "n2"})
    world.pod("equal", {"cpu": "3"}, nodeSelector={HOST: "n2"}, **important(world, 9))
    world.patch("nodes", "n3", {"spec": {"unschedulable": True}})
    world.pod("high", {"cpu": "3"}, **important(world, 9))
    assert world.seen("less").metadata.deletion_timestamp is None
    assert world.told("high") == [
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu. "
        "no new claims to deallocate, preemption: 0/3 nodes are available: 1 Insufficient cpu, "
        "1 No preemption victims found for incoming pod, "
        "1 Preemption is not helpful for scheduling."
    ]


def test_a_pod_whose_victims_are_leaving_asks_for_no_others() -> None:
    world = world_of("n1", "n2")
    for name in ("a", "b"):
        world.pod(name, {"cpu": "3"})
    world.pod("high", {"cpu": "3"}, **important(world, 100))
    world.pod("tiny", {"cpu": "100m"}, **important(world, 200))
    world.delete("tiny")
    assert len(world.told("high")) == 2, "it was tried again"
    assert world.told("high")[1].endswith(
        "preemption: not eligible due to a terminating pod on the nominated node."
    )
    leaving = [n for n in "ab" if world.seen(n).metadata.deletion_timestamp is not None]
    assert len(leaving) == 1


def test_a_pod_that_minds_is_a_victim_too() -> None:
    world = world_of("n1")
    x = {"app": "x"}
    world.pod("picky", affinity=far(term(x)))
    world.pod("x", labels=x, **important(world, 100))
    assert world.seen("picky").metadata.deletion_timestamp is not None
    world.delete("picky")
    assert world.where("x") == "n1"


def test_a_promise_is_taken_back_when_somebody_more_important_takes_the_node() -> None:
    world = world_of("n1")
    world.pod("low", {"cpu": "3"})
    world.pod("high", {"cpu": "3"}, **important(world, 100))
    assert world.seen("high").status.nominated_node_name == "n1"
    world.pod("higher", {"cpu": "3"}, **important(world, 200))
    assert world.seen("higher").status.nominated_node_name == "n1"
    assert world.seen("high").status.nominated_node_name == ""
    world.delete("low")
    assert world.places() == {"high": "", "higher": "n1"}


def test_a_scheduler_that_starts_anew_keeps_what_was_promised() -> None:
    world = world_of("n1")
    world.pod("low", {"cpu": "3"})
    world.pod("high", {"cpu": "3"}, **important(world, 100))
    world.restart()
    world.pod("late", {"cpu": "3"}, **important(world, 50))
    world.delete("low")
    assert world.places() == {"high": "n1", "late": ""}
