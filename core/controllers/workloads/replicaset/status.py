"""A ReplicaSet's status: the numbers of its pods, and whether making or deleting them fails.

Source: kubernetes v1.36, pkg/controller/replicaset/replica_set_utils.go.
"""

from __future__ import annotations

from kelm.core.controllers.shared import conditions
from kelm.core.controllers.shared.conditions import Conditions
from kelm.core.controllers.workloads.replicaset.tally import Tally
from kelm.core.objects.pod import Condition
from kelm.core.objects.time import format_time
from kelm.core.objects.workloads import ReplicaSet, ReplicaSetStatus

REPLICA_FAILURE = "ReplicaFailure"


def calculate_status(
    one: ReplicaSet,
    tally: Tally,
    available: int,
    failure: str,
    now_ms: int,
    *,
    counts_terminating: bool = True,
) -> ReplicaSetStatus:
    """The status of a ReplicaSet with these pods.

    available: how many of the ready pods have been so for `minReadySeconds`.
    failure: why pods could not be made or deleted, "" where they could.
    """
    return ReplicaSetStatus(
        replicas=tally.active,
        fully_labeled_replicas=tally.labelled,
        ready_replicas=tally.ready,
        available_replicas=available,
        terminating_replicas=tally.terminating if counts_terminating else None,
        observed_generation=one.metadata.generation,
        conditions=with_failure(
            one.status.conditions, tally.active - one.replicas, failure, now_ms
        ),
    )


def with_failure(given: Conditions, surplus: int, failure: str, now_ms: int) -> Conditions:
    """The conditions with ReplicaFailure in them while there is a failure, without it else.

    surplus: how many pods there are too many; fewer than 0 are missing. What failed first stays
    until it is over.

    Source: calculateStatus.
    """
    if not failure:
        found = conditions.get(given, REPLICA_FAILURE)
        return given if found is None else conditions.remove(given, REPLICA_FAILURE)
    if conditions.get(given, REPLICA_FAILURE) is not None:
        return given
    reason = "FailedCreate" if surplus < 0 else "FailedDelete" if surplus > 0 else ""
    new = Condition(
        type=REPLICA_FAILURE,
        status="True",
        reason=reason,
        message=failure,
        last_transition_time=format_time(now_ms),
    )
    return conditions.put(given, new, keep_transition=False)
