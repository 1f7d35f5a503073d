"""When a Job is as it was asked for: it has ended, rests as it should, or is somebody else's.

How it ended does not matter here. A Job that failed has come to rest, and its conditions say why.
"""

from __future__ import annotations

from kelm.core.objects.batch import (
    FAILURE_TARGET,
    JOB_CONTROLLER,
    SUCCESS_CRITERIA_MET,
    SUSPENDED,
    job,
)
from kelm.effects.document import Document


def job_waits(doc: Document) -> str:
    """What a Job waits for, as a sentence's end; "" where it has come to rest.

    >>> from kelm.effects.document import document
    >>> job_waits(document({"spec": {"completions": 3}, "status": {"succeeded": 1, "active": 1}}))
    '1 of 3 pods have succeeded, 1 active'
    """
    one = job(doc)
    status = one.status
    if status.finished is not None or one.managed_by != JOB_CONTROLLER:
        return ""
    if one.suspended:
        rests = status.condition(SUSPENDED) is not None and not status.active
        return "" if rests and not status.terminating else "is being suspended"
    going = status.condition(FAILURE_TARGET)
    if going is not None:
        return f"is going to fail ({going.reason}: {going.message})"
    if status.condition(SUCCESS_CRITERIA_MET) is not None:
        return "has succeeded, and waits for its pods to end"
    wanted = f"{status.succeeded} of {one.completions} pods have succeeded"
    told = f"{status.succeeded} pods have succeeded" if one.completions is None else wanted
    failed = f", {status.failed} failed" if status.failed else ""
    return f"{told}{failed}, {status.active} active"
