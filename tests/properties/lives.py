"""Overhear what every process of a simulator hears and asks, for the laws of platforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from kelm import Cluster
from kelm.adapters.simulator.events import Answer, Execute
from kelm.adapters.simulator.process import Process
from kelm.effects.commands import Command, Request, Requests
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
        wake_at_ms = self.program.subscriptions(state).wake_at_ms
        told = isinstance(message, Observed | Answered | TimerFired)
        self.lives[-1].append(Step(message if told else None, requests, wake_at_ms))
        return state, requests

    def subscriptions(self, state: Any) -> Subscriptions:
        return self.program.subscriptions(state)


class Overheard:
    """Listens to every process of a cluster, without a difference to what happens there."""

    def __init__(self, cluster: Cluster) -> None:
        self._programs: dict[str, list[Overhearing]] = {}
        for name, process in cluster.simulator.processes.items():
            heard = self._hearing(name, process.program)
            heard.lives.append(list(_so_far(cluster, process)))
            process.program = heard
        make = cluster.machines._make_kubelet
        cluster.machines._make_kubelet = self._kubelets(make)

    def _hearing(self, name: str, program: Program[Any]) -> Overhearing:
        heard = Overhearing(program, [])
        self._programs.setdefault(name, []).append(heard)
        return heard

    def _kubelets(self, make: Callable[[Any], Program[Any]]) -> Callable[[Any], Program[Any]]:
        def overheard(host: Any) -> Program[Any]:
            kubelet = make(host)
            return self._hearing(kubelet.name, kubelet)  # type: ignore[return-value]

        return overheard

    def lives(self) -> Iterator[tuple[Step, ...]]:
        """The lives of every process."""
        return (life for _, life in self.named())

    def named(self) -> Iterator[tuple[str, tuple[Step, ...]]]:
        """The lives of every process, by its name."""
        for name, programs in self._programs.items():
            for program in programs:
                for life in program.lives:
                    yield name, tuple(life)

    def asked(self) -> Iterator[tuple[str, Command]]:
        """Every command that a process asked for, by the process's name."""
        for name, life in self.named():
            for step in life:
                yield from ((name, request.command) for request in step.asked)


def _so_far(cluster: Cluster, process: Process) -> Iterator[Step]:
    """What a process must have heard and asked to be where it is, in few steps."""
    now_ms = cluster.now_ms
    for watch, seen in zip(process.subscriptions.watches, process.seen, strict=True):
        if seen is not None:
            yield Step(Observed(now_ms, watch.resource, seen, (), replaced=True))
    pending: list[Request] = []
    for event in cluster.simulator.future.pending():
        if isinstance(event, Execute) and event.process == process.name:
            pending.append(event.request)
        elif isinstance(event, Answer) and event.process == process.name:
            pending.append(Request(event.id, None))  # type: ignore[arg-type]
    yield Step(None, tuple(pending), process.wake_at_ms)
