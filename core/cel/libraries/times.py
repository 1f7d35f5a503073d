"""The parts of moments and spans: `t.getHours()`, `t.getHours("Europe/Rome")`, `d.getMinutes()`.

Source: cel-go v0.26, common/types/timestamp.go, duration.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from kelm.core.cel.running.values import Duration, EvaluationFault, Timestamp, Value
from kelm.core.cel.running.writing import SECOND
from kelm.core.objects.time import civil_from_days, days_from_civil

_OFFSET: Final = re.compile(r"([+-]?)(\d\d):(\d\d)")
_DAY_S: Final = 86_400


def _local(moment: Timestamp, zone: str) -> int:
    """The seconds since 1970 that clocks of a zone show."""
    seconds = int(moment.ns // SECOND)
    if zone in ("", "UTC"):
        return seconds
    if ":" in zone:
        match = _OFFSET.fullmatch(zone)
        if match is None:
            raise EvaluationFault(f"unknown time zone {zone}")
        sign, hours, minutes = match.groups()
        shift = int(hours) * 3600 + int(minutes) * 60
        return seconds - shift if sign == "-" else seconds + shift
    from kelm.core.schedules.time_zones import zone_named

    found = zone_named(zone)
    if found is None:
        raise EvaluationFault(f"unknown time zone {zone}")
    return seconds + found.offset(seconds)


def _date(moment: Timestamp, zone: str) -> tuple[int, int, int]:
    return civil_from_days(_local(moment, zone) // _DAY_S)


def _year(moment: Timestamp, zone: str = "") -> int:
    return _date(moment, zone)[0]


def _month(moment: Timestamp, zone: str = "") -> int:
    return _date(moment, zone)[1] - 1


def _day(moment: Timestamp, zone: str = "") -> int:
    return _date(moment, zone)[2]


def _day_of_month(moment: Timestamp, zone: str = "") -> int:
    return _date(moment, zone)[2] - 1


def _day_of_week(moment: Timestamp, zone: str = "") -> int:
    return (_local(moment, zone) // _DAY_S + 4) % 7


def _day_of_year(moment: Timestamp, zone: str = "") -> int:
    year = _date(moment, zone)[0]
    return _local(moment, zone) // _DAY_S - days_from_civil(year, 1, 1)


def _whole(span: Duration, unit_ns: int) -> int:
    units = abs(span.ns) // unit_ns
    return -units if span.ns < 0 else units


def _hours(value: Value, zone: str = "") -> int:
    if type(value) is Duration:
        return _whole(value, 3600 * SECOND)
    return _local(value, zone) % _DAY_S // 3600


def _minutes(value: Value, zone: str = "") -> int:
    if type(value) is Duration:
        return _whole(value, 60 * SECOND)
    return _local(value, zone) % 3600 // 60


def _seconds(value: Value, zone: str = "") -> int:
    if type(value) is Duration:
        return _whole(value, SECOND)
    return _local(value, zone) % 60


def _milliseconds(value: Value, zone: str = "") -> int:
    if type(value) is Duration:
        return _whole(value, SECOND // 1000)
    _local(value, zone)
    return int(value.ns % SECOND // (SECOND // 1000))


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "getFullYear": _year,
    "getMonth": _month,
    "getDate": _day,
    "getDayOfMonth": _day_of_month,
    "getDayOfWeek": _day_of_week,
    "getDayOfYear": _day_of_year,
    "getHours": _hours,
    "getMinutes": _minutes,
    "getSeconds": _seconds,
    "getMilliseconds": _milliseconds,
}
