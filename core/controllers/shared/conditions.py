"""Conditions in a status: at most one of a type, the latest change last.

What repeats the status and reason that is already there changes nothing, not even a time, so that
a controller that says the same again and again writes nothing.

Source: kubernetes v1.36, pkg/controller/deployment/util/deployment_util.go
(SetDeploymentCondition); pkg/controller/replicaset/replica_set_utils.go (SetCondition).
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from kelm.core.objects.pod import Condition

Conditions: TypeAlias = tuple[Condition, ...]


def get(conditions: Conditions, condition_type: str) -> Condition | None:
    """The condition of a type, or None."""
    for one in conditions:
        if one.type == condition_type:
            return one
    return None


def remove(conditions: Conditions, condition_type: str) -> Conditions:
    """All conditions but those of a type, in their order."""
    return tuple(one for one in conditions if one.type != condition_type)


def put(conditions: Conditions, new: Condition, *, keep_transition: bool = True) -> Conditions:
    """The conditions with a new one in the place of the old one of its type, at the end.

    keep_transition: where only the reason changes, keep the time at which the status changed
        (Deployments do, ReplicaSets do not).

    >>> old = (Condition(type="Available", status="True", reason="Enough"),)
    >>> put(old, Condition(type="Available", status="True", reason="Enough", message="!")) is old
    True
    """
    old = get(conditions, new.type)
    if old is not None and (old.status, old.reason) == (new.status, new.reason):
        return conditions
    if keep_transition and old is not None and old.status == new.status:
        new = msgspec.structs.replace(new, last_transition_time=old.last_transition_time)
    return (*remove(conditions, new.type), new)
