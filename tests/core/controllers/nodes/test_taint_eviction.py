"""Pods on nodes with NoExecute taints: who goes, when, and who is spared."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from kelm.adapters.simulator.pickers import Random
from kelm.core.controllers.nodes.taint_eviction import TaintEviction, stay_ms
from kelm.core.objects.pod import pod
from kelm.core.objects.taints import Taint
from kelm.effects.commands import Delete, Patch
from kelm.effects.document import children, document, text
from tests.core.controllers.world import World

TAINTS = [
    {"key": "a", "effect": "NoExecute"},
    {"key": "b", "effect": "NoExecute"},
    {"key": "c", "effect": "NoSchedule"},
]


def world_with_node(picker: Any = None) -> World:
    world = World(TaintEviction(), picker=picker)
    world.add_node("n")
    world.run_to(100)
    return world


def taint(world: World, *taints: dict[str, str]) -> None:
    patch = document({"spec": {"taints": list(taints) or None}})
    world.ask(Patch("nodes", "", "n", patch))


def bearing(key: str, seconds: int | None = None) -> dict[str, Any]:
    limit = {} if seconds is None else {"tolerationSeconds": seconds}
    return {"key": key, "operator": "Exists", "effect": "NoExecute", **limit}


def test_a_pod_that_does_not_tolerate_goes_at_once_and_is_told_why() -> None:
    world = world_with_node()
    world.add_pod("web", "n", terminationGracePeriodSeconds=30)
    taint(world, TAINTS[0])
    world.run_to(200)
    web = world.get("pods", "web")
    assert web is not None and world.pods() == []
    condition = children(web, "status", "conditions")[-1]
    assert (condition["type"], condition["reason"], condition["message"]) == (
        "DisruptionTarget",
        "DeletionByTaintManager",
        "Taint manager: deleting due to NoExecute taint",
    )
    assert world.events("TaintManagerEviction") == ["Marking for deletion Pod default/web"]


def test_a_pod_bound_to_a_tainted_node_goes_too() -> None:
    world = world_with_node()
    taint(world, TAINTS[0])
    world.run_to(200)
    world.add_pod("web", "n")
    world.run_to(300)
    assert world.pods() == []


def test_the_smallest_toleration_counts_and_for_ever_is_for_ever() -> None:
    world = world_with_node()
    world.add_pod("both", "n", tolerations=[bearing("a", 9), bearing("b", 4)])
    world.add_pod("ever", "n", tolerations=[bearing("a"), bearing("b")])
    taint(world, *TAINTS)
    assert 4_000 <= world.when(lambda: world.pods() == ["ever"], 10_000) - 100 <= 4_100
    world.run_to(600_000)
    assert world.pods() == ["ever"]


def test_a_taint_taken_back_spares_the_pod_and_says_so() -> None:
    world = world_with_node()
    world.add_pod("web", "n", tolerations=[bearing("a", 5)])
    taint(world, TAINTS[0])
    world.run_to(3_000)
    taint(world)
    world.run_to(60_000)
    assert world.pods() == ["web"]
    assert world.events("TaintManagerEviction") == ["Cancelling deletion of Pod default/web"]


def test_a_swapped_taint_does_not_begin_the_wait_anew() -> None:
    world = world_with_node()
    world.add_pod("web", "n", tolerations=[bearing("a", 10), bearing("b", 10)])
    taint(world, TAINTS[0])
    world.run_to(6_000)
    taint(world, TAINTS[1])
    assert world.when(lambda: world.pods() == [], 20_000) <= 10_300


def test_a_pod_deleted_by_others_is_not_marked() -> None:
    world = world_with_node()
    world.add_pod("web", "n", tolerations=[bearing("a", 5)], terminationGracePeriodSeconds=30)
    taint(world, TAINTS[0])
    world.run_to(1_000)
    world.ask(Delete("pods", "default", "web"))
    world.run_to(30_000)
    assert world.events("TaintManagerEviction") == []


PODS = st.lists(
    st.lists(
        st.builds(bearing, st.sampled_from("ab"), st.sampled_from([None, 0, 3, 8])), max_size=2
    ),
    min_size=1,
    max_size=4,
)
HISTORY = st.lists(
    st.tuples(st.integers(1, 6_000), st.lists(st.sampled_from(TAINTS), unique_by=str, max_size=3)),
    max_size=6,
)


def earliest(history: list[tuple[int, int | None]], at_ms: int) -> int | None:
    """The earliest time at which a pod might go that is gone at a time; None is never.

    `history`: from when on it might stay for how long (None is for ever).
    """
    begun: int | None = None
    limits: list[int] = []
    for since_ms, stay in history:
        if since_ms > at_ms:
            break
        if stay is None:
            begun, limits = None, []
        else:
            begun = since_ms if begun is None else begun
            limits.append(since_ms if stay == 0 else begun + stay)
    return min(limits, default=None)


@given(pods=PODS, history=HISTORY, seed=st.integers(0, 1_000))
def test_no_pod_goes_earlier_than_it_tolerates_and_none_stays_for_ever_that_may_not(
    pods: list[list[dict[str, Any]]], history: list[tuple[int, list[dict[str, str]]]], seed: int
) -> None:
    world = world_with_node(Random(seed))
    names = [f"p{number}" for number in range(len(pods))]
    views = [
        pod(world.add_pod(name, "n", tolerations=list(bears), finalizers=["x.io/hold"]))
        for name, bears in zip(names, pods, strict=True)
    ]
    stays: dict[str, list[tuple[int, int | None]]] = {name: [] for name in names}
    for wait_ms, taints in history:
        world.run_to(world.now_ms + wait_ms)
        taint(world, *taints)
        present = tuple(Taint(one["key"], "", one["effect"]) for one in taints)
        for view in views:
            stay = stay_ms(present, view.spec.tolerations)
            stays[view.metadata.name].append((world.now_ms, stay))
    if seed % 3 == 0:
        world.refuse("taint-eviction-controller", 2)
    world.run_to(world.now_ms + 60_000)
    gone_at = evictions(world)
    event(f"evicted {min(len(gone_at), 2)}")
    for name in names:
        final = stays[name][-1][1] if stays[name] else None
        assert name in gone_at or final is None, "it should have gone"
        if name in gone_at:
            assert may_go(stays[name], gone_at[name])


LAG_MS = 100
"""How old a belief may be, and how long a request is on its way."""


def may_go(history: list[tuple[int, int | None]], at_ms: int) -> bool:
    """Whether a pod may be gone at a time, as things were believed to be a moment before."""
    moments = [at_ms, *(at - 1 for at, _ in history if at_ms - LAG_MS <= at <= at_ms)]
    soonest = [earliest(history, moment) for moment in moments]
    return any(one is not None and at_ms >= one for one in soonest)


def evictions(world: World) -> dict[str, int]:
    """When each pod was asked to go."""
    found: dict[str, int] = {}
    for change in world.changes("pods"):
        if change.new is not None and text(change.new, "metadata", "deletionTimestamp"):
            found.setdefault(change.key.partition("/")[2], world.written_at(change.revision))
    return found
