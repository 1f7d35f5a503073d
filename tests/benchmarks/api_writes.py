"""What one write to the API server costs: `python -m tests.benchmarks.api_writes [pods]`.

Prints one number a line, with its unit.
"""

from __future__ import annotations

import gc
import sys
import time

from returns.result import Success

from kelm.core.api.server import ApiServer, handle
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Bind, Command, Create, Delete, RecordEvent, Update
from kelm.effects.document import Document, document

NOW_MS = 1_767_225_600_000
NODES = 50

TEMPLATE = document(
    {
        "metadata": {"labels": {"app": "web", "pod-template-hash": "7b67dc8885"}},
        "spec": {
            "containers": [
                {
                    "name": "web",
                    "image": "nginx:1.25",
                    "ports": [{"containerPort": 80}],
                    "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                    "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
                }
            ]
        },
    }
)
OWNER = document(
    {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "web-7b67dc8885",
        "uid": "0e452184-785b-4219-915c-52b7323f5ad5",
        "controller": True,
        "blockOwnerDeletion": True,
    }
)


def cluster() -> ApiServer:
    """A server with a namespace, its service account, nodes in zones and their leases."""
    server = ApiServer()
    for resource, namespace, doc in [
        ("namespaces", "", {"metadata": {"name": "default"}}),
        ("namespaces", "", {"metadata": {"name": "kube-node-lease"}}),
        ("serviceaccounts", "default", {"metadata": {"name": "default"}}),
    ]:
        server = done(server, Create(resource, namespace, document(doc)))
    for number in range(NODES):
        name = f"node-{number}"
        labels = {"topology.kubernetes.io/zone": f"zone-{number % 3}"}
        node = document({"metadata": {"name": name, "labels": labels}})
        server = done(server, Create("nodes", "", node))
        lease = document({"metadata": {"name": name}, "spec": {"holderIdentity": name}})
        server = done(server, Create("leases.coordination.k8s.io", "kube-node-lease", lease))
    return server


def done(server: ApiServer, command: Command, now_ms: int = NOW_MS) -> ApiServer:
    server, outcome = handle(server, command, now_ms)
    outcome.unwrap()
    return server


def new_pod() -> Document:
    """A pod as a ReplicaSet makes it: the template's own documents, its own metadata."""
    meta = Document(
        generateName="web-7b67dc8885-",
        namespace="default",
        labels=TEMPLATE["metadata"]["labels"],  # type: ignore[index,call-overload]
        ownerReferences=(OWNER,),
    )
    return Document(apiVersion="v1", kind="Pod", metadata=meta, spec=TEMPLATE["spec"])


def running(pod: Document, number: int) -> Document:
    since = "2026-01-01T00:00:00Z"
    conditions = [
        {"type": one, "status": "True", "lastProbeTime": None, "lastTransitionTime": since}
        for one in ("Ready", "ContainersReady", "Initialized", "PodScheduled")
    ]
    container = {"name": "web", "ready": True, "restartCount": 0, "started": True}
    status = document(
        {
            "phase": "Running",
            "qosClass": "Burstable",
            "conditions": conditions,
            "podIP": f"10.1.{number // 256}.{number % 256}",
            "startTime": since,
            "containerStatuses": [{**container, "state": {"running": {"startedAt": since}}}],
        }
    )
    return Document({**pod, "status": status})


def measured(name: str, server: ApiServer, commands: list[Command], step_ms: int = 0) -> ApiServer:
    """Do all commands and print what one of them took."""
    gc.collect()
    gc.disable()
    start = time.thread_time()
    for number, command in enumerate(commands):
        server, outcome = handle(server, command, NOW_MS + number * step_ms)
        assert isinstance(outcome, Success)
    spent = time.thread_time() - start
    gc.enable()
    print(f"{name}: {spent / len(commands) * 1e6:.1f} us")
    return server


def pods(server: ApiServer) -> list[Document]:
    return list(server.store.table("pods").objects())


def name_of(doc: Document) -> str:
    return str(doc["metadata"]["name"])  # type: ignore[index,call-overload]


def uid_of(doc: Document) -> str:
    return str(doc["metadata"]["uid"])  # type: ignore[index,call-overload]


def events_of(found: list[Document]) -> list[Command]:
    return [
        RecordEvent(
            ObjectRef("pods", "default", name_of(pod), uid_of(pod)),
            "Pod",
            "v1",
            "Normal",
            reason,
            f"{reason} container web",
            "kubelet",
            f"node-{number % NODES}",
        )
        for number, pod in enumerate(found)
        for reason in ("Pulled", "Created", "Started")
    ]


def renewals(revision: int, leases: list[Document], count: int) -> list[Command]:
    """Renewals that each name the version that the one before it will have written."""
    found: list[Command] = []
    for number in range(count):
        lease = leases[number % NODES]
        spec = Document(holderIdentity="n", renewTime=f"2026-01-01T00:00:00.{number:06d}Z")
        meta = dict(lease["metadata"])  # type: ignore[call-overload]
        if number >= NODES:
            meta["resourceVersion"] = str(revision + number - NODES + 1)
        new = Document({**lease, "metadata": Document(meta), "spec": spec})
        name = name_of(lease)
        found.append(Update("leases.coordination.k8s.io", "kube-node-lease", name, new))
    return found


def main(count: int) -> None:
    server = cluster()
    creates: list[Command] = [Create("pods", "default", new_pod()) for _ in range(count)]
    server = measured("pod create", server, creates)
    found = pods(server)
    binds: list[Command] = [
        Bind("default", name_of(pod), uid_of(pod), f"node-{number % NODES}")
        for number, pod in enumerate(found)
    ]
    server = measured("binding", server, binds)
    found = pods(server)
    statuses: list[Command] = [
        Update("pods", "default", name_of(pod), running(pod, number), "status")
        for number, pod in enumerate(found)
    ]
    server = measured("pod status update", server, statuses)
    server = measured("event", server, events_of(found))
    leases = list(server.store.table("leases.coordination.k8s.io").objects())
    server = measured("lease update", server, renewals(server.store.revision, leases, count))
    deletes: list[Command] = [
        Delete("pods", "default", name_of(pod), grace_period_seconds=0) for pod in found
    ]
    measured("pod delete without grace", server, deletes)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
