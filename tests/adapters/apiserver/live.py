"""A whole simulated cluster behind the application, without a socket; its clock stands still."""

from __future__ import annotations

from typing import Any

from kelm import Cluster
from kelm.adapters.apiserver.app import App
from kelm.adapters.apiserver.engine import Engine
from kelm.adapters.apiserver.identity.authentication import Tokens
from kelm.adapters.apiserver.pace import Speed
from tests.adapters.apiserver.client import TOKEN


def live_app(*manifests: dict[str, Any], nodes: int = 2) -> App:
    """An application in front of a cluster in which everything of this runs."""
    cluster = Cluster(nodes=nodes)
    for manifest in manifests:
        cluster.apply(manifest)
    cluster.run_until_converged()
    return App(Engine(cluster, Speed(0.0)), Tokens(TOKEN))
