"""How long it takes until anything can happen: imports, and the command line's first words.

    python -m tests.benchmarks.imports

Each in a process of its own, the best of five; processor time, with the modules compiled already.
Python's own start is part of it and is shown by itself.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PODS = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: c, image: nginx}]}
"""
KELM = ("-c", "from kelm.adapters.cli.main import main; main()")
WHAT: dict[str, tuple[str, ...]] = {
    "python": ("-c", "pass"),
    "import kelm.core.api.server": ("-c", "import kelm.core.api.server"),
    "import kelm.Cluster": ("-c", "from kelm import Cluster"),
    "kelm --help": (*KELM, "--help"),
    "kelm run, one pod on three nodes": (*KELM, "run", "-"),
}


def processor_seconds(arguments: tuple[str, ...]) -> float:
    """What one run of Python takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "_pkgroot")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(
        (sys.executable, *arguments),
        check=True,
        env=environment,
        input=PODS.encode(),
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    for name, arguments in WHAT.items():
        print(f"{name}: {min(processor_seconds(arguments) for _ in range(5)):.3f} s")
