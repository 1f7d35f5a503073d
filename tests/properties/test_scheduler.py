"""What holds of every decision of the scheduler, whatever the cluster and its history.

Two kinds of property: invariants of any history (no node over-committed, no pod bound twice, counts
that are kept agree with counting anew), and metamorphic ones (renaming nodes, adding one that
matters to nobody, splitting a label). The plugins as `explain` asks them, node by node, are the
oracle of the ranking, which never looks at a node twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from kelm.core.scheduler.explain import Why, explain
from kelm.effects.commands import Bind
from kelm.effects.document import document
from kelm.effects.refusals import Reason, Refusal
from tests.core.scheduler.world import World

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
X = {"matchLabels": {"app": "x"}}
TERM_HOST = {"labelSelector": X, "topologyKey": HOST}
TERM_ZONE = {"labelSelector": X, "topologyKey": ZONE}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def spread(key: str, when: str, **more: Any) -> list[dict[str, Any]]:
    one = {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": when, "labelSelector": X}
    return [{**one, **more}]


SHAPES: tuple[dict[str, Any], ...] = (
    {},
    {"nodeSelector": {"tier": "a"}},
    {"tolerations": [{"key": "k", "operator": "Exists"}]},
    {"affinity": {"podAntiAffinity": {REQUIRED: [TERM_HOST]}}},
    {"affinity": {"podAntiAffinity": {REQUIRED: [TERM_ZONE]}}},
    {"affinity": {"podAffinity": {REQUIRED: [TERM_ZONE]}}},
    {"affinity": {"podAffinity": {PREFERRED: [{"weight": 10, "podAffinityTerm": TERM_ZONE}]}}},
    {"affinity": {"podAntiAffinity": {PREFERRED: [{"weight": 5, "podAffinityTerm": TERM_HOST}]}}},
    {"topologySpreadConstraints": spread(ZONE, "DoNotSchedule")},
    {"topologySpreadConstraints": spread(HOST, "DoNotSchedule", nodeTaintsPolicy="Honor")},
    {"topologySpreadConstraints": spread(ZONE, "ScheduleAnyway")},
    {
        "topologySpreadConstraints": spread(HOST, "ScheduleAnyway"),
        "affinity": {
            "nodeAffinity": {
                PREFERRED: [
                    {
                        "weight": 3,
                        "preference": {
                            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a"]}]
                        },
                    }
                ]
            }
        },
    },
)


FEWER = settings(max_examples=max(10, settings.default.max_examples // 2))


class Node(NamedTuple):
    cpu: int
    zone: str
    tier: str
    taint: str


class NewPod(NamedTuple):
    cpu: int
    app: str
    shape: int
    priority: int


Step = tuple[str, int] | NewPod

NODES = st.lists(
    st.builds(
        Node,
        cpu=st.integers(1, 6),
        zone=st.sampled_from(["z1", "z2", ""]),
        tier=st.sampled_from(["a", "b", ""]),
        taint=st.sampled_from(["", "", "NoSchedule", "PreferNoSchedule"]),
    ),
    min_size=1,
    max_size=5,
)
POD = st.builds(
    NewPod,
    cpu=st.integers(0, 3),
    app=st.sampled_from(["x", "y"]),
    shape=st.integers(0, len(SHAPES) - 1),
    priority=st.sampled_from([0, 0, 0, 10]),
)
OTHER_STEPS = st.tuples(
    st.sampled_from(
        [
            "delete",
            "ask to go",
            "busy",
            "end",
            "relabel pod",
            "lose node",
            "bring node",
            "relabel node",
            "cordon",
            "refuse",
            "restart",
            "wait",
        ]
    ),
    st.integers(0, 9),
)
HISTORY = st.lists(st.one_of(POD, POD, OTHER_STEPS), max_size=14)


class Story:
    """A world that a history happens to; `named` renames its nodes."""

    def __init__(self, nodes: list[Node], named: Callable[[str], str] = str) -> None:
        self.world = World()
        self.nodes, self.named = nodes, named
        self.pods = 0
        for index in range(len(nodes)):
            self.bring(index)

    def bring(self, index: int) -> None:
        """Store a node as it was first, if it is not there."""
        name, node = self.named(f"n{index}"), self.nodes[index]
        if self.world.api.store.get("nodes", name) is not None:
            return
        labels = {ZONE: node.zone} if node.zone else {}
        labels |= {"tier": node.tier} if node.tier else {}
        taints = [{"key": "k", "effect": node.taint}] if node.taint else []
        offers = {"cpu": str(node.cpu), "pods": "4"}
        self.world.node(name, labels=labels, taints=taints, offers=offers)

    def step(self, step: Step) -> None:
        if isinstance(step, NewPod):
            self.pod(step)
            return
        word, number = step
        index = number % len(self.nodes)
        name = self.named(f"n{index}")
        there = self.world.api.store.get("nodes", name) is not None
        pod = f"p{number}"
        exists = self.world.api.store.get("pods", f"default/{pod}") is not None
        if word == "delete" and exists:
            self.world.delete(pod)
        elif word == "busy":
            self.world.busy = not self.world.busy
            if not self.world.busy:
                self.world.carry_out()
        elif word == "ask to go" and exists:
            self.world.do(self.world.deletion(pod))
        elif word == "end" and exists and self.world.where(pod):
            self.world.patch("pods", pod, {"status": {"phase": "Succeeded"}}, "status")
        elif word == "relabel pod" and exists:
            self.world.patch("pods", pod, {"metadata": {"labels": {"app": "xy"[number % 2]}}})
        elif word == "lose node" and there:
            self.world.delete_node(name)
        elif word == "bring node":
            self.bring(index)
        elif word == "relabel node" and there:
            self.world.patch("nodes", name, {"metadata": {"labels": {ZONE: f"z{number % 3}"}}})
        elif word == "cordon" and there:
            self.world.patch("nodes", name, {"spec": {"unschedulable": number % 2 == 0}})
        elif word == "refuse":
            refusal = Refusal(Reason.INTERNAL_ERROR, "no")
            self.world.refuse = None if self.world.refuse else refusal
        elif word == "restart":
            self.world.restart()
        elif word == "wait":
            self.world.wait(number * 1_000)

    def pod(self, given: NewPod, **more: Any) -> str:
        name = f"p{self.pods}"
        self.pods += 1
        requests = {"cpu": str(given.cpu)} if given.cpu else {}
        priority = {"priorityClassName": self.world.priority(given.priority)}
        fields = {**SHAPES[given.shape], **(priority if given.priority else {}), **more}
        self.world.pod(name, requests, labels={"app": given.app}, **fields)
        return name

    def fits(self) -> None:
        """No node holds more than it has, and no pod was bound twice."""
        uids = [bind.uid for bind in self.world.binds]
        assert len(set(uids)) == len(uids), "a pod was bound twice"
        for index, node in enumerate(self.nodes):
            docs = self.world.api.store.table("pods").select(
                "spec.nodeName", self.named(f"n{index}")
            )
            pods: list[Any] = [doc for doc in docs if doc["status"]["phase"] != "Succeeded"]  # type: ignore
            asked = [one["spec"]["containers"][0].get("resources") or {} for one in pods]
            cpu = sum(int(one.get("requests", {}).get("cpu", 0)) for one in asked)
            assert cpu <= node.cpu and len(pods) <= 4, f"n{index} is over-committed"


def verdicts(why: Why) -> tuple[object, ...]:
    """All that an explanation says, to compare."""
    scores = {name: (dict(one.by_plugin), one.total) for name, one in why.scores.items()}
    refused = {name: (no.plugin, no.reasons, no.hopeless) for name, no in why.refused.items()}
    return scores, refused, why.everywhere


PROBES = [NewPod(1, app, shape, 0) for app in "xy" for shape in range(len(SHAPES))]
TWO_ZONES = [Node(6, "z1", "", ""), Node(6, "z2", "", "")]
SPREAD = NewPod(1, "x", 8, 0)
HASTE = [("busy", 0), NewPod(1, "y", 0, 0), ("relabel pod", 0), ("busy", 0)]
FOUR_NODES = [Node(6, zone, "", "") for zone in ("z1", "z2", "z3", "z3")]
MOVED = [SPREAD, SPREAD, SPREAD, ("relabel node", 8)]
"""Three pods in three zones; then the first node moves into the second's."""


