"""Recorded lives of StatefulSets and DaemonSets, followed change by change (see `replay`).

As with Deployments, every recorded change of every object has to be made by somebody next. Besides
what `workloads_traces` leaves open:

Endpoints and their slices are left out (`network_traces` follows them), and so are the events of
conflicts: they tell which version a controller had not seen when it wrote.

On which of several nodes a DaemonSet's pod is made first is the order of a map in upstream. Any
order is right, as long as the controller would take it if it were shown the nodes in that order.

A DaemonSet's status is counted at the end of a look, with what upstream's cache shows by then of
the pods that were just made: none, some or all of them. So a recorded status is right if it is
what the controller counts in any view that it may have had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from kelm.core.api.server import handle
from kelm.core.controllers.volumes.protection import ClaimProtection
from kelm.core.controllers.workloads.daemonset.controller import DaemonSetController
from kelm.core.controllers.workloads.daemonset.reconcile import status_of
from kelm.core.controllers.workloads.daemonset.template import for_node, target_node
from kelm.core.controllers.workloads.statefulset.controller import StatefulSetController
from kelm.core.runtime.controller import Batch, Plan, Sync
from kelm.core.store.table import Table, put
from kelm.effects.address import key_of
from kelm.effects.commands import Command, Create, Delete, List, Patch
from kelm.effects.document import child, document, text, thaw, with_value
from tests.conformance.replay.loops import Loop, Mind
from tests.conformance.replay.recording import Entry, Trace, entries
from tests.conformance.replay.replay import Replay, State
from tests.conformance.replay.start import NUMBER, begin
from tests.conformance.replay.steps import command_of_step
from tests.conformance.replay.steps import status_of as answer_code
from tests.conformance.replay.victims import instead
from tests.conformance.replay.world import World, execute

LEFT_OUT = ("EndpointSlice", "Endpoints")
CONFLICT = "the object has been modified"
Told = tuple[str, str, str, str]


class Counting(DaemonSetController, frozen=True):
    """Only the count that ends a look at a DaemonSet."""

    @property
    def name(self) -> str:
        return "daemonset-controller's count"

    @property
    def watches(self) -> Any:
        return DaemonSetController().watches

    def reconcile(self, sync: Sync) -> Plan:
        batch = status_of(sync)
        return Plan((batch,) if batch else ())


class DaemonLoop(Loop, frozen=True):
    """A loop whose pods may be made on nodes in any order."""

    def _with_other_victims(self, mind: Mind, world: World, entry: Entry) -> Iterator[Mind]:
        if entry.kind != "Pod" or mind.sync is None:
            return
        if entry.type != "ADDED":
            yield from self._with_other_old_pods(mind, mind.sync, world, entry)
            return
        wanted = target_node(document(entry.object["spec"]))
        first = [_node_of(command) for command in mind.batches[0]]
        later = [_node_of(command) for batch in mind.batches[1:] for command in batch]
        if wanted in first or not (wanted in later or self._takes(mind.sync, wanted)):
            return
        for node in first:
            if node:
                yield mind.with_batches(_swapped(mind.batches, node, wanted))

    def _with_other_old_pods(
        self, mind: Mind, sync: Sync, world: World, entry: Entry
    ) -> Iterator[Mind]:
        """The plan with another pod deleted that the controller might as well have taken."""
        name = world.real_name(entry.name)
        found = sync.caches["pods"].get(key_of(entry.namespace, name))
        first = [one for one in mind.batches[0] if isinstance(one, Delete)]
        if found is None or any(one.name == name for one in first):
            return
        plan = self._shown_first(sync, target_node(child(found, "spec")))
        taken = {one.name for batch in plan.batches for one in batch if isinstance(one, Delete)}
        if name not in taken:
            return
        uid = text(found, "metadata", "uid")
        for command in first:
            yield mind.with_batches(
                tuple(
                    tuple(instead(one, command, name, uid) for one in batch)
                    for batch in mind.batches
                )
            )

    def _takes(self, sync: Sync, node: str) -> bool:
        """Whether the controller makes a pod on a node when it is shown that node first."""
        plan = self._shown_first(sync, node)
        return node in {_node_of(command) for batch in plan.batches for command in batch}

    def _shown_first(self, sync: Sync, node: str) -> Plan:
        """What the controller decides when it is shown a node before all others."""
        nodes: Any = sync.caches["nodes"]
        docs = sorted(nodes.objects(), key=lambda doc: text(doc, "metadata", "name") != node)
        table = Table("nodes")
        for number, doc in enumerate(docs, start=1):
            table = put(table, text(doc, "metadata", "name"), doc, number)
        sync = msgspec.structs.replace(sync, caches=sync.caches.set("nodes", table), memory=None)
        plan: Plan = self.controller.reconcile(sync)  # type: ignore[arg-type]
        return plan


def _node_of(command: Command) -> str:
    if not isinstance(command, Create) or command.resource != "pods":
        return ""
    return target_node(child(command.object, "spec"))


def _swapped(batches: tuple[Batch, ...], one: str, other: str) -> tuple[Batch, ...]:
    """The plan with the pods of two nodes made in each other's place."""
    instead = {one: other, other: one}
    return tuple(
        tuple(
            _moved(command, instead[node]) if (node := _node_of(command)) in instead else command
            for command in batch
        )
        for batch in batches
    )


