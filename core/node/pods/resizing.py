"""In-place resize: what a pod's containers may use, changed while they run.

A node grants what fits beside its other pods, at once; what could fit when others go waits
(`Deferred`) and is tried again then, what it can never have is refused for good (`Infeasible`).
While a resize is carried out the pod says so; containers that ask for it are restarted with it.

Source: kubernetes v1.36, pkg/kubelet/allocation/allocation_manager.go (handlePodResourcesResize,
canResizePod), pkg/kubelet/kuberuntime/kuberuntime_manager.go (doPodResizeAction),
pkg/kubelet/status/status_manager.go, pkg/kubelet/events/event.go.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.node.containers.behaviour import NEVER_MS
from kelm.core.node.containers.stopping import stop_container
from kelm.core.node.pods.admission import Usage
from kelm.core.node.pods.local import LocalPod, Resizing
from kelm.core.node.pods.recipe import PodRecipe, pod_recipe
from kelm.core.node.turn import Turn
from kelm.core.objects.time import format_time
from kelm.effects.document import Document, child, children, text

RESIZE_MS: Final = 1_000
"""How long a node takes to carry a resize out."""
PENDING: Final = "PodResizePending"
IN_PROGRESS: Final = "PodResizeInProgress"
AMOUNTS: Final = ("allocatedResources", "resources")

replace = msgspec.structs.replace


def resources_of(recipe: PodRecipe) -> tuple[Document, ...]:
    """What the containers of a pod ask for and are limited to, in the order of their recipes."""
    return tuple([one.resources for one in recipe.containers])


def is_asked(before: LocalPod, after: LocalPod) -> bool:
    """Whether a changed specification asks for other resources."""
    if after.recipe is before.recipe or after.recipe.spec is before.recipe.spec:
        return False
    return resources_of(after.recipe) != resources_of(before.recipe)


def asked(turn: Turn, used: Usage, offered: Usage, before: LocalPod, after: LocalPod) -> LocalPod:
    """A pod whose specification asks for other resources, with the node's word on it.

    used: what all pods have been granted, this one among them.
    """
    known = before.resizing
    granted = known.granted if known is not None else resources_of(before.recipe)
    actual = known.actual if known is not None else granted
    old, new = before.recipe, after.recipe
    complaint = _complaint(used, offered, old, new)
    if complaint is None:
        wanted = resources_of(new)
        resizing = Resizing(
            granted=wanted,
            actual=actual,
            since=format_time(turn.now_ms),
            due_ms=turn.now_ms + RESIZE_MS,
        )
        turn.tell(after, "Normal", "ResizeStarted", f"Pod resize started: {_told(after, wanted)}")
        return replace(after, resizing=resizing)
    reason, message = complaint
    same = known is not None and known.reason == reason
    since = known.since if known is not None and same else format_time(turn.now_ms)
    kept = replace(new, cpu_milli=old.cpu_milli, memory_bytes=old.memory_bytes)
    if not same:
        event = f"Resize{reason}"
        turn.tell(after, "Warning", event, f"Pod resize {reason}: {message}")
    resizing = Resizing(granted, actual, reason, message, since)
    return replace(after, recipe=kept, resizing=resizing)


def _complaint(
    used: Usage, offered: Usage, old: PodRecipe, new: PodRecipe
) -> tuple[str, str] | None:
    """Why a node cannot grant this now, or ever."""
    for name, most, before, wanted, taken in (
        ("cpu", offered.cpu_milli, old.cpu_milli, new.cpu_milli, used.cpu_milli),
        ("memory", offered.memory_bytes, old.memory_bytes, new.memory_bytes, used.memory_bytes),
    ):
        if wanted > most:
            why = f"{name}, requested: {wanted}, capacity: {most}"
            return "Infeasible", f"Node didn't have enough capacity: {why}"
        if wanted > before and taken - before + wanted > most:
            others = taken - before
            why = f"{name}, requested: {wanted}, used: {others}, capacity: {most}"
            return "Deferred", f"Node didn't have enough resource: {why}"
    return None


def _told(pod: LocalPod, resources: tuple[Document, ...]) -> str:
    names = [recipe.name for recipe in pod.recipe.containers]
    listed = [{"name": name, "resources": one} for name, one in zip(names, resources, strict=False)]
    return msgspec.json.encode({"containers": listed}).decode()


def wanted_again(turn: Turn, used: Usage, offered: Usage, pod: LocalPod) -> LocalPod:
    """A pod whose resize was put off, tried once more; the same pod if it must go on waiting."""
    resizing = pod.resizing
    if resizing is None or resizing.reason != "Deferred":
        return pod
    full = pod_recipe(pod.recipe.spec)
    if _complaint(used, offered, pod.recipe, full) is not None:
        return pod
    return asked(turn, used, offered, pod, replace(pod, recipe=full))


def carried_out(turn: Turn, pod: LocalPod, at_ms: int) -> LocalPod:
    """A resize whose time has come is done; who is to be restarted with it, is."""
    resizing = pod.resizing
    if resizing is None or resizing.due_ms > at_ms:
        return pod
    runs = list(pod.runs)
    spec = pod.recipe.spec
    listed = (*children(spec, "initContainers"), *children(spec, "containers"))
    for index, doc in enumerate(listed):
        run = runs[index]
        before, after = resizing.actual[index], resizing.granted[index]
        if run.stage == "running" and _restarts(doc, before, after):
            name = text(doc, "name")
            why = f"Container {name} resize requires restart"
            grace_ms = pod.recipe.grace_seconds * 1_000
            stopped = stop_container(turn, pod, index, at_ms, grace_ms, why)
            runs[index] = replace(stopped, restart_asked=True)
    turn.tell(
        pod, "Normal", "ResizeCompleted", f"Pod resize completed: {_told(pod, resizing.granted)}"
    )
    done = Resizing(granted=resizing.granted, actual=resizing.granted)
    return replace(pod, runs=tuple(runs), resizing=done)


def _restarts(container: Document, before: Document, after: Document) -> bool:
    """Whether a container must be restarted for this change."""
    for policy in children(container, "resizePolicy"):
        name = text(policy, "resourceName")
        if text(policy, "restartPolicy") != "RestartContainer":
            continue
        for kind in ("requests", "limits"):
            if child(before, kind).get(name) != child(after, kind).get(name):
                return True
    return False


def resize_conditions(pod: LocalPod) -> tuple[Document, ...]:
    """What a pod says of its resize."""
    resizing = pod.resizing
    if resizing is None:
        return ()
    fields: dict[str, str | int | None] = {"status": "True", "lastProbeTime": None}
    fields["lastTransitionTime"] = resizing.since
    if pod.generation:
        fields["observedGeneration"] = pod.generation
    if resizing.reason:
        more = {"reason": resizing.reason, "message": resizing.message}
        return (Document({"type": PENDING, **fields, **more}),)
    if resizing.due_ms < NEVER_MS:
        return (Document({"type": IN_PROGRESS, **fields}),)
    return ()


def amounts(granted: Document, actual: Document) -> dict[str, Document]:
    """What the status of a container says of its resources, once it was created.

    Upstream says `{}` of one that asks for nothing and has no limit; here that is left away.

    >>> amounts(Document(limits=Document(cpu="1")), Document())
    {}
    """
    requests = child(granted, "requests")
    found = {"allocatedResources": requests} if requests else {}
    return {**found, "resources": actual} if actual else found


def with_amounts(pod: LocalPod, statuses: tuple[Document, ...]) -> tuple[Document, ...]:
    """Containers' statuses with what they were granted and what they run with."""
    resizing = pod.resizing
    if resizing is None:
        return statuses
    found = []
    for status, granted, actual in zip(statuses, resizing.granted, resizing.actual, strict=True):
        if "containerID" in status:
            runs = "running" in child(status, "state")
            kept = {name: status[name] for name in status if name not in AMOUNTS}
            status = Document({**kept, **amounts(granted, actual if runs else granted)})
        found.append(status)
    return tuple(found)
