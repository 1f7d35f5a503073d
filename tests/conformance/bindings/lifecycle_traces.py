"""Recorded losses of nodes: our controllers live through them, the rest of the world is played.

What others wrote in a recording (kubelets, users, workload controllers) is put into a store at its
recorded time; what the node, taint and pod collectors wrote is left out, and must be written by
ours: the same facts, at most a few seconds apart. A recording does not say when its controller
manager looked at nodes (every 5 s), so each phase is tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from kelm.adapters.simulator.loop import Simulator
from kelm.adapters.simulator.pickers import Fifo
from kelm.core.api.bootstrap import new_server
from kelm.core.controllers.deletion.pod_gc import PodGC
from kelm.core.controllers.disruption.controller import BUDGETS, DisruptionController
from kelm.core.controllers.nodes.lifecycle.controller import LEASES, NodeLifecycle
from kelm.core.controllers.nodes.taint_eviction import TaintEviction
from kelm.core.objects.time import format_micro_time, format_time
from kelm.core.runtime.queue import ControllerProgram
from kelm.effects.commands import List
from kelm.effects.document import Document, document, thaw
from tests.conformance.bindings.lifecycle_history import (
    OUR_KEY,
    RESOURCES,
    START_MS,
    Entry,
    Fact,
    Object,
    Trace,
    entries,
    facts,
    others,
    real,
    taints,
)

LEAD_MS = 100_000
"""How long our controllers run before the recording begins."""
TOLERANCE_MS = 4_000
PHASES_MS = range(0, 20_000, 500)
GROUPS = {"PodDisruptionBudget": "policy/v1", "Node": "v1", "Pod": "v1"}
TOLD = ("NodeNotReady", "TaintManagerEviction")
NEVER_MS = 10**9


class Play:
    """One run of our controllers through a recording."""

    def __init__(self, trace: Trace, phase_ms: int) -> None:
        self.zero_ms = LEAD_MS + phase_ms
        self.trace, self.history = trace, list(entries(trace, self.zero_ms))
        self.simulator = Simulator(new_server(now_ms=START_MS), Fifo(), START_MS)
        self.end_ms = self.history[-1].at_ms + TOLERANCE_MS
        self.has_nodes = any(entry.kind == "Node" for entry in self.history)
        self.played: set[int] = set()
        self.moments: list[tuple[int, int]] = []
        self.simulator.after_event = self._note
        self._prepare()
        for controller in (NodeLifecycle(), TaintEviction(), PodGC(), DisruptionController()):
            self.simulator.start(controller.name, ControllerProgram(controller))

    def _note(self, simulator: Simulator, _event: object) -> None:
        revision = simulator.api.store.revision
        if not self.moments or self.moments[-1][0] < revision:
            self.moments.append((revision, simulator.now_ms - START_MS))

    def _prepare(self) -> None:
        """The nodes as they were, and when each falls silent and answers again."""
        nodes: dict[str, Object] = {
            one["name"]: {
                "metadata": {"labels": one["labels"]},
                "spec": {"taints": others({"spec": one})},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            }
            for one in self.trace["nodes"]
        }
        changed = [entry for entry in self.history if entry.kind == "Node" and entry.old]
        for entry in reversed(changed):
            nodes[entry.name] = entry.old or {}
        self.last_beat = dict.fromkeys(nodes, NEVER_MS)
        self.resume_ms = dict.fromkeys(nodes, NEVER_MS)
        self._hear_of_machines()
        for entry in reversed(self.history):
            done = (
                []
                if entry.old is None
                else list(facts(entry.kind, entry.name, entry.old, entry.new))
            )
            if any(fact[0] in ("lost", "unready") for fact in done):
                node = entry.name if entry.kind == "Node" else entry.old["spec"]["nodeName"]
                self.last_beat[node] = entry.at_ms - 46_000
        for name in sorted(nodes, key=self._tainted_ms):
            self._put("Node", "", name, nodes[name])
            self._beat(name)

    def _hear_of_machines(self) -> None:
        for step in self.trace["steps"]:
            at_ms = self.zero_ms + round(step["at"] * 1_000)
            done = step["do"].get("kubelet", {})
            for word, table in (("stop", self.last_beat), ("resume", self.resume_ms)):
                names = done.get(word, [])
                table.update(dict.fromkeys([names] if isinstance(names, str) else names, at_ms))

    def _tainted_ms(self, name: str) -> int:
        """When a node got its NoExecute taint: which of a zone comes first is nobody's promise."""
        for entry in self.history:
            if (entry.kind, entry.name) == ("Node", name) and entry.old is not None:
                for fact in facts("Node", name, entry.old, entry.new):
                    if fact[0] == "taint" and fact[2].endswith(":NoExecute"):
                        return entry.at_ms
        return NEVER_MS

    def _put(self, kind: str, namespace: str, name: str, found: Object | None) -> None:
        resource = RESOURCES.get(kind, kind)
        key = f"{namespace}/{name}" if namespace else name
        store = self.simulator.api.store
        old = store.get(resource, key)
        before = store.table(resource).revision
        if found is None:
            if old is None:
                return
            store = store.remove(resource, key, old)
        else:
            meta = {
                **found.get("metadata", {}),
                "name": name,
                "namespace": namespace,
                "uid": f"<uid:{kind}/{name}>",
                "resourceVersion": str(store.next_revision),
            }
            whole = {**found, "apiVersion": GROUPS.get(kind, "apps/v1"), "kind": kind}
            store = store.put(resource, key, document({**whole, "metadata": meta}))
        self.played.add(store.revision)
        self.simulator.api = msgspec.structs.replace(self.simulator.api, store=store)
        self.simulator.publish(store.table(resource), before)

    def _beat(self, name: str) -> None:
        renewed = {"renewTime": format_micro_time(self.simulator.now_ms)}
        lease = {"metadata": {}, "spec": renewed}
        self._put(LEASES, "kube-node-lease", name, lease)

    def _run_to(self, at_ms: int) -> None:
        future = self.simulator.future
        while future.next_ms is not None and future.next_ms <= START_MS + at_ms:
            self.simulator.step()
        future.now_ms = max(future.now_ms, START_MS + at_ms)

    def run(self) -> None:
        """Play the recording from its beginning to its end."""
        beats = sorted(
            (at_ms, name)
            for name, last in self.last_beat.items()
            for at_ms in self._beats(name, last)
        )
        inputs = [(entry.at_ms, number, entry) for number, entry in enumerate(self.history)]
        deeds: list[tuple[int, int, Any]] = [(at_ms, -1, name) for at_ms, name in beats]
        now_ms = self.simulator.now_ms - START_MS
        for at_ms, _, deed in sorted([*inputs, *deeds], key=lambda one: one[:2]):
            if at_ms < now_ms:
                continue
            self._run_to(at_ms)
            if isinstance(deed, str):
                self._beat(deed)
            else:
                self._play(deed)
        self._run_to(self.end_ms)

    def _beats(self, name: str, last: int) -> Iterator[int]:
        at_ms = last % 8_000 if last < NEVER_MS else 1_000
        while at_ms < self.end_ms:
            if not last < at_ms < self.resume_ms[name]:
                yield at_ms
            at_ms += 8_000

    def _play(self, entry: Entry) -> None:
        """Put what others wrote; what ours wrote is theirs to write."""
        key = f"{entry.namespace}/{entry.name}" if entry.namespace else entry.name
        stored = self.simulator.api.store.get(RESOURCES[entry.kind], key)
        present: Any = None if stored is None else thaw(stored)
        if entry.old is not None and any(facts(entry.kind, entry.name, entry.old, entry.new)):
            return
        if entry.old is not None and entry.new is not None and present is None:
            return
        found = entry.new
        if entry.kind == "Node" and found is not None and present is not None:
            found = _node_byothers(entry, present)
        if entry.kind == "PodDisruptionBudget" and entry.old and found:
            found = _budget_byothers(entry, present)
        if found != present:
            self._put(entry.kind, entry.namespace, entry.name, found)

    def done(self) -> list[Fact]:
        """What our controllers did."""
        found = []
        kinds = ("Node", "Pod") if self.has_nodes else ("Pod",)
        for kind in kinds:
            for change in self.simulator.api.store.table(RESOURCES[kind]).changes_since(0) or ():
                if change.revision in self.played or change.old is None:
                    continue
                name = change.key.rpartition("/")[2]
                old: Any = thaw(change.old)
                new: Any = None if change.new is None else thaw(change.new)
                at_ms = next(at for known, at in self.moments if known >= change.revision)
                if at_ms >= self.zero_ms:
                    found += [Fact(what, at_ms) for what in facts(kind, name, old, new)]
        return found

    def events(self) -> set[tuple[str, str, str]]:
        listed = self.simulator.ask(List("events")).unwrap()
        items: Any = thaw(listed)
        return {
            (e["involvedObject"]["name"], e["reason"], e["message"])
            for e in items["items"]
            if e["reason"] in TOLD and (self.has_nodes or e["involvedObject"]["kind"] != "Node")
        }

    def budgets(self) -> dict[str, Object]:
        docs: Iterator[Document] = self.simulator.api.store.table(BUDGETS).objects()
        whole: list[Any] = [thaw(doc) for doc in docs]
        return {one["metadata"]["name"]: _counts(one) for one in whole}


