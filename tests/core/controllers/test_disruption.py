"""Disruption budgets keep count of their pods."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kelm.adapters.simulator.pickers import Random
from kelm.core.controllers.disruption.controller import BUDGETS, DisruptionController
from kelm.effects.commands import Create, Delete, Evict
from kelm.effects.document import children, document, number, text
from tests.core.controllers.world import World

WEB = {"app": "web"}


def world_with_budget(picker: object = None, **spec: object) -> World:
    world = World(DisruptionController(), picker=picker)  # type: ignore[arg-type]
    world.add_node("n")
    world.beating.clear()
    budget = {"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": WEB}, **spec}}
    world.ask(Create(BUDGETS, "default", document(budget)))
    return world


def counts(world: World) -> tuple[int, int, int, int]:
    budget = world.get(BUDGETS, "web")
    assert budget is not None
    allowed, healthy, desired, expected = (
        number(budget, "status", field)
        for field in ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
    )
    return allowed, healthy, desired, expected


def test_a_budget_without_pods_allows_nothing_and_says_so_once() -> None:
    world = world_with_budget(minAvailable=1)
    world.run_to(5_000)
    assert counts(world) == (0, 0, 1, 0)
    assert world.events("NoPods") == ["No matching pods found"]


def test_ready_pods_beyond_the_desired_ones_may_go() -> None:
    world = world_with_budget(minAvailable=2)
    for name in ("a", "b", "c"):
        world.add_pod(name, "n", labels=WEB)
    world.run_to(1_000)
    assert counts(world) == (1, 3, 2, 3)
    budget = world.get(BUDGETS, "web")
    assert budget is not None
    condition = children(budget, "status", "conditions")[0]
    assert (condition["status"], condition["reason"]) == ("True", "SufficientPods")
    world.set_status("a", conditions=[{"type": "Ready", "status": "False"}])
    world.run_to(2_000)
    assert counts(world) == (0, 2, 2, 3)


def test_an_eviction_costs_until_the_pod_is_seen_going() -> None:
    world = world_with_budget(minAvailable=1)
    for name in ("a", "b"):
        world.add_pod(name, "n", labels=WEB, terminationGracePeriodSeconds=30)
    world.run_to(1_000)
    world.ask(Evict("default", "a"))
    world.run_to(2_000)
    assert counts(world) == (0, 1, 1, 2)
    budget = world.get(BUDGETS, "web")
    assert budget is not None and "disruptedPods" not in budget["status"]  # type: ignore[operator]


def test_a_pod_whose_controller_nobody_finds_closes_the_budget() -> None:
    world = world_with_budget(maxUnavailable=1)
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "gone",
        "uid": "u",
        "controller": True,
    }
    meta = {"name": "a", "namespace": "default", "labels": WEB, "ownerReferences": [owner]}
    spec = {"containers": [{"name": "c", "image": "nginx"}]}
    world.ask(Create("pods", "default", document({"metadata": meta, "spec": spec})))
    world.run_to(3_000)
    budget = world.get(BUDGETS, "web")
    assert budget is not None
    condition = children(budget, "status", "conditions")[0]
    assert (condition["status"], condition["reason"]) == ("False", "SyncFailed")


def test_a_mark_of_disruption_that_led_to_nothing_is_taken_back() -> None:
    world = world_with_budget(minAvailable=1)
    world.add_pod("a", "n", labels=WEB)
    mark = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    world.set_status("a", conditions=[mark])
    world.run_to(119_000)
    assert [c["status"] for c in conditions(world, "a")] == ["True"]
    world.run_to(121_000)
    assert [c["status"] for c in conditions(world, "a")] == ["False"]


def conditions(world: World, name: str) -> list[dict[str, object]]:
    pod = world.get("pods", name)
    assert pod is not None
    found = children(pod, "status", "conditions")
    return [dict(c) for c in found if text(c, "type") == "DisruptionTarget"]


@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 30), st.sampled_from(["evict", "unready", "delete"]), st.integers(0, 4)
        ),
        max_size=12,
    ),
    least=st.integers(0, 5),
    seed=st.integers(0, 1_000),
)
def test_evictions_never_take_more_than_the_budget_spares(
    steps: list[tuple[int, str, int]], least: int, seed: int
) -> None:
    world = world_with_budget(Random(seed), minAvailable=least)
    names = [f"p{number}" for number in range(5)]
    for name in names:
        world.add_pod(name, "n", labels=WEB, terminationGracePeriodSeconds=30)
    world.run_to(1_000)
    spoilt = False
    for wait_ms, what, number_ in steps:
        world.run_to(world.now_ms + wait_ms)
        name = names[number_]
        if what == "evict":
            world.tell(Evict("default", name))
        elif what == "delete":
            world.tell(Delete("pods", "default", name))
            spoilt = True
        else:
            world.set_status(name, conditions=[{"type": "Ready", "status": "False"}])
            spoilt = True
        assert spoilt or len(world.pods()) >= min(least, 5)
    world.run_to(world.now_ms + 5_000)
    writes = world.simulator.api.store.revision
    world.run_to(world.now_ms + 2_000)
    assert world.simulator.api.store.revision == writes
    ready = sum(
        any(
            c["type"] == "Ready" and c["status"] == "True"
            for c in children(doc, "status", "conditions")
        )
        for doc in world.all("pods")
        if not text(doc, "metadata", "deletionTimestamp")
    )
    assert counts(world)[:2] == (max(0, ready - least), ready)
