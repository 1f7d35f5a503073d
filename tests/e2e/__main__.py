"""`python -m tests.e2e [NAME...]`: Kubernetes' own end-to-end tests against `kelm serve`.

Builds upstream's test binary and kubectl from Go modules (once, 15 minutes; kept where the
binaries of `tests.realcluster` are), runs tests one by one, each process on a cluster of its own,
and prints one line a test and the sums. Without names it runs all that `expected.txt` names.

Interrupted, it lets the tests that run come to an end. Exit status 1 if a test that is expected to
pass did not.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType

from tests.e2e.results import EXPECTED, Result, first_line, merged, read_results, sums, worse
from tests.e2e.running import cluster, run
from tests.realcluster.binaries import E2E, KUBECTL, build, cache


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.e2e", description=__doc__)
    parser.add_argument("names", nargs="*", help="a test's name, or a part of it")
    parser.add_argument("--list", type=Path, default=EXPECTED, help="a file of names")
    parser.add_argument("--only", default="", help="those that last: passed, failed, ...")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=120.0, help="for one test")
    parser.add_argument("--speed", default="10x", help="as kelm serve's")
    parser.add_argument("--again", default="real", help="the speed for what failed, or none")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--logs", type=Path, default=cache() / "e2e-logs")
    parser.add_argument("--update", action="store_true", help="write down what was found")
    return parser.parse_args(words)


def _chosen(options: argparse.Namespace) -> list[str]:
    listed = read_results(options.list.read_text())
    wanted: Iterable[str] = (r.name for r in listed if options.only in ("", r.outcome))
    if options.names:
        wanted = (name for name in wanted if any(part in name for part in options.names))
    return list(wanted)


class Work:
    """The tests that are left, for several threads, and what was found.

    A client whose clock is not the cluster's may fail where the clock is all that differs, so a
    test that failed has a second try at another speed.
    """

    def __init__(self, options: argparse.Namespace, names: list[str]) -> None:
        self.options = options
        self.found: list[Result] = []
        self.broken = ""
        self.failed: SimpleQueue[str] = SimpleQueue()
        self.left: SimpleQueue[str] = SimpleQueue()
        for name in names:
            self.left.put(name)

    def give_up(self, number: int, frame: FrameType | None) -> None:
        """Leave out what has not begun; what runs ends when its time is over."""
        for names in (self.left, self.failed):
            while _next(names) is not None:
                pass

    def work(self) -> None:
        """Run all at the first speed, and then what failed at the second."""
        options = self.options
        try:
            self._run(self.left, options.speed, self.failed if options.again != "none" else None)
            self._run(self.failed, options.again, None)
        except (OSError, RuntimeError) as trouble:
            self.broken = str(trouble)

    def _run(self, names: SimpleQueue[str], speed: str, failed: SimpleQueue[str] | None) -> None:
        """Run tests on one cluster after the other; a test that hung leaves none behind."""
        options = self.options
        while not names.empty():
            with cluster(speed, options.nodes) as served:
                while (name := _next(names)) is not None:
                    result = run(name, served, options.seconds, self._log(name))
                    if result.outcome == "failed" and failed is not None:
                        failed.put(name)
                    else:
                        self._keep(result)
                    if result.outcome == "timed out" or served.process.poll() is not None:
                        break

    def _keep(self, result: Result) -> None:
        self.found.append(result)
        text = f"{result.outcome:<11}{result.seconds:5.1f} s  {result.name}"
        reason = first_line(result.reason)
        print(f"{text} - {reason}" if reason else text, flush=True)

    def _log(self, name: str) -> Path:
        self.options.logs.mkdir(parents=True, exist_ok=True)
        return Path(self.options.logs) / (re.sub(r"\W+", "-", name).strip("-")[:150] + ".log")


def _next(names: SimpleQueue[str]) -> str | None:
    try:
        return names.get_nowait()
    except Empty:
        return None


def main(words: list[str]) -> int:
    options = _arguments(words)
    build(E2E, KUBECTL, timeout_seconds=3_600.0)
    names = _chosen(options)
    work = Work(options, names)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, work.give_up)
    threads = [threading.Thread(target=work.work) for _ in range(options.processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {result.name: result for result in read_results(EXPECTED.read_text())}
    lost = worse(expected, work.found)
    for name in lost:
        print(f"passed before: {name}")
    print(sums(work.found))
    if options.update:
        EXPECTED.write_text(merged(expected, work.found))
    if work.broken:
        print(work.broken, file=sys.stderr)
    return 1 if lost or work.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
