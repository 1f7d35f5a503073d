"""A few of Kubernetes' own tests, where their binary is built (`python -m tests.e2e`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.running import Cluster, cluster, run
from tests.realcluster.binaries import E2E, KUBECTL, have

NAMES = (
    "[sig-node] Secrets should patch a secret [Conformance]",
    "[sig-node] PodTemplates should replace a pod template [Conformance]",
)


@pytest.fixture(scope="module")
def served() -> Iterator[Cluster]:
    if not have(E2E, KUBECTL):
        pytest.skip("upstream's tests are not built here: python -m tests.e2e builds them")
    with cluster("10x", 3) as one:
        yield one


@pytest.mark.xdist_group("e2e")
@pytest.mark.parametrize("name", NAMES)
def test_kubernetes_own_tests_pass(name: str, served: Cluster, tmp_path: Path) -> None:
    log = tmp_path / "test.log"
    result = run(name, served, 100.0, log)
    assert result.outcome == "passed", f"{result.reason}\n{log.read_text()[-3_000:]}"
