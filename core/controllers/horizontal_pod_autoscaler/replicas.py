"""How many replicas a metric asks for: usage over target, times the pods that it was measured on.

Pods without a measure are guessed against the direction in which the others point: idle when
these ask for more, busy when they ask for less. If the guess turns the direction round, nothing
is done.

Source: kubernetes v1.36, pkg/controller/podautoscaler/replica_calculator.go,
metrics/utilization.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import ceil
from typing import TypeAlias

import msgspec

_Ratio: TypeAlias = Callable[[Mapping[str, int]], float]

MAX_REPLICAS = 2**31 - 1
CPU_INITIALIZATION_MS = 120_000


class Tolerances(msgspec.Struct, frozen=True, gc=False):
    """How far from 1 a ratio may be without anything being done."""

    down: float = 0.1
    up: float = 0.1

    def contain(self, ratio: float) -> bool:
        return 1.0 - self.down <= ratio <= 1.0 + self.up


class Measured(msgspec.Struct, frozen=True, gc=False):
    """One pod as the calculation sees it; values are milli-units, None is no measure.

    `since_start_ms` None: started long ago. `is_stale`: measured before its readiness last changed.
    `never_ready`: its readiness has not changed since it started. `lack`: why it has no request.
    """

    name: str
    usage: int | None = None
    request: int | None = None
    phase: str = "Running"
    ready: bool = True
    deleting: bool = False
    since_start_ms: int | None = None
    is_stale: bool = True
    never_ready: bool = True
    lack: str = ""


class Proposal(msgspec.Struct, frozen=True, gc=False):
    """What a metric asks for. `usage` is per pod (or of the object), `utilization` in percent."""

    replicas: int
    usage: int
    utilization: int | None = None


class NoProposal(msgspec.Struct, frozen=True, gc=False):
    """The metric says nothing; `why` is for the object's conditions."""

    why: str


class _Groups(msgspec.Struct, frozen=True):
    ready: tuple[Measured, ...]
    unready: tuple[Measured, ...]
    missing: tuple[Measured, ...]


def _grouped(pods: Iterable[Measured], *, is_cpu: bool) -> _Groups:
    """Which pods count, which are not ready to, and which have no measure."""
    ready, unready, missing = [], [], []
    for pod in pods:
        if pod.deleting or pod.phase == "Failed":
            continue
        if pod.phase == "Pending":
            unready.append(pod)
        elif pod.usage is None:
            missing.append(pod)
        elif is_cpu and _is_starting(pod):
            unready.append(pod)
        else:
            ready.append(pod)
    return _Groups(tuple(ready), tuple(unready), tuple(missing))


def _is_starting(pod: Measured) -> bool:
    """Whether a pod's processor time says nothing yet about its load."""
    young = pod.since_start_ms is not None and pod.since_start_ms < CPU_INITIALIZATION_MS
    if young:
        return not pod.ready or pod.is_stale
    return not pod.ready and pod.never_ready


def resource_replicas(
    current: int,
    target_utilization: int,
    pods: Iterable[Measured],
    tolerances: Tolerances,
    *,
    is_cpu: bool,
) -> Proposal | NoProposal:
    """Replicas for a utilization: percent of what the pods request.

    >>> pods = [Measured("a", usage=600, request=1000), Measured("b", usage=600, request=1000)]
    >>> resource_replicas(2, 30, pods, Tolerances(), is_cpu=True)
    Proposal(replicas=4, usage=600, utilization=60)
    """
    pods = tuple(pods)
    groups = _grouped(pods, is_cpu=is_cpu)
    if not groups.ready:
        return NoProposal("did not receive metrics for targeted pods (pods might be unready)")
    lacking = [pod for pod in pods if pod.request is None]
    if lacking:
        return NoProposal(lacking[0].lack or f"missing request of {lacking[0].name}")
    requests = {pod.name: pod.request or 0 for pod in pods}
    usages = {pod.name: pod.usage or 0 for pod in groups.ready}
    if not sum(requests[name] for name in usages):
        return NoProposal("no metrics returned matched known pods")

    def ratio(measures: Mapping[str, int]) -> float:
        return _utilization(measures, requests) / target_utilization

    busy = {
        pod.name: requests[pod.name] * max(100, target_utilization) // 100 for pod in groups.missing
    }
    replicas = _replicas(current, usages, groups, tolerances, ratio, busy)
    usage = sum(usages.values()) // len(usages)
    return Proposal(replicas, usage, _utilization(usages, requests))


