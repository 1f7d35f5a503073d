"""Run recorded facts of Kubernetes against kelm and count what agrees.

A binding takes one case of a table and returns (what kelm says, what was recorded); it maps
names and holds no rule. Every module of `tests.conformance.bindings` lists its own in BINDINGS.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import tests.conformance.bindings as bindings_package

Case = dict[str, Any]
Binding = Callable[[Case], tuple[object, object]]
TraceBinding = Callable[[dict[str, Any]], list[str]]

DEFAULT_UPSTREAM = Path(__file__).resolve().parents[2].parent / "shared" / "upstream"


class FileResult(NamedTuple):
    """What one table or trace file showed; `failures` pairs a case's name with the difference."""

    topic: str
    passed: int
    failures: tuple[tuple[str, str], ...]


def table_bindings() -> dict[str, Binding]:
    """Every table binding by topic (the file's name without .json)."""
    return _collect("BINDINGS")


def trace_bindings() -> dict[str, TraceBinding]:
    """Every trace binding by the prefix of the file names that it can replay."""
    return _collect("TRACE_BINDINGS")


def binding_of_trace(stem: str) -> TraceBinding | None:
    """The binding with the longest prefix of a trace's name, None where there is none."""
    found = trace_bindings()
    prefixes = [prefix for prefix in found if stem.startswith(prefix)]
    return found[max(prefixes, key=len)] if prefixes else None


def _collect(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(bindings_package.__path__):
        loaded = importlib.import_module(f"{bindings_package.__name__}.{module.name}")
        for topic, binding in getattr(loaded, name, {}).items():
            assert topic not in found, f"two bindings for {topic}"
            found[topic] = binding
    return found


def run_table(path: Path, binding: Binding) -> FileResult:
    """Run every case of a table; an exception in a case is a failure of that case."""
    cases = json.loads(path.read_text())["cases"]
    failures = tuple(
        (case["name"], difference) for case in cases if (difference := check(binding, case))
    )
    return FileResult(path.stem, len(cases) - len(failures), failures)


def check(binding: Binding, case: Case) -> str:
    """The difference between kelm and the recording in one case, "" where they agree."""
    try:
        actual, expected = binding(case)
    except Exception:
        return traceback.format_exc()
    return "" if actual == expected else f"kelm: {actual!r}\n  recorded: {expected!r}"


def run_trace(path: Path, binding: TraceBinding) -> FileResult:
    """Replay one recorded history; every difference is a line."""
    try:
        differences = binding(json.loads(path.read_text()))
    except Exception:
        differences = [traceback.format_exc()]
    failures = tuple((path.stem, line) for line in differences)
    return FileResult(path.stem, 0 if failures else 1, failures[:1])


def run_folder(upstream: Path) -> Iterator[FileResult | str]:
    """Results of every file with a binding; the bare name of every file without one."""
    tables = table_bindings()
    for path in sorted((upstream / "tables").glob("*.json")):
        if path.stem in tables:
            yield run_table(path, tables[path.stem])
        else:
            yield f"tables/{path.name}"
    for path in sorted((upstream / "traces").glob("*.json")):
        bound = binding_of_trace(path.stem)
        if bound:
            yield run_trace(path, bound)
        else:
            yield f"traces/{path.name}"
