"""`python -m tests`: everything that must hold. `python -m tests storm`: the properties for ten
minutes. `python -m tests.tools.mutants`: what the properties catch.

The checks run in the order of their cost; the first that fails ends the run. Whatever follows
the command's name is handed to pytest. Where there is a Go toolchain, a real API server is built
meanwhile (once) and tested against last.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.realcluster.building import Building
from tests.tools import storm

ROOT = Path(__file__).resolve().parent.parent
DOCTESTS = ("--doctest-modules", "--pyargs", "kelm")
REAL = ("tests/conformance/test_platform_laws.py",)
"""What of the tests on a real API server is quick; `python -m tests.realcluster test` has all."""
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
        return storm.main(arguments[1:])
    building = Building()
    try:
        return everything(building, arguments)
    finally:
        building.end()


def everything(building: Building, arguments: list[str]) -> int:
    for check in STATIC:
        if run(*check):
            return 1
    quick = ("-n", "auto", "-m", "not realcluster")
    failed = pytest("-q", *DOCTESTS, "-p", "no:cacheprovider") or pytest(
        "-q", "tests", *quick, *arguments
    )
    if failed or not building.ready():
        return failed
    return pytest("-q", *REAL, "-m", "realcluster", "-n", "0")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
