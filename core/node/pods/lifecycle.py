"""A pod's life on its node: let time pass, and do what is next.

`advance` is the one door. It goes from one due moment to the next until the present, so a machine
that was cut off for an hour comes to the same state as one that was woken at every moment. A
moment is: whatever is due happens (a pull is done, a process ends, a probe answers), then the
rules of `actions` say what to start and to kill, then the phase follows.

Source: kubernetes v1.36, pkg/kubelet/kubelet.go (SyncPod, SyncTerminatingPod, SyncTerminatedPod).
"""

from __future__ import annotations

import msgspec

from kelm.core.node.containers.behaviour import NEVER_MS
from kelm.core.node.containers.starting import created, start, waited
from kelm.core.node.containers.stopping import ended, lost, stop_pod
from kelm.core.node.pods.actions import ABSENT, Actions, Found, Sandbox, pod_actions
from kelm.core.node.pods.disks import mounted
from kelm.core.node.pods.guests import as_pod
from kelm.core.node.pods.local import ContainerRun, LocalPod
from kelm.core.node.pods.phase import NOTHING, Standing, pod_phase
from kelm.core.node.pods.promised import due_again
from kelm.core.node.pods.resizing import carried_out
from kelm.core.node.pods.runs import with_run
from kelm.core.node.probing.checks import probed
from kelm.core.node.turn import Turn

_SANDBOX = (Sandbox(ready=True),)
_STARTING = Found("running", started_up=False)
_RUNNING = Found("running")
_WAITING = Standing("waiting")

replace = msgspec.structs.replace


def due_ms(pod: LocalPod) -> int:
    """When something next happens in a pod by itself."""
    earliest = NEVER_MS
    for run in pod.runs:
        earliest = min(earliest, run.due_ms)
        for probe in run.probes:
            earliest = min(earliest, probe.next_ms)
    for run in pod.guests:
        earliest = min(earliest, run.due_ms)
    if pod.resizing is not None:
        earliest = min(earliest, pod.resizing.due_ms)
    if pod.life == "live":
        earliest = min(earliest, pod.mounting.due_ms)
    deadline_ms = pod.recipe.active_deadline_ms
    if pod.renew_ms < earliest and pod.life == "live":
        earliest = pod.renew_ms
    if deadline_ms is not None and pod.life == "live":
        earliest = min(earliest, pod.accepted_ms + deadline_ms)
    return earliest


def advance(turn: Turn, pod: LocalPod) -> LocalPod:
    """The pod as it is at the turn's time."""
    while True:
        at_ms = due_ms(pod)
        if at_ms > turn.now_ms:
            return pod
        pod = settle(turn, _happen(turn, pod, at_ms), at_ms)


def _happen(turn: Turn, pod: LocalPod, at_ms: int) -> LocalPod:
    """Let happen what is due."""
    for index, run in enumerate(pod.runs):
        if run.due_ms <= at_ms:
            pod = with_run(pod, index, _next_stage(turn, pod, index, run, at_ms))
        elif run.probes and any(probe.next_ms <= at_ms for probe in run.probes):
            pod = probed(turn, pod, index, at_ms)
    if pod.resizing is not None:
        pod = carried_out(turn, pod, at_ms)
    if pod.renew_ms <= at_ms:
        pod = due_again(turn, pod, at_ms)
    if pod.guests:
        seen = as_pod(pod)
        for index, run in enumerate(seen.runs):
            if run.due_ms <= at_ms:
                seen = with_run(seen, index, _next_stage(turn, seen, index, run, at_ms))
        pod = as_pod(seen)
    return pod


def _next_stage(
    turn: Turn, pod: LocalPod, index: int, run: ContainerRun, at_ms: int
) -> ContainerRun:
    if run.stage == "running":
        return ended(pod.recipe.containers[index], run, run.due_ms)
    if run.stage == "creating":
        return created(turn, pod, index, at_ms)
    return waited(turn, pod, index, at_ms)


# -- what is next ----------------------------------------------------------------------------------


def settle(turn: Turn, pod: LocalPod, at_ms: int) -> LocalPod:
    """Decide what is next after something happened."""
    if pod.life == "live":
        pod = _past_deadline(turn, pod, at_ms)
    if pod.recipe.claims and pod.life == "live":
        pod = mounted(turn, pod, at_ms)
    if pod.life == "live" and _undecided(pod) and (pod.mounting.done or not pod.recipe.claims):
        pod = _act(turn, pod, at_ms)
    if pod.guests and pod.life == "live":
        pod = _welcome(turn, pod, at_ms)
    sandbox_ready = at_ms >= pod.accepted_ms + turn.machine.sandbox_ms
    initialized = pod.initialized or _has_started_apps(pod)
    if pod.life == "stopping" and not any(run.stage == "running" for run in pod.runs):
        pod = _over(pod)
        sandbox_ready = False
    phase = pod.forced_phase if pod.life == "over" else ""
    return replace(
        pod,
        phase=phase or phase_of(pod, initialized),
        sandbox_ready=sandbox_ready,
        has_address=pod.has_address or sandbox_ready,
        initialized=initialized,
    )


