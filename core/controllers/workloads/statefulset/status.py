"""A StatefulSet's status: how many pods there are, of which revision, and when an update is over.

Source: kubernetes v1.36, pkg/controller/statefulset/stateful_set_control.go (computeReplicaStatus),
stateful_set_utils.go (completeRollingUpdate, inconsistentStatus).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.shared.pods import is_available
from kelm.core.controllers.workloads.statefulset.identity import revision_of
from kelm.core.objects.pod import Pod
from kelm.core.objects.stateful_set import StatefulSet, StatefulSetStatus


class Revisions(msgspec.Struct, frozen=True, gc=False):
    """The names of the revision that pods have, and of the one that they are to get."""

    current: str
    update: str


def is_running_and_ready(one: Pod) -> bool:
    return one.status.phase == "Running" and one.ready


def count(
    one: StatefulSet,
    pods: Iterable[Pod],
    revisions: Revisions,
    collisions: int,
    now_ms: int,
    whole: int = 0,
) -> StatefulSetStatus:
    """The status of a set with these pods, as if no update ended with it.

    A pod without a phase is not there yet: nobody has seen it. `whole` more pods serve and are of
    the one revision that there is.
    """
    seen = [each for each in pods if each.status.phase]
    ready = [each for each in seen if is_running_and_ready(each)]
    staying = [revision_of(each) for each in seen if each.metadata.deletion_timestamp is None]
    return StatefulSetStatus(
        observed_generation=one.metadata.generation,
        replicas=whole + len(seen),
        ready_replicas=whole + len(ready),
        available_replicas=whole
        + sum(is_available(each, one.min_ready_seconds, now_ms) for each in ready),
        current_replicas=whole + staying.count(revisions.current),
        updated_replicas=whole + staying.count(revisions.update),
        current_revision=revisions.current,
        update_revision=revisions.update,
        collision_count=collisions,
    )


def completed(one: StatefulSet, status: StatefulSetStatus) -> StatefulSetStatus:
    """The status with the update's revision as the current one, once all pods have it and serve.

    Source: completeRollingUpdate.
    """
    counts = {status.updated_replicas, status.ready_replicas, status.replicas}
    if not one.rolling or counts != {one.replicas}:
        return status
    return msgspec.structs.replace(
        status,
        current_replicas=status.updated_replicas,
        current_revision=status.update_revision,
    )


def differs(one: StatefulSet, status: StatefulSetStatus) -> bool:
    """Whether a status is worth writing; a new collision count alone is not.

    Source: inconsistentStatus.
    """
    old = one.status
    return status.observed_generation > old.observed_generation or _numbers(status) != _numbers(old)


def _numbers(status: StatefulSetStatus) -> tuple[object, ...]:
    return (
        status.replicas,
        status.current_replicas,
        status.ready_replicas,
        status.updated_replicas,
        status.available_replicas,
        status.current_revision,
        status.update_revision,
    )
