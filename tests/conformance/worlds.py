"""Two worlds for the same scenarios: the simulator, and a real API server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from returns.result import Failure

from kelm import Cluster
from kelm.adapters.kubernetes.credentials import Source
from kelm.adapters.kubernetes.platform import KubernetesPlatform
from kelm.adapters.kubernetes.requests.wire import Wire
from kelm.adapters.kubernetes.settings import Settings
from kelm.adapters.manifests.read import read_manifests
from kelm.adapters.simulator.inputs import NodeCrashed
from kelm.adapters.simulator.processes import CONTROLLERS, ControlPlane
from kelm.core.controllers.nodes.lifecycle.controller import NodeLifecycle
from kelm.core.controllers.nodes.lifecycle.settings import Settings as Patience
from kelm.core.node.program import Kubelet
from kelm.core.objects.time import parse_time
from kelm.core.operations.apply import plan_apply
from kelm.core.operations.verbs import Verb, plan
from kelm.core.runtime.queue import ControllerProgram
from kelm.core.store.relist import version_of
from kelm.effects.commands import Command, Get
from kelm.effects.document import Document, document, text, with_value
from kelm.effects.laws import Step
from kelm.effects.messages import Outcome
from kelm.effects.program import Program
from tests.conformance.witness import WATCHED, Seen, Witness
from tests.properties.lives import Overheard

NODES = 6
QUICK = NodeLifecycle(Patience(monitor_period_ms=1_000, grace_ms=16_000, eviction_rate=10.0))
"""A node is given up after 16 s: a kubelet's heartbeat comes every 10 s."""
MINE = "kelm.test/simulated"


def controllers() -> tuple[Any, ...]:
    return tuple(QUICK if isinstance(one, NodeLifecycle) else one for one in CONTROLLERS)


PLANE = ControlPlane(controllers=controllers())


class World(Protocol):
    """What a scenario may do and see."""

    @property
    def seen(self) -> Seen: ...

    @property
    def now_ms(self) -> int: ...

    def ask(self, command: Command) -> Outcome: ...

    def run_until(self, condition: Callable[[Seen], bool], within_ms: int) -> bool: ...

    def crash(self, node: str) -> None: ...

    def placed(self, doc: Document) -> Document: ...


def done(world: World, command: Command) -> Document:
    """The answer to a command that must not be refused; the witness has seen what it wrote."""
    outcome = world.ask(command)
    assert not isinstance(outcome, Failure), outcome
    answer = outcome.unwrap()
    resource, revision = getattr(command, "resource", ""), version_of(answer)

    def shown(seen: Seen) -> bool:
        table = seen.tables.get(resource)
        return table is None or table.revision >= revision

    assert world.run_until(shown, 30_000), f"the watch does not show {command}"
    return answer


def apply(world: World, namespace: str, *sources: Mapping[str, object] | Path) -> None:
    """`kubectl apply`."""
    docs: list[Document] = []
    for source in sources:
        if isinstance(source, Path):
            docs += [manifest.document for manifest in read_manifests((str(source),), None)]  # type: ignore[arg-type]
        else:
            docs.append(document(source))
    for doc in docs:
        planned = plan_apply(world.placed(doc), world.seen.store, namespace).unwrap()
        if planned is not None:
            done(world, planned)


def do(world: World, verb: Verb) -> None:
    """What kubectl's verb would."""
    for command in plan(verb, world.seen.store, world.now_ms).unwrap():
        done(world, command)


class Simulated:
    """A cluster in virtual time."""

    def __init__(self) -> None:
        self.cluster = Cluster(
            nodes=NODES, zones=("a", "b"), control_plane=PLANE, replace_machines=False
        )
        self.overheard = Overheard(self.cluster)
        self.cluster.simulator.start("witness", Witness())
        self.cluster.run(1_000)

    @property
    def seen(self) -> Seen:
        state = self.cluster.simulator.processes["witness"].state
        assert isinstance(state, Seen)
        return state

    @property
    def now_ms(self) -> int:
        return self.cluster.now_ms

    def ask(self, command: Command) -> Outcome:
        return self.cluster.ask(command)

    def run_until(self, condition: Callable[[Seen], bool], within_ms: int) -> bool:
        end_ms = self.now_ms + within_ms
        while not condition(self.seen):
            if self.now_ms >= end_ms:
                return False
            self.cluster.run(100)
        return True

    def crash(self, node: str) -> None:
        self.cluster.inject(NodeCrashed(node))

    def placed(self, doc: Document) -> Document:
        return doc

    def lives(self) -> Iterator[tuple[Step, ...]]:
        yield from self.overheard.lives()


