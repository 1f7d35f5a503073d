"""A Deployment's status: sums over its ReplicaSets, and whether enough pods are available.

Source: kubernetes v1.36, pkg/controller/deployment/sync.go (calculateStatus);
pkg/controller/deployment/util/deployment_util.go (NewDeploymentCondition).
"""

from __future__ import annotations

from kelm.core.controllers.shared import conditions
from kelm.core.controllers.workloads.deployment import replica_sets
from kelm.core.controllers.workloads.deployment.fenceposts import unavailable_of
from kelm.core.controllers.workloads.deployment.replica_sets import ReplicaSets
from kelm.core.objects.pod import Condition
from kelm.core.objects.time import format_time
from kelm.core.objects.workloads import Deployment, DeploymentStatus, ReplicaSet

AVAILABLE = "Available"
PROGRESSING = "Progressing"
REPLICA_FAILURE = "ReplicaFailure"


def condition(kind: str, status: str, reason: str, message: str, now_ms: int) -> Condition:
    """A Deployment's condition as of now."""
    now = format_time(now_ms)
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=now,
        last_update_time=now,
    )


def calculate_status(
    deployment: Deployment, sets: ReplicaSets, new: ReplicaSet | None, now_ms: int
) -> DeploymentStatus:
    """The status as the ReplicaSets have it; its conditions are kept, but for `Available`.

    sets: all ReplicaSets of the Deployment, the new one among them.
    """
    available = replica_sets.available_replicas(sets)
    enough = available >= deployment.replicas - unavailable_of(deployment)
    return DeploymentStatus(
        observed_generation=deployment.metadata.generation,
        replicas=replica_sets.status_replicas(sets),
        updated_replicas=new.status.replicas if new else 0,
        ready_replicas=sum(one.status.ready_replicas for one in sets),
        available_replicas=available,
        unavailable_replicas=max(0, replica_sets.spec_replicas(sets) - available),
        terminating_replicas=replica_sets.terminating_replicas(sets),
        collision_count=deployment.status.collision_count,
        conditions=conditions.put(deployment.status.conditions, _available(enough, now_ms)),
    )


def _available(enough: bool, now_ms: int) -> Condition:
    if enough:
        message = "Deployment has minimum availability."
        return condition(AVAILABLE, "True", "MinimumReplicasAvailable", message, now_ms)
    message = "Deployment does not have minimum availability."
    return condition(AVAILABLE, "False", "MinimumReplicasUnavailable", message, now_ms)
