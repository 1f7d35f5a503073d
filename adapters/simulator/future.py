"""What is going to happen: events by the time at which they are due, then by a picker's choice."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush

from kelm.adapters.simulator.events import Event
from kelm.adapters.simulator.pickers import Picker


class Future:
    """A queue of events. Those due at one instant are all enabled; the picker orders them."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Event]] = []
        self._enabled: deque[Event] = deque()
        self._count = 0
        self.now_ms = 0

    def __len__(self) -> int:
        return len(self._heap) + len(self._enabled)

    def add(self, at_ms: int, event: Event) -> None:
        """Have an event happen at a time, at the earliest now."""
        self._count += 1
        heappush(self._heap, (max(at_ms, self.now_ms), self._count, event))

    @property
    def next_ms(self) -> int | None:
        """When the next event is due."""
        if self._enabled:
            return self.now_ms
        return self._heap[0][0] if self._heap else None

    def take(self, picker: Picker) -> Event:
        """The next event; the clock jumps to when it is due."""
        heap, enabled = self._heap, self._enabled
        if not enabled:
            self.now_ms = heap[0][0]
        while heap and heap[0][0] <= self.now_ms:
            enabled.append(heappop(heap)[2])
        index = picker.choose(len(enabled))
        if index == 0:
            return enabled.popleft()
        event = enabled[index]
        del enabled[index]
        return event

    def pending(self) -> tuple[Event, ...]:
        """All events to come, in no promised order."""
        return (*self._enabled, *(event for _, _, event in self._heap))

    def copy(self) -> Future:
        twin = Future()
        twin._heap = list(self._heap)
        twin._enabled = deque(self._enabled)
        twin._count = self._count
        twin.now_ms = self.now_ms
        return twin
