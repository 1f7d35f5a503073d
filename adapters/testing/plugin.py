"""The pytest plugin: clusters behind the Kubernetes API as fixtures.

    def test_my_operator(kelm_cluster):
        subprocess.run(["kubectl", "apply", "-f", "app.yaml"], env=kelm_cluster.environment)
        assert kelm_cluster.settle()

`kelm_cluster` is new for every test, `kelm_session_cluster` is one for all. Override the fixture
`kelm_settings` to say what they are made of. Nothing of kelm is imported before a test asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kelm.adapters.testing.served import ServedCluster


@pytest.fixture(scope="session")
def kelm_settings() -> dict[str, Any]:
    """What clusters are made of: fields of `Settings` (nodes, zones, seed, ...)."""
    return {}


@pytest.fixture(scope="session")
def _kelm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kelm")


@pytest.fixture
def kelm_cluster(_kelm_folder: Path, kelm_settings: dict[str, Any]) -> Iterator[ServedCluster]:
    """A cluster of this test's own, with a kubeconfig."""
    from kelm.adapters.testing.served import served

    with served(_kelm_folder, kelm_settings) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kelm_session_cluster(
    _kelm_folder: Path, kelm_settings: dict[str, Any]
) -> Iterator[ServedCluster]:
    """One cluster for all tests of a run, with a kubeconfig."""
    from kelm.adapters.testing.served import served

    with served(_kelm_folder, kelm_settings) as cluster:
        yield cluster