def _node_byothers(entry: Entry, present: Object) -> Object:
    """A node after a change by its kubelet or a user: our taints stay as we have them."""
    assert entry.old is not None and entry.new is not None
    spec = dict(present["spec"])
    if others(entry.old) != others(entry.new):
        ours = [t for t in taints(present) if t["key"].startswith(OUR_KEY)]
        spec["taints"] = [*others(entry.new), *ours]
    if entry.old["spec"].get("unschedulable") != entry.new["spec"].get("unschedulable"):
        spec["unschedulable"] = entry.new["spec"].get("unschedulable", False)
    status = present["status"]
    conditions = entry.new["status"]["conditions"]
    if entry.old["status"]["conditions"] != conditions:
        now = format_time(START_MS + entry.at_ms)
        status = {**status, "conditions": [{**c, "lastHeartbeatTime": now} for c in conditions]}
    return {**present, "spec": spec, "status": status}


def _budget_byothers(entry: Entry, present: Object) -> Object:
    """A budget after a change of its spec, or after an eviction was charged to it."""
    assert entry.old is not None and entry.new is not None
    was = entry.old["status"].get("disruptedPods") or {}
    evicted = {
        name: at
        for name, at in (entry.new["status"].get("disruptedPods") or {}).items()
        if name not in was
    }
    status = dict(present["status"])
    if evicted:
        status["disruptedPods"] = {**status.get("disruptedPods", {}), **evicted}
        status["disruptionsAllowed"] = status.get("disruptionsAllowed", 1) - len(evicted)
    return {**present, "spec": entry.new["spec"], "status": status}


