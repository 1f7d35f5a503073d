"""IntOrString: a number, a percentage, or the name of a port.

Source: kubernetes v1.36, apimachinery/pkg/util/intstr/intstr.go.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

IntOrString: TypeAlias = int | str

_PERCENT = re.compile(r"([-+]?[0-9]+)%")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_MAX_INT32 = 2**31 - 1
_MAX_INT64 = 2**63 - 1


def percent_of(value: IntOrString) -> int | None:
    """The N of "N%", or None for anything else.

    >>> percent_of("25%"), percent_of(25), percent_of("25")
    (25, None, None)
    """
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    number = int(match[1]) if match else None
    return number if number is None or -_MAX_INT64 <= number + 1 <= _MAX_INT64 + 1 else None


@lru_cache(maxsize=4096, typed=True)
def resolve(value: IntOrString, total: int, round_up: bool) -> int:
    """Pods from a number of pods or a percentage of `total`.

    Raises:
        ValueError: a string that is no percentage; validation refuses those.

    Source: intstr.go, GetScaledValueFromIntOrPercent.

    >>> resolve("25%", 10, True), resolve("25%", 10, False), resolve(3, 10, True)
    (3, 2, 3)
    """
    if isinstance(value, int):
        return value
    percent = percent_of(value)
    if percent is None:
        raise ValueError("invalid value for IntOrString: invalid type: string is not a percentage")
    return -(-percent * total // 100) if round_up else percent * total // 100


def parse_int_or_string(text: str) -> IntOrString:
    """What a command line means: a number where the text is one and fits 32 bits.

    >>> parse_int_or_string("80"), parse_int_or_string("http"), parse_int_or_string("2147483648")
    (80, 'http', '2147483648')
    """
    if _INTEGER.fullmatch(text) and -_MAX_INT32 - 1 <= int(text) <= _MAX_INT32:
        return int(text)
    return text
