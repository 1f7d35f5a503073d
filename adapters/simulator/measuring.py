"""Metrics of a simulated cluster: what was asked of it, and reading what its machines use.

Nothing is gathered while nobody asks: a reading looks at what the kubelets know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from kelm.adapters.simulator.inputs import LoadOffered
from kelm.adapters.simulator.loop import Simulator
from kelm.adapters.simulator.machines import kubelet_name
from kelm.core.metrics.loads import Load, Loads, thousandths
from kelm.core.metrics.read import read_metrics
from kelm.core.metrics.sharing import Scene
from kelm.core.node.state import NodeState
from kelm.effects.commands import Command, ReadMetrics
from kelm.effects.messages import Outcome

Local: TypeAlias = Callable[[Simulator, Command], Outcome]
METRIC_COMMANDS: frozenset[type[Command]] = frozenset({ReadMetrics})


class Measuring:
    """The loads of one cluster."""

    def __init__(self, loads: Loads | None = None) -> None:
        self.loads = Loads() if loads is None else loads

    def copy(self) -> Measuring:
        return Measuring(self.loads)

    def happened(self, simulator: Simulator, given: LoadOffered) -> None:
        """From now on so much is asked."""
        for metric, amount in given.amounts.items():
            steps = ((simulator.now_ms, thousandths(str(amount))),)
            load = Load(metric, steps, given.container, given.labels)
            self.loads = self.loads.offered(given.resource, given.namespace, given.name, load)

    def beside(self, others: Local) -> Local:
        """Who carries out readings of metrics, and has `others` do everything else."""

        def local(simulator: Simulator, command: Command) -> Outcome:
            if isinstance(command, ReadMetrics):
                return self.read(simulator, command)
            return others(simulator, command)

        return local

    def read(self, simulator: Simulator, command: ReadMetrics) -> Outcome:
        """What was measured last."""

        def kubelet(node: str) -> NodeState | None:
            process = simulator.processes.get(kubelet_name(node))
            state: NodeState | None = None if process is None or process.paused else process.state
            return state

        scene = Scene(simulator.api.store, kubelet, self.loads, simulator.now_ms)
        return read_metrics(scene, command)
