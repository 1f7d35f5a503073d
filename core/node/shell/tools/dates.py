"""Dates as `date` and `ls` show them; always UTC, as in a container.

Source: POSIX.1-2024, utility date.
"""

from __future__ import annotations

import re
from typing import Final

from kelm.core.objects.time import format_time

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


def formatted(at_ms: int, form: str) -> str:
    """A time in milliseconds since 1970 in a form of `date`.

    >>> formatted(0, "%a %b %e %H:%M:%S UTC %Y"), formatted(1_500, "%s %F %N")
    ('Thu Jan  1 00:00:00 UTC 1970', '1 1970-01-01 500000000')
    """
    text = format_time(at_ms)
    year, month, day = text[:4], text[5:7], text[8:10]
    hour, minute, second = text[11:13], text[14:16], text[17:19]
    values = {
        "Y": year, "m": month, "d": day, "H": hour, "M": minute, "S": second,
        "y": year[2:], "e": f"{int(day):2d}", "b": MONTHS[int(month) - 1],
        "a": DAYS[(at_ms // 86_400_000 + 3) % 7], "s": str(at_ms // 1_000),
        "N": f"{at_ms % 1_000:03d}000000", "F": f"{year}-{month}-{day}",
        "T": f"{hour}:{minute}:{second}", "Z": "UTC", "z": "+0000", "n": "\n", "%": "%",
        "R": f"{hour}:{minute}", "D": f"{month}/{day}/{year[2:]}",
    }  # fmt: skip
    return re.sub(r"%(.)", lambda match: values.get(match[1], match[0]), form)
