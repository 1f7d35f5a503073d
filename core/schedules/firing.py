"""When a schedule fires next.

The search goes from the coarse to the fine, as upstream's does: a month that matches, a day in it,
an hour, a minute; whoever leaves a year, a month, a day or an hour on the way begins again. A
time that the clocks skip never comes; in an hour that they show twice a schedule fires twice, if
it fires every hour. Upstream stops after five years, so what happens on no day never fires.

Source: github.com/robfig/cron v3, spec.go (Next, dayMatches), constantdelay.go.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from kelm.core.objects.time import civil_from_days, days_from_civil
from kelm.core.schedules.cron import Every, Fields, Schedule
from kelm.core.schedules.time_zones import Zone

YEARS: Final = 5
MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400


def next_time(schedule: Schedule, after_ms: int) -> int | None:
    """The next time (ms) after a time at which a schedule fires; None if it never does.

    >>> from kelm.core.objects.time import format_time, parse_time
    >>> from kelm.core.schedules.cron import parse_schedule
    >>> noon = parse_schedule("TZ=Europe/Rome 0 12 * * *").unwrap()
    >>> format_time(next_time(noon, parse_time("2026-06-01T00:00:00Z")) or 0)
    '2026-06-01T10:00:00Z'
    """
    at_s = after_ms // 1_000
    if isinstance(schedule, Every):
        return (at_s + schedule.seconds) * 1_000
    found = _next(schedule, at_s + 1)
    return None if found is None else found * 1_000


def _next(fields: Fields, at_s: int) -> int | None:
    """The first time at or after an instant."""
    zone = fields.zone
    last_year = _clock(zone, at_s).year + YEARS
    search = _Search(at_s, moved=False)
    while _clock(zone, search.at_s).year <= last_year:
        for step in (_to_month, _to_day, _to_hour, _to_minute, _to_second):
            search = step(fields, search)
            if search.again:
                break
        else:
            return search.at_s
    return None


class _Clock(NamedTuple):
    """What a clock shows; `second` counts from midnight."""

    year: int
    month: int
    day: int
    second: int

    @property
    def hour(self) -> int:
        return self.second // HOUR_S

    @property
    def minute(self) -> int:
        return self.second // MINUTE_S % 60


class _Search(NamedTuple):
    """How far a search has come.

    moved: it has left where it began, so it stands at the beginning of something.
    again: it has come into another year, month, day or hour, and begins again.
    """

    at_s: int
    moved: bool
    again: bool = False


def _clock(zone: Zone, at_s: int) -> _Clock:
    days, second = divmod(at_s + zone.offset(at_s), DAY_S)
    return _Clock(*civil_from_days(days), second)


def _instant(zone: Zone, year: int, month: int, day: int, second: int = 0) -> int:
    """When a clock shows this; a 13th month or 32nd day is one of the next year or month."""
    years, months = divmod(month - 1, 12)
    days = days_from_civil(year + years, months + 1, 1) + day - 1
    return zone.instant(days * DAY_S + second)


def _to_month(fields: Fields, search: _Search) -> _Search:
    zone, at_s, moved = fields.zone, search.at_s, search.moved
    now = _clock(zone, at_s)
    while now.month not in fields.month.allowed:
        if not moved:
            now = _clock(zone, _instant(zone, now.year, now.month, 1))
            moved = True
        at_s = _instant(zone, now.year, now.month + 1, now.day, now.second)
        now = _clock(zone, at_s)
        if now.month == 1:
            return _Search(at_s, moved, again=True)
    return _Search(at_s, moved)


def _to_day(fields: Fields, search: _Search) -> _Search:
    zone, at_s, moved = fields.zone, search.at_s, search.moved
    now = _clock(zone, at_s)
    while not _day_matches(fields, now):
        if not moved:
            now = _clock(zone, _instant(zone, now.year, now.month, now.day))
            moved = True
        at_s = _instant(zone, now.year, now.month, now.day + 1, now.second)
        now = _clock(zone, at_s)
        if now.hour != 0:
            # There is no midnight on this day: go to the first or last hour next to it.
            at_s += (24 - now.hour if now.hour > 12 else -now.hour) * HOUR_S
            now = _clock(zone, at_s)
        if now.day == 1:
            return _Search(at_s, moved, again=True)
    return _Search(at_s, moved)


def _day_matches(fields: Fields, now: _Clock) -> bool:
    weekday = (days_from_civil(now.year, now.month, now.day) + 4) % 7
    by_day, by_weekday = now.day in fields.day.allowed, weekday in fields.weekday.allowed
    if fields.day.free or fields.weekday.free:
        return by_day and by_weekday
    return by_day or by_weekday


def _to_hour(fields: Fields, search: _Search) -> _Search:
    zone, at_s, moved = fields.zone, search.at_s, search.moved
    now = _clock(zone, at_s)
    while now.hour not in fields.hour.allowed:
        if not moved:
            at_s = _instant(zone, now.year, now.month, now.day, now.hour * HOUR_S)
            moved = True
        at_s += HOUR_S
        now = _clock(zone, at_s)
        if now.hour == 0:
            return _Search(at_s, moved, again=True)
    return _Search(at_s, moved)


def _to_minute(fields: Fields, search: _Search) -> _Search:
    zone, at_s, moved = fields.zone, search.at_s, search.moved
    now = _clock(zone, at_s)
    while now.minute not in fields.minute.allowed:
        if not moved:
            at_s -= at_s % MINUTE_S
            moved = True
        at_s += MINUTE_S
        now = _clock(zone, at_s)
        if now.minute == 0:
            return _Search(at_s, moved, again=True)
    return _Search(at_s, moved)


def _to_second(fields: Fields, search: _Search) -> _Search:
    """Schedules of five fields fire at whole minutes."""
    second = search.at_s % MINUTE_S
    if second == 0:
        return search
    return _Search(search.at_s - second + MINUTE_S, moved=True, again=True)
