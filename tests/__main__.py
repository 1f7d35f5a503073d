"""`python -m tests`: everything that must hold. `python -m tests storm`: the long profiles.

The checks run in the order of their cost; the first that fails ends the run. Whatever follows
the command's name is handed to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCTESTS = ("--doctest-modules", "--pyargs", "kelm")
STATIC: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
    ("lint-imports",),
)


def run(*command: str, **environment: str) -> int:
    """Run one check from the repository's top and show what it is."""
    print(f"\n$ {' '.join(command)}", flush=True)
    beside = Path(sys.executable).parent / command[0]
    program = str(beside) if beside.exists() else command[0]
    done = subprocess.run((program, *command[1:]), cwd=ROOT, env={**os.environ, **environment})
    return done.returncode


def pytest(*arguments: str, **environment: str) -> int:
    return run("python", "-m", "pytest", "-W", "error", *arguments, **environment)


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["storm"]:
        return pytest(
            "tests/properties",
            "-n",
            "auto",
            *arguments[1:],
            KELM_PROFILE="storm",
        )
    for check in STATIC:
        if run(*check):
            return 1
    return pytest("-q", *DOCTESTS, "-p", "no:cacheprovider") or pytest(
        "-q", "tests", "-n", "auto", *arguments
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
