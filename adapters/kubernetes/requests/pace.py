"""How fast one may go: a token bucket for requests, and jittered back-off for reconnecting.

Source: kubernetes v1.36, client-go/util/flowcontrol/throttle.go (qps and burst);
client-go/tools/cache/reflector.go (0.8 s doubling to 30 s, reset after 2 quiet minutes).
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Final

FIRST_MS: Final = 800
LONGEST_MS: Final = 30_000
RESET_MS: Final = 120_000


class Bucket:
    """At most `burst` at once and `per_second` in the long run; waiters come in order."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = time.monotonic()

    async def take(self) -> float:
        """Wait for a turn; the seconds it took."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        self._tokens -= 1
        if self._tokens >= 0:
            return 0.0
        wait = -self._tokens / self._per_second
        await asyncio.sleep(wait)
        return wait


class Backoff:
    """How long to wait before the next attempt: longer each time, and never all at once."""

    def __init__(
        self, dice: random.Random, first_ms: int = FIRST_MS, longest_ms: int = LONGEST_MS
    ) -> None:
        self._dice = dice
        self._first_ms = first_ms
        self._longest_ms = longest_ms
        self._next_ms = first_ms
        self._last = 0.0

    def next_ms(self) -> int:
        """The next wait: between the step and twice the step."""
        now = time.monotonic()
        if now - self._last > RESET_MS / 1_000:
            self._next_ms = self._first_ms
        self._last = now
        step = self._next_ms
        self._next_ms = min(2 * step, self._longest_ms)
        return min(round(step * (1 + self._dice.random())), self._longest_ms)

    def reset(self) -> None:
        """Begin again with the shortest wait."""
        self._next_ms = self._first_ms
