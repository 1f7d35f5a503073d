"""The pods of an autoscaler's target, as the calculation sees them.

Source: kubernetes v1.36, pkg/controller/podautoscaler/replica_calculator.go (groupPods,
calculateRequests, getReadyPodsCount).
"""

from __future__ import annotations

from typing import Final, TypeAlias

from kelm.core.controllers.horizontal_pod_autoscaler.measures import ByPod
from kelm.core.controllers.horizontal_pod_autoscaler.replicas import Measured
from kelm.core.objects.meta import labels_of
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.pod_resources import pod_requests
from kelm.core.objects.quantity import parse_quantity
from kelm.core.objects.selectors.labels import Selector
from kelm.core.objects.time import parse_time
from kelm.core.runtime.controller import Caches
from kelm.effects.document import child

Pods: TypeAlias = "tuple[Pod, ...]"
INITIAL_READINESS_MS: Final = 10_000
"""A pod that became unready so soon after its start has never been ready."""


def selected(caches: Caches, namespace: str, selector: Selector) -> Pods:
    """The pods of a namespace that a selector chooses, by name."""
    table = caches["pods"]
    if selector.equal:
        key, value = selector.equal[0]
        docs = table.select("label", f"{namespace}/{key}={value}")
    else:
        docs = table.select("namespace", namespace)
    found = [pod(doc) for doc in docs if selector.matches(labels_of(doc))]
    return tuple(sorted(found, key=lambda one: one.metadata.name))


def ready_count(pods: Pods) -> int:
    """How many run and are ready."""
    return sum(one.status.phase == "Running" and one.ready for one in pods)


def measured(
    pods: Pods, measures: ByPod, now_ms: int, resource: str = "", container: str = ""
) -> tuple[Measured, ...]:
    """Each pod with its measure; with its request, too, where a resource is named."""
    return tuple(_measured(one, measures, now_ms, resource, container) for one in pods)


def _measured(one: Pod, measures: ByPod, now_ms: int, resource: str, container: str) -> Measured:
    measure, status = measures.get(one.metadata.name), one.status
    condition = status.condition("Ready")
    start_ms = parse_time(status.start_time) if status.start_time else None
    known = condition is not None and start_ms is not None
    changed_ms = 0
    if condition is not None and condition.last_transition_time:
        changed_ms = parse_time(condition.last_transition_time)
    request: int | str | None = _request(one, resource, container) if resource else None
    return Measured(
        one.metadata.name,
        usage=None if measure is None else measure.value,
        request=request if isinstance(request, int) else None,
        phase=status.phase,
        ready=known and condition is not None and condition.status != "False",
        deleting=one.metadata.deletion_timestamp is not None,
        since_start_ms=None if start_ms is None else now_ms - start_ms,
        is_stale=measure is not None and measure.at_ms < changed_ms + measure.window_ms,
        never_ready=not known or start_ms is None or start_ms + INITIAL_READINESS_MS > changed_ms,
        lack=request if isinstance(request, str) else "",
    )


def _request(one: Pod, resource: str, container: str) -> int | str:
    """What a pod, or a container of it, asks for in thousandths; or what it lacks."""
    spec, name = one.spec, one.metadata.name
    if not container and child(spec.doc, "resources", "requests"):
        whole = pod_requests(spec.doc).get(resource)
        lack = f"missing pod-level request for {resource} in Pod {name}"
        return lack if whole is None else whole.at_scale(-3)
    sidecars = (each for each in spec.init_containers if each.restart_policy == "Always")
    total = 0
    for each in (*spec.containers, *sidecars):
        if container not in ("", each.name):
            continue
        amount = (each.resources.requests or {}).get(resource)
        if amount is None:
            return f"missing request for {resource} in container {each.name} of Pod {name}"
        total += parse_quantity(amount).at_scale(-3)
        if container:
            return total
    return f"container {container} not found in Pod {name}" if container else total
