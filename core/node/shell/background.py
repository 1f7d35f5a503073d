"""Commands that a script does not wait for."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from kelm.core.node.programs.process import Effect, Process, Read, Round, Sleep, Unread

LONGEST_MS: Final = 1 << 50
MOST_ROUNDS: Final = 1_000


def apart(process: Process) -> Generator[Effect, Any, int]:
    """Run a process beside its shell; how long it takes.

    What it says is said at once, as nobody keeps two clocks. A loop that goes on for ever is
    left after its first sleep.
    """
    took_ms, rounds = 0, 0
    answer: Any = None
    while True:
        try:
            effect = process.send(answer)
        except StopIteration:
            return took_ms
        answer = None
        if isinstance(effect, Sleep):
            took_ms += effect.for_ms
        elif isinstance(effect, Round):
            rounds += 1
        elif isinstance(effect, Read):
            answer = b""
        elif isinstance(effect, Unread):
            continue
        else:
            answer = yield effect
        if took_ms > LONGEST_MS or (rounds > 1 and took_ms) or rounds > MOST_ROUNDS:
            process.close()
            return LONGEST_MS
