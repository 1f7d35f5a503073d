"""A pod's phase from what its containers do.

Pending while something has not run yet, Running while something runs or will be restarted, and
then Succeeded or Failed. Sidecars that ended do not count; a plain init container that failed for
good fails the pod.

Source: kubernetes v1.36, pkg/kubelet/kubelet_pods.go (getPhase).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from kelm.core.node.containers.restart import may_restart, restarts_after
from kelm.core.node.pods.recipe import PodRecipe, Recipe

Doing: TypeAlias = Literal["running", "waiting", "terminated", "none"]


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How one container stands. `exit_code`: of this end, or of the last one while it waits."""

    doing: Doing
    exit_code: int = 0
    ran_before: bool = False
    started: bool = False


NOTHING = Standing("none")


def pod_phase(
    pod: PodRecipe, standings: Sequence[Standing], *, is_terminal: bool, has_initialized: bool
) -> str:
    """The phase of a pod.

    Args:
        standings: one for each of `pod.containers`, in its order; NOTHING where nothing is known.
        is_terminal: no container of the pod will be started again (deleted, evicted).
        has_initialized: the pod's own containers may have run already.
    """
    init, apps = standings[: pod.init_count], standings[pod.init_count :]
    pending, sidecars_pending, failed = _initialization(pod, init)
    if failed:
        return "Failed"
    running = sum(s.doing == "running" for s in apps)
    waiting = sum(s.doing == "waiting" and not s.ran_before for s in apps)
    unknown = sum(s.doing == "none" for s in apps)
    for index, standing in enumerate(init):
        if pod.is_sidecar(index):
            running += standing.doing == "running"
            waiting += standing.doing == "waiting" and not standing.ran_before
            unknown += standing.doing == "none"
    if pending or (sidecars_pending and not has_initialized) or waiting:
        return "Pending"
    if unknown:
        return "Pending"
    if running:
        return "Running"
    return _ended(pod, apps, is_terminal) if apps else "Pending"


def _initialization(pod: PodRecipe, init: Sequence[Standing]) -> tuple[bool, bool, bool]:
    """Whether init containers are pending, sidecars are, and whether one failed for good."""
    pending = sidecars_pending = failed = False
    for index, standing in enumerate(init):
        ended = standing.doing == "terminated" or (
            standing.doing == "waiting" and standing.ran_before
        )
        if pod.is_sidecar(index):
            started = standing.doing == "running" and standing.started
            sidecars_pending = sidecars_pending or not (started or ended)
        elif not ended:
            pending = True
        elif standing.exit_code != 0:
            recipe = pod.containers[index]
            failed = failed or not restarts_after(recipe, pod.restart_policy, standing.exit_code)
    return pending, sidecars_pending, failed


def _ended(pod: PodRecipe, apps: Sequence[Standing], is_terminal: bool) -> str:
    """The phase when nothing runs and everything has run."""
    again = any(_comes_back(r, pod, s) for r, s in zip(pod.apps, apps, strict=True))
    if again and not is_terminal:
        return "Running"
    succeeded = all(s.doing == "terminated" and s.exit_code == 0 for s in apps)
    return "Succeeded" if succeeded else "Failed"


def _comes_back(recipe: Recipe, pod: PodRecipe, standing: Standing) -> bool:
    if standing.doing == "waiting":
        return may_restart(recipe, pod.restart_policy)
    return restarts_after(recipe, pod.restart_policy, standing.exit_code)
