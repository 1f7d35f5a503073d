"""Which old ReplicaSets a Deployment forgets: all but the last `revisionHistoryLimit`.

Source: kubernetes v1.36, pkg/controller/deployment/sync.go (cleanupDeployment);
pkg/controller/deployment/util/deployment_util.go (ReplicaSetsByRevision).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cmp_to_key

from kelm.core.controllers.workloads.deployment.replica_sets import by_creation
from kelm.core.controllers.workloads.deployment.revisions import revision_of
from kelm.core.objects.workloads import ReplicaSet


def to_forget(old: Iterable[ReplicaSet], limit: int | None) -> tuple[ReplicaSet, ...]:
    """The old ReplicaSets to delete, lowest revision first; a limit of None keeps all.

    What still has pods, or has not noticed yet that it should have none, is left for a later
    look; it counts as looked at all the same.
    """
    if limit is None:
        return ()
    alive = [one for one in old if one.metadata.deletion_timestamp is None]
    surplus = len(alive) - limit
    if surplus <= 0:
        return ()
    lowest_first = sorted(alive, key=cmp_to_key(_by_revision))
    return tuple(one for one in lowest_first[:surplus] if _is_empty(one))


def _by_revision(a: ReplicaSet, b: ReplicaSet) -> int:
    """By revision; where one is no number, or both are equal, by creation."""
    ours, theirs = revision_of(a), revision_of(b)
    if ours is not None and theirs is not None and ours != theirs:
        return -1 if ours < theirs else 1
    return -1 if by_creation(a) < by_creation(b) else 1


def _is_empty(one: ReplicaSet) -> bool:
    return (
        one.replicas == 0
        and one.status.replicas == 0
        and one.metadata.generation <= one.status.observed_generation
    )
