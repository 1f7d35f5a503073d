"""A node pool against a small cloud: launches, losses, zones that fail, answers that get lost."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from returns.result import Failure, Success

from kelm.core.controllers.nodes.cloud import CloudNodeLifecycle, is_gone
from kelm.core.infrastructure.balance import machine_to_terminate, zone_to_launch
from kelm.core.infrastructure.instances import Instance, Patience, instance
from kelm.core.infrastructure.node_pool import NodePool, PoolState
from kelm.core.objects.time import format_time
from kelm.core.runtime.queue import ControllerProgram
from kelm.core.store import table as tables
from kelm.core.store.table import Table
from kelm.effects.commands import Delete, LaunchInstance, Request, TerminateInstance
from kelm.effects.document import document
from kelm.effects.messages import Answered, Change, Observed, TimerFired
from kelm.effects.refusals import Reason, Refusal

ZONES = ("zone-a", "zone-b", "zone-c")
PATIENCE = Patience(grace_ms=300_000, impaired_ms=120_000)
BOOT_MS = 60_000


class Cloud:
    """Machines that boot in a minute and whose Nodes are ready as soon as they run."""

    def __init__(self, pool: NodePool) -> None:
        self.pool = pool
        self.state: PoolState = pool.init()[0]
        self.requests: list[Request] = []
        self.now_ms = 0
        self.instances, self.nodes = Table("instances"), Table("nodes")
        self.boots: dict[str, int] = {}
        self.failing: set[str] = set()
        self.stubborn: set[str] = set()
        self.asked: list[Any] = []
        self.hear("instances", replaced=True)
        self.hear("nodes", replaced=True)

    def hear(self, resource: str, change: Change | None = None, *, replaced: bool = False) -> None:
        cache = self.instances if resource == "instances" else self.nodes
        changes = () if change is None else (change,)
        self._update(Observed(self.now_ms, resource, cache, changes, replaced=replaced))

    def _update(self, message: Any) -> None:
        self.state, requests = self.pool.update(self.state, message)
        self.requests.extend(requests)

    def restart(self) -> None:
        self.state, self.requests = self.pool.init()[0], []
        self.hear("instances", replaced=True)
        self.hear("nodes", replaced=True)

    def put(self, name: str, zone: str, state: str, *, healthy: bool = True) -> None:
        doc = {
            "metadata": {"name": name},
            "spec": {"pool": "default", "zone": zone},
            "status": {"state": state, "healthy": healthy},
        }
        old, revision = self.instances.get(name), self.instances.revision + 1
        self.instances = tables.put(self.instances, name, document(doc), revision)
        self.hear("instances", Change(revision, name, old, self.instances.get(name)))

    def node(self, name: str, *, ready: bool) -> None:
        condition = {
            "type": "Ready",
            "status": "True" if ready else "Unknown",
            "lastTransitionTime": format_time(self.now_ms),
        }
        doc = document({"metadata": {"name": name}, "status": {"conditions": [condition]}})
        old, revision = self.nodes.get(name), self.nodes.revision + 1
        self.nodes = tables.put(self.nodes, name, doc, revision)
        self.hear("nodes", Change(revision, name, old, doc))

    def serve(self, *, lost: bool = False, dropped: bool = False) -> None:
        """Carry out the oldest request; `lost`: its answer is, `dropped`: the request itself."""
        request = self.requests.pop(0)
        self.asked.append(request.command)
        refusal = None if dropped else self._do(request.command)
        if lost or dropped:
            refusal = Refusal(Reason.TIMEOUT, "lost", unknown_outcome=True)
        outcome: Any = Failure(refusal) if refusal else Success(document({}))
        self._update(Answered(self.now_ms, request.id, outcome))

    def _do(self, command: Any) -> Refusal | None:
        known = self.instances.get(command.name)
        if isinstance(command, LaunchInstance):
            if known is not None:
                return Refusal(Reason.ALREADY_EXISTS, "exists")
            if command.zone in self.failing:
                return Refusal(Reason.SERVICE_UNAVAILABLE, "no capacity")
            self.boots[command.name] = self.now_ms + BOOT_MS
            self.put(command.name, command.zone, "pending")
        elif command.name in self.stubborn:
            return Refusal(Reason.FORBIDDEN, "it may not be switched off")
        elif known is None:
            return Refusal(Reason.NOT_FOUND, "gone")
        else:
            self.boots.pop(command.name, None)
            self.put(command.name, instance(known).zone, "terminated", healthy=False)
        return None

    def run(self, for_ms: int) -> None:
        """Let time pass: answers at once, boots and timers when they are due."""
        end_ms = self.now_ms + for_ms
        for _ in range(1_000):
            while self.requests:
                self.serve()
            due = [at_ms for at_ms in self.boots.values() if at_ms <= end_ms]
            wake_at_ms = self.pool.subscriptions(self.state).wake_at_ms
            if wake_at_ms is not None and wake_at_ms <= end_ms:
                due.append(wake_at_ms)
            if not due:
                self.now_ms = end_ms
                return
            self.now_ms = max(self.now_ms, min(due))
            for name in [name for name, at_ms in self.boots.items() if at_ms <= self.now_ms]:
                del self.boots[name]
                self.put(name, instance(self.instances.get(name)).zone, "running")  # type: ignore[arg-type]
                self.node(name, ready=True)
            if wake_at_ms is not None and wake_at_ms <= self.now_ms:
                self._update(TimerFired(self.now_ms))
        raise AssertionError("no end in sight")

    def alive(self) -> list[Instance]:
        views = [instance(doc) for doc in self.instances.objects()]
        return [one for one in views if one.state != "terminated"]

    def zones(self) -> list[int]:
        counts = Counter(one.zone for one in self.alive())
        return [counts[zone] for zone in ZONES]

    def crash(self, name: str) -> None:
        self.put(name, instance(self.instances.get(name)).zone, "running", healthy=False)  # type: ignore[arg-type]


def cloud(desired: int = 3, **fields: Any) -> Cloud:
    one = Cloud(NodePool(desired, ZONES, patience=PATIENCE, **fields))
    one.run(600_000)
    one.asked.clear()
    return one


def test_a_pool_starts_level_over_its_zones() -> None:
    one = cloud(5)
    assert one.zones() == [2, 2, 1]
    assert [machine.name for machine in one.alive()] == [f"node-{n}" for n in range(1, 6)]


def test_the_size_is_kept_within_its_bounds() -> None:
    assert len(cloud(9, max_size=4).alive()) == 4
    assert len(cloud(0, min_size=2).alive()) == 2


def test_a_machine_that_fails_its_check_is_terminated_and_then_replaced_in_its_zone() -> None:
    one = cloud()
    one.crash("node-2")
    one.run(119_000)
    assert one.asked == []
    one.run(1_000)
    assert one.asked == [
        TerminateInstance("default", "node-2"),
        LaunchInstance("default", "zone-b", "node-4"),
    ]
    one.run(BOOT_MS)
    assert one.zones() == [1, 1, 1]


def test_a_node_that_is_not_ready_for_the_grace_period_is_replaced() -> None:
    one = cloud()
    one.node("node-1", ready=False)
    one.run(299_999)
    assert one.asked == []
    one.run(1)
    assert one.asked[0] == TerminateInstance("default", "node-1")


def test_a_node_that_comes_back_in_time_stays() -> None:
    one = cloud()
    one.node("node-1", ready=False)
    one.run(200_000)
    one.node("node-1", ready=True)
    one.run(1_000_000)
    assert one.asked == []


def test_a_machine_that_has_just_come_up_is_not_judged() -> None:
    one = Cloud(NodePool(1, ZONES, patience=PATIENCE))
    one.run(BOOT_MS)
    one.crash("node-1")
    one.run(299_999)
    assert not any(isinstance(command, TerminateInstance) for command in one.asked)
    one.run(1)
    assert isinstance(one.asked[-2], TerminateInstance)


def test_a_machine_that_the_cloud_took_is_replaced_at_once() -> None:
    one = cloud()
    one.put("node-3", "zone-c", "terminated")
    one.run(0)
    assert one.asked == [LaunchInstance("default", "zone-c", "node-4")]


def test_a_failing_zone_is_left_alone_and_levelled_when_it_is_back() -> None:
    one = cloud(6)
    one.failing.add("zone-a")
    for machine in one.alive():
        if machine.zone == "zone-a":
            one.put(machine.name, "zone-a", "terminated")
    one.run(600_000)
    assert one.zones() == [0, 3, 3]
    one.failing.clear()
    one.run(1_200_000)
    assert one.zones() == [2, 2, 2]
    kinds = [type(command).__name__ for command in one.asked[-4:]]
    assert kinds == ["LaunchInstance", "TerminateInstance"] * 2


def test_a_lost_answer_launches_no_second_machine() -> None:
    one = Cloud(NodePool(1, ZONES, patience=PATIENCE))
    one.serve(lost=True)
    one.run(600_000)
    assert len(one.alive()) == 1


def test_what_got_lost_on_the_way_is_asked_for_again() -> None:
    one = Cloud(NodePool(1, ZONES, patience=PATIENCE))
    one.serve(dropped=True)
    one.run(600_000)
    assert [machine.name for machine in one.alive()] == ["node-1"]
    one.crash("node-1")
    one.now_ms += 120_000
    one._update(TimerFired(one.now_ms))
    assert [request.command for request in one.requests] == [TerminateInstance("default", "node-1")]
    one.serve(dropped=True)
    one.run(600_000)
    assert [machine.name for machine in one.alive()] == ["node-2"]


def test_a_lost_machine_that_the_cloud_will_not_switch_off_is_replaced_once() -> None:
    one = cloud()
    one.stubborn.add("node-2")
    one.crash("node-2")
    one.run(PATIENCE.impaired_ms + PATIENCE.ending_ms - 30_000)
    assert len(one.alive()) == 3
    one.run(3_600_000)
    assert [machine.name for machine in one.alive()] == ["node-1", "node-2", "node-3", "node-4"]
    asked = [type(command).__name__ for command in one.asked]
    assert asked.count("LaunchInstance") == 1
    assert asked.count("TerminateInstance") == pytest.approx(4_170_000 / 30_000, abs=3)
    one.stubborn.clear()
    one.run(60_000)
    assert [machine.name for machine in one.alive()] == ["node-1", "node-3", "node-4"]


def test_a_machine_too_many_that_the_cloud_will_not_switch_off_still_counts() -> None:
    one = cloud(4)
    shrunk = Cloud(msgspec.structs.replace(one.pool, desired=3))
    shrunk.instances, shrunk.nodes, shrunk.now_ms = one.instances, one.nodes, one.now_ms
    shrunk.stubborn = {machine.name for machine in one.alive()}
    shrunk.restart()
    shrunk.run(3_600_000)
    assert len(shrunk.alive()) == 4
    assert {type(command) for command in shrunk.asked} == {TerminateInstance}


def test_a_machine_that_is_well_again_while_the_cloud_refuses_is_still_asked_to_go() -> None:
    one = cloud()
    one.stubborn.add("node-2")
    one.crash("node-2")
    one.run(1_200_000)
    one.put("node-2", "zone-b", "running")
    one.run(600_000)
    assert len(one.alive()) == 4
    one.stubborn.clear()
    one.run(600_000)
    assert [machine.name for machine in one.alive()] == ["node-1", "node-3", "node-4"]


def test_a_restarted_pool_counts_the_machines_again() -> None:
    one = cloud()
    one.restart()
    one.run(1_000_000)
    assert one.asked == []
    one.put("node-1", "zone-a", "terminated")
    one.run(0)
    assert one.asked == [LaunchInstance("default", "zone-a", "node-4")]


def test_too_many_machines_shrink_from_the_fullest_zone() -> None:
    one = cloud(6)
    one.pool = NodePool(4, ZONES, patience=PATIENCE)
    one.restart()
    one.run(1_000)
    assert one.zones() == [1, 1, 2]


def test_heartbeats_are_not_worth_a_thought() -> None:
    one = cloud()
    before = one.state
    one.node("node-1", ready=True)
    assert one.state.wake_at_ms is None and one.requests == []
    assert one.state.launches is before.launches


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["crash", "heal", "unready", "ready", "take", "fail", "mend", "serve", "lose",
             "drop", "restart", "wait", "wait"]
        ),
        st.integers(0, 5),
    ),
    max_size=25,
)  # fmt: skip


def act(one: Cloud, action: str, number: int) -> None:
    alive = one.alive()
    machine = alive[number % len(alive)] if alive else None
    if action == "fail":
        one.failing.add(ZONES[number % 3])
    elif action == "mend":
        one.failing.discard(ZONES[number % 3])
    elif action in ("serve", "lose", "drop") and one.requests:
        one.serve(lost=action == "lose", dropped=action == "drop")
    elif action == "restart":
        one.restart()
    elif action == "wait":
        one.run(number * 50_000)
    elif machine is not None and machine.state == "running":
        if action in ("crash", "heal"):
            one.put(machine.name, machine.zone, "running", healthy=action == "heal")
        elif action in ("unready", "ready"):
            one.node(machine.name, ready=action == "ready")
        elif action == "take":
            one.put(machine.name, machine.zone, "terminated", healthy=False)


@given(ACTIONS, st.integers(1, 6))
def test_after_any_storm_the_pool_is_whole_level_and_quiet(
    history: list[tuple[str, int]], desired: int
) -> None:
    one = Cloud(NodePool(desired, ZONES, patience=PATIENCE))
    for action, number in history:
        act(one, action, number)
    one.failing.clear()
    one.run(6_000_000)
    event(f"{len(one.asked)} commands")
    assert len(one.alive()) == desired
    assert all(machine.state == "running" and machine.healthy for machine in one.alive())
    assert max(one.zones()) - min(one.zones()) <= 1
    one.asked.clear()
    one.run(6_000_000)
    assert one.asked == []


@given(st.lists(st.sampled_from(ZONES), min_size=1, max_size=9))
def test_machines_go_where_most_are_and_come_where_fewest_are(zones: list[str]) -> None:
    machines = [Instance(f"m{n}", "default", zone, "running", True) for n, zone in enumerate(zones)]
    counts = Counter(zones)
    gone = machine_to_terminate(machines, ZONES)
    assert gone is not None and counts[gone.zone] == max(counts.values())
    come = zone_to_launch({zone: counts[zone] for zone in ZONES}, ())
    assert come is not None and counts[come] == min(counts[zone] for zone in ZONES)


# -- Nodes of machines that are gone ----------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "ready", "provider", "gone"),
    [("terminated", False, "", True), ("terminated", True, "", False),
     ("running", False, "", False), (None, False, "", False), (None, False, "kelm://a", True)],
)  # fmt: skip
def test_only_a_node_that_is_not_ready_and_has_no_machine_is_deleted(
    state: str | None, ready: bool, provider: str, gone: bool
) -> None:
    instances = Table("instances")
    if state is not None:
        doc = document({"metadata": {"name": "node-1"}, "status": {"state": state}})
        instances = tables.put(instances, "node-1", doc, 1)
    condition = {"type": "Ready", "status": "True" if ready else "Unknown"}
    node = document(
        {
            "metadata": {"name": "node-1"},
            "spec": {"providerID": provider} if provider else {},
            "status": {"conditions": [condition]},
        }
    )
    assert is_gone(node, instances) == gone


def test_the_node_of_a_terminated_machine_is_deleted_when_it_falls_silent() -> None:
    program = ControllerProgram(CloudNodeLifecycle())
    state, _ = program.init()
    one = cloud()
    one.put("node-1", "zone-a", "terminated")
    one.node("node-1", ready=False)
    for resource, cache in (("nodes", one.nodes), ("instances", one.instances)):
        state, _ = program.update(state, Observed(0, resource, cache, replaced=True))
    state, requests = program.update(state, TimerFired(0))
    commands = [request.command for request in requests]
    assert [type(command).__name__ for command in commands] == ["RecordEvent", "Delete"]
    assert isinstance(commands[1], Delete) and commands[1].name == "node-1"
