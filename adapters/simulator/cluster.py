"""A whole Kubernetes cluster in one value: the front door of the library.

    cluster = Cluster(nodes=3)
    cluster.apply("docs/examples/guestbook.yaml")
    cluster.run_until_converged()

A cluster starts booted: its machines have registered and its namespaces are set up. From then on
`elapsed_ms` counts its time. Every past moment is still there (`at`), and `fork` gives a second
future from here.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from returns.result import Failure

from kelm.adapters.manifests.read import Manifest, given_manifests
from kelm.adapters.simulator.calls.conversations import end_of
from kelm.adapters.simulator.calls.sending import LOCAL_COMMANDS, beside
from kelm.adapters.simulator.calls.webhooks import answering
from kelm.adapters.simulator.collector import quiet_collector
from kelm.adapters.simulator.events import Event
from kelm.adapters.simulator.inputs import Asked, Fault, Input
from kelm.adapters.simulator.loop import Simulator
from kelm.adapters.simulator.machines import Machines
from kelm.adapters.simulator.measuring import Measuring
from kelm.adapters.simulator.pickers import Fifo, Picker, Random
from kelm.adapters.simulator.processes import ControlPlane
from kelm.adapters.simulator.saved import Saved
from kelm.adapters.simulator.storyteller import Storyteller
from kelm.adapters.simulator.trace import Recorder
from kelm.core.api.bootstrap import new_server
from kelm.core.api.conversation import ADMIN, Asker, Concluded, Wanted
from kelm.core.api.server import ApiServer
from kelm.core.infrastructure.node_pool import NodePool
from kelm.core.laws.convergence import Unsettled, is_ready, unsettled
from kelm.core.operations.apply import plan_apply
from kelm.core.operations.timeline import Fact
from kelm.core.operations.verbs import Verb, plan
from kelm.core.store.store import Store
from kelm.core.store.table import Table
from kelm.effects.commands import Command
from kelm.effects.document import Document
from kelm.effects.messages import Outcome

START_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z: when every simulated cluster is switched on."""
BOOT_LIMIT_MS = 120_000
QUIET_MS = 1_000
"""For how long a cluster must stay as it should be before it counts as converged."""
HEARTBEATS = frozenset({"leases.coordination.k8s.io"})


class Settings(msgspec.Struct, frozen=True):
    """What a cluster is made of. With the seed and the inputs, it decides everything."""

    nodes: int = 3
    zones: tuple[str, ...] = ("zone-a", "zone-b", "zone-c")
    seed: int = 0
    order: str = "fifo"
    boot_ms: int = 60_000
    replace_machines: bool = True
    keep_history: bool = True
    start_ms: int = START_MS
    control_plane: ControlPlane = ControlPlane()
    field_owners: bool = False
    """Whether objects know who set which of their fields (managedFields)."""

    def header(self) -> dict[str, object]:
        """What a trace has to say of these settings."""
        return {
            "nodes": self.nodes,
            "zones": list(self.zones),
            "seed": self.seed,
            "order": self.order,
            "boot_ms": self.boot_ms,
            "replace_machines": self.replace_machines,
        }

    def picker(self) -> Picker:
        return Random(self.seed) if self.order == "random" else Fifo()


class Refused(Exception):
    """A request that the caller made was refused; `str()` is the API's message."""


class NotConverged(Exception):
    """The cluster did not become what it was asked to be in time; `stuck` says why."""

    def __init__(self, stuck: tuple[Unsettled, ...], limit_ms: int) -> None:
        self.stuck = stuck
        lines = "\n".join(f"  {one}" for one in stuck[:10])
        super().__init__(f"not converged after {limit_ms / 1_000:g} s of cluster time:\n{lines}")


