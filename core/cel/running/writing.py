"""Values as text, as Go's formatting writes them.

Source: Go 1.26, strconv (FormatFloat with 'g' and -1), time (RFC3339Nano); cel-go v0.26,
common/types.
"""

from __future__ import annotations

from math import isinf, isnan
from typing import Final

from kelm.core.cel.running.values import Duration, Flag, Timestamp, Value
from kelm.core.objects.time import civil_from_days

SECOND: Final = 1_000_000_000
MOST_PLAIN_POWER: Final = 6
LEAST_SECONDS: Final = -62_135_596_800
MOST_SECONDS: Final = 253_402_300_799


def written(value: Value) -> str:
    """A simple value as text.

    >>> written(1.0), written(1e21), written(True), written(1e-7)
    ('1', '1e+21', 'true', '1e-07')
    """
    kind = type(value)
    if kind is bool or kind is Flag:
        return "true" if value and value is not Flag.NO else "false"
    if kind is float:
        return written_double(value)
    if kind is Timestamp:
        return written_timestamp(value)
    if kind is Duration:
        return written_duration(value)
    return "null" if value is None else str(value)


def written_double(value: float) -> str:
    """The shortest text that reads as this number; exponents from a million on."""
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if str(value)[0] == "-" else "0"
    mantissa, _, exponent = f"{value!r}".partition("e")
    sign = "-" if mantissa[0] == "-" else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0") or "0"
    leading = len(whole + fraction) - len((whole + fraction).lstrip("0"))
    power = len(whole) - leading - 1 + int(exponent or 0)
    digits = digits.rstrip("0") or "0"
    if power < -4 or power >= MOST_PLAIN_POWER:
        rest = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{rest}e{'-' if power < 0 else '+'}{abs(power):02d}"
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    if len(digits) <= power + 1:
        return f"{sign}{digits}{'0' * (power + 1 - len(digits))}"
    return f"{sign}{digits[: power + 1]}.{digits[power + 1 :]}"


def fraction_of(ns: int) -> str:
    """Nanoseconds below a second as a fraction without ending zeros, empty where there are none."""
    digits = f"{ns:09d}".rstrip("0")
    return f".{digits}" if digits else ""


def written_duration(value: Duration) -> str:
    """Seconds with their fraction.

    >>> written_duration(Duration(-1_000_000))
    '-0.001s'
    """
    whole, rest = divmod(abs(value.ns), SECOND)
    return f"{'-' if value.ns < 0 else ''}{whole}{fraction_of(rest)}s"


def written_timestamp(value: Timestamp) -> str:
    """RFC 3339, in UTC.

    >>> written_timestamp(Timestamp(120_000_000))
    '1970-01-01T00:00:00.12Z'
    """
    seconds, ns = divmod(value.ns, SECOND)
    days, rest = divmod(seconds, 86_400)
    year, month, day = civil_from_days(days)
    hour, rest = divmod(rest, 3600)
    minute, second = divmod(rest, 60)
    at = f"{hour:02d}:{minute:02d}:{second:02d}{fraction_of(ns)}"
    return f"{year:04d}-{month:02d}-{day:02d}T{at}Z"
