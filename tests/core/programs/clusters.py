"""Small clusters whose pods run programs."""

from __future__ import annotations

from typing import Any

from kelm import Cluster
from kelm.adapters.simulator.calls.calling import fetch
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.network.calls import Source
from kelm.core.node.programs.http import HttpResponse, Reply
from kelm.core.node.programs.process import Fetch

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.63.0"


def agnhost(name: str, *args: str, **more: Any) -> dict[str, Any]:
    """A pod that runs a subcommand of agnhost."""
    container = {"name": "main", "image": AGNHOST, "args": list(args), **more}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [container]},
    }


def service(name: str, app: str, port: int, target: int, **spec: Any) -> dict[str, Any]:
    """A Service in front of the pods of an app."""
    ports = [{"port": port, "targetPort": target}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": app}, "ports": ports, **spec},
    }


def cluster_with(*manifests: dict[str, Any], plane: ControlPlane | None = None) -> Cluster:
    """A cluster of two machines in which everything of this runs."""
    cluster = Cluster(nodes=2, control_plane=plane or ControlPlane())
    for manifest in manifests:
        cluster.apply(manifest)
    cluster.run_until_converged()
    return cluster


def ask(cluster: Cluster, host: str, port: int, path: str = "/", query: str = "") -> Reply:
    """What a pod of the default namespace gets that asks this."""
    return fetch(cluster, Fetch(host, port, path=path, query=query), Source("default"))


def body(reply: Reply) -> str:
    """The text of an answer that must have come."""
    assert isinstance(reply, HttpResponse), reply
    return reply.body.decode()