@FEWER
@given(nodes=NODES, history=HISTORY)
@example(nodes=TWO_ZONES, history=HASTE)
@example(
    nodes=[Node(4, "", "", "")],
    history=[NewPod(3, "x", 0, 0), ("lose node", 0), ("bring node", 0), NewPod(3, "x", 0, 0)],
)
def test_no_node_is_over_committed_and_no_pod_bound_twice(nodes, history):
    story = Story(nodes)
    for step in history:
        story.step(step)
        story.fits()
    bound = sum(1 for place in story.world.places().values() if place)
    event(f"bound: {min(bound, 5)}")


@FEWER
@given(nodes=NODES, history=HISTORY)
@example(nodes=FOUR_NODES, history=MOVED)
def test_counts_that_were_kept_agree_with_counting_anew(nodes, history):
    story = Story(nodes)
    for step in history:
        story.step(step)
    world = story.world
    world.busy = False
    world.carry_out()
    gated = [story.pod(one, schedulingGates=[{"name": "x.io/probe"}]) for one in PROBES]
    anew = world.relisted()
    for name in gated:
        doc = world.seen(name).doc
        here, there = (explain(world.program.profile, s, doc) for s in (world.state, anew))
        assert _by_name(verdicts(here)) == _by_name(verdicts(there))


