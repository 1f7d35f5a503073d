"""Columns as kubectl aligns them: three blanks between, nothing drawn."""

from __future__ import annotations

from collections.abc import Iterable


def aligned(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """The lines of a table.

    >>> aligned(("NAME", "AGE"), [("web", "5s")])
    ['NAME   AGE', 'web    5s']
    """
    lines = [columns, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    return [
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
