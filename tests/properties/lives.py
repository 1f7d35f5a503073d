"""Overhear what every process of a simulator hears and asks, for the laws of platforms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from kelm import Cluster
from kelm.effects.commands import Requests
from kelm.effects.laws import Step
from kelm.effects.messages import Answered, Observed, TimerFired
from kelm.effects.program import Program, Subscriptions


class Overhearing(msgspec.Struct):
    """A Program that notes every step of another; each start is a new life."""

    program: Program[Any]
    lives: list[list[Step]]

    @property
    def name(self) -> str:
        return self.program.name

    def init(self) -> tuple[Any, Requests]:
        state, requests = self.program.init()
        wake_at_ms = self.program.subscriptions(state).wake_at_ms
        self.lives.append([Step(None, requests, wake_at_ms)])
        return state, requests

    def update(self, state: Any, message: Any) -> tuple[Any, Requests]:
        state, requests = self.program.update(state, message)
        if isinstance(message, Observed | Answered | TimerFired):
            wake_at_ms = self.program.subscriptions(state).wake_at_ms
            self.lives[-1].append(Step(message, requests, wake_at_ms))
        return state, requests

    def subscriptions(self, state: Any) -> Subscriptions:
        return self.program.subscriptions(state)


class Overheard:
    """Restarts a cluster's processes (not its kubelets) under observation."""

    def __init__(self, cluster: Cluster) -> None:
        self._programs: list[Overhearing] = []
        for name, process in list(cluster.simulator.processes.items()):
            if not name.startswith("kubelet/"):
                watched = Overhearing(process.program, [])
                self._programs.append(watched)
                cluster.simulator.start(name, watched)

    def lives(self) -> Iterator[tuple[Step, ...]]:
        for program in self._programs:
            for life in program.lives:
                yield tuple(life)
