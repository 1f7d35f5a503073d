"""Small clusters whose pods run programs, and commands that are typed in them."""

from __future__ import annotations

from typing import Any, NamedTuple

from kelm import Cluster
from kelm.adapters.simulator.calls.calling import fetch, local_pod, world_of
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.network.calls import Calls, Source, source_in
from kelm.core.node.programs.http import HttpResponse, Reply
from kelm.core.node.programs.process import STDOUT, Fetch
from kelm.core.node.programs.scene import files_now
from kelm.core.node.sessions.opening import Unopened, open_exec, running_container

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


class Typed(NamedTuple):
    """What came of a command, and how long it took."""

    out: str
    err: str
    code: int | None
    took_ms: int


def typed(cluster: Cluster, pod: str, *words: str, given: bytes = b"") -> Typed:
    """Run a command in the container of a pod of the default namespace, time standing still."""
    found = local_pod(cluster, f"default/{pod}")
    assert found is not None, pod
    session = open_exec(*found, "main", words, cluster.now_ms)
    assert not isinstance(session, Unopened), session
    session.feed(given)
    session.end_input()
    calls, source = Calls(world_of(cluster)), source_in(session.inside)
    place = running_container(found[1], "main")
    assert not isinstance(place, Unopened), place
    files = files_now(found[0], *place, session.inside.disk.mounts, cluster.now_ms)
    said, now_ms = [], cluster.now_ms
    while session.code is None:
        now_ms = max(now_ms, session.wake_ms)
        said += session.go_on(now_ms, files, lambda ask: calls.respond(source, ask))[0]
    out = b"".join(one.data for one in said if one.fd == STDOUT)
    err = b"".join(one.data for one in said if one.fd != STDOUT)
    return Typed(out.decode(), err.decode(), session.code, now_ms - cluster.now_ms)
