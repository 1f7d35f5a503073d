"""Pods that nobody finishes."""

from __future__ import annotations

from kelm.core.controllers.deletion.pod_gc import PodGC
from kelm.effects.commands import Delete, Patch
from kelm.effects.document import children, document, text
from tests.core.controllers.world import World

OUT_OF_SERVICE = {"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}


def world_with_nodes(threshold: int = 12_500) -> World:
    world = World(PodGC(threshold))
    for name in ("a", "b"):
        world.add_node(name)
    world.run_to(1_000)
    return world


def remove_node(world: World, name: str) -> None:
    del world.beating[name]
    world.ask(Delete("nodes", "", name))


def test_pods_of_a_deleted_node_fail_and_go_after_their_quarantine() -> None:
    world = world_with_nodes()
    world.add_pod("web", "a")
    world.add_pod("other", "b")
    remove_node(world, "a")
    gone = world.when(lambda: world.get("pods", "web") is None, 90_000)
    assert 60_000 <= gone <= 60_100
    last = next(c.old for c in world.changes("pods") if c.new is None)
    assert text(last, "status", "phase") == "Failed"
    reasons = [text(c, "message") for c in children(last, "status", "conditions")]
    assert reasons[-1] == "PodGC: node no longer exists"
    world.run_to(200_000)
    assert world.pods() == ["other"]


def test_a_node_that_comes_back_in_time_keeps_its_pods() -> None:
    world = world_with_nodes()
    world.add_pod("web", "a")
    remove_node(world, "a")
    world.run_to(50_000)
    world.add_node("a")
    world.run_to(200_000)
    assert world.pods() == ["web"]


def test_a_node_that_only_the_belief_lacks_keeps_its_pods() -> None:
    world = World(PodGC())
    world.run_to(1_000)
    world.stall("pod-garbage-collector", 100_000, "nodes")
    world.run_to(1_100)
    world.add_node("a")
    world.add_pod("web", "a")
    world.run_to(200_000)
    assert world.pods() == ["web"]


def test_a_finalizer_holds_an_orphan_without_more_writes() -> None:
    world = world_with_nodes()
    world.add_pod("web", "a", finalizers=["x.io/hold"])
    remove_node(world, "a")
    world.run_to(70_000)
    assert world.pods() == []
    before = len(list(world.changes("pods")))
    world.run_to(300_000)
    assert len(list(world.changes("pods"))) == before


def test_an_unbound_pod_that_is_being_deleted_goes() -> None:
    world = world_with_nodes()
    world.add_pod("web", finalizers=["x.io/hold"])
    world.ask(Delete("pods", "default", "web"))
    world.run_to(25_000)
    web = world.get("pods", "web")
    assert web is not None and text(web, "status", "phase") == "Failed"


def test_terminating_pods_of_a_node_out_of_service_go() -> None:
    world = world_with_nodes()
    world.add_pod("web", "a", terminationGracePeriodSeconds=30)
    world.add_pod("kept", "a")
    world.ask(Delete("pods", "default", "web"))
    world.say_ready("a", "False")
    world.ask(Patch("nodes", "", "a", document({"spec": {"taints": [OUT_OF_SERVICE]}})))
    world.run_to(21_000)
    assert world.get("pods", "web") is None
    assert world.pods() == ["kept"]


def test_terminated_pods_beyond_the_threshold_go_oldest_first() -> None:
    world = world_with_nodes(threshold=2)
    for number in range(5):
        world.add_pod(f"p{number}", "a")
        world.run_to(world.now_ms + 1_000)
    for number in (3, 1, 2, 0):
        world.set_status(f"p{number}", phase="Succeeded")
    world.run_to(45_000)
    assert world.pods() == ["p2", "p3", "p4"]
