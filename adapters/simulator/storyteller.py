"""Listens to a simulator and turns what happens into facts for a timeline."""

from __future__ import annotations

from collections import deque

from kelm.adapters.simulator.events import Event, Execute
from kelm.adapters.simulator.loop import Simulator
from kelm.core.operations.timeline import TOLD_EVENTS, Fact, facts
from kelm.effects.commands import RecordEvent

TOLD_RESOURCES = (
    "pods",
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "nodes",
)


class Storyteller:
    """Collects the facts of a run, in order of time; the last `keep` of them, if that is given."""

    def __init__(self, simulator: Simulator, keep: int | None = None) -> None:
        self.facts: deque[Fact] = deque(maxlen=keep)
        self._told: dict[tuple[str, str], int] = {}
        self._seen = {
            resource: simulator.api.store.table(resource).revision for resource in TOLD_RESOURCES
        }

    def listen(self, simulator: Simulator, event: Event) -> None:
        """Note what an event changed."""
        if isinstance(event, Execute) and isinstance(event.request.command, RecordEvent):
            self._event(simulator.now_ms, event.request.command)
        else:
            self.look(simulator)

    def look(self, simulator: Simulator) -> None:
        """Note what changed since the last look."""
        store = simulator.api.store
        for resource in TOLD_RESOURCES:
            table = store.table(resource)
            seen = self._seen[resource]
            if table.revision == seen:
                continue
            self._seen[resource] = table.revision
            for change in table.changes_since(seen) or ():
                self.facts.extend(facts(resource, change, simulator.now_ms))

    def _event(self, now_ms: int, command: RecordEvent) -> None:
        if command.reason not in TOLD_EVENTS:
            return
        subject = f"{command.regarding_kind.lower()}/{command.regarding.name}"
        key = (subject, command.message)
        self._told[key] = self._told.get(key, 0) + 1
        if self._told[key] == 1 or command.reason in ("ScalingReplicaSet", "SuccessfulRescale"):
            bad = command.type == "Warning"
            self.facts.append(Fact(now_ms, subject, command.message, bad=bad))
