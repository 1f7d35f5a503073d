"""How containers end: by themselves, by SIGTERM within their grace period, or by SIGKILL.

When a pod stops, the preStop hooks of all its containers run at once; a container gets SIGTERM
after its hook, a sidecar also waits until all that started after it has ended. Both waits come out
of the grace period; whatever is left of it, 2 s at least, passes before SIGKILL. All of that is
known at the moment the pod is told to stop, so it is worked out then; a hook that asks others over
the network is worked out when they have answered, and whoever waits for that container with it.

Source: kubernetes v1.36, pkg/kubelet/kuberuntime/kuberuntime_container.go (killContainer),
kuberuntime_termination_order.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.node.containers.behaviour import NEVER_MS, Behaviour
from kelm.core.node.pods.local import ContainerRun, LocalPod
from kelm.core.node.pods.recipe import Recipe
from kelm.core.node.probing.hooks import PRE_STOP, hooked, with_writes
from kelm.core.node.turn import Turn

MINIMUM_GRACE_MS = 2_000
KILLED = 137
"""128 + SIGKILL: the exit code of a container that did not end in time."""

replace = msgspec.structs.replace


def end_of(
    behaviour: Behaviour, pre_stop_ms: int, grace_ms: int, at_ms: int, turn_ms: int = 0
) -> tuple[int, int]:
    """When a container that is told to stop at `at_ms` ends, and with which code.

    turn_ms: a sidecar's turn; before it there is no SIGTERM.

    >>> end_of(Behaviour(stop_ms=500), 0, 30_000, 0), end_of(Behaviour(stop_ms=None), 0, 30_000, 0)
    ((500, 0), (30000, 137))
    """
    waited_ms = min(max(pre_stop_ms, turn_ms - at_ms), grace_ms)
    left_ms = max(grace_ms - waited_ms, MINIMUM_GRACE_MS) if grace_ms else 0
    stop_ms = behaviour.stop_ms
    if stop_ms is not None and stop_ms <= left_ms:
        return at_ms + waited_ms + stop_ms, behaviour.stop_code
    return at_ms + waited_ms + left_ms, KILLED


def stop_container(
    turn: Turn, pod: LocalPod, index: int, at_ms: int, grace_ms: int, message: str
) -> ContainerRun:
    """Stop one container of a pod that goes on.

    What its hook asks others first is sent, but not waited for: that it succeeds is believed.
    """
    turn.tell(pod, "Normal", "Killing", message, index)
    prepared = _prepared(turn, pod, index, at_ms, grace_ms)
    run, waited_ms = (pod.runs[index], 0) if prepared is None else prepared
    return _stopped(run, *end_of(run.behaviour, waited_ms, grace_ms, at_ms))


def _prepared(
    turn: Turn, pod: LocalPod, index: int, at_ms: int, grace_ms: int
) -> tuple[ContainerRun, int] | None:
    """A container after its preStop hook, and how long that took. Without grace there is none.

    None: the hook asks others first.
    """
    run, hook = pod.runs[index], pod.recipe.containers[index].pre_stop
    if hook is None or not grace_ms or run.stop_code is not None:
        return run, 0
    found = hooked(turn, pod, index, PRE_STOP, hook, at_ms, grace_ms)
    if found.awaited:
        turn.awaited |= dict.fromkeys(found.awaited)
        return None
    if not found.succeeded:
        turn.tell(pod, "Warning", "FailedPreStopHook", "PreStopHook failed", index)
    return with_writes(turn, run, found.changes, at_ms), found.took_ms


def _stopped(run: ContainerRun, end_ms: int, code: int) -> ContainerRun:
    if run.due_ms <= end_ms and run.stop_code is None:
        end_ms, code = run.due_ms, run.behaviour.exit_code
    return replace(run, due_ms=end_ms, stop_code=code)


def stop_pod(turn: Turn, pod: LocalPod, at_ms: int, grace_ms: int) -> LocalPod:
    """Stop everything: what runs ends within its grace, what does not run will not start."""
    return _stopping(turn, pod, at_ms, grace_ms)


def stop_on(turn: Turn, pod: LocalPod) -> LocalPod:
    """Go on with a stop that waited for what somebody answered to a hook."""
    at_ms = pod.stop_from_ms
    if pod.life != "stopping" or all(
        run.stage != "running" or run.stop_code is not None for run in pod.runs
    ):
        return pod
    return _stopping(turn, pod, at_ms, pod.stop_by_ms - at_ms, turn.now_ms)


def _stopping(
    turn: Turn, pod: LocalPod, at_ms: int, grace_ms: int, heard_ms: int | None = None
) -> LocalPod:
    """heard_ms: when the answer came for which some of it had to wait, None: it begins now."""
    recipe = pod.recipe
    runs = list(pod.runs)
    last_ms, waits = at_ms, False
    for index in reversed(range(len(runs))):
        run = runs[index]
        if run.stage != "running":
            runs[index] = replace(run, due_ms=NEVER_MS)
            continue
        if heard_ms is not None and run.stop_code is not None:
            last_ms = max(last_ms, run.due_ms)
            continue
        if pod.life == "live":
            name = recipe.containers[index].name
            turn.tell(pod, "Normal", "Killing", f"Stopping container {name}", index)
        turn_ms = last_ms if recipe.is_sidecar(index) else 0
        prepared = _prepared(turn, pod, index, at_ms, grace_ms)
        waits = waits or prepared is None
        if prepared is None or (waits and recipe.is_sidecar(index)):
            continue
        run, waited_ms = prepared[0], max(prepared[1], (heard_ms or at_ms) - at_ms)
        runs[index] = _stopped(run, *end_of(run.behaviour, waited_ms, grace_ms, at_ms, turn_ms))
        last_ms = max(last_ms, runs[index].due_ms)
    guests = tuple(
        [
            _stopped(run, *end_of(run.behaviour, 0, grace_ms, at_ms))
            if run.stage == "running"
            else replace(run, due_ms=NEVER_MS)
            for run in pod.guests
        ]
    )
    pod = replace(pod, runs=tuple(runs), guests=guests, life="stopping")
    return replace(pod, stop_from_ms=at_ms, stop_by_ms=at_ms + grace_ms)


def ended(recipe: Recipe, run: ContainerRun, at_ms: int) -> ContainerRun:
    """A container whose process has ended, by itself or because it was told to."""
    behaviour = run.behaviour
    code = behaviour.exit_code if run.stop_code is None else run.stop_code
    by_itself = run.stop_code is None
    return replace(
        run,
        stage="exited",
        reason="",
        message="",
        ended_ms=at_ms,
        exit_code=code,
        exit_reason=exit_reason(code, out_of_memory=behaviour.out_of_memory and by_itself),
        exit_message=behaviour.message if by_itself else "",
        due_ms=NEVER_MS,
        stop_code=None,
        probes=(),
        ready=False,
        started=False,
    )


def exit_reason(code: int, *, out_of_memory: bool = False) -> str:
    """The reason that a runtime gives for an end with this code."""
    if out_of_memory:
        return "OOMKilled"
    return "Completed" if code == 0 else "Error"


def lost(run: ContainerRun) -> ContainerRun:
    """A container of a pod that is gone of which nobody knows how it ended, or that never ran.

    Source: pkg/kubelet/status/status_manager.go (TerminatePod).
    """
    return replace(
        run,
        stage="exited",
        reason="",
        message="",
        exit_code=KILLED,
        exit_reason="ContainerStatusUnknown",
        exit_message="The container could not be located when the pod was terminated",
        started_ms=0,
        ended_ms=0,
        due_ms=NEVER_MS,
        id="",
    )
