"""Which pod a node under pressure gives up first.

Source: kubernetes v1.36, pkg/kubelet/eviction/helpers.go (orderedBy, rankMemoryPressure,
rankDiskPressureFunc, rankPIDPressure, byEvictionPriority).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeAlias

import msgspec

Order: TypeAlias = Literal[
    "exceedMemoryRequests",
    "exceedDiskRequests:bytes",
    "priority",
    "memory",
    "disk:bytes",
    "disk:inodes",
    "process",
]

MEMORY_PRESSURE: tuple[Order, ...] = ("exceedMemoryRequests", "priority", "memory")
DISK_PRESSURE: tuple[Order, ...] = ("exceedDiskRequests:bytes", "priority", "disk:bytes")
PROCESS_PRESSURE: tuple[Order, ...] = ("priority", "process")

MEMORY_SIGNALS = ("memory.available", "allocatableMemory.available")


class PodUsage(msgspec.Struct, frozen=True):
    """What a pod uses and asked for; None where nobody measured."""

    name: str
    priority: int = 0
    memory_bytes: int | None = None
    memory_request_bytes: int = 0
    disk_bytes: int | None = None
    disk_request_bytes: int = 0
    inodes: int | None = None
    processes: int | None = None


def _over(used: int | None, requested: int) -> int:
    """Unmeasured pods go first, then those above their request."""
    return 0 if used is None else 1 if used > requested else 2


def _most(used: int | None, requested: int = 0) -> tuple[int, int]:
    return (0, 0) if used is None else (1, requested - used)


_KEYS: dict[Order, Callable[[PodUsage], int | tuple[int, int]]] = {
    "exceedMemoryRequests": lambda pod: _over(pod.memory_bytes, pod.memory_request_bytes),
    "exceedDiskRequests:bytes": lambda pod: _over(pod.disk_bytes, pod.disk_request_bytes),
    "priority": lambda pod: pod.priority,
    "memory": lambda pod: _most(pod.memory_bytes, pod.memory_request_bytes),
    "disk:bytes": lambda pod: _most(pod.disk_bytes, pod.disk_request_bytes),
    "disk:inodes": lambda pod: _most(pod.inodes),
    "process": lambda pod: _most(pod.processes),
}


def ranked(pods: Iterable[PodUsage], orders: Sequence[Order]) -> list[PodUsage]:
    """Pods in the order in which they are evicted; equals keep theirs.

    >>> big, small = PodUsage("big", memory_bytes=9), PodUsage("small", memory_bytes=1)
    >>> [pod.name for pod in ranked([small, big], MEMORY_PRESSURE)]
    ['big', 'small']
    """
    return sorted(pods, key=lambda pod: tuple(_KEYS[order](pod) for order in orders))


def signals_in_order(signals: Iterable[str]) -> list[str]:
    """Memory is looked at before everything else."""
    return sorted(signals, key=lambda signal: signal not in MEMORY_SIGNALS)