class Real:
    """A real API server, kelm's Programs on it, and a loop in a thread of its own.

    States of Programs are values: reading them from another thread needs no lock.
    """

    def __init__(self, kubeconfig: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._lives: dict[tuple[str, int], list[Step]] = {}
        self._starts: dict[str, int] = {}
        self.has_own = False
        self.platform: KubernetesPlatform
        self.wire: Wire
        self._call(self._start(kubeconfig))
        assert self.run_until(lambda seen: len(seen.tables) == len(WATCHED), 60_000)

    def _call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    async def _start(self, kubeconfig: str) -> None:
        self.wire = await Wire.connect(Source(kubeconfig))
        self.platform = KubernetesPlatform(
            self.wire, Settings(qps=1_000, burst=2_000), observer=self._observe
        )
        self.has_own = await self._has_own_controllers()
        for program in self.programs():
            self.platform.start(program.name, program)

    async def _has_own_controllers(self) -> bool:
        """Whether a controller manager leads here: then only machines are ours."""
        lease = Get("leases.coordination.k8s.io", "kube-system", "kube-controller-manager")
        outcome = await self.platform.carrier.carry_out(lease)
        if isinstance(outcome, Failure):
            return False
        renewed = text(outcome.unwrap(), "spec", "renewTime")
        return bool(renewed) and time.time() * 1_000 - parse_time(renewed) < 60_000

    def programs(self) -> Iterator[Program[Any]]:
        labels = Document({MINE: "true"})
        for number in range(1, NODES + 1):
            yield Kubelet(f"node-{number}", number, "ab"[number % 2], labels=labels)
        yield Witness()
        if not self.has_own:
            for controller in PLANE.controllers:
                yield ControllerProgram(controller)
            yield from PLANE.programs

    def _observe(self, name: str, step: Step) -> None:
        if step.heard is None:
            self._starts[name] = self._starts.get(name, 0) + 1
        self._lives.setdefault((name, self._starts[name]), []).append(step)

    @property
    def seen(self) -> Seen:
        state = self.platform.state("witness")
        assert isinstance(state, Seen)
        return state

    @property
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def ask(self, command: Command) -> Outcome:
        outcome: Outcome = self._call(self.platform.carrier.carry_out(command))
        return outcome

    def run_until(self, condition: Callable[[Seen], bool], within_ms: int) -> bool:
        end = time.monotonic() + within_ms / 1_000
        while not condition(self.seen):
            if self.platform.failed.done():
                self.platform.failed.result()
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def crash(self, node: str) -> None:
        self._loop.call_soon_threadsafe(self.platform.stop, f"kubelet/{node}")

    def placed(self, doc: Document) -> Document:
        if self.has_own and text(doc, "kind") == "Deployment":
            path = ("spec", "template", "spec", "nodeSelector")
            return with_value(doc, path, Document({MINE: "true"}))
        return doc

    def lives(self) -> Iterator[tuple[Step, ...]]:
        for life in list(self._lives.values()):
            yield tuple(life)

    def close(self) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        await self.platform.close()
        await self.wire.__aexit__(None, None, None)


@contextmanager
def real(kubeconfig: str) -> Iterator[Real]:
    """A real world while the block runs."""
    world = Real(kubeconfig)
    try:
        yield world
    finally:
        world.close()


def deployment(name: str, replicas: int, image: str = "web:1", **pod: object) -> Document:
    """A Deployment that rolls one pod up and one pod down."""
    labels = {"app": name}
    container = {
        "name": "c",
        "image": image,
        "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1},
    }
    return document(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1},
                },
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [container], **pod},
                },
            },
        }
    )
