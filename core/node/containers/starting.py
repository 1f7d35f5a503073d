"""How a container starts: back-off, pull, launch; and what an image that cannot be pulled does.

Source: kubernetes v1.36, pkg/kubelet/kuberuntime/kuberuntime_container.go (startContainer),
kuberuntime_manager.go (doBackOff), pkg/kubelet/images/image_manager.go (EnsureImageExists).
"""

from __future__ import annotations

import msgspec
from returns.result import Failure

from kelm.core.node.containers import probes as probing
from kelm.core.node.containers.backoff import INITIAL_MS, MAX_MS, Backoff, after_failure
from kelm.core.node.containers.behaviour import FOR_EVER, NEVER_MS, Behaviour, Window
from kelm.core.node.containers.container_env import container_environment, sub_path_fault
from kelm.core.node.containers.launching import launch_of
from kelm.core.node.containers.restart import may_restart
from kelm.core.node.containers.stopping import stop_container
from kelm.core.node.files.promises import Noting, Promise
from kelm.core.node.host.machine import Machine
from kelm.core.node.pods.handlers import Handler
from kelm.core.node.pods.local import ContainerRun, LocalPod, PastRun
from kelm.core.node.pods.recipe import Recipe
from kelm.core.node.pods.runs import with_run
from kelm.core.node.pods.status import container_id, terminated_state
from kelm.core.node.probing.hooks import POST_START, hooked, with_writes
from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.scene import inside_of, unmountable
from kelm.core.node.turn import Turn

MOUNT_RETRY_MS = 2_000
"""How long a kubelet waits before it tries again to mount what is not there."""
NEVER_PULL_RETRY_MS = 10_000
CONFIG_RETRY_MS = 10_000
CONFIG_ERROR = "CreateContainerConfigError"
PULL_CHECK_MS = 200
"""How long it takes to find that an image which is here already is the newest."""
PULL_BACKOFF_SEEN_MS = 1_000
"""After a failed pull the kubelet looks at the pod again this soon, and finds it in back-off."""

replace = msgspec.structs.replace


def start(turn: Turn, pod: LocalPod, index: int, at_ms: int) -> ContainerRun:
    """Start a container now, or have it wait for its back-off."""
    run = pod.runs[index]
    if run.stage != "exited":
        return _create(turn, pod, index, run, at_ms)
    backoff = run.backoff
    if backoff is not None and run.ended_ms - backoff.failed_ms > 2 * MAX_MS:
        backoff = None
    if backoff is not None and at_ms < run.ended_ms + backoff.delay_ms:
        return _wait(turn, pod, index, run, backoff)
    again = replace(
        run,
        stage="waiting",
        backoff=_next(backoff, at_ms),
        last=run.last if run.reason else terminated_state(run),
        previous=PastRun(run.behaviour, run.started_ms, run.ended_ms),
        restarts=run.restarts + 1,
        reason="ContainerCreating",
        message="",
        restart_asked=False,
        id="",
        due_ms=NEVER_MS,
    )
    return _create(turn, pod, index, again, at_ms)


def _next(backoff: Backoff | None, at_ms: int) -> Backoff:
    delay_ms = INITIAL_MS if backoff is None else min(2 * backoff.delay_ms, MAX_MS)
    return Backoff(delay_ms, at_ms)


def _wait(
    turn: Turn, pod: LocalPod, index: int, run: ContainerRun, backoff: Backoff
) -> ContainerRun:
    name = pod.recipe.containers[index].name
    full_name = f"{pod.name}_{pod.namespace}({pod.uid})"
    text = f"Back-off restarting failed container {name} in pod {full_name}"
    turn.tell(pod, "Warning", "BackOff", text, index)
    return replace(
        run,
        last=terminated_state(run),
        reason="CrashLoopBackOff",
        message=f"back-off {_duration(backoff.delay_ms)} restarting failed container={name} "
        f"pod={full_name}",
        due_ms=run.ended_ms + backoff.delay_ms,
    )


