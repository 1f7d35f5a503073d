"""What a person wants to read of a Job: that it ended, and how, that it rests or goes on."""

from __future__ import annotations

from collections.abc import Iterator

from kelm.core.objects.batch import COMPLETE, FAILED, SUSPENDED, Job, job
from kelm.effects.document import Document


def job_steps(old: Document | None, new: Document | None) -> Iterator[tuple[str, bool]]:
    """The sentences that a Job's change is worth, and whether each is bad news.

    >>> from kelm.effects.document import document
    >>> done = {"type": "Complete", "status": "True"}
    >>> after = document({"status": {"conditions": [done], "succeeded": 3}})
    >>> list(job_steps(document({}), after))
    [('is complete, 3 pods succeeded', False)]
    """
    if new is None or old is None:
        return
    before, after = job(old), job(new)
    if _became(before, after, COMPLETE):
        count = after.status.succeeded
        yield f"is complete, {count} pod{'' if count == 1 else 's'} succeeded", False
    if _became(before, after, FAILED):
        end = after.status.condition(FAILED)
        yield f"has failed ({end.reason}: {end.message})" if end else "has failed", True
    if _became(before, after, SUSPENDED):
        yield "is suspended", False
    if _became(after, before, SUSPENDED):
        yield "is resumed", False


def _became(before: Job, after: Job, condition_type: str) -> bool:
    was = before.status.condition(condition_type)
    return was is None and after.status.condition(condition_type) is not None
