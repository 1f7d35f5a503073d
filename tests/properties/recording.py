"""A trace that is written only when somebody wants to read it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from kelm import Cluster
from kelm.adapters.simulator.events import Event
from kelm.adapters.simulator.inputs import Input
from kelm.adapters.simulator.loop import Simulator
from kelm.adapters.simulator.trace import Recorder


class LazyRecorder:
    """Takes note of what a Recorder would write: most traces of properties are thrown away."""

    def __init__(self, cluster: Cluster) -> None:
        self._header = cluster.settings.header()
        self._noted: list[tuple[str, Any, Any, tuple[Any, ...]]] = []
        cluster._recorder = self  # type: ignore[assignment]
        cluster._listen()

    def _note(self, simulator: Simulator, method: str, *arguments: Any) -> None:
        moment = (simulator.events, simulator.now_ms)
        self._noted.append((method, moment, simulator.api.store, arguments))

    def event(self, simulator: Simulator, event: Event) -> None:
        self._note(simulator, "event", event)

    def given(self, simulator: Simulator, how: str, given: Input, due_ms: int) -> None:
        self._note(simulator, "given", how, given, due_ms)

    def end(self, simulator: Simulator) -> None:
        self._note(simulator, "end")

    def lines(self) -> list[str]:
        """The trace so far."""
        found: list[str] = []
        recorder: Any = Recorder(found.append, self._header)
        for method, (events, now_ms), store, arguments in self._noted:
            then = SimpleNamespace(events=events, now_ms=now_ms, api=SimpleNamespace(store=store))
            getattr(recorder, method)(then, *arguments)
        return found
