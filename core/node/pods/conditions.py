"""A pod's conditions: what its containers' states say, and since when.

Equal conditions are one document and equal lists of conditions one tuple: thousands of pods
that became ready in the same second share them.

Source: kubernetes v1.36, pkg/kubelet/status/generate.go, pkg/kubelet/status/status_manager.go
(updateLastTransitionTime, mergePodStatus), pkg/kubelet/types/pod_status.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from kelm.core.node.pods.local import ContainerRun, LocalPod, Verdict
from kelm.core.node.pods.recipe import PodRecipe
from kelm.core.node.pods.resizing import IN_PROGRESS, PENDING, resize_conditions
from kelm.core.objects.time import format_time
from kelm.effects.document import Document, children, text

OWN = (
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
)
"""The conditions that a kubelet decides. PodScheduled is kept as it is found."""

RESIZES = (PENDING, IN_PROGRESS)
"""These are a kubelet's own, too, and there only while a resize waits or is carried out."""

TRUE: Verdict = ("True", "", "")
FALSE: Verdict = ("False", "", "")
NOT_INITIALIZED = "ContainersNotInitialized"
NOT_READY = "ContainersNotReady"


@lru_cache(maxsize=8192)
def condition(
    kind: str, status: str, reason: str, message: str, since: str, generation: int
) -> Document:
    """One condition's document; equal ones are the same."""
    fields: dict[str, str | int | None] = {
        "type": kind,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": since,
    }
    if reason:
        fields["reason"] = reason
    if message:
        fields["message"] = message
    if generation:
        fields["observedGeneration"] = generation
    return Document(fields)


@lru_cache(maxsize=1024)
def _together(
    verdicts: tuple[Verdict, ...], since: tuple[str, ...], generation: int, scheduled: str
) -> tuple[Document, ...]:
    own = tuple(
        condition(kind, *verdict, when, generation)
        for kind, verdict, when in zip(OWN, verdicts, since, strict=True)
    )
    return (*own, condition("PodScheduled", "True", "", "", scheduled, 0)) if scheduled else own


def pod_conditions(pod: LocalPod) -> tuple[Document, ...]:
    """All conditions of a pod: others' first, then the kubelet's own, then PodScheduled."""
    scheduled = None
    others: tuple[Document, ...] = ()
    for one in pod.foreign:
        if one.get("type") == "PodScheduled":
            scheduled = one
        else:
            others += (one,)
    when = text(scheduled, "lastTransitionTime") if scheduled is not None else ""
    shared = _together(pod.verdicts, pod.since, pod.generation, when)
    if scheduled is not None and shared[-1] != scheduled:
        shared = (*shared[: len(OWN)], scheduled)
    if pod.resizing is not None:
        others += resize_conditions(pod)
    return others + shared if others else shared


def judged(pod: LocalPod, now_ms: int) -> LocalPod:
    """The pod with its conditions decided anew: what changed its status changed now."""
    verdicts = _verdicts(pod)
    before = pod.verdicts
    if verdicts == before:
        return pod
    now = format_time(now_ms)
    since = tuple(
        [
            pod.since[index] if before and before[index][0] == verdict[0] else now
            for index, verdict in enumerate(verdicts)
        ]
    )
    return msgspec.structs.replace(pod, verdicts=verdicts, since=since)


def remembered(status: Document) -> tuple[tuple[Verdict, ...], tuple[str, ...]]:
    """The kubelet's own conditions as a status has them; nothing unless all are there."""
    found = {one.get("type"): one for one in children(status, "conditions")}
    own = [found[kind] for kind in OWN if kind in found]
    if len(own) != len(OWN):
        return (), ()
    verdicts = tuple((text(c, "status"), text(c, "reason"), text(c, "message")) for c in own)
    return verdicts, tuple(text(one, "lastTransitionTime") for one in own)


def _verdicts(pod: LocalPod) -> tuple[Verdict, ...]:
    containers = containers_ready(pod.recipe, pod.runs, pod.phase)
    return (
        TRUE if pod.sandbox_ready else FALSE,
        initialized(pod.recipe, pod.runs, pod.phase, pod.initialized),
        ready(pod.recipe.readiness_gates, pod.foreign, containers),
        containers,
    )


def initialized(
    recipe: PodRecipe, runs: Sequence[ContainerRun], phase: str, has_initialized: bool
) -> Verdict:
    """Whether all init containers are through (sidecars: have started)."""
    if phase == "Succeeded":
        return ("True", "PodCompleted", "")
    if has_initialized or not recipe.init_count:
        return TRUE
    incomplete = [
        recipe.containers[index].name
        for index in range(recipe.init_count)
        if not _is_through(recipe, index, runs[index])
    ]
    if not incomplete:
        return TRUE
    message = f"containers with incomplete status: [{' '.join(incomplete)}]"
    return ("False", NOT_INITIALIZED, message)


def _is_through(recipe: PodRecipe, index: int, run: ContainerRun) -> bool:
    if recipe.is_sidecar(index):
        return run.started
    return run.stage == "exited" and run.exit_code == 0


def containers_ready(recipe: PodRecipe, runs: Sequence[ContainerRun], phase: str) -> Verdict:
    """Whether every container and sidecar is ready.

    >>> from kelm.core.node.pods.recipe import pod_recipe
    >>> from kelm.effects.document import document
    >>> pod = pod_recipe(document({"containers": [{"name": "a"}, {"name": "b"}]}))
    >>> containers_ready(pod, (ContainerRun(ready=True), ContainerRun()), "Running")
    ('False', 'ContainersNotReady', 'containers with unready status: [b]')
    """
    if phase == "Succeeded":
        return ("False", "PodCompleted", "")
    if phase == "Failed":
        return ("False", "PodFailed", "")
    unready = [
        recipe.containers[index].name
        for index, run in enumerate(runs)
        if not run.ready and (index >= recipe.init_count or recipe.is_sidecar(index))
    ]
    if not unready:
        return TRUE
    return ("False", NOT_READY, f"containers with unready status: [{' '.join(unready)}]")


def ready(gates: tuple[str, ...], foreign: Sequence[Document], containers: Verdict) -> Verdict:
    """Whether the pod should get traffic: its containers are ready and every gate is open.

    >>> ready(("example.com/lb",), (), TRUE)[2]
    'corresponding condition of pod readiness gate "example.com/lb" does not exist.'
    """
    if containers[0] != "True":
        return containers
    if not gates:
        return TRUE
    found = {one["type"]: one["status"] for one in foreign}
    messages = []
    for gate in gates:
        if gate not in found:
            messages.append(
                f'corresponding condition of pod readiness gate "{gate}" does not exist.'
            )
        elif found[gate] != "True":
            messages.append(
                f'the status of pod readiness gate "{gate}" is not "True", but {found[gate]}'
            )
    return ("False", "ReadinessGatesNotReady", ", ".join(messages)) if messages else TRUE
