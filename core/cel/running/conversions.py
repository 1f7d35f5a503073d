"""From one type to another: `int(x)`, `string(x)`, `timestamp(x)` and the like.

Source: cel-go v0.26, common/types (ConvertToType); Go 1.26, strconv, time.ParseDuration.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isinf, isnan
from typing import Final

from kelm.core.cel.running.operators import duration_of, int_of, timestamp_of, uint_of
from kelm.core.cel.running.values import (
    LEAST_INT,
    MOST_INT,
    MOST_UINT,
    Duration,
    EvaluationFault,
    Timestamp,
    TypeOf,
    UInt,
    Value,
    type_name,
)
from kelm.core.cel.running.writing import SECOND, written
from kelm.core.objects.duration import read_go_duration_ns
from kelm.core.objects.time import days_from_civil

_WHOLE: Final = re.compile(r"[+-]?[0-9]+")
_DOUBLE: Final = re.compile(
    r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE
)
_MOMENT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))"
)
_TRUE: Final = ("1", "t", "T", "true", "TRUE", "True")
_FALSE: Final = ("0", "f", "F", "false", "FALSE", "False")


def _impossible(value: Value, wanted: str) -> EvaluationFault:
    found = type_name(value)
    if found in ("null_type", "list", "map"):
        short = wanted.rpartition(".")[2].lower()
        return EvaluationFault(f"no such overload: {short}({found})")
    return EvaluationFault(f"type conversion error from '{found}' to '{wanted}'")


def to_int(value: Value) -> int:
    """`int(value)`.

    >>> to_int("12"), to_int(-1.9), to_int(Timestamp(5 * SECOND))
    (12, -1, 5)
    """
    kind = type(value)
    if kind is int:
        return int(value)
    if kind is UInt:
        return int_of(int(value))
    if kind is float:
        if isnan(value) or not -(2.0**63) < value < 2.0**63:
            raise EvaluationFault("integer overflow")
        return int(value)
    if kind is str and _WHOLE.fullmatch(value) and LEAST_INT <= int(value) <= MOST_INT:
        return int(value)
    if kind is Duration:
        return int(value.ns)
    if kind is Timestamp:
        return int(value.ns // SECOND)
    raise _impossible(value, "int")


def to_uint(value: Value) -> UInt:
    kind = type(value)
    if kind is UInt:
        return UInt(value)
    if kind is int:
        return uint_of(value)
    if kind is float:
        if isnan(value) or not 0 <= value < 2.0**64:
            raise EvaluationFault("unsigned integer overflow")
        return UInt(value)
    if kind is str and value.isascii() and value.isdigit() and int(value) <= MOST_UINT:
        return UInt(value)
    raise _impossible(value, "uint")


def to_double(value: Value) -> float:
    kind = type(value)
    if kind is float or kind is int or kind is UInt:
        return float(value)
    if kind is str and _DOUBLE.fullmatch(value):
        read = float(value)
        if not isinf(read) or "inf" in value.lower():
            return read
    raise _impossible(value, "double")


def to_bool(value: Value) -> bool:
    if type(value) is bool:
        return bool(value)
    if value in _TRUE and type(value) is str:
        return True
    if value in _FALSE and type(value) is str:
        return False
    raise _impossible(value, "bool")


def to_string(value: Value) -> str:
    kind = type(value)
    if kind is bytes:
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            raise EvaluationFault("invalid UTF-8 in bytes, cannot convert to string") from None
    if kind in (str, int, UInt, float, bool, Timestamp, Duration):
        return written(value)
    if hasattr(value, "text"):
        return str(value.text)
    raise _impossible(value, "string")


def to_bytes(value: Value) -> bytes:
    if type(value) is bytes:
        return bytes(value)
    if type(value) is str:
        return str(value).encode()
    raise _impossible(value, "bytes")


def to_duration(value: Value) -> Duration:
    """`duration(value)`.

    >>> to_duration("1h30m").ns // SECOND, to_duration("-1.5ms").ns
    (5400, -1500000)
    """
    if type(value) is Duration:
        return Duration(value.ns)
    if type(value) is str:
        read = read_go_duration_ns(value)
        if read is not None:
            return duration_of(read)
    raise _impossible(value, "google.protobuf.Duration")


def to_timestamp(value: Value) -> Timestamp:
    if type(value) is Timestamp:
        return Timestamp(value.ns)
    if type(value) is int:
        return timestamp_of(value * SECOND)
    if type(value) is str:
        read = moment_of(value)
        if read is not None:
            return timestamp_of(read)
    raise _impossible(value, "google.protobuf.Timestamp")


def moment_of(text: str) -> int | None:
    """The nanoseconds since 1970 of a time in RFC 3339, None where it is none.

    >>> moment_of("1970-01-01T00:00:01.5+00:00")
    1500000000
    """
    match = _MOMENT.fullmatch(text)
    if match is None or not text.isascii():
        return None
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    fraction, sign, hours, minutes = match.groups()[6:]
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not (1 <= month <= 12 and 1 <= day <= lengths[month - 1]):
        return None
    if hour > 23 or minute > 59 or second > 59 or int(hours or 0) > 23 or int(minutes or 0) > 59:
        return None
    seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
    shift = int(hours or 0) * 3600 + int(minutes or 0) * 60
    seconds += shift if sign == "-" else -shift
    return seconds * SECOND + int((fraction or "0")[:9].ljust(9, "0"))


def to_dyn(value: Value) -> Value:
    return value


def to_type(value: Value) -> TypeOf:
    return TypeOf(type_name(value))


CONVERSIONS: Final[dict[str, Callable[[Value], Value]]] = {
    "int": to_int,
    "uint": to_uint,
    "double": to_double,
    "bool": to_bool,
    "string": to_string,
    "bytes": to_bytes,
    "duration": to_duration,
    "timestamp": to_timestamp,
    "dyn": to_dyn,
    "type": to_type,
}
"""Functions that are worked out at once where their argument is a literal."""
