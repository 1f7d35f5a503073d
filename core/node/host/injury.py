"""What a fault does to the pods of a node.

Source: none; `faults` says what the faults are.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.core.node.containers.behaviour import Window
from kelm.core.node.containers.starting import with_windows
from kelm.core.node.containers.stopping import ended
from kelm.core.node.host.faults import (
    ContainerCrashed,
    FilesChanged,
    ImagePullsFailed,
    ImagesSlowed,
    NodeFault,
    ProbesFailed,
)
from kelm.core.node.pods.guests import FIELD, as_pod, find_container
from kelm.core.node.pods.lifecycle import settle
from kelm.core.node.pods.local import ContainerRun, LocalPod
from kelm.core.node.pods.runs import stirred, wakened, with_run
from kelm.core.node.turn import Turn
from kelm.effects.address import Key

PullFaults = tuple[tuple[str, int], ...]

replace = msgspec.structs.replace


def injured(
    turn: Turn, pods: Mapping[Key, LocalPod], pull_faults: PullFaults, fault: NodeFault
) -> tuple[PullFaults, list[LocalPod]]:
    """The faults of the registry from now on, and the pods that a fault changed."""
    if isinstance(fault, ImagePullsFailed):
        current = tuple(
            (image, until_ms)
            for image, until_ms in pull_faults
            if until_ms > fault.now_ms and image != fault.image
        )
        return (*current, (fault.image, fault.until_ms)), []
    if isinstance(fault, ImagesSlowed):
        return pull_faults, [slow for pod in pods.values() if (slow := _slowed(turn, pod, fault))]
    pod = pods.get(fault.pod_key)
    if pod is None or pod.life in ("over", "deleted"):
        return pull_faults, []
    if isinstance(fault, FilesChanged):
        return pull_faults, [_changed(turn, pod, fault)] if pod.uid == fault.uid else []
    if isinstance(fault, ContainerCrashed):
        return pull_faults, [_crashed(turn, pod, fault)]
    return pull_faults, [_failing(pod, fault)]


def _crashed(turn: Turn, pod: LocalPod, fault: ContainerCrashed) -> LocalPod:
    for index, recipe in enumerate(pod.recipe.containers):
        run = pod.runs[index]
        named = recipe.name == fault.container or (
            not fault.container and index == pod.recipe.init_count
        )
        if named and run.stage == "running":
            if fault.lines:
                run = _heard(run, fault)
            end = ended(recipe, replace(run, stop_code=fault.exit_code), turn.now_ms)
            if fault.out_of_memory:
                end = replace(end, exit_code=137, exit_reason="OOMKilled")
            return settle(turn, with_run(pod, index, end), turn.now_ms)
    return _guest_ended(turn, pod, fault)


def _heard(run: ContainerRun, fault: ContainerCrashed) -> ContainerRun:
    """A run that said more than was foreseen."""
    said = run.behaviour.lines + fault.lines
    return replace(run, behaviour=replace(run.behaviour, lines=said))


def _guest_ended(turn: Turn, pod: LocalPod, fault: ContainerCrashed) -> LocalPod:
    found = find_container(pod, fault.container)
    if found is None or found[0].recipe.field != FIELD:
        return pod
    seen, index = found
    run = seen.runs[index]
    if run.stage != "running":
        return pod
    run = replace(_heard(run, fault), stop_code=fault.exit_code)
    return as_pod(with_run(seen, index, ended(seen.recipe.containers[index], run, turn.now_ms)))


def _changed(turn: Turn, pod: LocalPod, fault: FilesChanged) -> LocalPod:
    """Other files: probes may find something else from now on."""
    return stirred(turn.written(pod, fault.changes), fault.now_ms)


def _slowed(turn: Turn, pod: LocalPod, fault: ImagesSlowed) -> LocalPod | None:
    runs = list(pod.runs)
    for index, run in enumerate(runs):
        image = pod.recipe.containers[index].image
        pulling = run.stage == "creating" and run.pull_started_ms
        if pulling and fault.image in ("", image) and run.due_ms < fault.until_ms:
            runs[index] = replace(run, due_ms=fault.until_ms)
            turn.images = turn.images.put(image, fault.until_ms)
    return replace(pod, runs=tuple(runs)) if tuple(runs) != pod.runs else None


def _failing(pod: LocalPod, fault: ProbesFailed) -> LocalPod:
    window = Window(fault.now_ms, fault.until_ms, fault.probes, fault.message)
    kept = tuple(one for one in pod.windows if one[1].until_ms > fault.now_ms)
    runs = list(pod.runs)
    added = []
    for index, recipe in enumerate(pod.recipe.containers):
        if fault.container not in ("", recipe.name):
            continue
        added.append((index, window))
        run = runs[index]
        if run.stage == "running":
            behaviour = with_windows(run.behaviour, ((index, window),), index, run.started_ms)
            runs[index] = wakened(recipe, replace(run, behaviour=behaviour), fault.now_ms)
    return replace(pod, runs=tuple(runs), windows=(*kept, *added))
