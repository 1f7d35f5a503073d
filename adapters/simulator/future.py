"""What is going to happen: events by the time at which they are due, then by a picker's choice."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush

from kelm.adapters.simulator.events import Event
from kelm.adapters.simulator.pickers import Picker


class Future:
    """A queue of events. Those due at one instant are all enabled; the picker orders them.

    Thousands of events share an instant, so a heap orders the instants and a list each holds
    their events in the order in which they came.
    """

    def __init__(self) -> None:
        self._instants: list[int] = []
        self._due: dict[int, list[Event]] = {}
        self._enabled: deque[Event] = deque()
        self.now_ms = 0

    def __len__(self) -> int:
        return sum(map(len, self._due.values())) + len(self._enabled)

    def add(self, at_ms: int, event: Event) -> None:
        """Have an event happen at a time, at the earliest now."""
        at_ms = max(at_ms, self.now_ms)
        due = self._due.get(at_ms)
        if due is None:
            self._due[at_ms] = [event]
            heappush(self._instants, at_ms)
        else:
            due.append(event)

    def extend(self, at_ms: int, events: list[Event]) -> None:
        """Have several events happen at a time, in this order."""
        first, *rest = events
        self.add(at_ms, first)
        self._due[max(at_ms, self.now_ms)].extend(rest)

    @property
    def next_ms(self) -> int | None:
        """When the next event is due."""
        if self._enabled:
            return self.now_ms
        return self._instants[0] if self._instants else None

    def take(self, picker: Picker) -> Event:
        """The next event; the clock jumps to when it is due."""
        enabled = self.due()
        index = picker.choose(len(enabled)) if picker.chooses else 0
        if index == 0:
            return enabled.popleft()
        event = enabled[index]
        del enabled[index]
        return event

    def due(self) -> deque[Event]:
        """The events of the present instant in the order in which they came, and of the next
        instant once there are none: then the clock jumps. Whoever takes them takes from the left.
        """
        instants, enabled = self._instants, self._enabled
        if not enabled and instants:
            self.now_ms = max(instants[0], self.now_ms)
        while instants and instants[0] <= self.now_ms:
            enabled.extend(self._due.pop(heappop(instants)))
        return enabled

    def is_over(self) -> bool:
        """Whether nothing is left to happen at the present instant."""
        return not self._enabled and not (self._instants and self._instants[0] <= self.now_ms)

    def pending(self) -> tuple[Event, ...]:
        """All events to come, in no promised order."""
        return (*self._enabled, *(event for due in self._due.values() for event in due))

    def copy(self) -> Future:
        twin = Future()
        twin._instants = list(self._instants)
        twin._due = {at_ms: list(due) for at_ms, due in self._due.items()}
        twin._enabled = deque(self._enabled)
        twin.now_ms = self.now_ms
        return twin
