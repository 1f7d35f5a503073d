"""The strategy Recreate: no new pod before the last old one has ended.

Source: kubernetes v1.36, pkg/controller/deployment/recreate.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from kelm.core.controllers.workloads.deployment.replica_sets import (
    ReplicaSets,
    active,
    status_replicas,
)
from kelm.core.controllers.workloads.deployment.rolling import Sizes
from kelm.core.objects.pod import ENDED, Pod


def shrink_all(old: ReplicaSets) -> Sizes:
    """Every old ReplicaSet wants nothing. Source: scaleDownOldReplicaSetsForRecreate."""
    return tuple((one, 0) for one in active(old))


def old_pods_running(old: ReplicaSets, old_pods: Iterable[Pod]) -> bool:
    """Whether a pod of an old template may still run; terminating ones do.

    old_pods: the pods of every ReplicaSet but the new one; looked at only if need be.

    Source: oldPodsRunning.
    """
    return status_replicas(old) > 0 or any(one.status.phase not in ENDED for one in old_pods)
