"""What became of tests, as text: one line a test, and which results are not as expected.

passed     [sig-apps] Job should delete a job [Conformance]
failed     [sig-node] Pods should ... [Conformance] - Timed out after 60.001s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

Outcome: TypeAlias = Literal["passed", "failed", "timed out", "skipped"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("passed", "failed", "timed out", "skipped")
EXPECTED: Final = Path(__file__).parent / "expected.txt"
WIDTH: Final = 11
REASON_LENGTH: Final = 160
INDENT: Final = "    "


class Result(msgspec.Struct, frozen=True):
    """How one test ended, why if not well, and how long it took."""

    name: str
    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0


def text_of(result: Result) -> str:
    """A result as it is kept; of a reason its first line, the time is no part of it.

    >>> print(text_of(Result("[sig-apps] Job", "failed", "Expected one\\nof two", 3.0)))
    failed     [sig-apps] Job
        Expected one
    """
    reason = first_line(result.reason)
    return f"{result.outcome:<{WIDTH}}{result.name}" + (f"\n{INDENT}{reason}" if reason else "")


def first_line(reason: str) -> str:
    """What a long reason begins with."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    return lines[0][:REASON_LENGTH] if lines else ""


def read_results(text: str) -> tuple[Result, ...]:
    """Kept results. A line without an outcome is the name of a test that nothing is known of.

    >>> [r.outcome for r in read_results("# seen\\ntimed out  a\\n    after 3 s\\nc [Conformance]")]
    ['timed out', 'skipped']
    """
    found: list[Result] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(INDENT) and found:
            found[-1] = msgspec.structs.replace(found[-1], reason=line.strip())
            continue
        outcome = next((word for word in OUTCOMES if line.startswith(word)), None)
        name = line if outcome is None else line[WIDTH:]
        found.append(Result(name.strip(), outcome or "skipped"))
    return tuple(found)


def sums(results: Iterable[Result]) -> str:
    """How many ended how.

    >>> sums((Result("a", "passed"), Result("b", "failed")))
    '2 tests: 1 passed, 1 failed, 0 timed out, 0 skipped'
    """
    outcomes = [result.outcome for result in results]
    counted = ", ".join(f"{outcomes.count(word)} {word}" for word in OUTCOMES)
    return f"{len(outcomes)} tests: {counted}"


def worse(expected: Mapping[str, Result], found: Iterable[Result]) -> tuple[str, ...]:
    """The tests that passed when it was last written down, and do not now.

    >>> worse({"a": Result("a", "passed")}, [Result("a", "failed"), Result("b", "failed")])
    ('a',)
    """
    return tuple(
        result.name
        for result in found
        if result.outcome != "passed"
        and (kept := expected.get(result.name)) is not None
        and kept.outcome == "passed"
    )


def merged(expected: Mapping[str, Result], found: Iterable[Result]) -> str:
    """The text of what is expected from now on, by name."""
    everything = {**expected, **{result.name: result for result in found}}
    lines = [text_of(everything[name]) for name in sorted(everything)]
    return "\n".join((f"# {sums(everything.values())}", *lines, ""))
