"""How a rollout is doing: complete, progressing, or stuck for longer than its deadline.

A Deployment that has once said NewReplicaSetAvailable does not estimate again until the next
rollout: losing a pod is not a rollout that fails. Progress is anything that grows (updated, ready,
available) or shrinks (old); each of it moves `lastUpdateTime` of the condition Progressing on,
and the deadline is counted from there.

Source: kubernetes v1.36, pkg/controller/deployment/progress.go;
pkg/controller/deployment/util/deployment_util.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.controllers.shared import conditions
from kelm.core.controllers.shared.conditions import Conditions
from kelm.core.controllers.workloads.deployment.replica_sets import ReplicaSets
from kelm.core.controllers.workloads.deployment.status import (
    PROGRESSING,
    REPLICA_FAILURE,
    calculate_status,
    condition,
)
from kelm.core.objects.pod import Condition
from kelm.core.objects.time import parse_time
from kelm.core.objects.workloads import Deployment, DeploymentStatus, ReplicaSet

NEW_AVAILABLE = "NewReplicaSetAvailable"
UPDATED = "ReplicaSetUpdated"
TIMED_OUT = "ProgressDeadlineExceeded"
_LONG_AGO = -(2**62)


def is_complete(deployment: Deployment, status: DeploymentStatus) -> bool:
    """Whether all pods wanted are new, available and alone. Source: DeploymentComplete."""
    return (
        status.updated_replicas
        == status.replicas
        == status.available_replicas
        == deployment.replicas
        and status.observed_generation >= deployment.metadata.generation
    )


def is_progressing(old: DeploymentStatus, new: DeploymentStatus) -> bool:
    """Whether one status is better than the one before. Source: DeploymentProgressing."""
    return (
        new.updated_replicas > old.updated_replicas
        or new.replicas - new.updated_replicas < old.replicas - old.updated_replicas
        or new.ready_replicas > old.ready_replicas
        or new.available_replicas > old.available_replicas
    )


def is_timed_out(deployment: Deployment, status: DeploymentStatus, now_ms: int) -> bool:
    """Whether there was no progress for longer than allowed. Source: DeploymentTimedOut."""
    deadline = deployment.progress_deadline_seconds
    current = conditions.get(status.conditions, PROGRESSING)
    if deadline is None or current is None or current.reason == NEW_AVAILABLE:
        return False
    if current.reason == TIMED_OUT:
        return True
    return _updated_ms(current) + deadline * 1_000 < now_ms


def look_again_ms(deployment: Deployment, status: DeploymentStatus, now_ms: int) -> int | None:
    """When a rollout that seems stuck has to be looked at again, None for never.

    A second is added to what is left, because the API keeps no fractions of one; with less
    than a second left it is as soon as the deadline is over. A deadline that is over already has
    been spoken of, or does not matter any more: time alone will change nothing.

    Source: progress.go, requeueStuckDeployment.
    """
    left_ms = left_until_deadline_ms(deployment, status, now_ms)
    if left_ms is None or left_ms < 0:
        return None
    return now_ms + left_ms + (1_000 if left_ms >= 1_000 else 1)


def left_until_deadline_ms(
    deployment: Deployment, status: DeploymentStatus, now_ms: int
) -> int | None:
    """How much time a rollout has left (negative: none), None where nobody waits for it."""
    deadline = deployment.progress_deadline_seconds
    current = conditions.get(deployment.status.conditions, PROGRESSING)
    if deadline is None or current is None or current.reason == TIMED_OUT:
        return None
    if is_complete(deployment, status):
        return None
    return _updated_ms(current) + deadline * 1_000 - now_ms


def _updated_ms(current: Condition) -> int:
    return parse_time(current.last_update_time) if current.last_update_time else _LONG_AGO


def rollout_status(
    deployment: Deployment, sets: ReplicaSets, new: ReplicaSet | None, now_ms: int
) -> DeploymentStatus:
    """The status with the rollout's progress in it; `sets` are all ReplicaSets.

    Source: progress.go, syncRolloutStatus.
    """
    status = calculate_status(deployment, sets, new, now_ms)
    found = _progress(deployment, status, new, now_ms)
    failure = _replica_failure(sets, new)
    if failure is None:
        found = conditions.remove(found, REPLICA_FAILURE)
    else:
        found = conditions.put(found, failure)
    return msgspec.structs.replace(status, conditions=found)


def _progress(
    deployment: Deployment, status: DeploymentStatus, new: ReplicaSet | None, now_ms: int
) -> Conditions:
    """The conditions of the status, with what is to be said about progress."""
    if deployment.progress_deadline_seconds is None:
        return conditions.remove(status.conditions, PROGRESSING)
    current = conditions.get(deployment.status.conditions, PROGRESSING)
    settled = status.replicas == status.updated_replicas
    if settled and current is not None and current.reason == NEW_AVAILABLE:
        return status.conditions
    if is_complete(deployment, status):
        return conditions.put(status.conditions, _say("complete", deployment, new, now_ms))
    if is_progressing(deployment.status, status):
        said = _say("progressing", deployment, new, now_ms)
        if current is not None and current.status == "True":
            since = current.last_transition_time
            said = msgspec.structs.replace(said, last_transition_time=since)
        # The same reason again: the time of the last progress is what is to be said.
        return (*conditions.remove(status.conditions, PROGRESSING), said)
    if is_timed_out(deployment, status, now_ms):
        return conditions.put(status.conditions, _say("timed out", deployment, new, now_ms))
    return status.conditions


_SAYINGS = {
    "complete": ("True", NEW_AVAILABLE, "has successfully progressed."),
    "progressing": ("True", UPDATED, "is progressing."),
    "timed out": ("False", TIMED_OUT, "has timed out progressing."),
}


def _say(what: str, deployment: Deployment, new: ReplicaSet | None, now_ms: int) -> Condition:
    status, reason, words = _SAYINGS[what]
    who = f'ReplicaSet "{new.metadata.name}"' if new else f'Deployment "{deployment.metadata.name}"'
    return condition(PROGRESSING, status, reason, f"{who} {words}", now_ms)


def _replica_failure(sets: ReplicaSets, new: ReplicaSet | None) -> Condition | None:
    """What keeps a ReplicaSet from making pods, the new one's trouble first.

    Source: progress.go, getReplicaFailures.
    """
    for one in (new, *sets) if new else sets:
        failure = conditions.get(one.status.conditions, REPLICA_FAILURE)
        if failure is not None:
            # A Deployment's condition also has a time of its last update.
            return msgspec.structs.replace(failure, last_update_time=failure.last_transition_time)
    return None
