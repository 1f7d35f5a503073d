"""`python -m tests storm [MINUTES]`: the properties in rounds, each with a seed of its own.

Ten minutes if nothing else is asked for. A round that fails ends it, with the shortest story found
and the seed; finding that story may take some minutes more. `KELM_EXAMPLES` sets how large a round
is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

MINUTES = 10
SHRINKING_SECONDS = 400
"""Hypothesis itself gives up shrinking after five minutes."""


def main(arguments: list[str]) -> int:
    minutes = float(arguments[0]) if arguments[:1] and arguments[0].isdecimal() else MINUTES
    rest = arguments[1:] if arguments[:1] and arguments[0].isdecimal() else arguments
    until = time.monotonic() + minutes * 60
    seed = time.time_ns() % 1_000_000
    rounds = 0
    while time.monotonic() < until:
        left = until - time.monotonic() + SHRINKING_SECONDS
        done = one_round(seed + rounds, rest, left)
        rounds += 1
        if done:
            return done
    print(f"{rounds} rounds from seed {seed}: every property held")
    return 0


def one_round(seed: int, rest: list[str], seconds: float) -> int:
    """Run every property once; its exit status, 1 where it took longer than it may."""
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-n", "auto"]
    command += ["-p", "no:cacheprovider", f"--hypothesis-seed={seed}"]
    command += [*(rest or ["tests/properties"])]
    print(f"$ KELM_PROFILE=storm {' '.join(command[1:])}", flush=True)
    try:
        done = subprocess.run(command, env={**os.environ, "KELM_PROFILE": "storm"}, timeout=seconds)
    except subprocess.TimeoutExpired:
        print(f"the round of seed {seed} was still running: a livelock, or a slow machine")
        return 1
    return done.returncode
