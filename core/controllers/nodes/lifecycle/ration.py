"""One node at a time: a token bucket that holds a single token.

A bucket of one is described by the time at which its token is back.

Source: kubernetes v1.36, pkg/controller/nodelifecycle/scheduler/rate_limited_queue.go
(Try, SwapLimiter); EvictionRateLimiterBurst is 1.
"""

from __future__ import annotations

import msgspec


class Ration(msgspec.Struct, frozen=True, gc=False):
    """At most `rate` nodes a second; `next_ms` is when the next one may go."""

    rate: float
    next_ms: int = 0

    def allows(self, now_ms: int) -> bool:
        return self.rate > 0 and now_ms >= self.next_ms

    def taken(self, now_ms: int) -> Ration:
        """The ration after one was taken at this time.

        >>> Ration(0.1).taken(7_000)
        Ration(rate=0.1, next_ms=17000)
        """
        return Ration(self.rate, now_ms + round(1_000 / self.rate))

    def at_rate(self, rate: float, now_ms: int) -> Ration:
        """The ration at another rate: full, unless the old one had nothing to give.

        >>> Ration(0.1).at_rate(0.01, 5_000), Ration(0.0).at_rate(0.1, 5_000)
        (Ration(rate=0.01, next_ms=0), Ration(rate=0.1, next_ms=15000))
        """
        if rate == self.rate:
            return self
        if rate <= 0:
            return Ration(0.0)
        return Ration(rate) if self.allows(now_ms) else Ration(rate).taken(now_ms)
