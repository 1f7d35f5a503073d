"""Completion indexes: sets of them as intervals, and the index of a pod.

Thousands of indexes are mostly a few runs of neighbours, so a set of them is a tuple of intervals
in rising order that do not touch, and its text is short: "0,3-5,7".

Source: kubernetes v1.36, pkg/controller/job/indexed_job_utils.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from kelm.core.objects.pod import Pod

Intervals: TypeAlias = "tuple[tuple[int, int], ...]"
"""First and last index of each interval, both included."""

COMPLETION_INDEX: Final = "batch.kubernetes.io/job-completion-index"
_INTEGER = re.compile(r"[+-]?[0-9]+")


def parse_intervals(text: str, completions: int) -> Intervals:
    """The intervals of a text; what cannot be read is left out, so is what is too high.

    >>> parse_intervals("0,2-3,x,4,8-20", 10)
    ((0, 0), (2, 4), (8, 9))
    """
    found: list[tuple[int, int]] = []
    for part in text.split(","):
        limits = part.split("-")
        if not all(_INTEGER.fullmatch(limit) for limit in limits[:2]):
            continue
        first, last = int(limits[0]), int(limits[1] if len(limits) > 1 else limits[0])
        if first >= completions:
            break
        last = min(last, completions - 1)
        if found and found[-1][1] == first - 1:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return tuple(found)


def format_intervals(intervals: Intervals) -> str:
    """The text of intervals: two neighbours are named, three are a range.

    >>> format_intervals(((0, 0), (2, 3), (5, 9)))
    '0,2,3,5-9'
    """
    return ",".join(_format(first, last) for first, last in intervals)


def _format(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first}{',' if last == first + 1 else '-'}{last}"


def total(intervals: Intervals) -> int:
    """How many indexes there are."""
    return sum(last - first + 1 for first, last in intervals)


def has_index(intervals: Intervals, index: int) -> bool:
    """Whether an index is among them."""
    low, high = 0, len(intervals)
    while low < high:
        middle = (low + high) // 2
        if intervals[middle][1] < index:
            low = middle + 1
        else:
            high = middle
    return low < len(intervals) and intervals[low][0] <= index


def merged(some: Intervals, others: Intervals) -> Intervals:
    """The indexes that are in either.

    >>> merged(((0, 1), (5, 5)), ((2, 2), (7, 8)))
    ((0, 2), (5, 5), (7, 8))
    """
    found: list[tuple[int, int]] = []
    for first, last in sorted((*some, *others)):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def with_indexes(intervals: Intervals, indexes: Iterable[int]) -> Intervals:
    """The intervals with these indexes, too."""
    new = tuple((index, index) for index in indexes)
    return merged(intervals, new) if new else intervals


def overlap(some: Intervals, others: Intervals) -> int:
    """How many indexes are in both."""
    return total(some) + total(others) - total(merged(some, others))


def completion_index(one: Pod) -> int | None:
    """The index that a pod was made for; None where it has none, or none that can be read."""
    annotations = one.metadata.annotations
    text = annotations.get(COMPLETION_INDEX) if annotations else None
    return None if text is None else natural(text)


def natural(text: str) -> int | None:
    """A number of 0 or more, None where the text is none.

    >>> natural("12"), natural("-1"), natural("x")
    (12, None, None)
    """
    number = int(text) if _INTEGER.fullmatch(text) else -1
    return number if number >= 0 else None


def valid_index(one: Pod, completions: int | None) -> int | None:
    """A pod's index, if the Job still wants it."""
    index = completion_index(one)
    return index if index is not None and index < (completions or 0) else None


def first_missing(taken: Intervals, count: int, completions: int) -> tuple[int, ...]:
    """The lowest `count` indexes that are not taken.

    >>> first_missing(((0, 1), (3, 3)), 3, 6)
    (2, 4, 5)
    """
    found: list[int] = []
    candidate = 0
    for first, last in (*taken, (completions, completions)):
        found.extend(range(candidate, min(first, candidate + count - len(found), completions)))
        candidate = max(candidate, last + 1)
    return tuple(found)
