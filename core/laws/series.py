"""A quantity between 0 and 1 over cluster time, as steps, and what is asked of such a history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import msgspec


class Step(msgspec.Struct, frozen=True, gc=False):
    """From a time on the value was this; None: there was nothing to have a value."""

    from_ms: int
    value: float | None


class Window(msgspec.Struct, frozen=True, gc=False):
    """A stretch of time, without its end."""

    from_ms: int
    to_ms: int

    @property
    def length_ms(self) -> int:
        return self.to_ms - self.from_ms


Series: TypeAlias = tuple[Step, ...]


def extended(series: Series, from_ms: int, value: float | None) -> Series:
    """A history with one more step; what was at the same moment before did not last.

    >>> extended((Step(0, 1.0),), 5, 1.0), extended((Step(0, 1.0),), 0, 0.5)
    ((Step(from_ms=0, value=1.0),), (Step(from_ms=0, value=0.5),))
    """
    if series and series[-1].from_ms == from_ms:
        series = series[:-1]
    if series and series[-1].value == value:
        return series
    return (*series, Step(from_ms, value))


def stretches(series: Series, until_ms: int) -> Iterator[tuple[Window, float | None]]:
    """The steps with their ends; nothing after `until_ms`."""
    for place, step in enumerate(series):
        end_ms = series[place + 1].from_ms if place + 1 < len(series) else until_ms
        if step.from_ms < until_ms:
            yield Window(step.from_ms, min(end_ms, until_ms)), step.value


def windows_where(
    series: Series, until_ms: int, holds: Callable[[float], bool]
) -> tuple[Window, ...]:
    """The longest stretches throughout which something holds of the value.

    >>> windows_where((Step(0, 0.0), Step(5, 0.5), Step(9, 1.0)), 20, lambda value: value < 1)
    (Window(from_ms=0, to_ms=9),)
    """
    fitting = (
        window
        for window, value in stretches(series, until_ms)
        if value is not None and holds(value)
    )
    return tuple(_joined(fitting))


def _joined(windows: Iterable[Window]) -> Iterator[Window]:
    last: Window | None = None
    for window in windows:
        if last is not None and last.to_ms == window.from_ms:
            last = Window(last.from_ms, window.to_ms)
            continue
        if last is not None:
            yield last
        last = window
    if last is not None:
        yield last


def since(series: Series, from_ms: int) -> Series:
    """The history from a moment on."""
    cut: list[Step] = []
    for step in series:
        if step.from_ms <= from_ms:
            cut = [Step(from_ms, step.value)]
        else:
            cut.append(step)
    return tuple(cut)
