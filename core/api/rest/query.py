"""The parameters of a request's address, read as strictly as upstream reads them.

Source: kubernetes v1.36, apimachinery/pkg/apis/meta/v1/zz_generated.conversion.go (from
url.Values), apimachinery/pkg/runtime/converter.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

from kelm.core.api import refuse
from kelm.effects.refusals import Refusal

Query: TypeAlias = "dict[str, tuple[str, ...]]"


def query_of(pairs: Iterable[tuple[str, str]]) -> Query:
    """Parameters by name, each with all its values in their order.

    >>> query_of([("dryRun", "All"), ("limit", "3"), ("limit", "4")])["limit"]
    ('3', '4')
    """
    found: dict[str, tuple[str, ...]] = {}
    for key, value in pairs:
        found[key] = (*found.get(key, ()), value)
    return found


def text_of(query: Query, name: str) -> str:
    """The first value of a parameter, "" where it is absent."""
    values = query.get(name)
    return values[0] if values else ""


def flag_of(query: Query, name: str) -> bool:
    """A parameter as a yes or no: all but `false`, `0` and absence is a yes, even no value.

    Source: apimachinery/pkg/runtime/conversion.go, Convert_Slice_string_To_bool.

    >>> [flag_of({"watch": (value,)}, "watch") for value in ("", "1", "true", "0", "False")]
    [True, True, True, False, False]
    """
    values = query.get(name)
    return values is not None and values[0].lower() not in ("false", "0")


def integer_of(query: Query, name: str) -> int | Refusal | None:
    """A parameter as a whole number of 64 bits, None where it is absent.

    >>> integer_of({"limit": ("abc",)}, "limit").message
    'strconv.ParseInt: parsing "abc": invalid syntax'
    """
    given = text_of(query, name)
    if not given:
        return None
    digits = given[1:] if given[0] in "+-" else given
    if not digits.isascii() or not digits.isdigit():
        why = f'strconv.ParseInt: parsing "{given}": invalid syntax'
        return refuse.bad_request(why)
    value = int(given)
    if not -(2**63) <= value < 2**63:
        why = f'strconv.ParseInt: parsing "{given}": value out of range'
        return refuse.bad_request(why)
    return value


_SPAN = re.compile(r"[-+]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)")


def duration_fault(given: str) -> str:
    """What Go says of a span of time that is none, "" where it is one or absent.

    Source: Go's time.ParseDuration.

    >>> duration_fault("1m30s"), duration_fault("soon"), duration_fault("10")
    ('', 'time: invalid duration "soon"', 'time: missing unit in duration "10"')
    """
    if not given or _SPAN.fullmatch(given):
        return ""
    if re.fullmatch(r"[-+]?[\d.]+", given) and any(map(str.isdigit, given)):
        return f'time: missing unit in duration "{given}"'
    unit = re.fullmatch(r"[-+]?[\d.]*\d[\d.]*([^\d.]+).*", given)
    if unit:
        return f'time: unknown unit "{unit[1]}" in duration "{given}"'
    return f'time: invalid duration "{given}"'