class Cluster:
    """A simulated cluster: an API server, its controllers, its machines, in virtual time."""

    def __init__(
        self, settings: Settings | None = None, saved: Saved | None = None, **changes: object
    ) -> None:
        base = settings if settings is not None else Settings()
        self.settings = msgspec.structs.replace(base, **changes)
        start_ms = self.settings.start_ms
        seed, owned = self.settings.seed, self.settings.field_owners
        server = saved.server if saved else new_server(seed=seed, now_ms=start_ms, owned=owned)
        self.simulator = Simulator(server, self.settings.picker(), start_ms)
        plane = self.settings.control_plane
        self.simulator.manager_of = plane.manager_of if owned else None
        self.machines = Machines(plane.kubelet_maker(), self.settings.boot_ms)
        self.measuring = Measuring()
        self.zero_ms = START_MS
        self._history: list[tuple[int, Store]] = []
        self._down: list[tuple[int, frozenset[str]]] = []
        self._connect()
        self._recorder: Recorder | None = None
        self._story: Storyteller | None = None
        plane.start(self.simulator)
        self._boot(saved)
        if saved is not None:
            self.zero_ms = saved.zero_ms

    def _connect(self) -> None:
        plane, machines, measuring = self.settings.control_plane, self.machines, self.measuring
        self.simulator.local_commands = LOCAL_COMMANDS
        self.simulator.on_local = beside(machines, measuring.beside(plane.local_worker(machines)))
        self.simulator.conversations.on_call = answering(plane.webhooks, machines)
        self.simulator.on_input = plane.hearer(machines, measuring, self._down)

    def _boot(self, saved: Saved | None) -> None:
        zones = self.settings.zones
        if saved is not None:
            self.machines.resume(self.simulator, saved)
        for index in range(self.settings.nodes if saved is None else 0):
            zone = zones[index % len(zones)] if zones else ""
            self.machines.launch(self.simulator, f"node-{index + 1}", zone, "default", 0)
        limit_ms = self.settings.start_ms + BOOT_LIMIT_MS
        while saved is None and not self._booted() and self.now_ms < limit_ms:
            self._run(self.now_ms + QUIET_MS)
        if self.settings.replace_machines and self.settings.nodes:
            pool = NodePool(self.settings.nodes, zones or ("",))
            self.simulator.start(pool.name, pool)
            self._run(self.now_ms + QUIET_MS)
        self.zero_ms = self.now_ms
        self._history = [(self.now_ms, self.store)]
        self._down[:] = [(self.now_ms, frozenset())]

    def _booted(self) -> bool:
        nodes = self.store.table("nodes")
        accounts = self.store.table("serviceaccounts")
        return (
            len(nodes) == self.settings.nodes
            and all(is_ready(doc) for doc in nodes.objects())
            and len(accounts) == len(self.store.table("namespaces"))
        )

    # -- what is -------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """Everything the API server holds now; a value, keep it as long as you like."""
        return self.simulator.api.store

    @property
    def api(self) -> ApiServer:
        return self.simulator.api

    @property
    def now_ms(self) -> int:
        """The present, in milliseconds since 1970."""
        return self.simulator.now_ms

    @property
    def elapsed_ms(self) -> int:
        """Cluster time since the cluster was ready."""
        return self.now_ms - self.zero_ms

    def get(self, resource: str, name: str, namespace: str = "default") -> Document | None:
        """One object as it is now, None where there is none."""
        return self.store.get(resource, f"{namespace}/{name}") or self.store.get(resource, name)

    def list(self, resource: str) -> tuple[Document, ...]:
        """All objects of a resource, sorted by key."""
        table = self.store.table(resource)
        return tuple(doc for key in table.sorted_keys() if (doc := table.get(key)) is not None)

    def at(self, elapsed_ms: int) -> Store:
        """The store as it was at a moment of the past.

        Raises:
            ValueError: before the cluster was ready, or no history was kept.
        """
        index = bisect_right(self._history, self.zero_ms + elapsed_ms, key=lambda entry: entry[0])
        if index == 0:
            raise ValueError(f"no state is kept of {elapsed_ms} ms")
        return self._history[index - 1][1]

    @property
    def history(self) -> tuple[tuple[int, Store], ...]:
        """Every state of the store with the elapsed time from which on it held."""
        return tuple((at_ms - self.zero_ms, store) for at_ms, store in self._history)

    def unsettled(self) -> tuple[Unsettled, ...]:
        """What has not converged, and why."""
        return tuple(unsettled(self.store))

    def settled(self) -> bool:
        """Whether everything is as it was asked for, now."""
        return next(unsettled(self.store), None) is None

    def _substance(self) -> tuple[Table, ...]:
        """The tables whose changes mean that something is going on (heartbeats do not)."""
        return tuple(table for table in self.store.tables if table.resource not in HEARTBEATS)

    # -- what shall be -------------------------------------------------------------------------

    def ask(self, command: Command) -> Outcome:
        """Send a request and have its answer: at once, or after its webhooks' time."""
        if self._recorder is not None:
            self._recorder.given(self.simulator, "ask", Asked(command), self.now_ms)
        done = self.begin(command)
        if not isinstance(done, Concluded):
            done = end_of(self.simulator, done, self._run)
        return done.outcome

    def begin(self, command: Wanted, asker: Asker = ADMIN) -> Concluded | int:
        """Begin a request: its end, or the number under which it will be concluded."""
        done = self.simulator.begin(command, asker, to="caller")
        self._remember()
        return done

    def apply(self, *sources: str | Path | Mapping[str, object]) -> None:
        """Apply manifests as `kubectl apply` does: files, folders, `-`, YAML text or mappings.

        Raises:
            ManifestError: a manifest cannot be read.
            Refused: the API refused an object; earlier ones are applied.
        """
        for manifest in given_manifests(sources, sys.stdin):
            self.apply_manifest(manifest)

    def apply_manifest(self, manifest: Manifest, namespace: str = "default") -> None:
        """Apply one object, in a namespace where its kind has one and it names none."""
        planned = plan_apply(manifest.document, self.store, namespace)
        if isinstance(planned, Failure):
            raise Refused(f"{manifest.place}: {planned.failure()}")
        command = planned.unwrap()
        if command is None:
            return
        outcome = self.ask(command)
        if isinstance(outcome, Failure):
            raise Refused(f"{manifest.place}: {outcome.failure().message}")

    def do(self, verb: Verb) -> None:
        """Do what kubectl's verb would.

        Raises:
            Refused: it makes no sense now, or the API refused it.
        """
        planned = plan(verb, self.store, self.now_ms)
        if isinstance(planned, Failure):
            raise Refused(planned.failure())
        for command in planned.unwrap():
            outcome = self.ask(command)
            if isinstance(outcome, Failure):
                raise Refused(outcome.failure().message)

    def inject(self, fault: Fault, after_ms: int = 0) -> None:
        """Have a fault happen."""
        self._happen(self.now_ms + after_ms, fault)

    def later(self, command: Command, after_ms: int) -> None:
        """Have a user's request sent at a later time."""
        self._happen(self.now_ms + after_ms, Asked(command))

    def _happen(self, due_ms: int, given: Input) -> None:
        if self._recorder is not None:
            self._recorder.given(self.simulator, "happen", given, due_ms)
        self.simulator.happen(due_ms, given)

    # -- what is told of it --------------------------------------------------------------------

    def record(self, sink: Callable[[str], object]) -> None:
        """Write everything from now on as JSON lines; `close` ends the trace."""
        self._recorder = Recorder(sink, self.settings.header())
        self._listen()

    def tell(self, keep: int | None = None) -> None:
        """Collect facts for a timeline from now on, at most the last `keep`."""
        self._story = Storyteller(self.simulator, keep)
        self._listen()

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What was told since `tell`, with absolute times."""
        if self._story is None:
            return ()
        self._story.look(self.simulator)
        return tuple(self._story.facts)

    def _listen(self) -> None:
        story, recorder = self._story, self._recorder

        def hear(simulator: Simulator, event: Event) -> None:
            if story is not None:
                story.listen(simulator, event)
            if recorder is not None:
                recorder.event(simulator, event)

        self.simulator.after_event = hear

    def close(self) -> None:
        """End a trace with a digest of all that is stored."""
        if self._recorder is not None:
            self._recorder.end(self.simulator)
            self._recorder = None
            self._listen()

    @property
    def down(self) -> tuple[tuple[int, frozenset[str]], ...]:
        """Which machines did not answer, with absolute times."""
        return tuple(self._down)

    # -- time ----------------------------------------------------------------------------------

    def run(self, for_ms: int) -> None:
        """Let cluster time pass."""
        self._run(self.now_ms + for_ms)

    def run_until_converged(self, within_ms: int = 600_000) -> int:
        """Run until everything is as it was asked for; the elapsed time at which it was.

        Raises:
            NotConverged: it was not within this much cluster time.
        """
        if not self.settle(within_ms):
            raise NotConverged(self.unsettled(), within_ms)
        return self.elapsed_ms

    def settle(self, within_ms: int) -> bool:
        """Run until the cluster has been as it should be, unchanged, for a second."""
        with quiet_collector():
            return self._settle(self.now_ms + within_ms)

    def _settle(self, limit_ms: int) -> bool:
        seen: tuple[Table, ...] | None = None
        while True:
            substance = self._substance()
            if self.settled():
                if seen is not None and _same(substance, seen):
                    return True
                seen = substance
            else:
                seen = None
            if self.now_ms >= limit_ms:
                return False
            self._run(min(self.now_ms + QUIET_MS, limit_ms))

    def _run(self, until_ms: int) -> None:
        simulator, future = self.simulator, self.simulator.future
        with quiet_collector():
            while (next_ms := future.next_ms) is not None and next_ms <= until_ms:
                if next_ms > future.now_ms:
                    self._remember()
                simulator.run_instant()
        self._remember()
        future.now_ms = max(future.now_ms, until_ms)

    def _remember(self) -> None:
        store = self.store
        if not self.settings.keep_history or not self._history:
            return
        at_ms, last = self._history[-1]
        if last is store:
            return
        if at_ms == self.now_ms:
            self._history[-1] = (at_ms, store)
        else:
            self._history.append((self.now_ms, store))

    def fork(self) -> Cluster:
        """A second cluster that shares this one's past and has its own future."""
        twin = object.__new__(Cluster)
        twin.settings, twin.zero_ms = self.settings, self.zero_ms
        twin.simulator = self.simulator.copy()
        twin.machines, twin.measuring = self.machines.copy(), self.measuring.copy()
        twin._history, twin._down = list(self._history), list(self._down)
        twin._recorder, twin._story = None, None
        twin._connect()
        return twin


def _same(one: tuple[Table, ...], other: tuple[Table, ...]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
