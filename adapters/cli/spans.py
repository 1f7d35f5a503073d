"""Spans of time as people type them: `90s`, `1m30s`, `2h`, `500ms`."""

from __future__ import annotations

import re

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_span_ms(typed: str) -> int | None:
    """Milliseconds of a span, None if it is none; a bare number is seconds.

    >>> parse_span_ms("1m30s"), parse_span_ms("45"), parse_span_ms("soon")
    (90000, 45000, None)
    """
    if re.fullmatch(r"\d+(\.\d+)?", typed):
        return round(float(typed) * 1_000)
    parts = _PART.findall(typed)
    if not parts or "".join(number + unit for number, unit in parts) != typed:
        return None
    return round(sum(float(number) * _UNIT_MS[unit] for number, unit in parts))


def told_span(span_ms: int) -> str:
    """A span for people, never longer than it has to be.

    >>> told_span(0), told_span(1_250), told_span(98_700), told_span(600_000)
    ('0s', '1.25s', '1m38.7s', '10m')
    """
    minutes, rest_ms = divmod(span_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest_ms / 1_000:.3f}".rstrip("0").rstrip(".")
    told = (f"{hours}h" if hours else "") + (f"{minutes}m" if minutes else "")
    return told + (f"{seconds}s" if rest_ms or not told else "")
