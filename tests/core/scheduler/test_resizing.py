"""A pod takes of its node what is granted to it, also while that changes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kelm.core.objects.pod import pod
from kelm.core.scheduler.cache.needs import Asks
from kelm.effects.document import document, thaw
from tests.core.scheduler.world import World


def status(cpu: str, allocated: str = "", name: str = "c") -> dict[str, Any]:
    granted = {"allocatedResources": {"cpu": allocated}} if allocated else {}
    return {"name": name, "resources": {"requests": {"cpu": cpu}}, **granted}


def resized(world: World, name: str, wanted: str, now: str, allocated: str, why: str = "") -> None:
    """A pod on its node that asks for so much, runs with so much and was granted so much."""
    doc: Any = thaw(world.seen(name).doc)
    doc["spec"]["containers"][0]["resources"]["requests"]["cpu"] = wanted
    doc["status"]["containerStatuses"] = [status(now, allocated)]
    if why:
        doc["status"]["conditions"].append({"type": "PodResizePending", "reason": why})
    world.put("pods", f"default/{name}", document(doc))


def used(world: World) -> int:
    node = world.state.fleet.get("n0")
    assert node is not None
    return node.used_cpu


def test_the_largest_of_what_is_asked_granted_and_had_counts() -> None:
    world = World()
    world.node("n0")
    world.pod("p", {"cpu": "1"})
    for wanted, now, allocated, counted in (
        ("2", "1", "1", 2_000),
        ("2", "1", "3", 3_000),
        ("2", "2", "2", 2_000),
        ("500m", "2", "500m", 2_000),
        ("500m", "500m", "500m", 500),
    ):
        resized(world, "p", wanted, now, allocated)
        assert used(world) == counted
    resized(world, "p", "100", "1", "1", why="Infeasible")
    assert used(world) == 1_000
    world.delete("p")
    assert used(world) == 0


def test_a_pod_that_shrinks_makes_room_for_one_that_waits() -> None:
    world = World()
    world.node("n0")
    world.pod("big", {"cpu": "4"})
    world.pod("waits", {"cpu": "2"})
    assert world.where("waits") == ""
    resized(world, "big", "1", "4", "1")
    assert world.where("waits") == "", "it has not given it back yet"
    resized(world, "big", "1", "1", "1")
    assert world.where("waits") == "n0"


def test_a_pod_that_asks_for_less_while_it_waits_is_tried_again() -> None:
    world = World()
    world.node("n0")
    world.pod("waits", {"cpu": "5"})
    doc: Any = thaw(world.seen("waits").doc)
    doc["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "1"
    world.put("pods", "default/waits", document(doc))
    assert world.where("waits") == "n0"


def test_what_a_pod_asks_for_as_a_whole_is_resized_too_and_sidecars_are_counted() -> None:
    whole = {
        "metadata": {"name": "p", "namespace": "n"},
        "spec": {
            "nodeName": "n0",
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}],
            "initContainers": [
                {"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}},
                {"name": "i", "resources": {"requests": {"cpu": "1"}}},
            ],
        },
        "status": {
            "containerStatuses": [status("1", "1")],
            "initContainerStatuses": [status("2", name="s"), status("9", name="i")],
        },
    }
    assert Asks().of(pod(document(whole))).needs.amounts["cpu"] == 3_000
    grown: Any = thaw(document(whole))
    grown["spec"]["resources"] = {"requests": {"cpu": "4"}}
    grown["status"]["resources"] = {"requests": {"cpu": "5"}}
    assert Asks().of(pod(document(grown))).needs.amounts["cpu"] == 5_000


@given(st.lists(st.tuples(*[st.sampled_from(["250m", "1", "3"])] * 3), min_size=1, max_size=6))
def test_what_is_kept_of_resized_pods_agrees_with_counting_anew(steps: Any) -> None:
    world = World()
    world.node("n0")
    world.pod("p", {"cpu": "1"})
    for wanted, now, allocated in steps:
        resized(world, "p", wanted, now, allocated)
        anew = world.relisted().fleet.get("n0")
        assert anew is not None and anew.used_cpu == used(world)
