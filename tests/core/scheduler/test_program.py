"""Pods get nodes; those that fit nowhere wait, are told why, and are tried when it may help."""

from __future__ import annotations

from kelm.core.scheduler.profile import Profile
from kelm.core.scheduler.program import Scheduler
from kelm.effects.refusals import Reason, Refusal
from tests.core.scheduler.world import World

BIG = {"cpu": "3"}
ONE_TOO_SMALL = (
    "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: "
    "0/1 nodes are available: 1 Preemption is not helpful for scheduling."
)


def test_a_pod_without_a_node_waits_for_one() -> None:
    world = World()
    world.pod("a")
    assert world.told("a") == ["no nodes available to schedule pods"]
    world.node("n1")
    assert world.where("a") == "n1"


def test_more_important_pods_go_first_and_then_older_ones() -> None:
    world = World()
    world.node("n1", unschedulable=True)
    for name, priority in (("a", 0), ("b", 10), ("c", 0), ("d", 10)):
        world.pod(name, priorityClassName=world.priority(priority))
    world.busy = True
    world.patch("nodes", "n1", {"spec": {"unschedulable": None}})
    world.carry_out()
    assert [bind.name for bind in world.binds] == ["b", "d", "a", "c"]


def test_a_refused_pod_is_told_why_and_its_condition_says_so() -> None:
    world = World()
    world.node("n1")
    world.pod("a", {"cpu": "5"})
    condition = world.seen("a").status.condition("PodScheduled")
    assert condition is not None
    assert (condition.status, condition.reason) == ("False", "Unschedulable")
    assert condition.message == ONE_TOO_SMALL
    assert world.told("a") == [ONE_TOO_SMALL]


def test_only_what_may_help_has_a_pod_tried_again() -> None:
    world = World()
    world.node("n1")
    world.pod("a", {"cpu": "5"})
    world.patch("nodes", "n1", {"metadata": {"labels": {"disk": "ssd"}}})
    world.pod("b", {"cpu": "1"})
    world.node("n2")
    assert world.told("a") == [ONE_TOO_SMALL], "neither a label nor a small node makes room"
    world.delete("b")
    assert len(world.told("a")) == 2
    world.node("n3", offers={"cpu": "6"})
    assert world.where("a") == "n3"


def test_a_pod_that_nothing_helps_is_tried_again_after_five_minutes() -> None:
    world = World()
    world.node("n1")
    world.pod("a", {"cpu": "5"})
    world.wait(299_000)
    assert len(world.told("a")) == 1
    world.wait(2_000)
    assert len(world.told("a")) == 2
    world.wait(300_000)
    assert len(world.told("a")) == 3


def test_an_error_of_the_binding_backs_off_and_the_node_is_free_meanwhile() -> None:
    world = World()
    world.node("n1")
    world.refuse = Refusal(Reason.INTERNAL_ERROR, "etcd is down")
    world.pod("a", BIG)
    assert world.where("a") == "" and world.binds == []
    world.refuse = None
    world.wait(900)
    assert world.where("a") == ""
    world.wait(200)
    assert world.where("a") == "n1"


def test_what_was_asked_for_counts_before_it_is_seen() -> None:
    world = World()
    world.node("n1")
    world.busy = True
    world.pod("a", BIG)
    world.pod("b", BIG)
    world.busy = False
    world.carry_out()
    assert world.places() == {"a": "n1", "b": ""}


def test_a_node_that_comes_back_still_has_its_pods() -> None:
    world = World()
    world.node("n1")
    world.pod("a", BIG)
    world.delete_node("n1")
    world.node("n1")
    world.pod("b", BIG)
    assert world.places() == {"a": "n1", "b": ""}
    world.delete("a")
    assert world.where("b") == "n1"


def test_a_gated_pod_is_not_tried_and_goes_when_its_gates_are_gone() -> None:
    world = World()
    world.pod("a", schedulingGates=[{"name": "x.io/a"}])
    world.node("n1")
    world.wait(400_000)
    assert world.told("a") == []
    world.patch("pods", "a", {"spec": {"schedulingGates": None}})
    assert world.where("a") == "n1"


def test_a_pod_goes_where_its_scheduler_sends_it_and_no_other() -> None:
    world = World(Scheduler(name="mine"))
    world.node("n1")
    world.pod("a")
    world.pod("b", schedulerName="mine")
    assert world.places() == {"a": "", "b": "n1"}


def test_a_burst_of_equal_pods_fills_nodes_evenly() -> None:
    world = World()
    for number in range(4):
        world.node(f"n{number}")
    world.busy = True
    for number in range(8):
        world.pod(f"p{number}", {"cpu": "500m"})
    world.busy = False
    world.carry_out()
    places = list(world.places().values())
    assert sorted(places.count(f"n{number}") for number in range(4)) == [2, 2, 2, 2]


def test_a_preferred_node_is_taken_until_it_is_full_and_then_the_next() -> None:
    world = World()
    world.node("n1", labels={"tier": "slow"})
    world.node("n2", labels={"tier": "fast"})
    world.node("n3", labels={"tier": "slow"}, taints=[{"key": "k", "effect": "PreferNoSchedule"}])
    match = {"key": "tier", "operator": "In", "values": ["fast"]}
    wants = [{"weight": 100, "preference": {"matchExpressions": [match]}}]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wants}}
    world.busy = True
    for number in range(4):
        world.pod(f"p{number}", {"cpu": "2"}, affinity=affinity)
    world.busy = False
    world.carry_out()
    assert list(world.places().values()) == ["n2", "n2", "n1", "n1"]


def test_a_pod_that_is_being_deleted_is_not_tried_any_more() -> None:
    world = World()
    world.pod("a")
    world.patch("pods", "a", {"metadata": {"finalizers": ["x.io/keep"]}})
    world.delete("a")
    assert world.told("a")[-1] == "skip schedule deleting pod: default/a"
    world.node("n1")
    assert world.where("a") == ""


def test_plugins_can_be_left_out() -> None:
    world = World(Scheduler(profile=Profile().without("NodeResourcesFit")))
    world.node("n1")
    world.pod("a", {"cpu": "50"})
    assert world.where("a") == "n1"


def test_daemon_pods_of_other_nodes_are_refused_by_name() -> None:
    world = World()
    world.node("n1")
    world.node("n2", offers={"cpu": "1"})
    field = {"key": "metadata.name", "operator": "In", "values": ["n2"]}
    required = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    world.pod("a", {"cpu": "2"}, affinity=affinity)
    assert world.told("a")[0].startswith(
        "0/2 nodes are available: 1 Insufficient cpu, "
        "1 node(s) didn't satisfy plugin(s) [NodeAffinity]."
    )
