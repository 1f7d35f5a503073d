"""A story: a world, what happens to it, and what must be true of it whatever that was.

Failing tells the shortest story found, as what would be typed after `kelm run`, and leaves its
trace in a file that `kelm replay` follows to the same bits.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from kelm import Cluster
from kelm.adapters.simulator.events import Event
from kelm.adapters.simulator.inputs import (
    FaultsEnded,
    NodeBooted,
    NodeReconnected,
    ProcessRestarted,
)
from kelm.adapters.simulator.loop import Simulator
from kelm.core.laws import lives
from kelm.core.laws.invariant import Invariant, breaches
from kelm.core.operations.verbs import Cordon, Pause
from kelm.core.store.store import Store
from kelm.effects import laws as platform
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Command
from kelm.effects.document import Document, child, flag
from kelm.effects.messages import Change
from tests.properties.deeds import Deed, do
from tests.properties.lives import Overheard
from tests.properties.recording import LazyRecorder
from tests.properties.specs import World

HOUR_MS = 3_600_000
AT_ONE_INSTANT = 20_000
"""So many events without a millisecond passing are a livelock in worlds of this size."""
AT_ALL = 300_000
HEARTBEATS = ("leases.coordination.k8s.io", "nodes", "events")


class Livelock(AssertionError):
    """Events without end."""


class Story:
    """One run, under observation: how often, by whom, and what was done when."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cluster = Cluster(nodes=world.nodes, seed=world.seed, order=world.order)
        self.heard = Overheard(self.cluster)
        self.typed: list[tuple[int, str]] = []
        self._recorder = LazyRecorder(self.cluster)
        self._watch()
        self.manifests = world.manifests()
        for manifest in self.manifests:
            self.cluster.apply(manifest)

    def _watch(self) -> None:
        """Count events, and look at machines and kubelets after each."""
        recorded = self.cluster.simulator.after_event
        instant, here, total = 0, 0, 0

        def hear(simulator: Simulator, event: Event) -> None:
            nonlocal instant, here, total
            if recorded is not None:
                recorded(simulator, event)
            here = here + 1 if simulator.now_ms == instant else 0
            instant, total = simulator.now_ms, total + 1
            if here > AT_ONE_INSTANT or total > AT_ALL:
                raise Livelock(f"{here} events at {instant}, {total} in all; the last: {event}")

        self.cluster.simulator.after_event = hear

    @property
    def trace(self) -> list[str]:
        """The lines of the trace so far."""
        return self._recorder.lines()

    # -- what happens --------------------------------------------------------------------------

    def do(self, deed: Any) -> None:
        at_ms = self.cluster.elapsed_ms
        self.typed += [(at_ms, typed) for typed in do(self.cluster, deed, self.manifests)]

    def storm(self, storm: list[tuple[Deed, int]]) -> None:
        for deed, pause_ms in storm:
            self.do(deed)
            self.cluster.run(pause_ms)

    def calm(self) -> None:
        """End what is wrong: faults, machines without power or network, cordons, pauses."""
        for name in sorted(self.cluster.machines.hosts):
            self.do(NodeBooted(name))
            self.do(NodeReconnected(name))
        self.do(FaultsEnded())
        for doc in self.cluster.list("nodes"):
            if flag(doc, "spec", "unschedulable"):
                name = str(child(doc, "metadata")["name"])
                self.do(Cordon(ObjectRef("nodes", "", name), undo=True))
        for doc in self.cluster.list("deployments.apps"):
            if flag(doc, "spec", "paused"):
                meta: Any = doc["metadata"]
                ref = ObjectRef("deployments.apps", meta["namespace"], meta["name"])
                self.do(Pause(ref, resume=True))

    def settle(self, within_ms: int = HOUR_MS) -> None:
        """Let the cluster come to rest, with all that a silent machine still has in store."""
        self.cluster.run(400_000)
        if not self.cluster.settle(within_ms):
            stuck = "; ".join(map(str, self.cluster.unsettled()[:5]))
            raise AssertionError(f"not converged after {within_ms} ms: {stuck}")

    def restart_everything(self) -> None:
        """Have every process die and start anew, with nothing in memory."""
        for name in list(self.cluster.simulator.processes):
            self.do(ProcessRestarted(name))

    # -- what must be true ---------------------------------------------------------------------

    def history(self) -> list[tuple[int, Store]]:
        """Every state of the store with the absolute time from which on it held."""
        zero_ms = self.cluster.zero_ms
        return [(zero_ms + at_ms, store) for at_ms, store in self.cluster.history]

    def keeps(self, *laws: Invariant) -> None:
        """Hold the whole history so far to some laws."""
        zero_ms = self.cluster.zero_ms
        found = breaches(laws, self.history())
        shown = [msgspec.structs.replace(one, at_ms=one.at_ms - zero_ms) for one in found[:5]]
        assert not found, "\n".join(map(str, shown))

    def lives_lawfully(self) -> None:
        """Hold every process to its own laws, and the platform to its promises to it."""
        for name, life in self.heard.named():
            assert platform.broken_laws(life) == (), name
            assert lives.broken_laws(life) == (), name

    def unaccounted(self) -> list[int]:
        """Versions that were given out and belong to no write, or to several."""
        server = self.cluster.api
        given = [
            change.revision for t in server.store.tables for change in t.changes_since(0) or ()
        ]
        log = server.events.log
        given += [record.revision for record in (*log.older, *log.recent)]
        times = Counter(given)
        return [n for n in range(1, server.store.revision + 1) if times[n] != 1]

    def machines(self) -> tuple[Change, ...]:
        """What became of the cloud's list of machines."""
        return self.cluster.simulator.watches.tables["instances"].changes_since(0) or ()

    def told(self) -> str:
        """The story as a person would have it happen again."""
        world, folder = self.world, Path(tempfile.gettempdir()) / "kelm-stories"
        folder.mkdir(exist_ok=True)
        place = folder / f"{os.getpid()}.jsonl"
        place.write_text("".join(self.trace))
        lines = [f"{world}", f"kelm run ... --nodes {world.nodes} --seed {world.seed}"]
        lines[-1] += f" --order {world.order}"
        for at_ms, typed in self.typed:
            comment = typed.startswith("#")
            lines.append(f"  {typed} ({at_ms}ms)" if comment else f"  --at {at_ms}ms '{typed}'")
        return "\n".join([*lines, f"its trace: kelm replay {place}"])


