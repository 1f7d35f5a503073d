"""etcd, kube-apiserver and kube-controller-manager, built once from Go modules and kept.

`modules/go.mod` names them as tools, with every version pinned and summed; they come through the
Go module proxy and are compiled by this machine's Go toolchain. The results are kept outside the
checkout: in $KELM_REALCLUSTER_CACHE, else below $XDG_CACHE_HOME or ~/.cache.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path

MODULES = Path(__file__).parent / "modules"
KUBERNETES = "v1.36.2"
PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "e2e.test": "k8s.io/kubernetes/test/e2e",
}
E2E = "e2e.test"
KUBECTL = "kubectl"
SERVERS = ("etcd", "kube-apiserver")
STAMP = "k8s.io/component-base/version"
MINOR = KUBERNETES.split(".")[1]
FLAGS = (
    f"-s -w -X {STAMP}.gitVersion={KUBERNETES} -X {STAMP}.gitMajor=1 -X {STAMP}.gitMinor={MINOR}"
)


def cache() -> Path:
    """Where the binaries of exactly these modules are kept."""
    named = os.environ.get("KELM_REALCLUSTER_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(named) if named else Path(base) / "kelm" / "realcluster"
    sums = hashlib.sha256((MODULES / "go.sum").read_bytes()).hexdigest()[:12]
    return folder / f"{KUBERNETES}-{sums}"


def have(*names: str) -> bool:
    """Whether these binaries are built."""
    return all((cache() / name).is_file() for name in names)


def can_build() -> bool:
    """Whether there is a Go toolchain."""
    return shutil.which("go") is not None


def build(*names: str, timeout_seconds: float = 1_000.0) -> dict[str, float]:
    """Build what is missing; seconds by name. Two processes that build wait for each other.

    Raises:
        subprocess.CalledProcessError, subprocess.TimeoutExpired: what go said is on stderr.
    """
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    took: dict[str, float] = {}
    end = time.monotonic() + timeout_seconds
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names:
            if not have(name):
                took[name] = _build(name, folder, end - time.monotonic())
    return took


def _build(name: str, folder: Path, timeout_seconds: float) -> float:
    start = time.monotonic()
    part = folder / f".{name}.part"
    how = ("test", "-c", "-vet=off") if name == E2E else ("build",)
    subprocess.run(
        ("go", *how, "-trimpath", "-ldflags", FLAGS, "-o", str(part), PACKAGES[name]),
        cwd=MODULES,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"},
        preexec_fn=lambda: os.nice(10),
        check=True,
        timeout=timeout_seconds,
    )
    part.rename(folder / name)
    return time.monotonic() - start
