"""The containers of a pod as they go from stage to stage, and who has to notice.

A pod's containers share its network and its volumes, so a probe of one may find something else when
another starts or ends, when files change, or when what volumes are made from does.
"""

from __future__ import annotations

import msgspec

from kelm.core.node.containers.probes import waken
from kelm.core.node.files.entries import Change, Parts, with_changes
from kelm.core.node.files.host_files import HOST
from kelm.core.node.pods.local import ContainerRun, LocalPod
from kelm.core.node.pods.recipe import Recipe

replace = msgspec.structs.replace


def with_run(pod: LocalPod, index: int, run: ContainerRun) -> LocalPod:
    """The pod with another run of one container.

    What one that has ended wrote to its volumes stays there, what it wrote to its root is gone.
    """
    before, runs = pod.runs[index], pod.runs
    pod = replace(pod, runs=(*pod.runs[:index], run, *pod.runs[index + 1 :]))
    if run.stage == before.stage or run.stage not in ("running", "exited"):
        return pod
    if run.stage == "exited" and (pod.parts or run.behaviour.writes):
        parts = files_at(replace(pod, runs=runs), run.ended_ms)
        parts = parts.remove(f"root/{pod.recipe.containers[index].name}")
        pod = replace(pod, parts=parts, parts_ms=run.ended_ms)
    alone = len(pod.runs) + len(pod.guests) == 1
    return pod if alone else stirred(pod, max(run.started_ms, run.ended_ms))


def files_at(pod: LocalPod, now_ms: int) -> Parts:
    """A pod's own files at a time: as they are known, and what its programs wrote since."""
    written = [
        (at_ms, write.change)
        for run in pod.runs + pod.guests
        if run.stage == "running"
        for write in run.behaviour.writes
        if pod.parts_ms < (at_ms := run.started_ms + write.at_ms) <= now_ms
        or at_ms == pod.parts_ms == run.started_ms
    ]
    written.sort(key=lambda one: one[0])
    own = tuple([change for _, change in written if change.part != HOST])
    return with_changes(pod.parts, own) if own else pod.parts


def with_written(pod: LocalPod, changes: tuple[Change, ...], now_ms: int) -> LocalPod:
    """The pod after somebody has written files of it now."""
    parts = with_changes(files_at(pod, now_ms), changes)
    return replace(pod, parts=parts, parts_ms=now_ms)


def stirred(pod: LocalPod, now_ms: int) -> LocalPod:
    """Something about a pod is otherwise from now on: its probes look at their next ticks."""
    recipe = pod.recipe
    runs = _stirred(recipe.containers, pod.runs, now_ms)
    guests = _stirred(recipe.guests, pod.guests, now_ms)
    same = runs is pod.runs and guests is pod.guests
    return pod if same else replace(pod, runs=runs, guests=guests)


def _stirred(
    recipes: tuple[Recipe, ...], runs: tuple[ContainerRun, ...], now_ms: int
) -> tuple[ContainerRun, ...]:
    if not any(run.probes for run in runs):
        return runs
    return tuple([wakened(one, run, now_ms) for one, run in zip(recipes, runs, strict=True)])


def wakened(recipe: Recipe, run: ContainerRun, now_ms: int) -> ContainerRun:
    """A container of which a probe may find something else from now on."""
    if run.stage != "running" or not run.probes:
        return run
    probes = tuple(
        [
            waken(probe, state, run.started_ms, now_ms)
            for probe, state in zip(recipe.probes, run.probes, strict=True)
        ]
    )
    return replace(run, probes=probes)