def moved(before: Store, after: Store) -> list[str]:
    """What changed that must not once a cluster has settled; heartbeats may."""
    found = []
    for table in after.tables:
        old = before.table(table.resource)
        if table is old or table.resource in HEARTBEATS:
            continue
        changes = table.changes_since(old.revision) or ()
        found += [f"{table.resource} {c.key}: {_difference(c.old, c.new)}" for c in changes]
    was, now = (_without_beats(store) for store in (before, after))
    found += [f"nodes {key}" for key in sorted({*was, *now}) if was.get(key) != now.get(key)]
    return found


def _difference(old: Document | None, new: Document | None) -> str:
    if old is None or new is None:
        return "added" if old is None else "deleted"
    names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return ", ".join(f"{name} {old.get(name)} -> {new.get(name)}" for name in names)


def _without_beats(store: Store) -> dict[str, object]:
    nodes = store.table("nodes")
    return {key: _without_beat(nodes.get(key)) for key in nodes.sorted_keys()}


def _without_beat(doc: Document | None) -> object:
    assert doc is not None
    status: Any = child(doc, "status")
    conditions = [
        {**condition, "lastHeartbeatTime": ""} for condition in status.get("conditions", ())
    ]
    meta = {**child(doc, "metadata"), "resourceVersion": ""}
    return {**doc, "metadata": meta, "status": {**status, "conditions": conditions}}


def asked_by(story: Story, kind: type[Command]) -> list[Any]:
    """Every command of a kind that any process asked for."""
    return [command for _, command in story.heard.asked() if isinstance(command, kind)]
