"""Cron schedules: five fields, a name such as `@daily`, or `@every 90m`, as upstream reads them.

A field is a set of numbers. Days match by both of their fields where one of them is `*`, by either
where neither is; `*/2` counts as a restriction, `*` and `*/1` do not.

Source: github.com/robfig/cron v3, parser.go (standard parser), spec.go.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.schedules.time_zones import UTC, Zone, zone_named

BOUNDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec"
DAYS: Final = "sun mon tue wed thu fri sat"
NAMES: Final[dict[int, tuple[str, ...]]] = {3: tuple(MONTHS.split()), 4: tuple(DAYS.split())}
DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = re.compile(r"@every (-?)((?:[0-9]+(?:\.[0-9]*)?(?:ns|us|µs|ms|s|m|h))+)")
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]*)?)(ns|us|µs|ms|s|m|h)")
_UNITS_S: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3_600.0,
}
_ZONE = re.compile(r"(?:CRON_)?TZ=(\S*)\s(.*)", re.DOTALL)


class Field(msgspec.Struct, frozen=True, gc=False):
    """The numbers that a field allows; `free`: it says `*`."""

    allowed: frozenset[int]
    free: bool


class Fields(msgspec.Struct, frozen=True, gc=False):
    """A schedule of five fields, by the clocks of a zone."""

    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field
    zone: Zone


class Every(msgspec.Struct, frozen=True, gc=False):
    """Again and again after so many whole seconds, counted from whatever was before."""

    seconds: int


Schedule: TypeAlias = Fields | Every


def parse_schedule(text: str, zone: Zone = UTC) -> Result[Schedule, str]:
    """Read a schedule; a text that begins with `TZ=` or `CRON_TZ=` names its zone itself.

    The failure is what upstream's parser would say.

    >>> parse_schedule("@every 90m").unwrap()
    Every(seconds=5400)
    >>> parse_schedule("* * * *").failure()
    'expected exactly 5 fields, found 4: [* * * *]'
    """
    if not text:
        return Failure("empty spec string")
    named = _ZONE.fullmatch(text)
    if named is not None:
        found = zone_named(named[1] or "UTC")
        if found is None:
            return Failure(f"provided bad location {named[1]}: unknown time zone {named[1]}")
        zone, text = found, named[2].strip()
    if text.startswith("@"):
        return _descriptor(text, zone)
    return _fields(text, zone)


def _descriptor(text: str, zone: Zone) -> Result[Schedule, str]:
    if text in DESCRIPTORS:
        return _fields(DESCRIPTORS[text], zone)
    every = _EVERY.fullmatch(text)
    if every is None:
        if text.startswith("@every "):
            span = text.removeprefix("@every ")
            return Failure(f'failed to parse duration {text}: time: invalid duration "{span}"')
        return Failure(f"unrecognized descriptor: {text}")
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _SPAN.findall(every[2]))
    return Success(Every(1 if every[1] or seconds < 1 else int(seconds)))


def _fields(text: str, zone: Zone) -> Result[Schedule, str]:
    words = text.split()
    if len(words) != len(BOUNDS):
        return Failure(f"expected exactly 5 fields, found {len(words)}: [{' '.join(words)}]")
    found = []
    for index, word in enumerate(words):
        field = _field(word, index)
        if isinstance(field, str):
            return Failure(field)
        found.append(field)
    minute, hour, day, month, weekday = found
    return Success(Fields(minute, hour, day, month, weekday, zone))


def _field(word: str, index: int) -> Field | str:
    """The set of a field, or what is wrong with it."""
    allowed: set[int] = set()
    free = False
    for expression in word.split(","):
        if not expression:
            continue
        found = _range(expression, index)
        if isinstance(found, str):
            return found
        numbers, is_free = found
        allowed.update(numbers)
        free = free or is_free
    return Field(frozenset(allowed), free)


def _range(expression: str, index: int) -> tuple[range, bool] | str:
    """The numbers of `*`, `7`, `1-5` or `1-5/2`, and whether they are no restriction.

    After a star upstream looks no further, so `*-5` is a star.
    """
    span, *steps = expression.split("/")
    star = span.split("-")[0] in ("*", "?")
    ends: list[int] = []
    for end in [] if star else span.split("-"):
        if len(ends) == 1 and span.count("-") > 1:
            return f"too many hyphens: {expression}"
        number = _number(end, index)
        if isinstance(number, str):
            return number
        ends.append(number)
    if len(steps) > 1:
        return f"too many slashes: {expression}"
    step = _number(steps[0], -1) if steps else 1
    if isinstance(step, str):
        return step
    return _bounded(
        expression, ends, step, index, open_ended=star or (bool(steps) and "-" not in span)
    )


def _bounded(
    expression: str, ends: list[int], step: int, index: int, *, open_ended: bool
) -> tuple[range, bool] | str:
    """open_ended: up to the field's maximum, as `*` and `5/15` are."""
    least, most = BOUNDS[index]
    first = ends[0] if ends else least
    last = most if open_ended else ends[-1]
    if first < least:
        return f"beginning of range ({first}) below minimum ({least}): {expression}"
    if last > most:
        return f"end of range ({last}) above maximum ({most}): {expression}"
    if first > last:
        return f"beginning of range ({first}) beyond end of range ({last}): {expression}"
    if step == 0:
        return f"step of range should be a positive number: {expression}"
    return range(first, last + 1, step), not ends and step == 1


def _number(text: str, index: int) -> int | str:
    """A number or a name's number; else what is wrong with it."""
    names = NAMES.get(index, ())
    if text.lower() in names:
        return names.index(text.lower()) + (1 if index == 3 else 0)
    if re.fullmatch("[+]?[0-9]+", text):
        return int(text)
    if re.fullmatch("-[0-9]+", text):
        return f"negative number ({text}) not allowed: {text}"
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'failed to parse int from {text}: strconv.Atoi: parsing "{quoted}": invalid syntax'
