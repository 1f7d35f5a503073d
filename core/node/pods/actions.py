"""What the kubelet does next for a pod: which containers it starts, kills, or leaves.

Plain init containers run one at a time, in order; a sidecar (an init container that restarts
always) lets the next one start once it has started up; when the last is through, the pod's own
containers start together. Init containers are looked at from the last to the first, because the
records of earlier ones may be gone.

Source: kubernetes v1.36, pkg/kubelet/kuberuntime/kuberuntime_manager.go (computePodActions,
computeInitContainerActions), pkg/kubelet/kuberuntime/util/util.go (PodSandboxChanged).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kelm.core.node.containers.restart import Seen, may_restart, restarts_after, should_restart
from kelm.core.node.pods.recipe import PodRecipe


class Found(msgspec.Struct, frozen=True, gc=False):
    """One container as the runtime knows it, with what its probes say.

    started_up: its startup probe succeeded, or it has none.
    unhealthy: its liveness or startup probe failed for good: "liveness", "startup" or "".
    """

    seen: Seen
    exit_code: int = 0
    started_up: bool = True
    unhealthy: str = ""
    changed: bool = False


ABSENT = Found("absent")


class Sandbox(msgspec.Struct, frozen=True, gc=False):
    """The pod's own surroundings: a network address that its containers share."""

    ready: bool
    attempt: int = 0
    has_ip: bool = True


class Actions(msgspec.Struct, frozen=True, gc=False):
    """Indexes count init containers first and then the others, as in `PodRecipe.containers`."""

    kill_pod: bool = False
    create_sandbox: bool = False
    attempt: int = 0
    start: tuple[int, ...] = ()
    kill: tuple[int, ...] = ()


def sandbox_changed(pod: PodRecipe, sandboxes: Sequence[Sandbox]) -> tuple[bool, int]:
    """Whether the pod needs a new sandbox, and the number of the attempt.

    sandboxes: newest first.
    """
    if not sandboxes:
        return True, 0
    newest = sandboxes[0]
    crowded = sum(sandbox.ready for sandbox in sandboxes) > 1
    homeless = not pod.host_network and not newest.has_ip
    if crowded or not newest.ready or homeless:
        return True, newest.attempt + 1
    return False, newest.attempt


def pod_actions(
    pod: PodRecipe, found: Sequence[Found], sandboxes: Sequence[Sandbox], *, deleted: bool = False
) -> Actions:
    """What to do next. `found` has one entry for each of `pod.containers`."""
    fresh, attempt = sandbox_changed(pod, sandboxes)
    if fresh:
        return _with_new_sandbox(pod, found, attempt)
    done, start, kill, failed = _init_actions(pod, found)
    if failed:
        return Actions(kill_pod=True, attempt=attempt, kill=kill)
    if not done:
        return Actions(attempt=attempt, start=start, kill=kill)
    keep, app_start, app_kill = _app_actions(pod, found, deleted)
    if not keep and not app_start:
        return Actions(kill_pod=True, attempt=attempt, kill=kill + app_kill)
    return Actions(attempt=attempt, start=start + app_start, kill=kill + app_kill)


def _with_new_sandbox(pod: PodRecipe, found: Sequence[Found], attempt: int) -> Actions:
    """Everything starts anew, unless the pod is over."""
    over = Actions(kill_pod=True, attempt=attempt)
    has_run = any(one.seen != "absent" for one in found)
    again = any(may_restart(recipe, pod.restart_policy) for recipe in pod.apps)
    if not again and attempt != 0 and has_run:
        return over
    first = pod.init_count
    start = tuple(
        index
        for index in range(first, len(pod.containers))
        if not _succeeded_for_good(pod, found, index)
    )
    if not start and any(one.seen != "absent" for one in found[first:]):
        return over
    return Actions(True, True, attempt, (0,) if first else start)


def _succeeded_for_good(pod: PodRecipe, found: Sequence[Found], index: int) -> bool:
    policy = pod.containers[index].restart_policy or pod.restart_policy
    one = found[index]
    return policy == "OnFailure" and one.seen == "exited" and one.exit_code == 0


def _init_actions(
    pod: PodRecipe, found: Sequence[Found]
) -> tuple[bool, tuple[int, ...], tuple[int, ...], bool]:
    """Whether initialization is done, whom to start and to kill, and whether it failed."""
    count = pod.init_count
    if not count:
        return True, (), (), False
    done = any(one.seen in ("created", "running") for one in found[count:])
    reached = done
    start: list[int] = []
    kill: list[int] = []
    for index in range(count - 1, -1, -1):
        one = found[index]
        if one.seen == "absent":
            if reached and pod.is_sidecar(index):
                start.append(index)
            continue
        if reached and not pod.is_sidecar(index):
            continue
        passed, again, failed = _init_step(pod, index, one)
        if failed:
            return False, (), tuple(kill), True
        start += [index] * again + [index + 1] * (passed and not reached and index + 1 < count)
        kill += [index] * (again and one.seen in ("running", "unknown"))
        done = done or (passed and index + 1 == count)
        reached = True
    if not reached:
        start.append(0)
    return done, tuple(sorted(start)), tuple(kill), False


def _init_step(pod: PodRecipe, index: int, one: Found) -> tuple[bool, bool, bool]:
    """For an init container that has a record: is it through, start it again, is the pod lost?"""
    recipe = pod.containers[index]
    if pod.is_sidecar(index):
        running = one.seen == "running"
        return running and one.started_up, not running or bool(one.unhealthy), False
    if one.seen == "running":
        return False, False, False
    if one.seen == "exited" and one.exit_code == 0:
        return True, False, False
    if one.seen == "created":
        return False, True, False
    code = one.exit_code if one.seen == "exited" else 1
    again = restarts_after(recipe, pod.restart_policy, code)
    return False, again, not again


def _app_actions(
    pod: PodRecipe, found: Sequence[Found], deleted: bool
) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """How many containers stay as they are, whom to start and to kill."""
    keep = 0
    start: list[int] = []
    kill: list[int] = []
    for index in range(pod.init_count, len(pod.containers)):
        recipe, one = pod.containers[index], found[index]
        if one.seen != "running":
            if should_restart(
                recipe, pod.restart_policy, one.seen, one.exit_code, pod_deleted=deleted
            ):
                start.append(index)
                if one.seen == "unknown":
                    kill.append(index)
        elif one.changed or one.unhealthy:
            kill.append(index)
            if one.changed or may_restart(recipe, pod.restart_policy):
                start.append(index)
        else:
            keep += 1
    return keep, tuple(start), tuple(kill)
