"""Spans of time as kubectl prints them in AGE columns: coarser the longer they are.

Source: kubernetes v1.36, apimachinery/pkg/util/duration/duration.go.
"""

from __future__ import annotations

import re
from typing import Final

from kelm.core.objects.time import parse_time


def human_duration(span_ms: int) -> str:
    """Two units at most, cut off and never rounded.

    >>> [human_duration(seconds * 1000) for seconds in (119, 190, 4_200, 176_400, 63_162_000)]
    ['119s', '3m10s', '70m', '2d1h', '2y1d']
    """
    seconds = _seconds(span_ms)
    if seconds < 120:
        return _short_seconds(seconds)
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    return _days(days, hours % 24)


def _days(days: int, hours: int) -> str:
    if days < 8:
        return _two(days, "d", hours, "h")
    if days < 2 * 365:
        return f"{days}d"
    return _two(days // 365, "y", days % 365 if days < 8 * 365 else 0, "d")


def short_duration(span_ms: int) -> str:
    """The largest unit alone.

    >>> [short_duration(seconds * 1000) for seconds in (59, 3_599, 86_399, 31_536_000)]
    ['59s', '59m', '23h', '1y']
    """
    seconds = _seconds(span_ms)
    if seconds < 60:
        return _short_seconds(seconds)
    for unit, size, end in (("m", 60, 3_600), ("h", 3_600, 86_400), ("d", 86_400, 31_536_000)):
        if seconds < end:
            return f"{seconds // size}{unit}"
    return f"{seconds // 31_536_000}y"


def age(since: str | None, now_ms: int) -> str:
    """How long ago a time of the API was, as an AGE column says it.

    Source: pkg/printers/internalversion/printers.go, translateTimestampSince.

    >>> age("1970-01-01T00:00:00Z", 90_000), age(None, 0)
    ('90s', '<unknown>')
    """
    return human_duration(now_ms - parse_time(since)) if since else "<unknown>"


def _seconds(span_ms: int) -> int:
    """Whole seconds, towards zero."""
    return span_ms // 1_000 if span_ms >= 0 else -(-span_ms // 1_000)


def _short_seconds(seconds: int) -> str:
    """Clocks differ, so a second in the future is now; more than that is a mistake."""
    return "<invalid>" if seconds < -1 else f"{max(seconds, 0)}s"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


SECOND_NS: Final = 1_000_000_000
_UNITS: Final = {
    "ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 1_000_000,
    "s": SECOND_NS, "m": 60 * SECOND_NS, "h": 3600 * SECOND_NS,
}  # fmt: skip
_SPAN: Final = re.compile(r"([0-9]*)(\.[0-9]*)?(ns|us|µs|μs|ms|s|m|h)")


def read_go_duration_ns(text: str) -> int | None:
    """The nanoseconds of a span as Go writes it, None where it is none.

    >>> [read_go_duration_ns(text) for text in ("20s", "-1.5ms", ".5us", "0", "20", "", "-")]
    [20000000000, -1500000, 500, 0, None, None, None]

    Source: https://pkg.go.dev/time#ParseDuration.
    """
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    if unsigned == "0":
        return 0
    at, total = 0, 0
    while at < len(unsigned):
        match = _SPAN.match(unsigned, at)
        if match is None:
            return None
        whole, fraction, unit = match.groups()
        if not whole and len(fraction or "") < 2:
            return None
        scale = _UNITS[unit]
        total += int(whole or 0) * scale
        if fraction and len(fraction) > 1:
            total += int(fraction[1:]) * scale // 10 ** (len(fraction) - 1)
        at = match.end()
    return (-total if text[0] == "-" else total) if unsigned else None
