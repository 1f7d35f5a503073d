"""Pods come to a node, change, and leave it: what a watch tells, made into what the node knows.

Source: kubernetes v1.36, pkg/kubelet/kubelet.go (HandlePodAdditions, HandlePodUpdates,
HandlePodRemoves), pkg/kubelet/pod_workers.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.node.containers.behaviour import NEVER_MS
from kelm.core.node.containers.renewal import renewed
from kelm.core.node.containers.starting import CONFIG_ERROR
from kelm.core.node.containers.stopping import stop_container, stop_pod
from kelm.core.node.pods.conditions import OWN, RESIZES
from kelm.core.node.pods.guests import arrived
from kelm.core.node.pods.lifecycle import settle
from kelm.core.node.pods.local import INITIALIZING, NEW, ContainerRun, LocalPod
from kelm.core.node.pods.recipe import PodRecipe, pod_recipe
from kelm.core.node.turn import Turn
from kelm.core.objects.meta import metadata
from kelm.core.objects.time import format_time
from kelm.effects.address import Key, ObjectRef
from kelm.effects.document import EMPTY, Document, child, children, text

DECIDED = frozenset((*OWN, *RESIZES))
"""The conditions that no other than the kubelet keeps."""

replace = msgspec.structs.replace

KEPT = ("resourceClaimStatuses", "extendedResourceClaimStatus")


def new_pod(turn: Turn, key: Key, doc: Document, address: int) -> LocalPod:
    """A pod that was bound to this node, before anything of it was started."""
    meta, status = metadata(doc), child(doc, "status")
    recipe = pod_recipe(child(doc, "spec"))
    fields = child(doc, "metadata")
    started = status.get("startTime")
    return LocalPod(
        key=key,
        ref=ObjectRef("pods", meta.namespace, meta.name, meta.uid),
        recipe=recipe,
        runs=first_runs(recipe),
        guests=(NEW,) * len(recipe.guests),
        labels=child(fields, "labels") if "labels" in fields else EMPTY,
        annotations=child(fields, "annotations") if "annotations" in fields else EMPTY,
        generation=meta.generation,
        qos_class=status.get("qosClass"),
        foreign=foreign(status),
        kept=kept(status),
        address=address,
        accepted_ms=turn.now_ms,
        started_text=started if isinstance(started, str) else format_time(turn.now_ms),
    )


def first_runs(recipe: PodRecipe) -> tuple[ContainerRun, ...]:
    """Containers that never ran: the pod's own wait for init containers, where there are any."""
    run = INITIALIZING if recipe.init_count else NEW
    return (run,) * len(recipe.containers)


def _generation(meta: Document) -> int:
    generation = meta.get("generation")
    return generation if isinstance(generation, int) else 0


def foreign(status: Document) -> tuple[Document, ...]:
    """The conditions that others than the kubelet keep."""
    return tuple([one for one in children(status, "conditions") if one.get("type") not in DECIDED])


def kept(status: Document) -> Document:
    """The parts of a status that others than the kubelet write."""
    found = {name: status[name] for name in KEPT if name in status}
    return Document(found) if found else EMPTY


def is_over(doc: Document) -> bool:
    """Whether the API says that a pod has ended."""
    return child(doc, "status").get("phase") in ("Succeeded", "Failed")


def changed(turn: Turn, pod: LocalPod, doc: Document, revision: int) -> LocalPod:
    """A pod of this node as it is now known to the API. The same pod where nothing matters."""
    meta, status = doc["metadata"], doc.get("status")
    assert isinstance(meta, Document)
    if "deletionTimestamp" in meta:
        if not pod.deleting:
            pod = delete(turn, pod, meta)
        elif pod.life == "stopping":
            pod = _hurried(turn, pod, meta)
    if (meta.get("generation") or 0) != pod.generation:
        pod = _respecified(turn, pod, meta, child(doc, "spec"))
    labels, annotations = meta.get("labels", EMPTY), meta.get("annotations", EMPTY)
    if labels is not pod.labels or annotations is not pod.annotations:
        pod = _relabelled(turn, pod, meta)
    if status is pod.written or status is pod.sent or not isinstance(status, Document):
        return pod
    if revision <= pod.written_revision or status == pod.written:
        return pod
    return _overwritten(turn, pod, status)


