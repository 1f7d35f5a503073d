"""Which run of a CronJob is due, which were missed, and when to look again.

Source: kubernetes v1.36, pkg/controller/cronjob/utils.go (mostRecentScheduleTime,
nextScheduleTimeDuration).
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.objects.cron_jobs import CronJob
from kelm.core.objects.time import parse_time
from kelm.core.schedules.cron import Schedule, parse_schedule
from kelm.core.schedules.firing import next_time
from kelm.core.schedules.time_zones import UTC, zone_named

MANY: Final = 100
"""More missed runs than this are many: something is wrong with a clock, or with the deadline."""
LATER_MS: Final = 100
"""A look comes a little after the time of a run, never before. Source: nextScheduleDelta."""


class Runs(msgspec.Struct, frozen=True, gc=False):
    """earliest_ms: runs before this are not looked for. due_ms: the last run that should have
    been by now, None if there was none. missed: how many runs were not looked for in time."""

    earliest_ms: int
    due_ms: int | None = None
    missed: Literal["none", "few", "many"] = "none"


def schedule_of(one: CronJob) -> Result[Schedule, str]:
    """The schedule by the clocks of the CronJob's zone; the failure says what is wrong with it."""
    zone = zone_named(one.time_zone) if one.time_zone is not None else UTC
    return parse_schedule(one.schedule, zone or UTC)


def runs(
    one: CronJob, schedule: Schedule, now_ms: int, *, within_deadline: bool
) -> Result[Runs, str]:
    """The runs of a CronJob since its last one, or since it was made.

    within_deadline: do not look for those that are too late to be started.
    """
    last = one.status.last_schedule_time
    earliest_ms = one.metadata.created_ms if last is None else parse_time(last)
    if within_deadline and one.starting_deadline_seconds is not None:
        earliest_ms = max(earliest_ms, now_ms - one.starting_deadline_seconds * 1_000)
    first_ms = next_time(schedule, earliest_ms)
    if first_ms is not None and now_ms < first_ms:
        return Success(Runs(earliest_ms))
    second_ms = None if first_ms is None else next_time(schedule, first_ms)
    if second_ms is not None and now_ms < second_ms:
        return Success(Runs(earliest_ms, first_ms))
    if first_ms is None or second_ms is None:
        return Failure("time difference between two schedules is less than 1 second")
    apart_s = (second_ms - first_ms) // 1_000
    count = (now_ms - first_ms) // 1_000 // apart_s + 1
    # From near the end: a step before where it would be if all runs were equally far apart.
    due_ms = _last(schedule, first_ms + (count - 2) * apart_s * 1_000, now_ms)
    return Success(Runs(earliest_ms, due_ms, "many" if count > MANY else "few"))


def _last(schedule: Schedule, from_ms: int, now_ms: int) -> int | None:
    """The last run after one time and not after another."""
    found = None
    at_ms = next_time(schedule, from_ms)
    while at_ms is not None and at_ms <= now_ms:
        found, at_ms = at_ms, next_time(schedule, at_ms)
    return found


def next_look_ms(one: CronJob, schedule: Schedule, now_ms: int) -> int | None:
    """When to look again: just after the next run."""
    since = runs(one, schedule, now_ms, within_deadline=False)
    from_ms = now_ms
    if not isinstance(since, Failure):
        found = since.unwrap()
        if found.due_ms is not None:
            from_ms = found.due_ms
        elif found.missed == "none":
            from_ms = found.earliest_ms
    following = next_time(schedule, from_ms)
    return None if following is None else following + LATER_MS
