"""How long a Job waits before it tries again: 10 s, doubling with each failure, 10 min at most.

The record of failures lives in the controller's memory, as upstream's does: who starts anew
forgives what was counted already.

Source: kubernetes v1.36, pkg/controller/job/backoff_utils.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.objects.pod import Pod
from kelm.core.objects.time import parse_time
from kelm.effects.document import text

FIRST_MS: Final = 10_000
LONGEST_MS: Final = 600_000
LONG_AGO_MS: Final = parse_time("0001-01-01T00:00:00Z")


class BackoffRecord(msgspec.Struct, frozen=True, gc=False):
    """How often pods failed since one succeeded, and when last."""

    failures: int = 0
    last_failure_ms: int | None = None


NO_FAILURES = BackoffRecord()


def next_record(
    stored: BackoffRecord, succeeded: Iterable[int], failed: Iterable[int]
) -> BackoffRecord:
    """The record after pods ended at these times (ms): a success forgives what was before it.

    >>> next_record(BackoffRecord(2), (), (60_000,))
    BackoffRecord(failures=3, last_failure_ms=60000)
    >>> next_record(BackoffRecord(2), (60_000,), (59_000,))
    BackoffRecord(failures=0, last_failure_ms=None)
    """
    successes, failures = sorted(succeeded), sorted(failed)
    if successes:
        stored, failures = NO_FAILURES, [at for at in failures if at > successes[-1]]
    if not failures:
        return stored
    return BackoffRecord(stored.failures + len(failures), failures[-1])


def remaining_ms(
    record: BackoffRecord, now_ms: int, first_ms: int = FIRST_MS, longest_ms: int = LONGEST_MS
) -> int:
    """How long to wait from now on.

    >>> remaining_ms(BackoffRecord(3, 0), 1_000)
    39000
    """
    if record.failures == 0 or record.last_failure_ms is None:
        return 0
    delay_ms = min(first_ms << min(record.failures - 1, 40), longest_ms)
    return max(0, record.last_failure_ms + delay_ms - now_ms)


def finished_ms(one: Pod) -> int:
    """When a pod ended, as well as can be told.

    Its containers say it; else its condition Ready, for a pod that was failed by others; else
    the time at which its deletion was asked for.
    """
    by_containers = _containers_ended_ms(one)
    if by_containers is not None:
        return by_containers
    ready = one.status.condition("Ready")
    failed = ready is not None and (ready.status, ready.reason) == ("False", "PodFailed")
    if ready is not None and failed and ready.last_transition_time:
        return parse_time(ready.last_transition_time)
    deletion_ms = one.metadata.deletion_ms
    if deletion_ms is not None:
        return deletion_ms - (one.metadata.deletion_grace_period_seconds or 0) * 1_000
    return one.metadata.created_ms or LONG_AGO_MS


def _containers_ended_ms(one: Pod) -> int | None:
    """When the last container ended, None while one runs or where one does not say."""
    restartable = {c.name for c in one.spec.init_containers if c.restart_policy == "Always"}
    sidecars = (s for s in one.status.init_container_statuses if s.name in restartable)
    times = [
        text(status.state, "terminated", "finishedAt")
        for status in (*one.status.container_statuses, *sidecars)
    ]
    if not times or not all(times):
        return None
    ended_ms = [parse_time(time) for time in times]
    return None if LONG_AGO_MS in ended_ms else max(ended_ms)
