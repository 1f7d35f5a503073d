"""Recorded histories of a scheduler with three nodes of its own: ours lives through them.

What others wrote (users, kubelets, controllers) is played; what the scheduler wrote is left out
and must be written by ours: the same bindings, conditions, nominations, victims and events, in the
same order for each pod. Where several nodes are equally good a real scheduler draws one: if the
recorded node is among those that ours finds best, ours is made to take it. A recording does not
say how much a scheduler had heard when it decided, so changes shortly after one another are told
one by one or together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice, permutations
from typing import Any, NamedTuple

from kelm.core.api.bootstrap import new_server
from kelm.core.api.server import ApiServer, handle
from kelm.core.objects.time import format_time
from kelm.core.scheduler.explain import explain
from kelm.core.scheduler.program import Scheduler
from kelm.core.scheduler.state import State
from kelm.core.store.table import Table
from kelm.effects.commands import Bind, Delete, Patch, RecordEvent, Request, Requests
from kelm.effects.document import document, thaw
from kelm.effects.messages import Answered, Observed, TimerFired
from tests.conformance.bindings.lifecycle_history import condition_of, merged

Trace = dict[str, Any]
Object = dict[str, Any]
START_MS = 1_767_225_600_000
TOGETHER_MS = (0, 10, 40)
MOST_ORDERS = 24
RESOURCES = {
    "Node": "nodes",
    "Pod": "pods",
    "PodDisruptionBudget": "poddisruptionbudgets.policy",
    "PersistentVolumeClaim": "persistentvolumeclaims",
}
TOLD = ("Scheduled", "FailedScheduling", "Preempted")
PREEMPTED = "PreemptionByScheduler"


class Entry(NamedTuple):
    at_ms: int
    kind: str
    name: str
    old: Object | None
    new: Object | None


class Fact(NamedTuple):
    """Something that a scheduler wrote of a pod."""

    pod: str
    what: tuple[str, ...]


def _real(value: Any) -> Any:
    text = re.sub(
        r"<T([+-]\d+)>", lambda m: format_time(START_MS + int(m[1]) * 1_000), json.dumps(value)
    )
    return json.loads(text)


def _entries(trace: Trace) -> Iterator[Entry]:
    now: dict[tuple[str, str], Object] = {}
    for raw in trace["history"]:
        if raw["kind"] not in RESOURCES:
            continue
        raw = _real(raw)
        key = raw["kind"], raw["name"]
        old = now.get(key)
        new = raw["object"] if "object" in raw else merged(old, raw.get("patch") or {})
        now[key] = new
        after = None if raw["type"] == "DELETED" else new
        yield Entry(round(raw["t"] * 1_000), raw["kind"], raw["name"], old, after)
    for step in trace["steps"]:
        made = step["do"].get("body") or {}
        if step["do"].get("method") == "POST" and made.get("kind") == "PersistentVolumeClaim":
            at_ms = round(step["at"] * 1_000)
            yield Entry(at_ms, made["kind"], made["metadata"]["name"], None, made)


def facts(old: Object | None, new: Object | None, name: str) -> list[Fact]:
    """What a version of a pod says that its scheduler did."""
    if old is None or new is None:
        return []
    found: list[tuple[str, ...]] = []
    node = new["spec"].get("nodeName")
    if node and not old["spec"].get("nodeName"):
        found.append(("bound", node))
    scheduled, before = condition_of(new, "PodScheduled"), condition_of(old, "PodScheduled")
    if scheduled.get("reason") == "Unschedulable" and scheduled != before:
        found.append(("refused", scheduled["message"]))
    nominated = new.get("status", {}).get("nominatedNodeName")
    if nominated and nominated != old.get("status", {}).get("nominatedNodeName"):
        found.append(("nominated", nominated))
    target = condition_of(new, "DisruptionTarget")
    if target.get("reason") == PREEMPTED:
        if not condition_of(old, "DisruptionTarget"):
            found.append(("target", target["message"]))
        deleting = "deletionTimestamp" in new["metadata"]
        if deleting and "deletionTimestamp" not in old["metadata"]:
            found.append(("deleted",))
    return [Fact(name, what) for what in found]


class Replay:
    """One scheduler, the API's tables, and what it wrote."""

    def __init__(self, trace: Trace, together_ms: int, nodes: Sequence[Object]) -> None:
        self.trace, self.together_ms = trace, together_ms
        self.namespace = next(h["ns"] for h in trace["history"] if h["kind"] == "Pod")
        self.entries = sorted(_entries(trace), key=lambda one: one.at_ms)
        self.bound = {
            f.pod: f.what[1]
            for e in self.entries
            if e.kind == "Pod"
            for f in facts(e.old, e.new, e.name)
            if f.what[0] == "bound"
        }
        self.program = Scheduler()
        self.state: State = self.program.init()[0]
        self.now_ms = START_MS
        self.api: ApiServer = new_server(now_ms=START_MS)
        self.facts: list[Fact] = []
        self.events: list[Fact] = []
        self.seen: dict[str, int] = {}
        for node in nodes:
            self._put("Node", node["name"], self._first(node))
        for watch in self.program.subscriptions(self.state).watches:
            self._hear(watch.resource)

    def _first(self, node: Object) -> Object:
        """A node as it was before the recording."""
        return {
            "metadata": {"labels": node["labels"]},
            "spec": {},
            "status": {"allocatable": node["allocatable"], "capacity": node["allocatable"]},
        }

    # -- the world ---------------------------------------------------------------------------------

    def _put(self, kind: str, name: str, found: Object | None) -> None:
        resource = RESOURCES[kind]
        key = name if kind == "Node" else f"{self.namespace}/{name}"
        store = self.api.store
        stored = store.get(resource, key)
        if found is None:
            store = store if stored is None else store.remove(resource, key, stored)
        else:
            namespace = {} if kind == "Node" else {"namespace": self.namespace}
            meta = {
                **found.get("metadata", {}),
                **namespace,
                "name": name,
                "uid": f"<uid:{kind}/{name}>",
                "resourceVersion": str(store.next_revision),
            }
            whole = {"apiVersion": "v1", **found, "kind": kind, "metadata": meta}
            store = store.put(resource, key, document(whole))
        self.api = ApiServer(store, self.api.events, self.api.ranges)

    def _hear(self, resource: str) -> None:
        """The watch of a resource moves on."""
        table: Table = self.api.store.table(resource)
        seen = self.seen.get(resource)
        changes = () if seen is None else table.changes_since(seen) or ()
        self.seen[resource] = self.api.store.revision
        if seen is None or changes:
            self._tell(Observed(self.now_ms, resource, table, changes, replaced=seen is None))

    def _hear_all(self) -> None:
        for watch in self.program.subscriptions(self.state).watches:
            self._hear(watch.resource)

    def _tell(self, message: Any) -> None:
        before = self.state
        self.state, requests = self.program.update(before, message)
        if self._missed(requests) and isinstance(message, Observed):
            self.state, requests = self._steered(before, message, requests)
        self._do(requests)

    # -- the scheduler's choices -------------------------------------------------------------------

    def _missed(self, requests: Requests) -> bool:
        return any(
            isinstance(r.command, Bind) and self.bound.get(r.command.name) != r.command.node
            for r in requests
        )

    def _steered(
        self, before: State, message: Observed, requests: Requests
    ) -> tuple[State, Requests]:
        """The same decisions with each draw as it was recorded, if it is among the best."""
        binds = [r for r in requests if isinstance(r.command, Bind)]
        for request in binds:
            command = request.command
            assert isinstance(command, Bind)
            wanted = self.bound.get(command.name, "")
            doc = self.api.store.get("pods", f"{self.namespace}/{command.name}")
            assert doc is not None
            if wanted == command.node or len(binds) > 1:
                continue
            why = explain(self.program.profile, self._undecided(before, message), doc)
            if wanted not in why.best:
                continue
            self.facts.append(Fact(command.name, ("bound", wanted)))
            self.events.append(self._scheduled(command.name, wanted))
            bind = Bind(self.namespace, command.name, command.uid, wanted)
            self.api, outcome = handle(self.api, bind, self.now_ms)
            outcome.unwrap()
            table = self.api.store.table("pods")
            seen = self.seen["pods"]
            changes = table.changes_since(seen) or ()
            self.seen["pods"] = self.api.store.revision
            if message.resource == "pods":
                changes = (*message.changes, *changes)
                return self.program.update(before, Observed(self.now_ms, "pods", table, changes))
            state, _ = self.program.update(before, Observed(self.now_ms, "pods", table, changes))
            return self.program.update(state, message)
        return self.program.update(before, message)

    def _undecided(self, before: State, message: Observed) -> State:
        """What is known once the message is heard and nothing is decided yet."""
        return Scheduler(name="nobody", profile=self.program.profile).update(before, message)[0]

    def _scheduled(self, name: str, node: str) -> Fact:
        told = f"Successfully assigned {self.namespace}/{name} to {node}"
        return Fact(name, ("Scheduled", told))

    def _do(self, requests: Requests) -> None:
        for request in requests:
            self._execute(request)
        if requests:
            self._hear_all()

    def _execute(self, request: Request) -> None:
        command = request.command
        if isinstance(command, RecordEvent):
            self.events.append(Fact(command.regarding.name, (command.reason, command.message)))
        assert isinstance(command, Bind | Patch | Delete | RecordEvent)
        old = None
        if not isinstance(command, RecordEvent):
            key = f"{self.namespace}/{command.name}"
            old = self.api.store.get("pods", key)
        self.api, outcome = handle(self.api, command, self.now_ms)
        if old is not None:
            new = self.api.store.get("pods", key)
            was: Any = thaw(old)
            now: Any = None if new is None else thaw(new)
            self.facts.extend(facts(was, now, old["metadata"]["name"]))  # type: ignore
        if request.id:
            self._tell(Answered(self.now_ms, request.id, outcome))

    # -- the run -----------------------------------------------------------------------------------

    def run(self) -> None:
        heard_ms = 0
        for index, entry in enumerate(self.entries):
            self._wake(START_MS + entry.at_ms)
            if entry.kind == "Pod" and facts(entry.old, entry.new, entry.name):
                self._hear_all()
                continue
            self._play(entry)
            following = self.entries[index + 1 : index + 2]
            gap_ms = following[0].at_ms - entry.at_ms if following else self.together_ms + 1
            heard_ms = heard_ms or entry.at_ms
            if gap_ms > self.together_ms or entry.at_ms - heard_ms > self.together_ms:
                heard_ms = 0
                self._hear_all()
        self._hear_all()

    def _wake(self, at_ms: int) -> None:
        wake_ms = self.state.wake_at_ms
        while wake_ms is not None and wake_ms <= at_ms:
            self.now_ms = max(self.now_ms, wake_ms)
            self._tell(TimerFired(self.now_ms))
            again = self.state.wake_at_ms
            wake_ms = again if again != wake_ms else None
        self.now_ms = at_ms

    def _play(self, entry: Entry) -> None:
        """Put what others wrote; what the scheduler wrote stays as ours has it."""
        found = entry.new
        if entry.kind == "Pod" and found is not None and entry.old is not None:
            stored = self.api.store.get("pods", f"{self.namespace}/{entry.name}")
            if stored is None:
                return
            found = self._byothers(found, thaw(stored))
        self._put(entry.kind, entry.name, found)

    @staticmethod
    def _byothers(found: Object, present: Any) -> Object:
        kept = {k: v for k, v in found["spec"].items() if k != "nodeName"}
        node = present["spec"].get("nodeName")
        spec = {**kept, "nodeName": node} if node else kept
        return {**found, "spec": spec}


