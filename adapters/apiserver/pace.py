"""How cluster time follows real time: as fast, faster, as fast as it can, or not at all.

`max` skips waiting: as long as something is not yet as it was asked for, time jumps to whatever
happens next. A cluster that cannot settle (a container that keeps crashing) jumps for ten minutes
of its time after the last request and then goes on at the pace of a clock.
"""

from __future__ import annotations

from typing import Final

import msgspec
from returns.result import Failure, Result, Success

JUMP_MS: Final = 600_000
FASTEST: Final = 1_000.0


class Speed(msgspec.Struct, frozen=True):
    """Cluster milliseconds per real millisecond, and whether waiting is skipped."""

    factor: float = 1.0
    skips: bool = False

    def __str__(self) -> str:
        if self.skips:
            return "max"
        if self.factor == 0:
            return "paused"
        return "real" if self.factor == 1 else f"{self.factor:g}x"


def read_speed(text: str) -> Result[Speed, str]:
    """A speed as people write it.

    >>> [str(read_speed(word).unwrap()) for word in ("real", "10x", "max", "paused")]
    ['real', '10x', 'max', 'paused']
    >>> read_speed("fast").failure()
    '"fast" is no speed: say real, 10x (any number), max or paused'
    """
    if text in ("real", "max"):
        return Success(Speed(skips=text == "max"))
    if text == "paused":
        return Success(Speed(0.0))
    number = text.removesuffix("x")
    try:
        factor = float(number)
    except ValueError:
        factor = -1.0
    if number == text or not 0 < factor <= FASTEST:
        return Failure(f'"{text}" is no speed: say real, 10x (any number), max or paused')
    return Success(Speed(factor))


class Pace(msgspec.Struct, frozen=True):
    """A line through one moment at which both times are known."""

    speed: Speed
    real_s: float
    cluster_ms: int

    def cluster_ms_at(self, real_s: float) -> int:
        """Cluster time at a real time.

        >>> Pace(Speed(10.0), 100.0, 5_000).cluster_ms_at(101.5)
        20000
        """
        return self.cluster_ms + int((real_s - self.real_s) * 1_000 * self.speed.factor)

    def real_s_at(self, cluster_ms: int) -> float | None:
        """When a cluster time comes, None for never."""
        if self.speed.factor == 0:
            return None
        return self.real_s + (cluster_ms - self.cluster_ms) / 1_000 / self.speed.factor
