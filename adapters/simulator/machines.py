"""The machines under a simulated cluster: launched, crashed, cut off, terminated.

A machine is an entry of the pseudo-resource `instances` (what a cloud's API would list), and,
while it has power and has booted, a kubelet process. What a kubelet does is `core.node`; when
machines are launched is `core.infrastructure`; here they only come and go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from returns.result import Failure, Success

from kelm.adapters.simulator.inputs import (
    Input,
    MachineBooted,
    NodeBooted,
    NodeCrashed,
    NodePartitioned,
    NodeReconnected,
)
from kelm.adapters.simulator.loop import Simulator
from kelm.core.network.affinity import NO_SESSIONS
from kelm.core.node.outliving import resumed
from kelm.core.store import table as tables
from kelm.core.store.table import Table
from kelm.effects.commands import Command, LaunchInstance, TerminateInstance
from kelm.effects.document import Document, document
from kelm.effects.messages import Outcome
from kelm.effects.program import Program
from kelm.effects.refusals import Reason, Refusal

if TYPE_CHECKING:
    from kelm.adapters.simulator.saved import Saved

INSTANCES = "instances"
MACHINE_COMMANDS: frozenset[type[Command]] = frozenset({LaunchInstance, TerminateInstance})


class Host(msgspec.Struct, frozen=True):
    """One machine: where it is, its number (for addresses), how often it lost power."""

    name: str
    pool: str
    zone: str
    index: int
    state: str = "pending"
    healthy: bool = True
    crashes: int = 0

    def instance(self, revision: int) -> Document:
        return document(
            {
                "apiVersion": "kelm/v1",
                "kind": "Instance",
                "metadata": {"name": self.name, "resourceVersion": str(revision)},
                "spec": {"pool": self.pool, "zone": self.zone},
                "status": {"state": self.state, "healthy": self.healthy},
            }
        )


MakeKubelet = Callable[[Host], Program[Any]]


def kubelet_name(node: str) -> str:
    """The name of a machine's kubelet process."""
    return f"kubelet/{node}"


class Machines:
    """All machines of a simulated cluster; `sessions` are what their proxies remember of clients.

    Only what asks from outside of the simulation is remembered, and nothing in it depends on that.
    """

    def __init__(self, make_kubelet: MakeKubelet, boot_ms: int) -> None:
        self._make_kubelet = make_kubelet
        self._boot_ms = boot_ms
        self._launched = 0
        self.hosts: dict[str, Host] = {}
        self._table = Table(INSTANCES)
        self.sessions = NO_SESSIONS

    def copy(self) -> Machines:
        twin = Machines(self._make_kubelet, self._boot_ms)
        twin._launched, twin.hosts, twin._table = self._launched, dict(self.hosts), self._table
        twin.sessions = self.sessions
        return twin

    def resume(self, sim: Simulator, saved: Saved) -> None:
        """Have machines again that were written down; those that ran have never stopped.

        What one knew of its pods it still knows, unless it has lost power since.
        """
        hosts = saved.hosts
        for host in hosts:
            self._note(sim, host)
            self._launched = max(self._launched, host.index + 1)
            if host.state == "pending":
                sim.happen(sim.now_ms + self._boot_ms, MachineBooted(host.name))
            elif host.state == "running" and host.healthy:
                known = saved.machines.get(host.name)
                state = None
                if known is not None and known.crashes == host.crashes:
                    state = resumed(known.rest, known.pods, sim.now_ms)
                sim.start(kubelet_name(host.name), self._make_kubelet(host), host.name, state)

    def down(self) -> frozenset[str]:
        """The machines that answer nobody now."""
        return frozenset(host.name for host in self.hosts.values() if not host.healthy)

    def launch(self, sim: Simulator, name: str, zone: str, pool: str, boot_ms: int) -> Outcome:
        """Have a machine up after `boot_ms`."""
        if name in self.hosts:
            message = f'instances "{name}" already exists'
            return Failure(Refusal(Reason.ALREADY_EXISTS, message, name=name, kind=INSTANCES))
        host = Host(name, pool, zone, self._launched)
        self._launched += 1
        self._note(sim, host)
        sim.happen(sim.now_ms + boot_ms, MachineBooted(name))
        return Success(host.instance(self._table.revision))

    def _note(self, sim: Simulator, host: Host) -> None:
        self.hosts[host.name] = host
        before = self._table
        doc = host.instance(before.revision + 1)
        self._table = tables.put(before, host.name, doc, before.revision + 1)
        sim.publish(self._table, before.revision)

    def _change(self, sim: Simulator, host: Host, state: str, healthy: bool) -> Host:
        changed = msgspec.structs.replace(host, state=state, healthy=healthy)
        self._note(sim, changed)
        return changed

    def command(self, sim: Simulator, command: Command) -> Outcome:
        """Carry out one of the `MACHINE_COMMANDS`."""
        if isinstance(command, LaunchInstance):
            return self.launch(sim, command.name, command.zone, command.pool, self._boot_ms)
        assert isinstance(command, TerminateInstance)
        return self._terminate(sim, command.name)

    def _terminate(self, sim: Simulator, name: str) -> Outcome:
        host = self.hosts.get(name)
        if host is None:
            message = f'instances "{name}" not found'
            return Failure(Refusal(Reason.NOT_FOUND, message, name=name, kind=INSTANCES))
        sim.stop(kubelet_name(name))
        host = self._change(sim, host, "terminated", healthy=False)
        return Success(host.instance(self._table.revision))

    def happened(self, sim: Simulator, given: Input) -> bool:
        """Let a fault of a machine happen; whether it was one."""
        if not isinstance(
            given, MachineBooted | NodeBooted | NodeCrashed | NodePartitioned | NodeReconnected
        ):
            return False
        host = self.hosts.get(given.node)
        if host is None or host.state == "terminated":
            return True
        process = sim.processes.get(kubelet_name(host.name))
        if isinstance(given, NodeCrashed):
            self._crash(sim, host)
        elif isinstance(given, MachineBooted):
            if host.state == "pending":
                self._boot(sim, host)
        elif isinstance(given, NodeBooted):
            if process is None:
                self._boot(sim, host)
        elif process is not None:
            process.paused = isinstance(given, NodePartitioned)
            self._change(sim, host, "running", healthy=not process.paused)
        return True

    def _crash(self, sim: Simulator, host: Host) -> None:
        sim.stop(kubelet_name(host.name))
        crashed = msgspec.structs.replace(host, crashes=host.crashes + 1)
        self._change(sim, crashed, "running", healthy=False)

    def _boot(self, sim: Simulator, host: Host) -> None:
        booted = self._change(sim, host, "running", healthy=True)
        sim.start(kubelet_name(host.name), self._make_kubelet(booted), host.name)
