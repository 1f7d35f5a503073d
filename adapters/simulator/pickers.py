"""The simulator's only policy: which of the things that could happen now happens next.

A picker also says how long a request, an answer and a watch delivery take. `Fifo` is fair and
fast; `Random` draws both from a seed; `Scripted` follows a list of choices, which is how an
explorer or a shrinker drives a run.
"""

from __future__ import annotations

import random
from typing import Literal, Protocol, TypeAlias

Hop: TypeAlias = Literal["request", "answer", "watch"]

HOPS_MS: dict[Hop, int] = {"request": 1, "answer": 1, "watch": 2}


class Picker(Protocol):
    """Decides order and delay; `copy` is for forks: the copy goes on drawing the same."""

    partial: bool
    """Whether a delivery may bring less than all there is."""
    chooses: bool
    """Whether it ever takes another event than the first, and so has to be asked."""
    hops_ms: dict[Hop, int] | None
    """How long every hop of a kind takes; None where it has to be asked for each."""

    def choose(self, count: int) -> int:
        """The index of the next event among `count` that are due, in the order they came."""

    def delay_ms(self, hop: Hop) -> int:
        """How long a hop takes, in milliseconds of cluster time."""

    def deliver(self, count: int) -> int:
        """How many of `count` pending changes a watch delivery brings, at least 1."""

    def copy(self) -> Picker: ...


class Fifo:
    """First come, first served; every hop takes its usual time."""

    partial = False
    chooses = False
    hops_ms: dict[Hop, int] | None = HOPS_MS

    def choose(self, count: int) -> int:
        return 0

    def delay_ms(self, hop: Hop) -> int:
        return HOPS_MS[hop]

    def deliver(self, count: int) -> int:
        return count

    def copy(self) -> Fifo:
        return self


class Random:
    """Any order that the platform's promises allow, drawn from a seed."""

    partial = True
    chooses = True
    hops_ms: dict[Hop, int] | None = None

    def __init__(self, seed: int, longest_ms: int = 20) -> None:
        self._random = random.Random(seed)
        self._longest_ms = longest_ms

    def choose(self, count: int) -> int:
        return self._random.randrange(count)

    def delay_ms(self, hop: Hop) -> int:
        return self._random.randrange(self._longest_ms + 1)

    def deliver(self, count: int) -> int:
        return self._random.randint(1, count)

    def copy(self) -> Random:
        twin = Random(0, self._longest_ms)
        twin._random.setstate(self._random.getstate())
        return twin


class Scripted:
    """Follow a tape of choices; past its end, behave as `Fifo`."""

    partial = False
    chooses = True
    hops_ms: dict[Hop, int] | None = HOPS_MS

    def __init__(self, tape: tuple[int, ...], position: int = 0) -> None:
        self._tape = tape
        self._position = position

    def choose(self, count: int) -> int:
        if count == 1 or self._position >= len(self._tape):
            return 0
        self._position += 1
        return self._tape[self._position - 1] % count

    def delay_ms(self, hop: Hop) -> int:
        return HOPS_MS[hop]

    def deliver(self, count: int) -> int:
        return count

    def copy(self) -> Scripted:
        return Scripted(self._tape, self._position)
