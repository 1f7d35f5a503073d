"""`kelm replay` of a simulated run: everything that happened happens again, to the same bits.

A trace of `kelm run --trace` (or `Cluster.record`) begins with what its cluster was made of. It
holds no program of a user's own: it replays with the images and controllers that kelm comes with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from kelm.adapters.cli.spans import told_span
from kelm.adapters.simulator.cluster import Cluster, Settings
from kelm.adapters.simulator.trace import Line, follow, read_lines

NOT_IN_A_TRACE = frozenset({"keep_history", "control_plane"})


class NoRun(Exception):
    """The trace is none of a simulated run, or not whole; the message says where."""


def is_of_a_run(lines: Sequence[str]) -> bool:
    """Whether a trace's first line is that of a simulated run."""
    try:
        first = msgspec.json.decode(lines[0] if lines else "{}")
    except msgspec.DecodeError:
        return False
    return isinstance(first, dict) and "nodes" in first and "order" in first


def rerun(lines: Sequence[str]) -> tuple[bool, str]:
    """Run it again: whether nothing differs, and what is to be told.

    Raises:
        NoRun: a line cannot be read.
    """
    try:
        read = list(read_lines(lines))
        cluster = Cluster(_settings_of(read[0]))
        difference = follow(cluster.simulator, read[1:])
    except (ValueError, KeyError) as problem:
        raise NoRun(f"no trace of a run: {problem}") from problem
    if difference is not None:
        return False, str(difference)
    events = sum("event" in line for line in read)
    last_ms = max((line.get("at_ms", 0) for line in read), default=0)
    span = told_span(max(0, last_ms - cluster.zero_ms))
    return True, f"{events} events in {span} of cluster time: all as recorded"


def _settings_of(header: Line) -> Settings:
    names = {field for field in Settings.__struct_fields__ if field not in NOT_IN_A_TRACE}
    told: dict[str, Any] = {name: header[name] for name in sorted(names) if name in header}
    try:
        return msgspec.convert(told, Settings)
    except msgspec.ValidationError as problem:
        raise ValueError(f"line 1: {problem}") from problem