def _duration(delay_ms: int) -> str:
    minutes, seconds = divmod(delay_ms // 1_000, 60)
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _create(turn: Turn, pod: LocalPod, index: int, run: ContainerRun, at_ms: int) -> ContainerRun:
    """Pull the image if that is needed, and prepare the start.

    A container whose environment is made from what the node has not heard of yet waits for that.
    """
    recipe = pod.recipe.containers[index]
    awaited = (*recipe.sources, *pod.recipe.volume_sources)
    if awaited and any(one not in turn.sources for one in awaited):
        return replace(run, stage="waiting", due_ms=NEVER_MS)
    if pod.recipe.volume_sources:
        unmounted = unmountable(turn.machine, turn.seen(pod))
        if unmounted:
            turn.tell(pod, "Warning", "FailedMount", unmounted)
            return replace(run, stage="waiting", due_ms=at_ms + MOUNT_RETRY_MS)
    ready_ms = max(at_ms, pod.accepted_ms + turn.machine.sandbox_ms)
    here_ms = turn.images.get(recipe.image)
    if recipe.pull_policy == "Never":
        if here_ms is None:
            return _never_pulled(turn, pod, index, run, at_ms)
    elif recipe.pull_policy == "Always" or here_ms is None or here_ms > at_ms:
        return _pull(turn, pod, index, run, ready_ms)
    if ready_ms > at_ms:
        return replace(run, stage="creating", due_ms=ready_ms, pull_started_ms=0)
    return launch(turn, pod, index, run, at_ms)


def _never_pulled(
    turn: Turn, pod: LocalPod, index: int, run: ContainerRun, at_ms: int
) -> ContainerRun:
    image = pod.recipe.containers[index].image
    text = f'Container image "{image}" is not present with pull policy of Never'
    turn.tell(pod, "Warning", "ErrImageNeverPull", text, index)
    turn.tell(pod, "Warning", "Failed", "Error: ErrImageNeverPull", index)
    due_ms = at_ms + NEVER_PULL_RETRY_MS
    return replace(run, stage="waiting", reason="ErrImageNeverPull", message=text, due_ms=due_ms)


def _pull(turn: Turn, pod: LocalPod, index: int, run: ContainerRun, from_ms: int) -> ContainerRun:
    name = pod.recipe.containers[index].image
    turn.tell(pod, "Normal", "Pulling", f'Pulling image "{name}"', index)
    here_ms = turn.images.get(name)
    if here_ms is None:
        done_ms = from_ms + turn.machine.images.find(name).pull_ms
        turn.images = turn.images.put(name, done_ms)
    elif here_ms > from_ms:
        done_ms = here_ms
    else:
        done_ms = from_ms + min(PULL_CHECK_MS, turn.machine.images.find(name).pull_ms)
    return replace(run, stage="creating", due_ms=done_ms, pull_started_ms=from_ms)


def created(turn: Turn, pod: LocalPod, index: int, at_ms: int) -> ContainerRun:
    """The pull, or the preparation, is done."""
    run, recipe = pod.runs[index], pod.recipe.containers[index]
    if not run.pull_started_ms:
        return launch(turn, pod, index, run, at_ms)
    program = turn.machine.images.find(recipe.image)
    fault_until_ms = turn.pull_fails_until(recipe.image)
    error = turn.machine.images.pull_error(recipe.image)
    if error or at_ms < fault_until_ms:
        error = error or f'failed to pull and unpack image "{recipe.image}"'
        return _pull_failed(turn, pod, index, run, at_ms, error)
    seconds = _go_duration(at_ms - run.pull_started_ms)
    text = (
        f'Successfully pulled image "{recipe.image}" in {seconds} ({seconds} including waiting). '
        f"Image size: {program.size_bytes} bytes."
    )
    return launch(turn, pod, index, run, at_ms, text)


def _go_duration(took_ms: int) -> str:
    if took_ms < 1_000:
        return f"{took_ms}ms"
    return f"{took_ms / 1_000:.3f}".rstrip("0").rstrip(".") + "s"


def _pull_failed(
    turn: Turn, pod: LocalPod, index: int, run: ContainerRun, at_ms: int, error: str
) -> ContainerRun:
    image = pod.recipe.containers[index].image
    turn.images = turn.images.remove(image)
    turn.tell(pod, "Warning", "Failed", f'Failed to pull image "{image}": {error}', index)
    turn.tell(pod, "Warning", "Failed", "Error: ErrImagePull", index)
    return replace(
        run,
        stage="waiting",
        reason="ErrImagePull",
        message=error,
        due_ms=at_ms + PULL_BACKOFF_SEEN_MS,
        pull_backoff=after_failure(run.pull_backoff, at_ms),
    )


def waited(turn: Turn, pod: LocalPod, index: int, at_ms: int) -> ContainerRun:
    """A container's wait is over: for its back-off, or for being seen in it."""
    run = pod.runs[index]
    backoff = run.pull_backoff
    if run.stage == "waiting" and backoff is not None and at_ms < backoff.until_ms:
        image = pod.recipe.containers[index].image
        text = f'Back-off pulling image "{image}"'
        turn.tell(pod, "Normal", "BackOff", text, index)
        turn.tell(pod, "Warning", "Failed", "Error: ImagePullBackOff", index)
        message = f"{text}: ErrImagePull: {run.message}"
        due_ms = backoff.until_ms
        return replace(run, reason="ImagePullBackOff", message=message, due_ms=due_ms)
    return start(turn, pod, index, at_ms)


def launch(
    turn: Turn, pod: LocalPod, index: int, run: ContainerRun, at_ms: int, pulled: str = ""
) -> ContainerRun:
    """Create and start the container: its image's program says how it will behave.

    A program that opens what its pod only promises is not started before that was asked for, and
    one whose postStart hook asks others counts as started once they have answered.
    """
    recipe = pod.recipe.containers[index]
    configured: ContainerRun | str = run
    if recipe.has_env or recipe.sub_paths:
        configured = _configured(turn, pod, recipe, run)
    behaviour = FOR_EVER
    if not isinstance(configured, str):
        seen = turn.seen(pod)
        found = behaviour_of(turn.machine, seen, index, configured, at_ms)
        if isinstance(found, Awaited):
            turn.awaited |= dict.fromkeys(found.promises)
            return replace(run, stage="creating", due_ms=NEVER_MS)
        behaviour = found
    if not pulled:
        pulled = (
            f'Container image "{recipe.image}" already present on machine and can be '
            "accessed by the pod"
        )
    before = turn.host, len(turn.requests)
    turn.tell(pod, "Normal", "Pulled", pulled, index)
    if isinstance(configured, str):
        return _config_error(turn, pod, index, run, at_ms, configured)
    waiting, run = replace(run, stage="creating", due_ms=NEVER_MS), configured
    turn.tell(pod, "Normal", "Created", "Container created", index)
    if behaviour.start_error:
        return _cannot_start(turn, pod, index, run, at_ms, behaviour.start_error)
    turn.tell(pod, "Normal", "Started", "Container started", index)
    if pod.windows:
        behaviour = with_windows(behaviour, pod.windows, index, at_ms)
    run = running(pod, index, run, behaviour, at_ms)
    if pod.recipe.mounts_host:
        turn.promise(pod, run)
    if recipe.post_start is None:
        return run
    begun = _hooked(turn, pod, index, run, recipe.post_start)
    if begun is None:
        turn.host = before[0]
        del turn.requests[before[1] :]
    return begun or waiting


def _hooked(
    turn: Turn, pod: LocalPod, index: int, run: ContainerRun, hook: Handler
) -> ContainerRun | None:
    """A container that has just started, after its postStart hook: one that fails ends it.

    None: the hook asks others first.
    """
    at_ms, grace_ms = run.started_ms, pod.recipe.grace_seconds * 1_000
    found = hooked(turn, with_run(pod, index, run), index, POST_START, hook, at_ms, NEVER_MS)
    if found.awaited:
        turn.awaited |= dict.fromkeys(found.awaited)
        return None
    run = with_writes(turn, run, found.changes, at_ms)
    if found.succeeded:
        return run
    turn.tell(pod, "Warning", "FailedPostStartHook", "PostStartHook failed", index)
    pod = with_run(pod, index, run)
    run = stop_container(turn, pod, index, at_ms, grace_ms, "FailedPostStartHook")
    again = may_restart(pod.recipe.containers[index], pod.recipe.restart_policy)
    return replace(run, restart_asked=again)


def _configured(turn: Turn, pod: LocalPod, recipe: Recipe, run: ContainerRun) -> ContainerRun | str:
    """A run with its variables, or why it cannot be created."""
    environment = container_environment(turn, pod, recipe)
    if isinstance(environment, Failure):
        why: str = environment.failure()
        return why
    variables = environment.unwrap()
    return sub_path_fault(recipe.sub_paths, variables) or replace(run, variables=variables)


def _config_error(
    turn: Turn, pod: LocalPod, index: int, run: ContainerRun, at_ms: int, why: str
) -> ContainerRun:
    """The container cannot be created as it is: it is tried again, as the cause may go away."""
    turn.tell(pod, "Warning", "Failed", f"Error: {why}", index)
    due_ms = at_ms + CONFIG_RETRY_MS
    return replace(run, stage="waiting", reason=CONFIG_ERROR, message=why, due_ms=due_ms)


class Awaited(msgspec.Struct, frozen=True):
    """A program cannot be followed yet: it opens files whose content must be asked for first."""

    promises: tuple[Promise, ...]


def behaviour_of(
    machine: Machine, pod: LocalPod, index: int, run: ContainerRun, at_ms: int
) -> Behaviour | Awaited:
    """How a run of a container that starts at this time will behave."""
    recipe = pod.recipe.containers[index]
    program = machine.images.find(recipe.image)
    noting = Noting(pod.promises)

    def look() -> Inside:
        return inside_of(machine, replace(pod, promises=noting), index, at_ms, run)

    behaviour = program.run(launch_of(pod, recipe, run, look))
    return Awaited(tuple(noting.awaited)) if noting.awaited else behaviour


def with_windows(
    behaviour: Behaviour, windows: tuple[tuple[int, Window], ...], index: int, started_ms: int
) -> Behaviour:
    """A behaviour with the injected probe failures that concern it; theirs are cluster times."""
    failing = tuple(
        Window(
            max(0, window.from_ms - started_ms),
            window.until_ms - started_ms,
            window.probes,
            window.message,
        )
        for one, window in windows
        if one == index and window.until_ms > started_ms
    )
    return replace(behaviour, failing=behaviour.failing + failing) if failing else behaviour


def running(
    pod: LocalPod, index: int, run: ContainerRun, behaviour: Behaviour, at_ms: int
) -> ContainerRun:
    """A container that started at `at_ms`."""
    recipe = pod.recipe.containers[index]
    probes = recipe.probes
    gated = bool(probes) and probes[0].kind == "startup"
    return replace(
        run,
        stage="running",
        reason="",
        message="",
        started_ms=at_ms,
        exit_code=behaviour.exit_code,
        due_ms=NEVER_MS if behaviour.exit_ms is None else at_ms + behaviour.exit_ms,
        stop_code=None,
        behaviour=behaviour,
        probes=tuple([probing.initial(probe, at_ms, gated=gated) for probe in probes]),
        started=not gated,
        ready=not gated and not any(probe.kind == "readiness" for probe in probes),
        pull_backoff=None,
        id=container_id(pod.uid, recipe.name, run.restarts),
    )


def _cannot_start(
    turn: Turn, pod: LocalPod, index: int, run: ContainerRun, at_ms: int, error: str
) -> ContainerRun:
    turn.tell(pod, "Warning", "Failed", f"Error: {error}", index)
    recipe = pod.recipe.containers[index]
    return replace(
        run,
        stage="exited",
        reason="",
        message="",
        started_ms=at_ms,
        ended_ms=at_ms,
        exit_code=128,
        exit_reason="StartError",
        exit_message=error,
        due_ms=NEVER_MS,
        id=container_id(pod.uid, recipe.name, run.restarts),
    )
