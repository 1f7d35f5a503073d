"""A small cluster with something to do for every control loop, and what it comes to at rest."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kelm import Cluster
from kelm.adapters.simulator.events import Event, Execute
from kelm.adapters.simulator.inputs import FaultsEnded, LoadOffered, RequestsRefused
from kelm.adapters.simulator.loop import Simulator
from kelm.core.objects.meta import metadata
from kelm.core.operations.verbs import Remove, Scale, SetImage
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Delete
from kelm.effects.document import Document, child, children, text, value_at
from kelm.effects.refusals import Reason

CONTAINER = {
    "name": "app",
    "image": "nginx:1",
    "resources": {"requests": {"cpu": "10m", "memory": "8Mi"}},
}


def template(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [CONTAINER], **spec},
    }


def workload(kind: str, name: str, replicas: int | None = 2, **of: Any) -> dict[str, Any]:
    plain = kind == "ReplicationController"
    labels = {"app": name}
    spec: dict[str, Any] = {"template": template(name), **of}
    spec["selector"] = labels if plain else {"matchLabels": labels}
    if replicas is not None:
        spec["replicas"] = replicas
    version = "v1" if plain else "apps/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def service(name: str, **of: Any) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"port": 80}], **of}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def job(name: str, **of: Any) -> dict[str, Any]:
    spec = {"template": template(name, restartPolicy="Never"), **of}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


CLAIM = {
    "metadata": {"name": "data"},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    },
}
MANIFESTS: tuple[dict[str, Any], ...] = (
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "brief"}},
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "brief", "namespace": "brief"},
    },
    {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "pods"},
        "spec": {"hard": {"pods": "60"}},
    },
    workload("Deployment", "web"),
    workload("Deployment", "gone"),
    workload("ReplicaSet", "set"),
    workload("ReplicationController", "old"),
    workload("DaemonSet", "agent", None),
    workload(
        "StatefulSet",
        "db",
        serviceName="db",
        volumeClaimTemplates=[CLAIM],
        persistentVolumeClaimRetentionPolicy={"whenScaled": "Delete", "whenDeleted": "Delete"},
    ),
    service("web"),
    service("db", clusterIP="None"),
    service("gone"),
    job("once", completions=2, parallelism=2),
    job("brief", ttlSecondsAfterFinished=5),
    {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    },
    {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "set"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "set"},
            "maxReplicas": 4,
        },
    },
)


def ref(resource: str, name: str) -> ObjectRef:
    return ObjectRef(resource, "default", name)


def act(cluster: Cluster, part: int) -> None:
    """The next part of what happens: things come, change and go."""
    if part == 0:
        for manifest in MANIFESTS:
            cluster.apply(manifest)
    elif part == 1:
        cluster.do(SetImage(ref("deployments.apps", "web"), (("app", "nginx:2"),)))
        cluster.do(SetImage(ref("daemonsets.apps", "agent"), (("app", "nginx:2"),)))
        cluster.do(SetImage(ref("statefulsets.apps", "db"), (("app", "nginx:2"),)))
        cluster.inject(LoadOffered("replicasets.apps", "default", "set", Document(cpu="32m")))
    elif part == 2:
        cluster.do(Scale(ref("statefulsets.apps", "db"), 1))
        cluster.do(Scale(ref("replicationcontrollers", "old"), 1))
        cluster.do(Remove(ref("deployments.apps", "gone")))
        cluster.do(Remove(ref("services", "gone")))
        assert cluster.ask(Delete("namespaces", "", "brief")).unwrap()
    else:
        cluster.do(Remove(ref("statefulsets.apps", "db"), None, "Foreground"))
        cluster.do(Remove(ref("jobs.batch", "once"), None, "Background"))


PARTS = 4
PAUSE_MS = 40_000
REST_MS = 700_000


def shape(cluster: Cluster) -> Counter[tuple[str, ...]]:
    """What there is, without names that were drawn: how many of whom in which state."""
    found: Counter[tuple[str, ...]] = Counter()
    for table in cluster.store.tables:
        if table.resource in ("leases.coordination.k8s.io", "controllerrevisions.apps"):
            continue
        for doc in table.objects():
            found[_told(table.resource, doc)] += 1
    return found


def _told(resource: str, doc: Document) -> tuple[str, ...]:
    meta = metadata(doc)
    owner = meta.controller
    whose = f"of {owner.kind}" if owner is not None else meta.name
    if resource in ("persistentvolumes", "replicasets.apps") and owner is None:
        whose = meta.name if resource == "replicasets.apps" else "drawn"
    status = child(doc, "status")
    ready = str(status.get("readyReplicas"))
    conditions = sorted(
        text(one, "type") for one in children(status, "conditions") if text(one, "status") == "True"
    )
    image = value_at(doc, "spec", "containers")
    shown = text(image[0], "image") if isinstance(image, tuple) and image else ""  # type: ignore[arg-type]
    numbers = [f"{key}={status.get(key)}" for key in ("succeeded", "currentHealthy", "used")]
    scale = str(value_at(doc, "spec", "replicas"))
    endpoints = str(len(children(doc, "endpoints")))
    deleting = "deleting" if meta.deletion_timestamp else ""
    phase = text(status, "phase")
    return (
        resource, meta.namespace, whose, phase, ready, scale, shown, endpoints, deleting,
        " ".join(conditions), " ".join(numbers), " ".join(meta.finalizers),
    )  # fmt: skip


def played(process: str = "", after: int = 0, count: int = 1) -> tuple[Cluster, Counter[str]]:
    """All parts, and a long rest; and how many requests each process made before that.

    process: whose requests, `count` of them after the first `after`, are answered with a NotFound
        that is not true.
    """
    cluster = Cluster(nodes=3, keep_history=False)
    asked: Counter[str] = Counter()
    lie = RequestsRefused(process, Reason.NOT_FOUND, count)

    def hear(simulator: Simulator, happened: Event) -> None:
        if isinstance(happened, Execute) and happened.request.id:
            asked[happened.process] += 1
            if happened.process == process and asked[process] == after:
                simulator.trouble.expect(lie)

    cluster.simulator.after_event = hear
    if process and not after:
        cluster.simulator.trouble.expect(lie)
    for part in range(PARTS):
        act(cluster, part)
        cluster.run(PAUSE_MS)
    cluster.simulator.after_event = None
    cluster.inject(FaultsEnded())
    cluster.run(REST_MS)
    return cluster, asked
