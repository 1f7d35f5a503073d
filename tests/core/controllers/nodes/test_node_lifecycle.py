"""Lost nodes: when they are given up, how fast, and what becomes of their pods."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from kelm.adapters.simulator.pickers import Random
from kelm.core.controllers.deletion.pod_gc import PodGC
from kelm.core.controllers.nodes.lifecycle.controller import NodeLifecycle
from kelm.core.controllers.nodes.lifecycle.health import Health, observed
from kelm.core.controllers.nodes.lifecycle.ration import Ration
from kelm.core.controllers.nodes.lifecycle.settings import Settings
from kelm.core.controllers.nodes.taint_eviction import TaintEviction
from kelm.effects.commands import Delete, Patch
from kelm.effects.document import children, document, text
from tests.core.controllers.world import World, tolerations

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
FIVE_MINUTES = tolerations(300)


def three_nodes(**settings: object) -> World:
    world = World(NodeLifecycle(Settings(**settings)), TaintEviction(), PodGC())  # type: ignore[arg-type]
    for name in ("a", "b", "c"):
        world.add_node(name)
    return world


def executed(world: World, node: str) -> bool:
    return any(taint.endswith(":NoExecute") for taint in world.taints(node))


def test_a_silent_node_is_unknown_after_its_grace_and_loses_its_pods_300_s_later() -> None:
    world = three_nodes()
    world.add_pod("web", "a", tolerations=FIVE_MINUTES)
    world.run_to(2_000)
    world.silence("a")
    unknown = world.when(lambda: world.ready("a") == "Unknown", 60_000)
    assert 40_000 < unknown <= 50_100
    tainted = world.when(lambda: executed(world, "a"), 60_000)
    assert tainted == unknown + 100
    gone = world.when(lambda: "web" not in world.pods(), 400_000)
    assert gone == tainted + 300_000


def test_lost_nodes_get_upstreams_conditions_taints_and_events() -> None:
    world = three_nodes()
    world.add_pod("web", "a")
    world.silence("a")
    world.when(lambda: executed(world, "a"), 60_000)
    node, web = world.get("nodes", "a", ""), world.get("pods", "web")
    assert node is not None and web is not None
    told = {
        (text(c, "status"), text(c, "reason"), text(c, "message"))
        for c in children(node, "status", "conditions")
    }
    assert told == {
        ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."),
        ("Unknown", "NodeStatusNeverUpdated", "Kubelet never posted node status."),
    }
    assert world.taints("a") == [f"{UNREACHABLE}:NoSchedule", f"{UNREACHABLE}:NoExecute"]
    assert [text(c, "status") for c in children(web, "status", "conditions")][:1] == ["False"]
    assert sorted(world.events("NodeNotReady")) == [
        "Node a status is now: NodeNotReady",
        "Node is not ready",
    ]
    assert "Node a event: Registered Node a in Controller" in world.events("RegisteredNode")


def test_a_zone_is_tainted_one_node_every_ten_seconds() -> None:
    world = World(NodeLifecycle())
    for name in ("a0", "a1", "a2", "b0", "b1", "b2"):
        world.add_node(name, zone=name[0])
    world.run_to(4_000)
    for name in ("a0", "a1", "a2"):
        world.silence(name)
    first = world.when(lambda: executed(world, "a0"), 60_000)
    second = world.when(lambda: executed(world, "a1"), 60_000)
    third = world.when(lambda: executed(world, "a2"), 70_000)
    assert (second - first, third - second) == (10_000, 10_000)


def test_when_every_node_is_silent_nobody_is_evicted_until_one_answers() -> None:
    world = three_nodes()
    world.run_to(3_000)
    world.silence("a")
    world.when(lambda: executed(world, "a"), 60_000)
    for name in ("b", "c"):
        world.silence(name)
    world.when(lambda: world.ready("b") == "Unknown", 120_000)
    world.run_to(world.now_ms + 60_000)
    assert not any(executed(world, name) for name in "abc")
    world.revive("b")
    answered = world.now_ms
    after = world.when(lambda: executed(world, "a") or executed(world, "c"), 300_000)
    assert after - answered >= 10_000


def test_a_small_zone_of_which_most_nodes_are_silent_stops_losing_nodes() -> None:
    world = World(NodeLifecycle())
    for index in range(5):
        world.add_node(f"n{index}")
    world.run_to(3_000)
    for index in range(4):
        world.silence(f"n{index}")
    world.when(lambda: world.ready("n0") == "Unknown", 60_000)
    world.run_to(world.now_ms + 100_000)
    assert not any(executed(world, f"n{index}") for index in range(5))


def test_a_node_that_says_it_is_not_ready_keeps_its_pods_ready() -> None:
    world = three_nodes()
    world.add_pod("web", "a", tolerations=FIVE_MINUTES)
    world.run_to(3_000)
    world.say_ready("a", "False")
    world.run_to(3_100)
    assert world.taints("a") == [f"{NOT_READY}:NoSchedule"]
    world.when(lambda: executed(world, "a"), 20_000)
    web = world.get("pods", "web")
    assert web is not None
    assert children(web, "status", "conditions")[0]["status"] == "True"
    assert world.events("NodeNotReady") == []
    world.say_ready("a")
    world.run_to(world.now_ms + 100)
    assert world.taints("a") == [f"{NOT_READY}:NoExecute"]
    world.run_to(world.now_ms + 5_000)
    assert world.taints("a") == []
    assert world.pods() == ["web"]
    assert world.events("TaintManagerEviction") == ["Cancelling deletion of Pod default/web"]


def test_not_ready_becomes_unreachable_at_once_and_the_clock_runs_on() -> None:
    world = three_nodes()
    world.add_pod("web", "a", tolerations=FIVE_MINUTES)
    world.run_to(3_000)
    world.say_ready("a", "False")
    first = world.when(lambda: executed(world, "a"), 20_000)
    world.silence("a")
    world.when(lambda: f"{UNREACHABLE}:NoExecute" in world.taints("a"), 80_000)
    assert f"{NOT_READY}:NoExecute" not in world.taints("a")
    assert world.when(lambda: "web" not in world.pods(), 400_000) == first + 300_000


def test_a_refused_write_is_repeated_at_once_and_costs_no_ration() -> None:
    world = three_nodes()
    world.run_to(2_000)
    world.silence("a")
    world.refuse("node-lifecycle-controller", 1)
    unknown = world.when(lambda: world.ready("a") == "Unknown", 60_000)
    assert unknown % 5_000 <= 100
    world.refuse("node-lifecycle-controller", 2)
    tainted = world.when(lambda: executed(world, "a"), 60_000)
    assert tainted - unknown <= 500


def test_other_conditions_and_cordons_are_taints_and_others_taints_stay() -> None:
    world = three_nodes()
    mine = document({"spec": {"taints": [{"key": "mine", "value": "x", "effect": "NoSchedule"}]}})
    world.ask(Patch("nodes", "", "a", mine))
    world.ask(Patch("nodes", "", "a", document({"spec": {"unschedulable": True}})))
    pressure = document({"status": {"conditions": [{"type": "DiskPressure", "status": "True"}]}})
    world.ask(Patch("nodes", "", "a", pressure, patch_type="strategic", subresource="status"))
    world.run_to(1_000)
    assert sorted(world.taints("a")) == [
        "mine:NoSchedule",
        "node.kubernetes.io/disk-pressure:NoSchedule",
        "node.kubernetes.io/unschedulable:NoSchedule",
    ]
    world.ask(Patch("nodes", "", "a", document({"spec": {"unschedulable": None}})))
    world.run_to(2_000)
    assert "node.kubernetes.io/unschedulable:NoSchedule" not in world.taints("a")


def test_old_names_of_labels_follow_the_new_ones() -> None:
    world = three_nodes()
    labels = document({"metadata": {"labels": {"kubernetes.io/os": "linux"}}})
    world.ask(Patch("nodes", "", "a", labels))
    world.run_to(1_000)
    node = world.get("nodes", "a", "")
    assert node is not None
    assert text(node, "metadata", "labels", "beta.kubernetes.io/os") == "linux"


def test_a_removed_node_is_said_farewell_and_forgotten() -> None:
    world = three_nodes()
    world.run_to(1_000)
    world.silence("a")
    world.ask(Delete("nodes", "", "a"))
    world.run_to(100_000)
    assert world.events("RemovingNode") == ["Node a event: Removing Node a from Controller"]


def test_a_heartbeat_counts_when_it_is_noticed_not_when_it_says_it_was() -> None:
    lease = document({"spec": {"renewTime": "2000-01-01T00:00:00.000000Z"}})
    later = document({"spec": {"renewTime": "2000-01-01T00:00:01.000000Z"}})
    node = document({"status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    seen = observed(Health(node, lease, 5), node, later, 77)
    assert seen.probe_ms == 77
    assert observed(seen, node, lease, 99).probe_ms == 77


def test_a_ration_that_was_empty_stays_empty_at_its_new_rate() -> None:
    spent = Ration(0.1).taken(0)
    assert spent.at_rate(0.01, 1_000) == Ration(0.01, 101_000)
    assert spent.at_rate(0.01, 20_000) == Ration(0.01)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 60_000),
        st.sampled_from(["silence", "revive", "say False", "delete", "refuse", "restart"]),
        st.sampled_from(["a0", "a1", "a2", "b0", "b1"]),
    ),
    max_size=8,
)


def act(world: World, what: str, node: str, gone: set[str]) -> None:
    if what == "refuse":
        world.refuse("node-lifecycle-controller", 2)
    elif what == "restart":
        world.restart("node-lifecycle-controller")
    elif node in gone:
        return
    elif what == "silence" and node in world.beating:
        world.silence(node)
    elif what == "revive":
        world.revive(node)
    elif what == "say False" and node in world.beating:
        world.say_ready(node, "False")
    elif what == "delete":
        world.beating.pop(node, None)
        gone.add(node)
        world.ask(Delete("nodes", "", node))


ALL_FALL_SILENT_AND_ONE_SAID_SO = [
    (0, "silence", "b1"),
    (0, "say False", "a0"),
    *((0, "silence", name) for name in ("a0", "a1", "a2", "b0")),
]


@given(steps=STEPS, seed=st.integers(0, 1_000))
@example(steps=ALL_FALL_SILENT_AND_ONE_SAID_SO, seed=0)
def test_after_any_history_taints_say_what_is_and_nothing_is_written_any_more(
    steps: list[tuple[int, str, str]], seed: int
) -> None:
    world = World(NodeLifecycle(), picker=Random(seed))
    gone: set[str] = set()
    for name in ("a0", "a1", "a2", "b0", "b1"):
        world.add_node(name, zone=name[0])
    for wait_ms, what, node in steps:
        world.run_to(world.now_ms + wait_ms)
        act(world, what, node, gone)
    world.run_to(world.now_ms + 300_000)
    before = [text(doc, "metadata", "resourceVersion") for doc in world.all("nodes")]
    world.run_to(world.now_ms + 60_000)
    after = [text(doc, "metadata", "resourceVersion") for doc in world.all("nodes")]
    assert before == after
    states = {text(doc, "metadata", "name"): "" for doc in world.all("nodes")}
    states = {name: world.ready(name) for name in states}
    dark = "True" not in states.values()
    for name, ready in states.items():
        assert ready != "True" or name in world.beating
        key = {"False": NOT_READY, "Unknown": UNREACHABLE}.get(ready)
        wanted = [f"{key}:NoSchedule", f"{key}:NoExecute"] if key else []
        assert sorted(world.taints(name)) == sorted(wanted[:1] if dark else wanted)


@given(names=st.permutations(["a0", "a1", "a2", "a3", "a4"]), seed=st.integers(0, 1_000))
def test_no_zone_loses_two_nodes_within_ten_seconds(names: list[str], seed: int) -> None:
    world = World(NodeLifecycle(), picker=Random(seed))
    for name in (*names, *(f"b{index}" for index in range(6))):
        world.add_node(name)
    for name in names:
        world.run_to(world.now_ms + 700)
        world.silence(name)
    world.refuse("node-lifecycle-controller", 3)
    times, seen = [], set[str]()
    while len(seen) < len(names):
        world.run_to(world.now_ms + 100)
        assert world.now_ms < 200_000
        new = {name for name in names if executed(world, name)} - seen
        assert len(new) <= 1
        times += [world.now_ms] * len(new)
        seen |= new
    assert all(later - earlier >= 9_800 for earlier, later in pairwise(times))


def test_a_quiet_cluster_is_left_alone() -> None:
    world = three_nodes()
    world.run_to(10_000)
    writes = world.simulator.api.store.revision
    world.run_to(50_000)
    beats = sum(1 for change in world.changes("leases.coordination.k8s.io") if change.old)
    assert world.simulator.api.store.revision - writes <= beats
