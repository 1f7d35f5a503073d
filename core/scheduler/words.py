"""What is told of a pod that no node takes, in upstream's words.

Source: kubernetes v1.36, pkg/scheduler/framework/types.go (FitError.Error);
framework/preemption/preemption.go; plugins/dynamicresources (PostFilter).
"""

from __future__ import annotations

from collections import Counter

from kelm.core.scheduler.placement.placing import NoNode

NO_NODES = "no nodes available to schedule pods"
NO_CLAIMS = "no new claims to deallocate, preemption: "
STILL_NO_CLAIMS = "still not schedulable, preemption: "
CLAIM_FREED = "deallocation of ResourceClaim completed, preemption: "
NEVER = "not eligible due to preemptionPolicy=Never."
VICTIMS_LEAVING = "not eligible due to a terminating pod on the nominated node."
REFUSED_BEFORE_NODES = "not found"
"""What remains to be said where a plugin refused before nodes were looked at."""


def fit_error(found: NoNode, after: str) -> str:
    """Why no node will do, and what was tried about it.

    >>> from kelm.core.scheduler.plugins.framework import Status
    >>> full = Status("NodeResourcesFit", ("Insufficient cpu",))
    >>> fit_error(NoNode(2, {"a": full, "b": full}), "")
    '0/2 nodes are available: 2 Insufficient cpu.'
    """
    if not found.node_count:
        return NO_NODES
    if found.everywhere is not None:
        told = ", ".join(found.everywhere.reasons)
        after = REFUSED_BEFORE_NODES
    else:
        reasons = Counter(reason for no in found.refusals.values() for reason in no.reasons)
        told = ", ".join(sorted(f"{number} {reason}" for reason, number in reasons.items()))
    message = f"0/{found.node_count} nodes are available: {told}."
    return f"{message} {after}" if after else message
