"""One step of a rolling update: how large the new ReplicaSet may be, how small the old ones.

Two fences hold at every step: never more than replicas + maxSurge pods wanted, never fewer than
replicas - maxUnavailable available. The new ReplicaSet grows into the first; the old ones shrink
towards the second. Old pods that are not available anyway go first: they cost nothing, and a
rollout stuck on a bad image could otherwise never be replaced by the next.

Sizes are decided from `spec.replicas` and the ReplicaSets' own statuses alone: no pod is looked at.

Source: kubernetes v1.36, pkg/controller/deployment/rolling.go;
pkg/controller/deployment/util/deployment_util.go (NewRSNewReplicas).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from kelm.core.controllers.workloads.deployment.fenceposts import min_available_of, surge_of
from kelm.core.controllers.workloads.deployment.replica_sets import (
    ReplicaSets,
    available_replicas,
    by_creation,
    spec_replicas,
)
from kelm.core.objects.workloads import Deployment, ReplicaSet

Sizes: TypeAlias = "tuple[tuple[ReplicaSet, int], ...]"
"""ReplicaSets and the sizes they are to get, in the order of the updates; one may come twice."""


class Shrinking(msgspec.Struct, frozen=True):
    """Sizes for old ReplicaSets; `unsure`: there may be more to do, but not before the numbers
    of the ReplicaSets are true again."""

    sizes: Sizes = ()
    unsure: bool = False


def size_of_new(deployment: Deployment, replicas: int, total: int) -> int:
    """How large the new ReplicaSet gets: it wants `replicas` now, all together want `total`.

    Source: NewRSNewReplicas.
    """
    if not deployment.rolling:
        return deployment.replicas
    room = deployment.replicas + surge_of(deployment) - total
    if room <= 0:
        return replicas
    return replicas + min(room, deployment.replicas - replicas)


def next_size_of_new(deployment: Deployment, new: ReplicaSet, sets: ReplicaSets) -> int:
    """How large the new ReplicaSet is to be after this step; `sets` are all of them.

    Source: rolling.go, reconcileNewReplicaSet.
    """
    if new.replicas >= deployment.replicas:
        return deployment.replicas
    return size_of_new(deployment, new.replicas, spec_replicas(sets))


def shrink_old(
    deployment: Deployment, new: ReplicaSet | None, old: ReplicaSets, sets: ReplicaSets
) -> Shrinking:
    """Which old ReplicaSets shrink in this step, and to what; `sets` are all of them.

    What may go is what is wanted beyond the minimum, less those pods of the new ReplicaSet that
    are not available yet: they will not make up for any old one.

    Source: rolling.go, reconcileOldReplicaSets.
    """
    if spec_replicas(old) == 0:
        return Shrinking()
    minimum = min_available_of(deployment)
    new_unavailable = new.replicas - new.status.available_replicas if new else 0
    most = spec_replicas(sets) - minimum - new_unavailable
    if most <= 0:
        return Shrinking()
    cleaned = clean_up_unhealthy(old, most)
    if cleaned.unsure:
        return cleaned
    left = _sizes_after(old, cleaned.sizes)
    available = available_replicas(old) + (new.status.available_replicas if new else 0)
    return Shrinking(cleaned.sizes + shrink_available(left, available - minimum))


def clean_up_unhealthy(old: Iterable[ReplicaSet], most: int) -> Shrinking:
    """Take away at most so many pods that are wanted but not available, oldest set first.

    A set with more available pods than it wants was shrunk a moment ago and has not said what
    became of it; its numbers would allow too much, so everything after it has to wait.

    Source: rolling.go, cleanupUnhealthyReplicas.
    """
    sizes: list[tuple[ReplicaSet, int]] = []
    for one in sorted(old, key=by_creation):
        if most <= 0:
            break
        if one.replicas == 0:
            continue
        unhealthy = one.replicas - one.status.available_replicas
        if unhealthy < 0:
            return Shrinking(tuple(sizes), unsure=True)
        if unhealthy > 0:
            gone = min(unhealthy, most)
            sizes.append((one, one.replicas - gone))
            most -= gone
    return Shrinking(tuple(sizes))


def _sizes_after(sets: Iterable[ReplicaSet], sizes: Sizes) -> Sizes:
    """Every ReplicaSet with the size it has once these updates are done."""
    changed = {one.metadata.name: size for one, size in sizes}
    return tuple((one, changed.get(one.metadata.name, one.replicas)) for one in sets)


def shrink_available(old: Sizes, most: int) -> Sizes:
    """Take away at most so many pods, available or not, oldest set first.

    Source: rolling.go, scaleDownOldReplicaSetsForRollingUpdate.
    """
    sizes = []
    for one, size in sorted(old, key=_creation_of):
        if most <= 0:
            break
        if size > 0:
            gone = min(size, most)
            sizes.append((one, size - gone))
            most -= gone
    return tuple(sizes)


def _creation_of(sized: tuple[ReplicaSet, int]) -> tuple[int, str]:
    return by_creation(sized[0])
