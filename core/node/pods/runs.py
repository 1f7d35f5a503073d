"""The containers of a pod as they go from stage to stage, and who has to notice.

A pod's containers share its network and its volumes, so a probe of one may find something else when
another starts or ends, when files change, or when what volumes are made from does.
"""

from __future__ import annotations

import msgspec

from kelm.core.node.containers.probes import waken
from kelm.core.node.pods.local import ContainerRun, LocalPod
from kelm.core.node.pods.recipe import Recipe

replace = msgspec.structs.replace


def with_run(pod: LocalPod, index: int, run: ContainerRun) -> LocalPod:
    """The pod with another run of one container. What an ended one wrote to its root is gone."""
    before = pod.runs[index]
    pod = replace(pod, runs=(*pod.runs[:index], run, *pod.runs[index + 1 :]))
    if run.stage == before.stage or run.stage not in ("running", "exited"):
        return pod
    root = f"root/{pod.recipe.containers[index].name}"
    if run.stage == "exited" and root in pod.parts:
        pod = replace(pod, parts=pod.parts.remove(root))
    alone = len(pod.runs) + len(pod.guests) == 1
    return pod if alone else stirred(pod, max(run.started_ms, run.ended_ms))


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
