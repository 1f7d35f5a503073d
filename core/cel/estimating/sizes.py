"""Sizes and costs that are only known between two bounds.

Nothing is larger than `UNBOUNDED`, which stands for everything that has no bound.

Source: cel-go v0.26, checker/cost.go (SizeEstimate, CostEstimate).
"""

from __future__ import annotations

from math import ceil
from typing import Final

import msgspec

UNBOUNDED: Final = 2**64 - 1


def capped(value: int) -> int:
    return min(value, UNBOUNDED)


def scaled(value: int, factor: float) -> int:
    """A size times a cost per unit, rounded up."""
    product = float(value) * factor
    return UNBOUNDED if product >= 2.0**64 else capped(ceil(product))


class Range(msgspec.Struct, frozen=True):
    """At least and at most so much.

    >>> Range(1, 3) + Range(2, UNBOUNDED) == Range(3, UNBOUNDED), Range(2, 30).scaled(0.1)
    (True, Range(least=1, most=3))
    """

    least: int
    most: int

    def __add__(self, other: Range) -> Range:
        return Range(capped(self.least + other.least), capped(self.most + other.most))

    def __mul__(self, other: Range) -> Range:
        return Range(capped(self.least * other.least), capped(self.most * other.most))

    def scaled(self, factor: float) -> Range:
        return Range(scaled(self.least, factor), scaled(self.most, factor))

    def union(self, other: Range) -> Range:
        return Range(min(self.least, other.least), max(self.most, other.most))


def exactly(value: int) -> Range:
    return Range(value, value)


UNKNOWN: Final = Range(0, UNBOUNDED)
NOTHING: Final = Range(0, 0)
ONE: Final = Range(1, 1)


class Entry(msgspec.Struct, frozen=True):
    """How large the keys (or indexes) and values of a map or list are."""

    of_list: bool
    key: Range
    value: Range

    def union(self, other: Entry) -> Entry:
        return Entry(self.of_list, self.key.union(other.key), self.value.union(other.value))
