"""What a kubelet that starts finds of a pod that it, or the one before it, has run already.

The containers of a machine survive its kubelet: what the pod's status says is running, runs since
then, with the same restarts behind it, and what its image's program says of the rest of the run is
still true. They do not survive a loss of power: then what was running has ended with code 255,
nobody knows how, and the pod starts anew with another address.

Source: kubernetes v1.36, pkg/kubelet/kubelet.go (SyncPod after a restart),
pkg/kubelet/kuberuntime/kuberuntime_manager.go (computePodActions: "Pod sandbox changed").
"""

from __future__ import annotations

import msgspec

from kelm.core.node.containers.behaviour import NEVER_MS, Behaviour
from kelm.core.node.containers.container_env import container_environment
from kelm.core.node.containers.probes import ProbeState
from kelm.core.node.containers.starting import Awaited, behaviour_of, running
from kelm.core.node.host.machine import number_of
from kelm.core.node.pods.actions import Found, Sandbox, pod_actions
from kelm.core.node.pods.arrival import delete
from kelm.core.node.pods.conditions import remembered
from kelm.core.node.pods.lifecycle import settle
from kelm.core.node.pods.local import INITIALIZING, NO_VARIABLES, ContainerRun, LocalPod
from kelm.core.node.pods.recipe import Probe, Recipe
from kelm.core.node.pods.status import terminated_state
from kelm.core.node.pods.writing import revision_of
from kelm.core.node.turn import Turn
from kelm.core.objects.time import parse_time
from kelm.effects.document import EMPTY, Document, child, children, flag, number, text

UNKNOWN_EXIT = 255
"""The exit code of a container that was lost with its machine."""

replace = msgspec.structs.replace


def reconstruct(turn: Turn, pod: LocalPod, doc: Document, *, rebooted: bool) -> LocalPod | None:
    """The pod as it must be on this machine, None for one that has not started here."""
    status = child(doc, "status")
    if "containerStatuses" not in status:
        return None
    found = {
        text(one, "name"): one
        for field in ("initContainerStatuses", "containerStatuses")
        for one in children(status, field)
    }
    if not any(text(one, "containerID") or _ended(one) for one in found.values()):
        return None
    verdicts, since = remembered(status)
    pod = replace(
        pod,
        phase=text(status, "phase"),
        reason=text(status, "reason"),
        message=text(status, "message"),
        written=status,
        verdicts=verdicts,
        since=since,
        written_revision=revision_of(doc),
    )
    statuses = [found.get(recipe.name, EMPTY) for recipe in pod.recipe.containers]
    _remember_images(turn, pod, statuses)
    runs = tuple([_run(turn, pod, index, one) for index, one in enumerate(statuses)])
    pod = replace(pod, runs=runs, initialized=_was_initialized(pod, runs))
    pod = _after_reboot(turn, pod) if rebooted else _as_it_was(turn, pod, status)
    pod = settle(turn, pod, turn.now_ms)
    meta = child(doc, "metadata")
    return delete(turn, pod, meta) if "deletionTimestamp" in meta else pod


def _ended(status: Document) -> bool:
    return "terminated" in child(status, "state")


def _remember_images(turn: Turn, pod: LocalPod, statuses: list[Document]) -> None:
    """Whatever has run here was pulled here."""
    for recipe, status in zip(pod.recipe.containers, statuses, strict=True):
        if text(status, "imageID") and recipe.image not in turn.images:
            turn.images = turn.images.put(recipe.image, turn.now_ms)


def _was_initialized(pod: LocalPod, runs: tuple[ContainerRun, ...]) -> bool:
    return any(run.stage in ("running", "exited") for run in runs[pod.recipe.init_count :])


def _as_it_was(turn: Turn, pod: LocalPod, status: Document) -> LocalPod:
    """The machine has run on: same address, same sandbox."""
    address = number_of(turn.machine.index, text(status, "podIP"))
    started = text(status, "startTime")
    over = pod.phase in ("Succeeded", "Failed")
    return replace(
        pod,
        address=address or pod.address,
        has_address=bool(text(status, "podIP")),
        accepted_ms=parse_time(started) if started else pod.accepted_ms,
        sandbox_ready=not over,
        life="over" if over else "live",
        forced_phase=pod.phase if over else "",
    )


