"""Instants: integer milliseconds since 1970 inside, RFC 3339 text in documents.

The API writes whole seconds (metav1.Time) except in Leases and Events (MicroTime), and reads
any fraction and offset. No calendar library: the core has no clock and needs no time zones.

Source: kubernetes v1.36, apimachinery/pkg/apis/meta/v1/time.go and micro_time.go.
"""

from __future__ import annotations

import re
from functools import lru_cache

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))"
)
DAY_MS = 86_400_000


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 in the proleptic Gregorian calendar."""
    year -= month <= 2
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - 719_468


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day since 1970-01-01.

    >>> civil_from_days(days_from_civil(2024, 2, 29))
    (2024, 2, 29)
    """
    days += 719_468
    era = days // 146_097
    day_of_era = days - era * 146_097
    year_of_era = (
        day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


def is_time(text: str) -> bool:
    """Whether the API would read this text as a time."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        return False
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    return (
        1 <= month <= 12
        and civil_from_days(days_from_civil(year, month, day)) == (year, month, day)
        and int(match[4]) < 24
        and int(match[5]) < 60
        and int(match[6]) < 60
    )


@lru_cache(maxsize=4096)
def parse_time(text: str) -> int:
    """RFC 3339 text to milliseconds; what is finer than a millisecond is cut off.

    Raises:
        ValueError: the text is no time.

    >>> parse_time("1970-01-02T00:00:00Z"), parse_time("2024-03-15T12:00:00.25+01:00")
    (86400000, 1710500400250)
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no RFC 3339 time such as 2026-01-01T00:00:00Z")
    days = days_from_civil(int(match[1]), int(match[2]), int(match[3]))
    minutes = int(match[4]) * 60 + int(match[5])
    if match[9]:
        offset = int(match[10]) * 60 + int(match[11])
        minutes -= offset if match[9] == "+" else -offset
    fraction = int((match[7] or "0").ljust(3, "0")[:3])
    return days * DAY_MS + minutes * 60_000 + int(match[6]) * 1_000 + fraction


@lru_cache(maxsize=4096)
def format_time(at_ms: int) -> str:
    """Milliseconds to the API's text, in whole seconds (metav1.Time).

    >>> format_time(1_710_500_400_999)
    '2024-03-15T11:00:00Z'
    """
    return f"{_second(at_ms)}Z"


def format_micro_time(at_ms: int) -> str:
    """Milliseconds to the API's text with microseconds (metav1.MicroTime).

    >>> format_micro_time(1_710_500_400_999)
    '2024-03-15T11:00:00.999000Z'
    """
    return f"{_second(at_ms)}.{at_ms % 1_000:03d}000Z"


def _second(at_ms: int) -> str:
    days, rest = divmod(at_ms, DAY_MS)
    year, month, day = civil_from_days(days)
    seconds = rest // 1_000
    return (
        f"{year:04d}-{month:02d}-{day:02d}"
        f"T{seconds // 3_600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    )
