"""What holds once a cluster has come to rest: everything is as it was asked for, nothing is left.

These are judged from the objects themselves, not from the statuses that controllers write about
them: a status that lies is a breach like any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from kelm.core.controllers.workloads.deployment.template import equal_ignoring_hash
from kelm.core.laws.availability import History
from kelm.core.laws.invariant import Invariant, at_the_end
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.selectors.labels import of_labels
from kelm.core.objects.workloads import Deployment, ReplicaSet, deployment, replica_set
from kelm.core.store.store import Store
from kelm.effects.document import Document, child, children, flag, strings, text

SLICES = "endpointslices.discovery.k8s.io"
SERVING = ("pods", "nodes", "services", SLICES, "endpoints")


def active_pods(store: Store, uid: str) -> list[Pod]:
    """The pods that a controller has and that neither ended nor are asked to go."""
    owned = (pod(doc) for doc in store.table("pods").select("owner", uid))
    return [one for one in owned if one.active]


def owned_sets(store: Store, one: Deployment) -> list[ReplicaSet]:
    """A Deployment's ReplicaSets."""
    owned = store.table("replicasets.apps").select("owner", one.metadata.uid)
    return [replica_set(doc) for doc in owned]


def _deployments(store: Store) -> Iterator[str]:
    for doc in store.table("deployments.apps").objects():
        one = deployment(doc)
        key, sets = one.metadata.key, owned_sets(store, one)
        pods = [each for s in sets for each in active_pods(store, s.metadata.uid)]
        if len(pods) != one.replicas:
            yield f"{key} wants {one.replicas} pods and has {len(pods)}"
        ready = sum(each.ready for each in pods)
        said = (one.status.replicas, one.status.ready_replicas)
        if said != (len(pods), ready):
            yield f"{key} says {said} of {len(pods)} pods, {ready} of them ready"
        if not one.paused:
            yield from _updated(one, sets)


def _updated(one: Deployment, sets: list[ReplicaSet]) -> Iterator[str]:
    new = [each for each in sets if equal_ignoring_hash(each.template, one.template)]
    if len(new) != 1:
        yield f"{one.metadata.key} has {len(new)} ReplicaSets of its template"
    for each in sets:
        wanted = one.replicas if each in new else 0
        if each.replicas != wanted:
            yield f"{one.metadata.key}: {each.metadata.name} wants {each.replicas}, not {wanted}"


def _replica_sets(store: Store) -> Iterator[str]:
    for doc in store.table("replicasets.apps").objects():
        one = replica_set(doc)
        pods = active_pods(store, one.metadata.uid)
        ready = sum(each.ready for each in pods)
        said = (one.status.replicas, one.status.ready_replicas)
        if len(pods) != one.replicas:
            yield f"{one.metadata.key} wants {one.replicas} pods and has {len(pods)}"
        if said != (len(pods), ready):
            yield f"{one.metadata.key} says {said} of {len(pods)} pods, {ready} of them ready"
        strangers = [p for p in pods if not one.selector.matches(p.metadata.labels or {})]
        if strangers:
            yield f"{one.metadata.key} keeps {strangers[0].metadata.name}, which it does not select"


def _strays(store: Store) -> Iterator[str]:
    sets = [replica_set(doc) for doc in store.table("replicasets.apps").objects()]
    for doc in store.table("pods").objects():
        one = pod(doc)
        if one.metadata.controller is not None or not one.active:
            continue
        for each in sets:
            same = each.metadata.namespace == one.metadata.namespace
            if same and each.selector.matches(one.metadata.labels or {}):
                yield f"{one.metadata.key} belongs to nobody, and {each.metadata.name} selects it"