def _counts(budget: Object) -> Object:
    status = budget.get("status", {})
    names = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
    allowed = [
        (c["status"], c["reason"])
        for c in status.get("conditions", [])
        if c["type"] == "DisruptionAllowed"
    ]
    return {**{name: status.get(name, 0) for name in names}, "condition": allowed}


def differences(trace: Trace, phase_ms: int) -> list[str]:
    """How one run differs from the recording."""
    play = Play(trace, phase_ms)
    play.run()
    wanted = [
        Fact(what, entry.at_ms)
        for entry in play.history
        if entry.old is not None
        for what in facts(entry.kind, entry.name, entry.old, entry.new)
    ]
    found = play.done()
    lines = []
    for fact in wanted:
        near = [
            f for f in found if f.what == fact.what and abs(f.at_ms - fact.at_ms) <= TOLERANCE_MS
        ]
        if near:
            found.remove(near[0])
        else:
            lines.append(f"recorded, not ours: {fact}")
    last_ms = play.end_ms - 2 * TOLERANCE_MS
    lines += [f"ours, not recorded: {fact}" for fact in found if fact.at_ms < last_ms]
    told = {
        (e["object"]["involvedObject"]["name"], e["object"]["reason"], e["object"]["message"])
        for e in (real(one, play.zero_ms) for one in trace["history"])
        if e["kind"] == "Event" and e["type"] == "ADDED" and e["object"]["reason"] in TOLD
    }
    lines += [f"event: {one}" for one in sorted(told ^ play.events())]
    budgets: dict[str, Object] = {}
    for entry in play.history:
        if entry.kind == "PodDisruptionBudget":
            if entry.new is None:
                budgets.pop(entry.name, None)
            else:
                budgets[entry.name] = _counts(entry.new)
    if budgets != play.budgets():
        lines.append(f"budgets: {play.budgets()} recorded: {budgets}")
    return lines


def node_losses(trace: Trace) -> list[str]:
    """The differences in the phase that explains most."""
    best: list[str] | None = None
    for phase_ms in PHASES_MS:
        lines = differences(trace, phase_ms)
        if not lines:
            return []
        if best is None or len(lines) < len(best):
            best = lines
    return best or []


TRACE_BINDINGS = {"4-": node_losses}
