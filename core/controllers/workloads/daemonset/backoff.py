"""How long a failed pod stays before it is replaced, so that a node that fails pods is not pelted.

Source: kubernetes v1.36, client-go/util/flowcontrol/backoff.go; pkg/controller/daemon
(failedPodsBackoff: 1 s doubling to 15 minutes).
"""

from __future__ import annotations

from typing import Self

import msgspec

FIRST_MS = 1_000
LONGEST_MS = 15 * 60_000


class Backoff(msgspec.Struct, frozen=True, gc=False):
    """How long to wait after `since_ms`, when a failed pod of this node was last replaced."""

    delay_ms: int
    since_ms: int

    @property
    def until_ms(self) -> int:
        return self.since_ms + self.delay_ms

    def waits(self, now_ms: int) -> bool:
        return now_ms < self.until_ms

    @classmethod
    def after(cls, before: Backoff | None, now_ms: int) -> Self:
        """The back-off after one more replacement; a long calm begins it anew.

        >>> Backoff.after(Backoff(1_000, 0), 5_000)
        Backoff(delay_ms=2000, since_ms=5000)
        """
        if before is None or now_ms - before.since_ms > 2 * LONGEST_MS:
            return cls(FIRST_MS, now_ms)
        return cls(min(2 * before.delay_ms, LONGEST_MS), now_ms)
