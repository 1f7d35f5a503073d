"""Sessions with kubectl: the same commands typed at both servers, and what was printed.

A session is a file of shell commands (`sessions/*.txt`), a line each; `k` is kubectl in the
session's namespace, whose name is in `$NS`. Beside it lie the files that the commands name.
"""

from __future__ import annotations

import difflib
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.differential.targets import Target
from tests.realcluster.binaries import KUBECTL, cache

FOLDER = Path(__file__).parent / "sessions"
TIMEOUT_S = 60
WORDS = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uid>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000"), "<time>"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000"), "<time>"),
    (re.compile(r"[WE]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ "), "<logged> "),
    (re.compile(r"10\.96\.\d+\.\d+"), "<address>"),
    (re.compile(r"https://127\.0\.0\.1:\d+"), "<server>"),
    (re.compile(r"(resourceVersion\"?: )\"?\d+\"?"), r"\1<version>"),
    (re.compile(r"\b\d+m?s\b|\b\d+m(\d+s)?\b(?= )"), "<age>"),
    (re.compile(r"/tmp/\S+"), "<file>"),
    (re.compile(r"\b3[0-2]\d{3}\b"), "<node-port>"),
    (re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b"), "-<drawn>"),
    (re.compile(r"[ \t]+"), " "),
)


class Printed(NamedTuple):
    """What a command left: its exit code, and what it printed on either channel."""

    code: int
    out: str
    err: str


def commands(name: str) -> list[str]:
    """The commands of a session; what begins with # is a remark."""
    lines = (FOLDER / f"{name}.txt").read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def comparable(text: str, namespace: str) -> str:
    """What was printed, without what must differ."""
    text = text.replace(namespace, "<namespace>")
    for pattern, word in WORDS:
        text = pattern.sub(word, text)
    return text


@contextmanager
def _rooms() -> Iterator[tuple[Path, Path]]:
    """Two folders with the files of all sessions."""
    with tempfile.TemporaryDirectory(prefix="kelm-kubectl-") as folder:
        rooms = Path(folder) / "real", Path(folder) / "kelm"
        for room in rooms:
            shutil.copytree(FOLDER, room)
        yield rooms


def typed(target: Target, command: str, namespace: str, room: Path) -> Printed:
    """Type one command."""
    program = f"{cache() / KUBECTL} -n {namespace} "
    env = {
        **os.environ,
        "KUBECONFIG": str(target.kubeconfig),
        "HOME": str(room),
        "EDITOR": str(room / "edit.sh"),
        "NS": namespace,
    }
    line = re.sub(r"^k ", program, command)
    done = subprocess.run(
        ("bash", "-c", line), cwd=room, env=env, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    both = (comparable(text, namespace) for text in (done.stdout, done.stderr))
    return Printed(done.returncode, *both)


def _told(real: Printed, ours: Printed, most: int) -> Iterator[str]:
    if real.code != ours.code:
        yield f"exit code {real.code} -> {ours.code}"
    for channel, one, two in (("out", real.out, ours.out), ("err", real.err, ours.err)):
        lines = difflib.unified_diff(one.splitlines(), two.splitlines(), lineterm="", n=0)
        yield from (f"{channel} {line[:200]}" for line in list(lines)[2:][:most])


def compare_sessions(real: Target, ours: Target, most: int) -> tuple[int, int]:
    """Play every session at both, print what differs; how many commands agree, of how many."""
    agreed, count = 0, 0
    with _rooms() as rooms, ThreadPoolExecutor(2) as pool:
        for path in sorted(FOLDER.glob("*.txt")):
            namespace = f"session-{secrets.token_hex(3)}"
            for command in commands(path.stem):
                tries = [
                    pool.submit(typed, target, command, namespace, room)
                    for target, room in zip((real, ours), rooms, strict=True)
                ]
                one, two = (each.result() for each in tries)
                count, agreed = count + 1, agreed + (one == two)
                if one != two:
                    print(f"$ {command}")
                    for line in _told(one, two, most):
                        print(f"    {line}")
    return agreed, count