def _by_name(said: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(sorted(one.items()) if isinstance(one, dict) else one for one in said)


@FEWER
@given(nodes=NODES, history=HISTORY, pod=POD)
def test_the_node_that_is_taken_is_one_of_the_best(nodes, history, pod):
    story = Story(nodes)
    for step in history:
        story.step(step)
    world = story.world
    world.refuse, world.busy = None, False
    world.carry_out()
    world.wait(20_000)
    pod = pod._replace(priority=0)
    name = story.pod(pod, schedulingGates=[{"name": "x.io/wait"}])
    why = world.why(name)
    kept = {one.node for one in world.state.nominees.values()}
    world.patch("pods", name, {"spec": {"schedulingGates": None}})
    where = world.where(name)
    event(f"bound: {bool(where)}")
    if kept & set(why.best):
        return
    assert where in why.best if why.scores else not where


@FEWER
@given(
    nodes=st.lists(
        st.builds(
            Node,
            st.integers(2, 6),
            st.sampled_from(["z1", "z2", "z3"]),
            st.sampled_from(["a", "b"]),
            st.just(""),
        ),
        min_size=2,
        max_size=12,
    ),
    first=POD,
    second=POD,
    order=st.lists(st.booleans(), max_size=14),
)
def test_a_burst_is_placed_as_if_one_by_one(nodes, first, second, order):
    """Each pod of a burst takes a node that is best after all that went before it."""
    kinds = [one._replace(priority=0) for one in (first, second)]
    burst, single = Story(nodes), Story(nodes)
    burst.world.deaf = burst.world.busy = True
    for one in order:
        burst.pod(kinds[one])
    burst.world.deaf = False
    burst.world.hear()
    asked = [request.command for request in burst.world.waiting]
    places = {bind.name: bind.node for bind in asked if isinstance(bind, Bind)}
    for index, one in enumerate(order):
        name = single.pod(kinds[one], schedulingGates=[{"name": "x.io/wait"}])
        why, where = single.world.why(name), places.get(f"p{index}", "")
        assert where in why.best if why.scores else not where, f"p{index} of {places}"
        single.world.delete(name)
        single.pods -= 1
        if where:
            single.pod(kinds[one], nodeName=where)
        else:
            single.pods += 1


@FEWER
@given(nodes=NODES, history=HISTORY)
def test_renaming_nodes_renames_decisions_and_changes_nothing_else(nodes, history):
    names = {f"n{index}": f"{'qzamk'[index]}-{index}" for index in range(5)}
    one, other = Story(nodes), Story(nodes, names.__getitem__)
    for step in history:
        one.step(step)
        other.step(step)
    renamed = {pod: names.get(place, "") for pod, place in one.world.places().items()}
    assert renamed == other.world.places()


@FEWER
@given(nodes=NODES, history=HISTORY, probe=st.sampled_from(PROBES))
@example(nodes=TWO_ZONES, history=[SPREAD, SPREAD], probe=SPREAD)
def test_a_node_that_matters_to_nobody_changes_nothing_for_the_others(nodes, history, probe):
    story = Story(nodes)
    for step in history:
        story.step(step)
    name = story.pod(probe, schedulingGates=[{"name": "x.io/probe"}])
    before = story.world.why(name)
    story.world.put("nodes", "apart", _apart())
    after = story.world.why(name)
    assert after.refused.keys() - before.refused.keys() == {"apart"}
    assert after.scores.keys() == before.scores.keys()


def _apart() -> Any:
    """A node without any label, that nobody tolerates."""
    taints = [{"key": "other", "effect": "NoSchedule"}]
    offered = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    return document(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "apart", "uid": "apart"},
            "spec": {"taints": taints, "unschedulable": True},
            "status": {"allocatable": offered, "capacity": offered},
        }
    )


@FEWER
@given(
    tiers=st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=5),
    pods=st.lists(st.tuples(st.sampled_from(["a", "b", ""]), st.integers(0, 2)), max_size=8),
)
@example(tiers=["a", "b", "", ""], pods=[("a", 2), ("a", 2), ("b", 1), ("a", 2), ("b", 2)])
def test_splitting_a_label_in_two_changes_nothing(tiers, pods):
    """Half of a split label is no label."""
    whole, split = World(), World()
    for index, tier in enumerate(tiers):
        whole.node(f"n{index}", labels={"tier": tier} if tier else {})
        half = {f"tier-{1 + index % 2}": "ab"[index % 2]}
        both = {"tier-1": tier, "tier-2": tier} if tier else half
        split.node(f"n{index}", labels=both)
    for index, (tier, cpu) in enumerate(pods):
        requests = {"cpu": str(cpu)} if cpu else {}
        chosen = {"tier": tier} if tier else {}
        whole.pod(f"p{index}", requests, nodeSelector=chosen)
        parts = {"tier-1": tier, "tier-2": tier} if tier else {}
        split.pod(f"p{index}", requests, nodeSelector=parts)
    assert whole.places() == split.places()
    assert whole.events == split.events