def delete(turn: Turn, pod: LocalPod, meta: Document) -> LocalPod:
    """The pod was asked to go."""
    pod = replace(pod, deleting=True)
    if pod.life == "over":
        return pod
    return settle(turn, stop_pod(turn, pod, turn.now_ms, _grace_ms(meta, pod)), turn.now_ms)


def _grace_ms(meta: Document, pod: LocalPod) -> int:
    grace = meta.get("deletionGracePeriodSeconds")
    return (grace if isinstance(grace, int) else pod.recipe.grace_seconds) * 1_000


def _hurried(turn: Turn, pod: LocalPod, meta: Document) -> LocalPod:
    """A second deletion may shorten the grace, never lengthen it."""
    grace_ms = _grace_ms(meta, pod)
    if turn.now_ms + grace_ms >= pod.stop_by_ms:
        return pod
    return settle(turn, stop_pod(turn, pod, turn.now_ms, grace_ms), turn.now_ms)


def _respecified(turn: Turn, pod: LocalPod, meta: Document, spec: Document) -> LocalPod:
    """The spec changed: the node reads images, deadline, grace, and who is to be a guest."""
    recipe = pod.recipe if spec is pod.recipe.spec else pod_recipe(spec)
    if len(recipe.containers) != len(pod.recipe.containers):
        recipe = pod.recipe
    changed = [
        index
        for index, (old, new) in enumerate(
            zip(pod.recipe.containers, recipe.containers, strict=True)
        )
        if old.image != new.image
    ]
    pod = replace(pod, recipe=recipe, generation=_generation(meta))
    runs = list(pod.runs)
    for index in changed if pod.life == "live" else ():
        runs[index] = _with_other_image(turn, pod, index)
    pod = replace(pod, runs=tuple(runs)) if changed else pod
    if len(recipe.guests) > len(pod.guests):
        pod = settle(turn, arrived(pod, recipe), turn.now_ms)
    return pod


def _with_other_image(turn: Turn, pod: LocalPod, index: int) -> ContainerRun:
    """A container whose image is another now: one that runs is stopped and starts anew, one that
    waits for an image or for a back-off tries at once. What has ended for good is left alone.

    Source: pkg/kubelet/kuberuntime/kuberuntime_manager.go (computePodActions, containerChanged).
    """
    run, recipe = pod.runs[index], pod.recipe.containers[index]
    if run.stage == "running" and run.stop_code is None:
        if index < pod.recipe.init_count and recipe.restart_policy != "Always":
            return run
        text = f"Container {recipe.name} definition changed, will be restarted"
        grace_ms = pod.recipe.grace_seconds * 1_000
        stopped = stop_container(turn, pod, index, turn.now_ms, grace_ms, text)
        return replace(stopped, restart_asked=True, backoff=None)
    if run.stage == "creating" or (run.stage == "waiting" and run.due_ms != NEVER_MS):
        return replace(run, stage="waiting", due_ms=turn.now_ms, pull_backoff=None)
    if run.stage == "exited" and run.due_ms != NEVER_MS:
        return replace(run, due_ms=turn.now_ms, backoff=None)
    return run


def _relabelled(turn: Turn, pod: LocalPod, meta: Document) -> LocalPod:
    """Labels or annotations changed, which may be what a container could not be created without."""
    labels, annotations = child(meta, "labels"), child(meta, "annotations")
    runs = tuple(
        replace(run, due_ms=turn.now_ms) if run.reason == CONFIG_ERROR else run for run in pod.runs
    )
    return renewed(turn, replace(pod, labels=labels, annotations=annotations, runs=runs))


def _overwritten(turn: Turn, pod: LocalPod, status: Document) -> LocalPod:
    """Somebody else wrote the status: keep their conditions, and an end that they declared.

    Who has ended for the API has ended, even while its containers are still being stopped.
    Source: pkg/kubelet/kubelet_pods.go, generateAPIPodStatus.
    """
    pod = replace(pod, foreign=foreign(status), kept=kept(status), written=status)
    phase = status.get("phase")
    if phase in ("Succeeded", "Failed") and pod.life == "live":
        pod = replace(
            pod,
            phase=phase,
            forced_phase=phase,
            reason=text(status, "reason"),
            message=text(status, "message"),
        )
        grace_ms = pod.recipe.grace_seconds * 1_000
        return settle(turn, stop_pod(turn, pod, turn.now_ms, grace_ms), turn.now_ms)
    return pod
