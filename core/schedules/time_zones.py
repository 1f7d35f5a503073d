"""Time zones: how far a clock on the wall is from UTC, and at which instant it shows a time.

The data are part of the package, not of the machine, so that a run is the same everywhere.

Source: the IANA time zone database; POSIX's TZ for rules (RFC 9636, section 3.3.1). Times that a
clock skips or shows twice are read as Go reads them (time.Date).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache

import msgspec

from kelm.core.objects.time import civil_from_days, days_from_civil
from kelm.core.schedules.time_zone_data import DATA

SINCE_S = 1_262_304_000
"""2010-01-01T00:00:00Z: before this every zone is taken to have been as it was then."""
DAY_S = 86_400
_OFFSET = r"(?:<[^>]+>|[A-Za-z]+)([+-]?[\d:]+)"
_RULE = re.compile(rf"{_OFFSET}(?:(?:<[^>]+>|[A-Za-z]+)([+-]?[\d:]+)?,(.+),(.+))?")
_CHANGE = re.compile(r"M(\d+)\.(\d)\.(\d)(?:/([+-]?[\d:]+))?")


class YearlyChange(msgspec.Struct, frozen=True, gc=False):
    """A weekday (0: Sunday) in a week of a month (5: the last), and seconds after midnight."""

    month: int
    week: int
    weekday: int
    after_s: int

    def day(self, year: int) -> int:
        """The day since 1970 on which it is."""
        first = days_from_civil(year, self.month, 1)
        day = first + (self.weekday - (first + 4)) % 7 + 7 * (self.week - 1)
        following = (year, self.month + 1, 1) if self.month < 12 else (year + 1, 1, 1)
        return day if day < days_from_civil(*following) else day - 7


class Rule(msgspec.Struct, frozen=True, gc=False):
    """Offsets in standard and in summer time, and when a year changes between them."""

    standard_s: int
    summer_s: int = 0
    begins: YearlyChange | None = None
    ends: YearlyChange | None = None

    def offset(self, at_s: int) -> int:
        """Seconds east of UTC at an instant."""
        if self.begins is None or self.ends is None:
            return self.standard_s
        year, _, _ = civil_from_days((at_s + self.standard_s) // DAY_S)
        begins = self.begins.day(year) * DAY_S + self.begins.after_s - self.standard_s
        ends = self.ends.day(year) * DAY_S + self.ends.after_s - self.summer_s
        if begins < ends:
            return self.summer_s if begins <= at_s < ends else self.standard_s
        return self.standard_s if ends <= at_s < begins else self.summer_s


class Zone(msgspec.Struct, frozen=True, gc=False):
    """Changes of the offset (instants, and seconds east of UTC from then), then a rule."""

    instants: tuple[int, ...]
    offsets: tuple[int, ...]
    rule: Rule

    def offset(self, at_s: int) -> int:
        """Seconds east of UTC at an instant (seconds since 1970).

        >>> rome = zone_named("Europe/Rome")
        >>> [rome.offset(at_s) for at_s in (1_704_067_200, 1_720_000_000)]
        [3600, 7200]
        """
        place = bisect_right(self.instants, at_s)
        if place == 0:
            return self.offsets[0]
        return self.rule.offset(at_s) if place == len(self.instants) else self.offsets[place - 1]

    def instant(self, local_s: int) -> int:
        """The instant at which a clock in the zone shows a time.

        local_s: the time on the clock, as seconds since 1970 if it were in UTC. A time that is
            skipped or shown twice is taken in one of the two offsets around it, as in Go.
        """
        return local_s - self.offset(local_s - self.offset(local_s))


UTC = Zone((SINCE_S,), (0,), Rule(0))


def zone_named(name: str) -> Zone | None:
    """The zone of a name such as "Europe/Rome"; None where there is none.

    >>> zone_named("Europe/Atlantis") is None
    True
    """
    record = _records().get(name)
    return None if record is None else _zone(record)


def is_time_zone(name: str) -> bool:
    """Whether there is a zone of this name.

    >>> is_time_zone("Asia/Kolkata"), is_time_zone("")
    (True, False)
    """
    return name in _records()


@cache
def _records() -> dict[str, str]:
    """Every zone's record by its name."""
    found: dict[str, str] = {}
    for record in DATA.split("|")[1:]:
        words = record.split()
        names = [word for word in words[1:] if ":" not in word]
        key = " ".join(words[: len(words) - len(names)])
        found.update(dict.fromkeys(names, key))
    return found


@cache
def _zone(record: str) -> Zone:
    rule, *changes = record.split(" ")
    pairs = [change.split(":") for change in changes]
    instants = tuple(SINCE_S + int(minutes) * 60 for minutes, _ in pairs)
    return Zone(instants, tuple(int(offset) * 60 for _, offset in pairs), _rule(rule))


def _rule(text: str) -> Rule:
    match = _RULE.fullmatch(text)
    assert match is not None, text
    standard_s = -_seconds(match[1])
    if match[3] is None:
        return Rule(standard_s)
    summer_s = standard_s + 3_600 if match[2] is None else -_seconds(match[2])
    return Rule(standard_s, summer_s, _change(match[3]), _change(match[4]))


def _change(text: str) -> YearlyChange:
    match = _CHANGE.fullmatch(text)
    assert match is not None, text
    after_s = 7_200 if match[4] is None else _seconds(match[4])
    return YearlyChange(int(match[1]), int(match[2]), int(match[3]), after_s)


def _seconds(text: str) -> int:
    """Hours, or hours and minutes, with a sign, as seconds."""
    hours, _, minutes = text.lstrip("+-").partition(":")
    seconds = int(hours) * 3_600 + int(minutes or 0) * 60
    return -seconds if text.startswith("-") else seconds
