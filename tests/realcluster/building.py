"""Building the servers beside everything else, where this machine can and has not yet.

KELM_REALCLUSTER=no leaves the tests that need them out.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.realcluster.binaries import SERVERS, cache, can_build, have

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 720.0
"""How long to wait for a build once everything else is done (7 minutes cold on two cores)."""


class Building:
    """A build in the background, begun if it is needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._log = cache() / "build.log"
        self.wanted = os.environ.get("KELM_REALCLUSTER") != "no"
        if self.wanted and can_build() and not have(*SERVERS):
            cache().mkdir(parents=True, exist_ok=True)
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    (sys.executable, "-m", "tests.realcluster", "build"),
                    cwd=ROOT,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def ready(self) -> bool:
        """Wait for the build; whether there are servers to test with. Says why not."""
        if self._process is not None:
            print(f"\nwaiting for etcd and kube-apiserver to be built ({self._log})", flush=True)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE_SECONDS)
        if not self.wanted:
            return False
        if have(*SERVERS):
            return True
        why = "there is no Go toolchain to build one"
        if self._process is not None:
            why = f"the build did not succeed:\n{self._log.read_text(errors='replace')[-1_000:]}"
        print(f"\nno tests on a real API server: {why}", flush=True)
        return False

    def end(self) -> None:
        """Stop a build that is no longer needed; what it compiled is kept by go."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait()