def _by_pod(listed: list[Fact]) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for fact in listed:
        found.setdefault(fact.pod, []).append(fact.what)
    return dict(sorted(found.items()))


def differences(trace: Trace, together_ms: int, nodes: Sequence[Object]) -> list[str]:
    """How one run differs from the recording; `nodes` in the order in which they are looked at."""
    replay = Replay(trace, together_ms, nodes)
    replay.run()
    wanted = [f for e in replay.entries if e.kind == "Pod" for f in facts(e.old, e.new, e.name)]
    told = [
        Fact(one["involvedObject"]["name"], (one["reason"], one["message"]))
        for one in (h["object"] for h in trace["history"] if h["kind"] == "Event" and "object" in h)
        if one.get("reason") in TOLD
    ]
    lines = []
    for what, recorded, ours in (
        ("wrote", wanted, replay.facts),
        ("told", told, replay.events),
    ):
        there, here = _by_pod(recorded), _by_pod(ours)
        lines += [
            f"{what} of {name}: recorded {there.get(name)}, ours {here.get(name)}"
            for name in sorted({*there, *here})
            if there.get(name) != here.get(name)
        ]
    return lines


def scheduled(trace: Trace) -> list[str]:
    """The differences where changes are told, and nodes looked at, so that most is explained.

    The order of nodes decides nothing but which of equally good ones is taken.
    """
    best: list[str] | None = None
    for nodes in islice(permutations(trace["nodes"]), MOST_ORDERS):
        for together_ms in TOGETHER_MS:
            lines = differences(trace, together_ms, nodes)
            if not lines:
                return []
            if best is None or len(lines) < len(best):
                best = lines
    return best or []


TRACE_BINDINGS = {"6-": scheduled}
