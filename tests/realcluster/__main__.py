"""`python -m tests.realcluster [build|serve|test]`: the servers built, started, tested against.

`serve` prints the path of a kubeconfig and runs until it is interrupted; `test` runs every test
that needs a real API server (with KELM_PROFILE=storm: longer), and hands pytest what follows.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from types import FrameType
from typing import NoReturn

from tests.realcluster.binaries import PACKAGES, SERVERS, build, cache
from tests.realcluster.servers import running


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Leave by the way that stops the servers; a blocked signal would be blocked for them, too."""
    raise SystemExit(0)


def main(arguments: list[str]) -> int:
    word = arguments[0] if arguments else "serve"
    if word == "build":
        names = tuple(arguments[1:]) or SERVERS
        unknown = [name for name in names if name not in PACKAGES]
        if unknown:
            print(f"{unknown[0]} is none of {', '.join(PACKAGES)}", file=sys.stderr)
            return 2
        for name, seconds in build(*names).items():
            print(f"{name}: built in {seconds:.0f} s")
        print(cache())
        return 0
    if word == "test":
        build(*SERVERS)
        where = ("tests/conformance/test_platform_laws.py", "tests/realcluster")
        pytest = (sys.executable, "-m", "pytest", "-q", "-W", "error", "-m", "realcluster")
        return subprocess.run((*pytest, *where, *arguments[1:])).returncode
    if word != "serve":
        print(__doc__, file=sys.stderr)
        return 2
    build(*SERVERS)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    with running() as servers:
        print(servers.kubeconfig, flush=True)
        while True:
            signal.pause()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
