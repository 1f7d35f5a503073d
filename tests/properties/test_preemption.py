"""Who has to leave for somebody more important: as few as possible, and nobody who matters more."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import event, example, given
from hypothesis import strategies as st

from kelm.effects.document import document
from tests.core.scheduler.world import World
from tests.properties.test_scheduler import FEWER

GREAT = 50


class Tenant(NamedTuple):
    """A pod that is on node `home`; `guarded`: a budget lets no pod of its kind go."""

    home: int
    cpu: int
    priority: int
    guarded: bool


TENANTS = st.lists(
    st.builds(
        Tenant,
        home=st.integers(0, 2),
        cpu=st.integers(1, 3),
        priority=st.sampled_from([-5, 0, 10, GREAT, 90]),
        guarded=st.booleans(),
    ),
    max_size=8,
)


class House:
    """Nodes of four CPUs with tenants, as many of them as fit; then somebody great comes."""

    def __init__(self, nodes: int, tenants: list[Tenant], cpu: int) -> None:
        self.world, self.cpu = World(), cpu
        self.tenants: dict[str, Tenant] = {}
        for index in range(nodes):
            self.world.node(f"n{index}")
        budget = {"metadata": {"name": "b", "namespace": "default"}, "spec": {}, "status": {}}
        budget["spec"] = {"selector": {"matchLabels": {"app": "guarded"}}}
        budget["status"] = {"disruptionsAllowed": 0}
        self.world.put("poddisruptionbudgets.policy", "default/b", document(budget))
        for index, one in enumerate(tenants):
            one = one._replace(home=one.home % nodes)
            if self.taken(one.home) + one.cpu <= 4:
                self.tenants[f"p{index}"] = one
                self.pod(f"p{index}", one.cpu, one.priority, one.guarded, f"n{one.home}")
        self.pod("great", cpu, GREAT, guarded=False)

    def pod(self, name: str, cpu: int, priority: int, guarded: bool, node: str = "") -> None:
        where = {"nodeName": node} if node else {}
        important = {"priorityClassName": self.world.priority(priority)} if priority else {}
        labels = {"app": "guarded" if guarded else "free"}
        self.world.pod(name, {"cpu": str(cpu)}, labels=labels, **where, **important)

    def taken(self, home: int, least: int = -100) -> int:
        """How many CPUs are taken on a node by tenants that are this important."""
        here = (one for one in self.tenants.values() if one.home == home)
        return sum(one.cpu for one in here if one.priority >= least)

    @property
    def victims(self) -> dict[str, Tenant]:
        told = {name for name, reason, _ in self.world.events if reason == "Preempted"}
        return {name: one for name, one in self.tenants.items() if name in told}


def fits(house: House, home: int, gone: Any) -> bool:
    """Whether the great one fits on a node once these are gone from it."""
    left = (one for name, one in house.tenants.items() if one.home == home and name not in gone)
    return sum(one.cpu for one in left) + house.cpu <= 4


def lesser(house: House, home: int) -> dict[str, Tenant]:
    here = {name: one for name, one in house.tenants.items() if one.home == home}
    return {name: one for name, one in here.items() if one.priority < GREAT}


@FEWER
@given(nodes=st.integers(1, 3), tenants=TENANTS, cpu=st.integers(1, 4))
@example(nodes=2, tenants=[Tenant(0, 3, 0, True), Tenant(1, 3, 10, False)], cpu=3)
def test_only_less_important_pods_of_one_node_leave_and_none_that_could_stay(nodes, tenants, cpu):
    house = House(nodes, tenants, cpu)
    victims = house.victims
    event(f"victims: {min(len(victims), 3)}")
    assert all(one.priority < GREAT for one in victims.values())
    assert len({one.home for one in victims.values()}) <= 1
    for name, one in victims.items():
        assert not fits(house, one.home, victims.keys() - {name}), f"{name} could have stayed"
    possible = [home for home in range(nodes) if fits(house, home, lesser(house, home))]
    assert bool(house.world.where("great")) == any(fits(house, home, ()) for home in range(nodes))
    if possible and not house.world.where("great"):
        assert victims, "it could have had a node"


@FEWER
@given(nodes=st.integers(1, 3), tenants=TENANTS, cpu=st.integers(1, 4))
@example(nodes=2, tenants=[Tenant(0, 3, 0, True), Tenant(1, 3, 10, False)], cpu=3)
@example(nodes=1, tenants=[Tenant(0, 2, 0, True), Tenant(0, 2, 10, False)], cpu=2)
def test_no_budget_is_broken_where_there_is_a_choice_that_breaks_none(nodes, tenants, cpu):
    house = House(nodes, tenants, cpu)
    broken = [name for name, one in house.victims.items() if one.guarded]
    free = [
        home
        for home in range(nodes)
        if fits(house, home, {n for n, one in lesser(house, home).items() if not one.guarded})
    ]
    event(f"broken: {bool(broken)}, free choice: {bool(free)}")
    assert not (broken and free), f"{broken} had to leave, and node n{free[0]} was to be had"


@FEWER
@given(nodes=st.integers(1, 3), tenants=TENANTS, cpu=st.integers(1, 4))
@example(
    nodes=2,
    tenants=[Tenant(0, 2, 0, False), Tenant(0, 2, 0, False), Tenant(1, 3, 10, False)],
    cpu=4,
)
def test_the_node_is_one_whose_most_important_victim_matters_least(nodes, tenants, cpu):
    """Among nodes that break no budget; guarded tenants are left out."""
    house = House(nodes, [one._replace(guarded=False) for one in tenants], cpu)
    if not house.victims:
        return
    worst = max(one.priority for one in house.victims.values())
    for home in range(nodes):
        priorities = {one.priority for one in lesser(house, home).values() if one.priority < worst}
        gone = {n for n, one in lesser(house, home).items() if one.priority in priorities}
        assert not fits(house, home, gone), f"n{home} would have cost less"


@FEWER
@given(nodes=st.integers(1, 3), tenants=TENANTS, cpu=st.integers(1, 4))
def test_a_pod_elsewhere_changes_nothing_for_the_others(nodes, tenants, cpu):
    """An unrelated pod on a node that nobody else may use: the same places, the same victims."""
    alone, beside = House(nodes, tenants, cpu), House(nodes, [], 0)
    world = beside.world
    world.delete("great")
    world.node("apart", taints=[{"key": "other", "effect": "NoSchedule"}])
    world.namespace("elsewhere")
    world.pod("stranger", {"cpu": "1"}, namespace="elsewhere", nodeName="apart")
    world.events.clear()
    for name, one in alone.tenants.items():
        beside.tenants[name] = one
        beside.pod(name, one.cpu, one.priority, one.guarded, f"n{one.home}")
    beside.cpu = cpu
    beside.pod("great", cpu, GREAT, guarded=False)
    places = {name: where for name, where in world.places().items() if name != "stranger"}
    assert places == alone.world.places()
    assert beside.victims == alone.victims