def _past_deadline(turn: Turn, pod: LocalPod, at_ms: int) -> LocalPod:
    deadline_ms = pod.recipe.active_deadline_ms
    if deadline_ms is None or at_ms < pod.accepted_ms + deadline_ms:
        return pod
    text = "Pod was active on the node longer than the specified deadline"
    turn.tell(pod, "Normal", "DeadlineExceeded", text)
    failed = replace(pod, forced_phase="Failed", reason="DeadlineExceeded", message=text)
    return stop_pod(turn, failed, at_ms, pod.recipe.grace_seconds * 1_000)


def _undecided(pod: LocalPod) -> bool:
    """Whether some container neither runs nor waits for anything."""
    for index, run in enumerate(pod.runs):
        if run.due_ms == NEVER_MS and run.stage != "running":
            return True
        if index < pod.recipe.init_count and run.started and not pod.initialized:
            return True
    return False


def _act(turn: Turn, pod: LocalPod, at_ms: int) -> LocalPod:
    plan = decide(pod)
    if plan.kill_pod:
        return stop_pod(turn, pod, at_ms, pod.recipe.grace_seconds * 1_000)
    for index in plan.start:
        run = pod.runs[index]
        if run.stage in ("waiting", "exited") and run.due_ms == NEVER_MS:
            pod = with_run(pod, index, start(turn, pod, index, at_ms))
    return pod


def _welcome(turn: Turn, pod: LocalPod, at_ms: int) -> LocalPod:
    """Start the guests that came and were not started yet."""
    seen = as_pod(pod)
    for index, run in enumerate(seen.runs):
        if run.stage == "waiting" and run.due_ms == NEVER_MS and not run.id:
            seen = with_run(seen, index, start(turn, seen, index, at_ms))
    return as_pod(seen)


def decide(pod: LocalPod) -> Actions:
    """What the rules say about the pod's containers as they are."""
    return pod_actions(pod.recipe, [_found(run) for run in pod.runs], _SANDBOX)


def _found(run: ContainerRun) -> Found:
    if run.stage == "running":
        return _RUNNING if run.started else _STARTING
    if run.stage == "creating" or (run.stage == "waiting" and run.due_ms != NEVER_MS):
        return _STARTING
    if run.stage == "exited":
        return Found("unknown" if run.restart_asked else "exited", run.exit_code)
    return ABSENT


def _has_started_apps(pod: LocalPod) -> bool:
    runs = pod.runs[pod.recipe.init_count :]
    return any(run.stage == "running" or run.restarts for run in runs)


def _over(pod: LocalPod) -> LocalPod:
    """Nothing runs any more. Of a pod that has to go, every container has an end to show."""
    runs = pod.runs
    if pod.deleting or pod.forced_phase:
        runs = tuple([_last_known(run) for run in runs])
    guests = tuple([lost(run) if run.stage != "exited" else run for run in pod.guests])
    return replace(pod, life="over", runs=runs, guests=guests)


def _last_known(run: ContainerRun) -> ContainerRun:
    if run.stage != "exited":
        return lost(run)
    return replace(run, reason="", message="") if run.reason else run


# -- the phase -------------------------------------------------------------------------------------


def phase_of(pod: LocalPod, initialized: bool) -> str:
    """The pod's phase. Whoever has ended stays ended."""
    if pod.phase in ("Succeeded", "Failed"):
        return pod.phase
    runs = pod.runs
    if not pod.recipe.init_count:
        if all(run.stage == "running" for run in runs):
            return "Running"
        if all(run.stage in ("waiting", "creating") and not run.last for run in runs):
            return "Failed" if pod.life == "over" else "Pending"
    standings = [_standing(run) for run in runs]
    is_terminal = pod.life != "live"
    phase = pod_phase(pod.recipe, standings, is_terminal=is_terminal, has_initialized=initialized)
    gone = pod.life == "over" and (pod.deleting or not initialized)
    return "Failed" if gone and phase not in ("Succeeded", "Failed") else phase


def _standing(run: ContainerRun) -> Standing:
    if run.stage == "running":
        return Standing("running", started=run.started)
    if run.stage == "exited":
        waits = bool(run.reason)
        return Standing("waiting" if waits else "terminated", run.exit_code, ran_before=True)
    if run.last:
        return Standing("waiting", run.exit_code, ran_before=True)
    return _WAITING if run.stage != "waiting" or run.reason else NOTHING