def unlike_pods(store: Store) -> Iterator[str]:
    """The Services whose slices or Endpoints do not name exactly their ready pods.

    Slices leave out pods of a node that is gone. Source: staging endpointslice/reconciler.go.
    """
    nodes = store.table("nodes")
    for doc in store.table("services").objects():
        selector = strings(doc, "spec", "selector")
        if not selector or text(doc, "spec", "type") == "ExternalName":
            continue
        meta = metadata(doc)
        namespace = meta.namespace
        filed = store.table("pods").select("namespace", namespace)
        matches = of_labels(selector).matches
        serving = [
            one
            for one in map(pod, filed)
            if one.active and one.ready and one.status.pod_ip and matches(one.metadata.labels or {})
        ]
        here = [one for one in serving if nodes.get(one.spec.node_name) is not None]
        wanted = Counter((one.metadata.uid, one.status.pod_ip) for one in here)
        label = f"{namespace}/kubernetes.io/service-name={meta.name}"
        named = Counter(
            (text(point, "targetRef", "uid"), address)
            for one in store.table(SLICES).select("label", label)
            for point in children(one, "endpoints")
            if flag(point, "conditions", "ready")
            for address in _strings(point, "addresses")
        )
        if wanted != named:
            yield f"slices of {meta.key} name {sorted(named)}, not {sorted(wanted)}"
        old = store.get("endpoints", meta.key)
        told = Counter(
            (text(address, "targetRef", "uid"), text(address, "ip"))
            for subset in children(old or Document(), "subsets")
            for address in children(subset, "addresses")
        )
        every = Counter((one.metadata.uid, one.status.pod_ip) for one in serving)
        if every != told:
            yield f"Endpoints of {meta.key} name {sorted(told)}, not {sorted(every)}"


def unlike_for(history: History) -> Iterator[tuple[int, int]]:
    """When and for how long some Service's endpoints were not its ready pods, in ms."""
    seen: tuple[object, ...] = ()
    since_ms: int | None = None
    at_ms = 0
    for at_ms, store in history:
        tables = tuple(store.table(resource) for resource in SERVING)
        if len(seen) == len(tables) and all(a is b for a, b in zip(seen, tables, strict=True)):
            continue
        seen = tables
        unlike = next(unlike_pods(store), None) is not None
        if unlike and since_ms is None:
            since_ms = at_ms
        elif not unlike and since_ms is not None:
            yield since_ms, at_ms - since_ms
            since_ms = None
    if since_ms is not None:
        yield since_ms, at_ms - since_ms


def _strings(doc: Document, name: str) -> tuple[str, ...]:
    value = doc.get(name)
    return tuple(map(str, value)) if isinstance(value, tuple) else ()


def _owners(store: Store) -> Iterator[str]:
    alive = {metadata(doc).uid for table in store.tables for doc in table.objects()}
    for table in store.tables:
        for doc in table.objects():
            owners = metadata(doc).owner_references
            if owners and not any(owner.uid in alive for owner in owners):
                named = f"{owners[0].kind} {owners[0].name}"
                yield f"{table.resource} {metadata(doc).key} belongs to {named}, which is gone"


def _places(store: Store) -> Iterator[str]:
    nodes, namespaces = store.table("nodes"), store.table("namespaces")
    for doc in store.table("pods").objects():
        node = text(doc, "spec", "nodeName")
        if node and nodes.get(node) is None:
            yield f"pod {metadata(doc).key} is on {node}, which is gone"
    for table in store.tables:
        for doc in table.objects():
            namespace = metadata(doc).namespace
            if namespace and namespaces.get(namespace) is None:
                yield f"{table.resource} {metadata(doc).key} outlived its namespace"


def _half_deleted(store: Store) -> Iterator[str]:
    for table in store.tables:
        for doc in table.objects():
            if metadata(doc).deletion_timestamp is not None:
                yield f"{table.resource} {metadata(doc).key}"


def _ready(store: Store) -> Iterator[str]:
    for doc in store.table("pods").objects():
        one = pod(doc)
        if not one.active:
            continue
        states = children(child(doc, "status"), "containerStatuses")
        running = [child(each, "state").get("running") is not None for each in states]
        if one.ready and not (running and all(running)):
            yield f"{one.metadata.key} is ready and not all of its containers run"


AT_REST: tuple[Invariant, ...] = (
    Invariant(
        "a Deployment at rest has the pods it wants, of its template", at_the_end(_deployments)
    ),
    Invariant("a ReplicaSet at rest has the pods it wants", at_the_end(_replica_sets)),
    Invariant("a pod that a ReplicaSet selects belongs to somebody", at_the_end(_strays)),
    Invariant("a Service's endpoints are its ready pods, each once", at_the_end(unlike_pods)),
    Invariant("nothing outlives its owner", at_the_end(_owners)),
    Invariant("nothing outlives its node or its namespace", at_the_end(_places)),
    Invariant("nothing stays half deleted", at_the_end(_half_deleted)),
    Invariant("a ready pod runs", at_the_end(_ready)),
)
