"""Cron schedules: the recorded table to `kelm.core.schedules`."""

from __future__ import annotations

from typing import Any

from returns.result import Failure

from kelm.core.objects.time import format_time, parse_time
from kelm.core.schedules.cron import parse_schedule
from kelm.core.schedules.firing import next_time
from kelm.core.schedules.time_zones import UTC, zone_named

Case = dict[str, Any]


def schedule_next(case: Case) -> tuple[object, object]:
    given, expected = case["input"], case["expected"]
    name = given["timeZone"]
    zone = UTC if name is None else zone_named(name)
    assert zone is not None
    schedule = parse_schedule(given["schedule"], zone)
    if isinstance(schedule, Failure):
        return {"valid": False}, expected
    found = {"valid": True}
    if "after" not in given:
        return found, expected
    times, at_ms = [], parse_time(given["after"])
    for _ in range(4):
        following = next_time(schedule.unwrap(), at_ms)
        if following is None:
            break
        at_ms = following
        times.append(format_time(at_ms))
    return {**found, "next": times}, expected


BINDINGS = {"cron-schedule-next-probe": schedule_next}
