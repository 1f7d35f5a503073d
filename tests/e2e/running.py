"""One upstream test against one `kelm serve`: the processes, their time, and what they say."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.e2e.results import Result
from tests.realcluster.binaries import E2E, KUBECTL, cache

SERVE: Final = "from kelm.adapters.cli.main import main; main()"
START_S: Final = 60.0
END_S: Final = 5.0
NICE: Final = 5
FLAGS: Final = (
    "--provider=skeleton",
    "--ginkgo.no-color",
    "--ginkgo.seed=1",
    "--minStartupPods=0",
    "--system-daemonsets-startup-timeout=0",
    "--node-schedulable-timeout=20s",
    "--dump-logs-on-failure=false",
    "--disable-log-dump",
    "--prepull-images=false",
)


class Cluster:
    """A `kelm serve` in a process of its own, whose files are all in one folder."""

    def __init__(self, folder: Path, speed: str, nodes: int) -> None:
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self.log = folder / "server.log"
        words = f"--speed={speed}", f"--nodes={nodes}", f"--kubeconfig={self.kubeconfig}"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                (sys.executable, "-c", SERVE, "serve", *words),
                env={**os.environ, "KELM_HOME": str(folder)},
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: os.nice(NICE),
            )
        self._wait_ready()

    def _wait_ready(self) -> None:
        end = time.monotonic() + START_S
        while b"kubectl get nodes" not in self.log.read_bytes():
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"kelm serve did not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        _end(self.process)


@contextlib.contextmanager
def cluster(speed: str, nodes: int) -> Iterator[Cluster]:
    """A cluster while the block runs."""
    with tempfile.TemporaryDirectory(prefix="kelm-e2e-") as folder:
        served = Cluster(Path(folder), speed, nodes)
        try:
            yield served
        finally:
            served.stop()


def run(name: str, served: Cluster, seconds: float, log: Path) -> Result:
    """Run one test within a time; what it says goes to `log`."""
    report = log.with_suffix(".json")
    report.unlink(missing_ok=True)
    start = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(
            (
                str(cache() / E2E),
                f"--kubeconfig={served.kubeconfig}",
                f"--kubectl-path={cache() / KUBECTL}",
                f"--ginkgo.focus={re.escape(name)}$",
                f"--ginkgo.json-report={report}",
                *FLAGS,
            ),
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            cwd=served.folder,
            env={**os.environ, "GOMAXPROCS": "2"},
            start_new_session=True,
            preexec_fn=lambda: os.nice(NICE),
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            return Result(name, "timed out", f"after {seconds:g} s", time.monotonic() - start)
    took = time.monotonic() - start
    if not report.is_file():
        said = log.read_text(errors="replace").strip().splitlines()
        return Result(name, "failed", f"no report: {said[-1] if said else ''}", took)
    return read_report(name, report.read_bytes(), took)


def read_report(name: str, report: bytes, took: float = 0.0) -> Result:
    """What a report of ginkgo says of the one test that ran.

    >>> read_report("a", b'[{"SuiteSucceeded": true, "SpecReports": []}]').reason
    'there is no such test'
    """
    suite: dict[str, Any] = msgspec.json.decode(report)[0]
    specs = suite.get("SpecReports") or []
    tests = [s for s in specs if s.get("LeafNodeType") == "It" and s.get("NumAttempts")]
    broken = [s for s in specs if s.get("State") not in ("passed", "skipped")]
    for spec in (*broken, *tests):
        message = spec.get("Failure", {}).get("Message", "")
        if spec["State"] == "passed":
            return Result(name, "passed", "", took)
        return Result(name, "skipped" if spec["State"] == "skipped" else "failed", message, took)
    return Result(name, "skipped", "there is no such test", took)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_S)