def _after_reboot(turn: Turn, pod: LocalPod) -> LocalPod:
    """The machine lost power: nothing of the pod runs, and it starts from its beginning."""
    if pod.phase in ("Succeeded", "Failed"):
        return replace(pod, life="over", forced_phase=pod.phase)
    runs = tuple([_lost_with_machine(run, turn.now_ms) for run in pod.runs])
    found = [Found("absent" if run.stage == "waiting" else "exited", run.exit_code) for run in runs]
    plan = pod_actions(pod.recipe, found, (Sandbox(ready=False),))
    if plan.create_sandbox:
        message = "Pod sandbox changed, it will be killed and re-created."
        turn.tell(pod, "Normal", "SandboxChanged", message)
        first = pod.recipe.init_count
        runs = tuple([_again(run) for run in runs[:first]]) + runs[first:]
    return replace(pod, runs=runs, initialized=False)


def _lost_with_machine(run: ContainerRun, now_ms: int) -> ContainerRun:
    if run.stage != "running":
        return run
    return replace(
        run,
        stage="exited",
        ended_ms=now_ms,
        exit_code=UNKNOWN_EXIT,
        exit_reason="Unknown",
        exit_message="",
        due_ms=NEVER_MS,
        probes=(),
        ready=False,
        started=False,
    )


def _again(run: ContainerRun) -> ContainerRun:
    """An init container that will run once more, in the new sandbox."""
    if run.stage == "waiting":
        return run
    return replace(INITIALIZING, restarts=run.restarts + 1, last=terminated_state(run))


# -- one container ---------------------------------------------------------------------------------


def _run(turn: Turn, pod: LocalPod, index: int, status: Document) -> ContainerRun:
    """A container from its status."""
    state, last = child(status, "state"), child(status, "lastState")
    first = pod.runs[index]
    run = replace(first, restarts=number(status, "restartCount"), last=last)
    if "running" in state:
        return _still_running(turn, pod, index, run, status)
    end = child(state, "terminated") or child(last, "terminated")
    if not end:
        return run
    if not child(state, "terminated"):
        run = replace(run, last=EMPTY)
    return replace(
        run,
        stage="exited",
        reason="",
        message="",
        started_ms=_time(end, "startedAt"),
        ended_ms=_time(end, "finishedAt"),
        exit_code=number(end, "exitCode"),
        exit_reason=text(end, "reason"),
        exit_message=text(end, "message"),
        id=text(end, "containerID"),
    )


def _time(doc: Document, field: str) -> int:
    value = text(doc, field)
    return parse_time(value) if value else 0


def _still_running(
    turn: Turn, pod: LocalPod, index: int, run: ContainerRun, status: Document
) -> ContainerRun:
    recipe = pod.recipe.containers[index]
    started_ms = _time(child(status, "state", "running"), "startedAt")
    variables = container_environment(turn, pod, recipe).value_or(NO_VARIABLES)
    run = replace(run, variables=variables)
    seen = turn.seen(pod)
    behaviour = behaviour_of(turn.machine, seen, index, run, started_ms)
    if isinstance(behaviour, Awaited):
        turn.awaited |= dict.fromkeys(behaviour.promises)
        behaviour = Behaviour(provisional=True)
    run = running(pod, index, run, behaviour, started_ms)
    started, ready = flag(status, "started"), flag(status, "ready")
    probes = _probes(recipe, started, ready, started_ms, turn.now_ms)
    return replace(run, probes=probes, started=started, ready=ready)


def _probes(
    recipe: Recipe, started: bool, ready: bool, started_ms: int, now_ms: int
) -> tuple[ProbeState, ...]:
    """Probes go on: their results start with what was published, their counts anew."""
    gated = bool(recipe.probes) and recipe.probes[0].kind == "startup" and not started
    states = []
    for probe in recipe.probes:
        if probe.kind == "startup":
            state = (
                ProbeState(NEVER_MS, True, on_hold=True) if started else ProbeState(now_ms, None)
            )
        else:
            published = ready if probe.kind == "readiness" else True
            state = ProbeState(_tick(probe, gated, started_ms, now_ms), published)
        states.append(state)
    return tuple(states)


def _tick(probe: Probe, gated: bool, started_ms: int, now_ms: int) -> int:
    first_ms = started_ms + probe.initial_delay_ms
    return NEVER_MS if gated else max(now_ms, first_ms)
