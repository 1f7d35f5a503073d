"""How long to wait before trying again what keeps failing.

10 s after the first failure, doubling to 300 s; a failure that comes more than twice the maximum
after the one before starts again at 10 s. For containers that means: whoever ran for ten minutes
is forgiven. Image pulls wait by the same rule.

Source: kubernetes v1.36, client-go/util/flowcontrol/backoff.go; pkg/kubelet/kubelet.go
(MaxCrashLoopBackOff, backOffPeriod), pkg/kubelet/kuberuntime/kuberuntime_manager.go (doBackOff).
"""

from __future__ import annotations

import msgspec

INITIAL_MS = 10_000
MAX_MS = 300_000


class Backoff(msgspec.Struct, frozen=True, gc=False):
    """The last failure and how long to wait after it."""

    delay_ms: int
    failed_ms: int

    @property
    def until_ms(self) -> int:
        return self.failed_ms + self.delay_ms


def after_failure(
    backoff: Backoff | None, failed_ms: int, *, initial_ms: int = INITIAL_MS, max_ms: int = MAX_MS
) -> Backoff:
    """The back-off after one more failure.

    >>> first = after_failure(None, 0)
    >>> [after_failure(first, at_ms).delay_ms for at_ms in (15_000, 700_000)]
    [20000, 10000]
    """
    if backoff is None or failed_ms - backoff.failed_ms > 2 * max_ms:
        return Backoff(min(initial_ms, max_ms), failed_ms)
    return Backoff(min(backoff.delay_ms * 2, max_ms), failed_ms)


def is_waiting(backoff: Backoff | None, now_ms: int, *, max_ms: int = MAX_MS) -> bool:
    """Whether it is still too early to try again."""
    return backoff is not None and now_ms < backoff.until_ms
