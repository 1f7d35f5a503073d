"""The cluster that the pytest fixtures hand out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from kelm.adapters.apiserver.background import BackgroundServer, options

_NUMBERS = count(1)


class ServedCluster(BackgroundServer):
    """A served cluster, with the environment that points kubectl and client libraries at it."""

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment with KUBECONFIG set."""
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig)}


@contextmanager
def served(folder: Path, settings: Mapping[str, object]) -> Iterator[ServedCluster]:
    """Serve a cluster while a test runs."""
    cluster = ServedCluster(folder, options(**settings), name=f"kelm-{next(_NUMBERS)}")
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()