def _utilization(usages: Mapping[str, int], requests: Mapping[str, int]) -> int:
    return sum(usages.values()) * 100 // sum(requests[name] for name in usages)


def pods_replicas(
    current: int,
    target: int,
    pods: Iterable[Measured],
    tolerances: Tolerances,
    *,
    is_cpu: bool = False,
) -> Proposal | NoProposal:
    """Replicas for a target per pod.

    >>> pods = [Measured("a", usage=50), Measured("b", usage=10), Measured("c", usage=30)]
    >>> pods_replicas(3, 15, pods, Tolerances())
    Proposal(replicas=6, usage=30, utilization=None)
    """
    groups = _grouped(pods, is_cpu=is_cpu)
    usages = {pod.name: pod.usage or 0 for pod in groups.ready}
    if not usages:
        return NoProposal("did not receive metrics for targeted pods (pods might be unready)")

    def ratio(measures: Mapping[str, int]) -> float:
        return sum(measures.values()) // len(measures) / target

    busy = {pod.name: target for pod in groups.missing}
    replicas = _replicas(current, usages, groups, tolerances, ratio, busy)
    return Proposal(replicas, sum(usages.values()) // len(usages))


def _replicas(
    current: int,
    usages: Mapping[str, int],
    groups: _Groups,
    tolerances: Tolerances,
    ratio: _Ratio,
    busy: Mapping[str, int],
) -> int:
    """The common part: with nothing to guess the ratio decides, else the guess may only damp it."""
    first = ratio(usages)
    grows_with_unready = bool(groups.unready) and first > 1.0
    if not grows_with_unready and not groups.missing:
        return current if tolerances.contain(first) else _times(first, len(usages))
    guessed = dict(usages)
    if first < 1.0:
        guessed.update(busy)
    elif first > 1.0:
        guessed.update({pod.name: 0 for pod in groups.missing})
    if grows_with_unready:
        guessed.update({pod.name: 0 for pod in groups.unready})
    second = ratio(guessed)
    if tolerances.contain(second) or (first - 1.0) * (second - 1.0) < 0:
        return current
    replicas = _times(second, len(guessed))
    against = replicas > current if second < 1.0 else replicas < current
    return current if against else replicas


def _times(ratio: float, pods: int) -> int:
    return min(MAX_REPLICAS, ceil(ratio * pods))


def object_replicas(
    current: int, value: int, target: int, ready_pods: int, tolerances: Tolerances
) -> Proposal:
    """Replicas for one value of an object or of the outside; from none, as many as the ratio."""
    ratio = value / target
    if current == 0:
        return Proposal(_times(ratio, 1), value)
    if tolerances.contain(ratio):
        return Proposal(current, value)
    return Proposal(_times(ratio, ready_pods), value)


def per_pod_replicas(current: int, value: int, target: int, tolerances: Tolerances) -> Proposal:
    """Replicas for one value that is shared by all pods.

    >>> per_pod_replicas(3, 20_000, 5_000, Tolerances())
    Proposal(replicas=4, usage=6667, utilization=None)
    """
    if current == 0:
        return Proposal(_times(value / target, 1), value)
    within = tolerances.contain(value / (target * current))
    replicas = current if within else _times(value / target, 1)
    return Proposal(replicas, ceil(value / current))
