"""Is the cluster what its users asked for, and if not, what is stuck and why.

Convergence is judged from the store alone, by what users can see: every workload has observed
its last change and has all of its replicas available, every pod is ready or has ended as it
should, nothing is half deleted, and every Service's slices name exactly its ready pods.

Source: kubernetes v1.36, kubectl's `rollout status` (polymorphichelpers/rollout_status.go) for
when a rollout is done; pkg/api/v1/pod/util.go for readiness.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kelm.core.laws.jobs import job_waits
from kelm.core.laws.pod_sets import daemon_set_waits, stateful_set_waits
from kelm.core.objects.batch import JOBS
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.selectors.labels import of_labels
from kelm.core.store.store import Store
from kelm.effects.address import Key, Resource
from kelm.effects.document import Document, child, children, flag, number, strings, text

SELDOM = 3
"""How many examples of what is stuck a sentence names."""


class Unsettled(msgspec.Struct, frozen=True):
    """One object that is not what it should become, and why, as a sentence's end."""

    resource: Resource
    key: Key
    why: str

    def __str__(self) -> str:
        return f"{self.resource} {self.key}: {self.why}"


def unsettled(store: Store) -> Iterator[Unsettled]:
    """What has not converged, workloads first; empty when everything has.

    >>> list(unsettled(Store()))
    []
    """
    yield from _terminating(store)
    for resource in ("deployments.apps", "replicasets.apps", "replicationcontrollers"):
        for doc in store.table(resource).objects():
            why = _workload(resource, doc)
            if why:
                yield Unsettled(resource, metadata(doc).key, why)
    pods = store.table("pods")
    for doc in store.table("statefulsets.apps").objects():
        why = stateful_set_waits(doc, pods)
        if why:
            yield Unsettled("statefulsets.apps", metadata(doc).key, why)
    for doc in store.table(JOBS).objects():
        why = job_waits(doc)
        if why:
            yield Unsettled(JOBS, metadata(doc).key, why)
    for doc in store.table("daemonsets.apps").objects():
        why = daemon_set_waits(doc)
        if why:
            yield Unsettled("daemonsets.apps", metadata(doc).key, why)
    for doc in pods.objects():
        why = stuck_pod(pod(doc))
        if why:
            yield Unsettled("pods", metadata(doc).key, why)
    yield from _services(store)


def _terminating(store: Store) -> Iterator[Unsettled]:
    for resource in store.resources():
        if resource in ("pods", "events", "leases.coordination.k8s.io"):
            continue
        for doc in store.table(resource).objects():
            meta = metadata(doc)
            if meta.deletion_timestamp is not None:
                waits = ", ".join(meta.finalizers) or "its contents"
                yield Unsettled(resource, meta.key, f"is being deleted, waiting for {waits}")


def _workload(resource: Resource, doc: Document) -> str:
    wanted = number(doc, "spec", "replicas", default=1)
    seen = number(doc, "status", "observedGeneration")
    if seen < metadata(doc).generation:
        return f"its controller has seen generation {seen} of {metadata(doc).generation}"
    if number(doc, "status", "replicas") != wanted and not flag(doc, "spec", "paused"):
        return f"has {number(doc, 'status', 'replicas')} of {wanted} replicas" + _reason(doc)
    updated = number(doc, "status", "updatedReplicas")
    if resource == "deployments.apps" and updated != wanted and not flag(doc, "spec", "paused"):
        return f"{updated} of {wanted} replicas are updated" + _reason(doc)
    available = number(doc, "status", "availableReplicas")
    if available != wanted:
        return f"{available} of {wanted} replicas are available" + _reason(doc)
    return ""


def _reason(doc: Document) -> str:
    """The controller's own words for what is wrong, where it has some."""
    for condition in children(doc, "status", "conditions"):
        kind, status = text(condition, "type"), text(condition, "status")
        if (kind, status) in {("ReplicaFailure", "True"), ("Progressing", "False")}:
            return f" ({text(condition, 'reason')}: {text(condition, 'message')})"
    return ""


def stuck_pod(view: Pod) -> str:
    """Why a pod is not where it should be: "" for one that is ready or has ended well."""
    if view.metadata.deletion_timestamp is not None:
        return "is terminating"
    if view.status.phase in ("Succeeded", "Failed"):
        return ""
    ready = view.status.condition("Ready")
    if ready is not None and ready.status == "True":
        return ""
    scheduled = view.status.condition("PodScheduled")
    if not view.spec.node_name:
        why = scheduled.message if scheduled is not None else "the scheduler has not seen it"
        return f"is not scheduled: {why}"
    return _waiting(view) or "is not ready" + (f": {ready.message}" if ready else "")


def _waiting(view: Pod) -> str:
    status = child(view.doc, "status")
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in children(status, field):
            waiting = child(container, "state", "waiting")
            reason, message = text(waiting, "reason"), text(waiting, "message")
            if reason:
                told = f": {message}" if message else ""
                return f"container {text(container, 'name')} is waiting: {reason}{told}"
    return ""


def _services(store: Store) -> Iterator[Unsettled]:
    pods, slices = store.table("pods"), store.table("endpointslices.discovery.k8s.io")
    for service in store.table("services").objects():
        selector = strings(service, "spec", "selector")
        if not selector or text(service, "spec", "type") == "ExternalName":
            continue
        meta = metadata(service)
        matches = of_labels(selector).matches
        first = next(iter(sorted(selector.items())))
        filed = pods.select("label", f"{meta.namespace}/{first[0]}={first[1]}")
        wanted = {
            metadata(doc).uid
            for doc in filed
            if matches(metadata(doc).labels or {}) and _serves(pod(doc), service)
        }
        label = f"{meta.namespace}/kubernetes.io/service-name={meta.name}"
        actual = {
            text(endpoint, "targetRef", "uid")
            for one in slices.select("label", label)
            for endpoint in children(one, "endpoints")
            if flag(endpoint, "conditions", "ready")
        }
        if wanted != actual:
            missing, extra = len(wanted - actual), len(actual - wanted)
            yield Unsettled(
                "services",
                meta.key,
                f"its EndpointSlices lack {missing} ready pods and name {extra} that are not",
            )


def _serves(view: Pod, service: Document) -> bool:
    if not view.status.pod_ip or view.status.phase in ("Succeeded", "Failed"):
        return False
    if flag(service, "spec", "publishNotReadyAddresses"):
        return True
    ready = view.status.condition("Ready")
    return ready is not None and ready.status == "True" and view.metadata.deletion_timestamp is None


def is_ready(doc: Document) -> bool:
    """Whether an object's condition Ready is true (nodes, pods)."""
    return any(
        text(condition, "type") == "Ready" and text(condition, "status") == "True"
        for condition in children(doc, "status", "conditions")
    )