def _moved(command: Command, node: str) -> Command:
    assert isinstance(command, Create)
    affinity = for_node(child(command.object, "spec", "affinity"), node)
    doc = with_value(command.object, ("spec", "affinity"), affinity)
    return msgspec.structs.replace(command, object=doc)


class NodeReplay(Replay, frozen=True):
    """A replay in which users change nodes, which the recordings do not show."""

    def unnoticed_steps(self, state: State, at: float) -> State:
        state = super().unnoticed_steps(state, at)
        while state.step < len(self.steps) and self.steps[state.step]["at"] <= at:
            step = self.steps[state.step]
            if not step["do"]["path"].startswith("/api/v1/nodes/"):
                break
            command = command_of_step(step, state.world)
            assert command is not None
            done = execute(state.world, command, step["at"])
            assert answer_code(command, done) == step["status"]
            state = msgspec.structs.replace(state, world=done.world, step=state.step + 1)
            state = super().unnoticed_steps(state, at)
        return state


LOOPS = (
    Loop(
        StatefulSetController(),
        ("StatefulSet", "Pod", "ControllerRevision", "PersistentVolumeClaim"),
    ),
    DaemonLoop(DaemonSetController(), ("DaemonSet", "Pod", "ControllerRevision")),
    Loop(Counting(), ("DaemonSet",)),
    Loop(ClaimProtection(), ("PersistentVolumeClaim",)),
)


def pod_sets(trace: Trace) -> list[str]:
    """Every difference between a recorded history and ours."""
    shown = [one for one in trace["history"] if one["kind"] not in LEFT_OUT]
    begun, state = begin({**trace, "history": shown})
    replay = NodeReplay(begun.trace, begun.history, LOOPS)
    found = replay.followed(_with_ready_nodes(trace, state))
    if isinstance(found, str):
        return [found]
    recorded, ours = _recorded(trace), _told(found.world)
    lines = [f"event recorded, not ours: {one}" for one in sorted(recorded - ours)]
    return lines + [f"event ours, not recorded: {one}" for one in sorted(ours - recorded)]


def _with_ready_nodes(trace: Trace, state: State) -> State:
    """The nodes with the taints that they had, and not with that of a new node."""
    world = state.world
    for node in trace["nodes"]:
        taints = document({"spec": {"taints": node["taints"]}})
        world = execute(world, Patch("nodes", "", node["name"], taints), -59.0).world
    return msgspec.structs.replace(state, world=world)


def _kept(events: Iterable[Told]) -> set[Told]:
    sources = {loop.controller.name for loop in LOOPS}
    return {one for one in events if one[0] in sources and CONFLICT not in one[-1]}


def _recorded(trace: Trace) -> set[Told]:
    """What the recorded events of our components say, whoever of many pods they are about."""
    last = {one.place: one.object for one in entries(trace) if one.kind == "Event"}
    return _kept(
        (event["source"], event["type"], event["reason"], _words(event["message"]))
        for event in last.values()
    )


def _told(world: World) -> set[Told]:
    listed: Any = thaw(handle(world.api, List("events"), 0)[1].unwrap())
    return _kept(
        (
            event["source"]["component"],
            event["type"],
            event["reason"],
            _words(world.rename(event["message"])),
        )
        for event in listed["items"]
    )


def _words(message: str) -> str:
    return NUMBER.sub("<n>", message.removeprefix("(combined from similar events): "))


TRACE_BINDINGS = {"5-sts": pod_sets, "5-ds": pod_sets}
