"""The ReplicaSets of one Deployment: sums over them, and which of them is the new one.

The new ReplicaSet is the one made from the Deployment's present pod template; every other is
old. Where several were made from it (a controller lost its memory, a user copied one) the oldest
counts, so that every process chooses the same.

Source: kubernetes v1.36, pkg/controller/deployment/util/deployment_util.go;
pkg/controller/controller_utils.go (orders of ReplicaSets).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kelm.core.controllers.workloads.deployment.template import equal_ignoring_hash
from kelm.core.objects.workloads import Deployment, ReplicaSet
from kelm.effects.document import Document

ReplicaSets = Sequence[ReplicaSet]


def spec_replicas(sets: Iterable[ReplicaSet]) -> int:
    """How many pods the ReplicaSets want. Source: GetReplicaCountForReplicaSets."""
    return sum(one.replicas for one in sets)


def status_replicas(sets: Iterable[ReplicaSet]) -> int:
    """How many pods they have. Source: GetActualReplicaCountForReplicaSets."""
    return sum(one.status.replicas for one in sets)


def available_replicas(sets: Iterable[ReplicaSet]) -> int:
    return sum(one.status.available_replicas for one in sets)


def terminating_replicas(sets: Iterable[ReplicaSet]) -> int | None:
    """How many pods are on their way out; None once a ReplicaSet was looked at and did not say.

    Source: GetTerminatingReplicaCountForReplicaSets.
    """
    total = 0
    for one in sets:
        if one.status.terminating_replicas is not None:
            total += one.status.terminating_replicas
        elif one.status.observed_generation != 0:
            return None
    return total


def active(sets: Iterable[ReplicaSet]) -> tuple[ReplicaSet, ...]:
    """Those that want pods. Source: controller_utils.go, FilterActiveReplicaSets."""
    return tuple(one for one in sets if one.replicas > 0)


def by_creation(one: ReplicaSet) -> tuple[int, str]:
    """Sort key: oldest first, ties by name. Source: ReplicaSetsByCreationTimestamp."""
    return one.metadata.created_ms, one.metadata.name


def larger_and_newer_first(sets: Iterable[ReplicaSet]) -> tuple[ReplicaSet, ...]:
    """The order in which a Deployment grows. Source: ReplicaSetsBySizeNewer."""
    newest_first = sorted(sets, key=by_creation, reverse=True)
    return tuple(sorted(newest_first, key=_size, reverse=True))


def larger_and_older_first(sets: Iterable[ReplicaSet]) -> tuple[ReplicaSet, ...]:
    """The order in which a Deployment shrinks. Source: ReplicaSetsBySizeOlder."""
    return tuple(sorted(sorted(sets, key=by_creation), key=_size, reverse=True))


def _size(one: ReplicaSet) -> int:
    return one.replicas


def find_new(template: Document, sets: Iterable[ReplicaSet]) -> ReplicaSet | None:
    """The oldest ReplicaSet that was made from this pod template, or None.

    Source: FindNewReplicaSet.
    """
    for one in sorted(sets, key=by_creation):
        if equal_ignoring_hash(template, one.template):
            return one
    return None


def split(
    deployment: Deployment, sets: ReplicaSets
) -> tuple[ReplicaSet | None, tuple[ReplicaSet, ...]]:
    """The new ReplicaSet (None if there is none yet) and all old ones, oldest first.

    Source: FindNewReplicaSet, FindOldReplicaSets.
    """
    new = find_new(deployment.template, sets)
    old = tuple(one for one in sorted(sets, key=by_creation) if one is not new)
    return new, old


def active_or_latest(new: ReplicaSet | None, old: ReplicaSets) -> ReplicaSet | None:
    """The one ReplicaSet that all pods should be in, or None while several share them.

    Source: FindActiveOrLatest.
    """
    everything = (*old, new) if new else tuple(old)
    wanting = active(everything)
    if len(wanting) == 1:
        return wanting[0]
    if wanting or not everything:
        return None
    return new or max(old, key=by_creation)
