"""Whether a text is a cron schedule, and what upstream's parser says if it is not.

Source: github.com/robfig/cron v3, parser.go (standard parser: five fields and descriptors).
"""

from __future__ import annotations

import re
from typing import Final

from kelm.core.api.validation.violation import quoted

BOUNDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec"
DAYS: Final = "sun mon tue wed thu fri sat"
NAMES: Final[dict[int, tuple[str, ...]]] = {3: tuple(MONTHS.split()), 4: tuple(DAYS.split())}
DESCRIPTORS: Final = frozenset(
    {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
)
_EVERY = re.compile(r"@every ([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+")


def schedule_fault(schedule: str) -> str:
    """What is wrong with a schedule, "" if nothing is.

    >>> schedule_fault("*/5 0-12 * jan mon"), schedule_fault("* * * *")
    ('', 'expected exactly 5 fields, found 4: [* * * *]')
    """
    if schedule.startswith("@"):
        known = schedule in DESCRIPTORS or _EVERY.fullmatch(schedule)
        return "" if known else f"unrecognized descriptor: {schedule}"
    fields = schedule.split()
    if len(fields) != 5:
        return f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]"
    for index, field in enumerate(fields):
        for expression in field.split(","):
            fault = _range_fault(expression, index)
            if fault:
                return fault
    return ""


def _range_fault(expression: str, index: int) -> str:
    span, *steps = expression.split("/")
    ends = span.split("-")
    if ends[0] in ("*", "?"):
        if len(ends) > 1:
            return f"failed to parse int from {ends[0]}: {_not_a_number(ends[0])}"
        ends = []
    elif len(ends) > 2:
        return f"too many hyphens: {expression}"
    if len(steps) > 1:
        return f"too many slashes: {expression}"
    numbers = [_number(end, index) for end in ends]
    step = _number(steps[0], -1) if steps else 1
    for found in (*numbers, step):
        if isinstance(found, str):
            return found
    return _bounds_fault(expression, [n for n in numbers if isinstance(n, int)], step, index)


def _bounds_fault(expression: str, ends: list[int], step: int | str, index: int) -> str:
    least, most = BOUNDS[index]
    first = ends[0] if ends else least
    last = ends[-1] if ends else most
    if first < least:
        return f"beginning of range ({first}) below minimum ({least}): {expression}"
    if last > most:
        return f"end of range ({last}) above maximum ({most}): {expression}"
    if first > last:
        return f"beginning of range ({first}) beyond end of range ({last}): {expression}"
    return f"step of range should be a positive number: {expression}" if step == 0 else ""


def _number(text: str, index: int) -> int | str:
    """A number or a name's number; else what is wrong with it."""
    names = NAMES.get(index, ())
    if text.lower() in names:
        return names.index(text.lower()) + (1 if index == 3 else 0)
    if re.fullmatch("[0-9]+", text):
        return int(text)
    if re.fullmatch("-[0-9]+", text):
        return f"negative number ({text}) not allowed: {text}"
    return f"failed to parse int from {text}: {_not_a_number(text)}"


def _not_a_number(text: str) -> str:
    return f"strconv.Atoi: parsing {quoted(text)}: invalid syntax"
