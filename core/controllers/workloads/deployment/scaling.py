"""What a change of `spec.replicas` does to the ReplicaSets of a Deployment.

With one ReplicaSet at work it simply gets the new size. In the middle of a rollout several share
the pods, and each gets its part: a rollout that is half done at 10 is half done at 20. The
difference is dealt out from the largest set to the smallest, what rounding leaves goes to the
largest, and the sum is exact.

Source: kubernetes v1.36, pkg/controller/deployment/sync.go (scale, isScalingEvent);
pkg/controller/deployment/util/deployment_util.go (proportions, IsSaturated).
"""

from __future__ import annotations

from collections.abc import Iterable

from kelm.core.controllers.workloads.deployment.fenceposts import surge_of
from kelm.core.controllers.workloads.deployment.replica_sets import (
    ReplicaSets,
    active,
    active_or_latest,
    by_creation,
    larger_and_newer_first,
    larger_and_older_first,
    spec_replicas,
)
from kelm.core.controllers.workloads.deployment.revisions import (
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    annotations_of,
    count_in,
    int64,
)
from kelm.core.controllers.workloads.deployment.rolling import Sizes
from kelm.core.objects.workloads import Deployment, ReplicaSet


def is_scaling_event(deployment: Deployment, sets: Iterable[ReplicaSet]) -> bool:
    """Whether a ReplicaSet at work was last scaled for another size of the Deployment.

    Source: sync.go, isScalingEvent.
    """
    counts = (count_in(annotations_of(one), DESIRED_REPLICAS) for one in active(sets))
    return any(count is not None and count != deployment.replicas for count in counts)


def fraction(deployment: Deployment, one: ReplicaSet) -> int:
    """By how much a ReplicaSet would change if it kept its share of the Deployment's maximum.

    Halves round away from zero. Source: getReplicaSetFraction.
    """
    if deployment.replicas == 0:
        return -one.replicas
    was_most = count_in(annotations_of(one), MAX_REPLICAS) or deployment.status.replicas
    if was_most == 0:
        return 0
    most = deployment.replicas + surge_of(deployment)
    return (2 * one.replicas * most + was_most) // (2 * was_most) - one.replicas


def proportion(deployment: Deployment, one: ReplicaSet, to_add: int, added: int) -> int:
    """The part of a change by `to_add` that a ReplicaSet takes when `added` is dealt out already.

    Source: GetReplicaSetProportion.
    """
    if one.replicas == 0 or to_add == 0 or to_add == added:
        return 0
    left = to_add - added
    share = fraction(deployment, one)
    return min(share, left) if to_add > 0 else max(share, left)


def is_saturated(deployment: Deployment, new: ReplicaSet | None) -> bool:
    """Whether the new ReplicaSet has all the pods of the Deployment, scaled for it and available.

    Source: IsSaturated.
    """
    if new is None:
        return False
    desired = int64(annotations_of(new).get(DESIRED_REPLICAS, ""))
    return desired == new.replicas == new.status.available_replicas == deployment.replicas


def scaled(deployment: Deployment, new: ReplicaSet | None, old: ReplicaSets) -> Sizes:
    """The sizes that ReplicaSets get for a new size of their Deployment.

    Sets are named in the order of the updates, also those whose size stays: their annotations
    may be due.

    Source: sync.go, scale.
    """
    only = active_or_latest(new, old)
    if only is not None:
        return () if only.replicas == deployment.replicas else ((only, deployment.replicas),)
    newest_first = sorted(old, key=by_creation, reverse=True)
    if is_saturated(deployment, new):
        return tuple((one, 0) for one in active(newest_first))
    if not deployment.rolling:
        return ()
    return _in_proportion(deployment, (*newest_first, new) if new else newest_first)


def _in_proportion(deployment: Deployment, sets: ReplicaSets) -> Sizes:
    wanting = active(sets)
    allowed = deployment.replicas + surge_of(deployment) if deployment.replicas > 0 else 0
    to_add = allowed - spec_replicas(wanting)
    if to_add == 0:
        return tuple((one, one.replicas) for one in wanting)
    wanting = (larger_and_newer_first if to_add > 0 else larger_and_older_first)(wanting)
    sizes, added = [], 0
    for one in wanting:
        part = proportion(deployment, one, to_add, added)
        sizes.append((one, one.replicas + part))
        added += part
    if not sizes:
        return ()
    largest, size = sizes[0]
    return ((largest, max(0, size + to_add - added)), *sizes[1:])
