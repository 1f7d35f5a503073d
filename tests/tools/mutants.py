"""`python -m tests.tools.mutants [NAME...]`: break the code on purpose; which property sees it?

Each mutant replaces one function by a slightly wrong one, in a process of its own, and runs the
property that must catch it (`tests/tools/mutant_list.py`). A table says which were caught. Not part
of the fast suite: a mutant costs a few seconds if it is caught and a minute if it survives.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

SECONDS = 240


class Mutant(NamedTuple):
    """A wrong version of a function.

    place: `module:name` or `module:Class.name`. make: the wrong version, given the right one.
    by: the property that must fail, as pytest names it below tests/properties. also: a second
    place to break, where two guards watch over one promise.
    """

    name: str
    place: str
    make: Callable[[Any], Any]
    by: str
    also: tuple[str, Callable[[Any], Any]] | None = None


def apply_named(name: str) -> None:
    """Put a mutant in the place of the right function, for the rest of this process."""
    if not name:
        return
    from tests.tools.mutant_list import MUTANTS

    for mutant in (one for one in MUTANTS if one.name == name):
        _put(mutant.place, mutant.make)
        if mutant.also is not None:
            _put(*mutant.also)


def _put(place: str, make: Callable[[Any], Any]) -> None:
    module_name, _, path = place.partition(":")
    holder: Any = importlib.import_module(module_name)
    *outer, last = path.split(".")
    for part in outer:
        holder = getattr(holder, part)
    setattr(holder, last, make(getattr(holder, last)))


def verdict(mutant: Mutant) -> tuple[str, float, str]:
    """Whether a mutant was caught, in how many seconds, and by which sentence."""
    started = time.monotonic()
    environment = {**os.environ, "KELM_MUTANT": mutant.name, "KELM_PROFILE": "mutant"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "--no-header", "--tb=short"]
    command += ["-p", "no:cacheprovider", "--hypothesis-seed=1", f"tests/properties/{mutant.by}"]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return "hung", time.monotonic() - started, f"no end after {SECONDS} s"
    took = time.monotonic() - started
    if done.returncode == 0:
        return "SURVIVED", took, ""
    return ("caught" if done.returncode == 1 else "BROKEN"), took, _sentence(done.stdout)


def _sentence(output: str) -> str:
    errors = [line for line in output.splitlines() if line.startswith("E  ")]
    return errors[0][1:].strip() if errors else output.strip()[-200:]


def main(names: list[str]) -> int:
    from tests.tools.mutant_list import MUTANTS

    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    survived = 0
    print("| mutant | property | | seconds | said |\n| --- | --- | --- | --- | --- |", flush=True)
    for mutant in chosen:
        said, took, sentence = verdict(mutant)
        survived += said not in ("caught", "hung")
        test = mutant.by.partition("::")[2] or mutant.by
        shown = sentence.replace("|", "/")[:140]
        print(f"| {mutant.name} | {test} | {said} | {took:.0f} | {shown} |", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} caught")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
