"""A client library of Node.js for tests: installed once from the npm registry, kept in a cache.

Where there is no npm, or it cannot install, the tests that need it are skipped.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import pytest

from tests.adapters.apiserver.tools import CACHE

SOURCES = Path(__file__).parent / "node_client"
PLACE = CACHE / "client-node-1"
LONGEST_S = 180


@lru_cache(maxsize=1)
def node_folder() -> Path:
    """A folder with the client library and our script beside it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no Node.js here")
    PLACE.mkdir(parents=True, exist_ok=True)
    for source in SOURCES.iterdir():
        shutil.copyfile(source, PLACE / source.name)
    if not (PLACE / "node_modules" / "@kubernetes" / "client-node").exists():
        install = [npm, "install", "--silent", "--no-audit", "--no-fund"]
        try:
            subprocess.run(install, cwd=PLACE, check=True, timeout=LONGEST_S, capture_output=True)
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"npm cannot install @kubernetes/client-node: {error}")
    return PLACE
