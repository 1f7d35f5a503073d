"""Probes of one container: run those that are due, and do what their results ask for.

Source: kubernetes v1.36, pkg/kubelet/prober/{prober,worker}.go.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from kelm.core.node.containers import probes as probing
from kelm.core.node.containers.behaviour import NEVER_MS, failure_at
from kelm.core.node.containers.probes import Finding
from kelm.core.node.containers.restart import may_restart
from kelm.core.node.containers.stopping import stop_container
from kelm.core.node.files.promises import Noting
from kelm.core.node.host.machine import Machine
from kelm.core.node.pods.handlers import Exec, Grpc, HttpGet, Pause, TcpSocket, Unusable
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.pods.recipe import Probe
from kelm.core.node.pods.runs import with_run
from kelm.core.node.probing.commands import exec_probe
from kelm.core.node.probing.requests import grpc_probe, http_probe, tcp_probe
from kelm.core.node.turn import Turn

LOOK_AGAIN_MS = 1_000
"""When a probe is run again that read what had to be asked for first."""

replace = msgspec.structs.replace


def look(machine: Machine, pod: LocalPod, index: int, probe: Probe, at_ms: int) -> Finding:
    """Run one probe of a container: what it finds, and until when it will find that."""
    run = pod.runs[index]
    failure, age_ms = failure_at(run.behaviour, probe.kind, at_ms - run.started_ms)
    until_ms = NEVER_MS if age_ms >= NEVER_MS else run.started_ms + age_ms
    if failure is not None:
        return Finding("failed", failure or _unwell(pod, probe), until_ms)
    found = _asked(machine, pod, index, probe, at_ms)
    return found if found.until_ms <= until_ms else replace(found, until_ms=until_ms)


def _unwell(pod: LocalPod, probe: Probe) -> str:
    """What a probe says that was made to fail by somebody who did not say how."""
    match probe.handler:
        case HttpGet():
            return "HTTP probe failed with statuscode: 503"
        case TcpSocket(port=port):
            return f"dial tcp :{port}: connect: connection refused"
        case Grpc():
            return 'service unhealthy (responded with "NOT_SERVING")'
        case _:
            return ""


def _asked(machine: Machine, pod: LocalPod, index: int, probe: Probe, at_ms: int) -> Finding:
    handler, timeout_ms = probe.handler, probe.timeout_ms
    match handler:
        case HttpGet():
            return http_probe(machine, pod, handler, at_ms, timeout_ms)
        case TcpSocket():
            return tcp_probe(machine, pod, handler)
        case Grpc():
            return grpc_probe(machine, pod, handler, at_ms, timeout_ms)
        case Exec(command=command):
            return exec_probe(machine, pod, index, command, at_ms, timeout_ms)
        case Unusable(why=why):
            return Finding("errored", why)
        case Pause():
            return probing.PASSED
        case _:
            assert_never(handler)


def probed(turn: Turn, pod: LocalPod, index: int, at_ms: int) -> LocalPod:
    """Run the probes that are due. A failure that counts has the container killed."""
    recipe, run = pod.recipe.containers[index], pod.runs[index]
    states = list(run.probes)
    started, ready, failed = run.started, True, None
    for number, probe in enumerate(recipe.probes):
        if states[number].next_ms <= at_ms:
            noting = Noting(pod.promises)
            seen = replace(turn.seen(pod), promises=noting)
            found = look(turn.machine, seen, index, probe, at_ms)
            if noting.awaited:
                turn.awaited |= noting.awaited
                states[number] = replace(states[number], next_ms=at_ms + LOOK_AGAIN_MS)
                continue
            states[number] = probing.run(probe, states[number], found, at_ms)
            _told(turn, pod, index, probe, found)
            if found.changes:
                pod = turn.written(pod, found.changes)
        published = states[number].published
        if probe.kind == "startup" and published and not started:
            started = True
            for later in range(number + 1, len(states)):
                waiting = recipe.probes[later], states[later], run.started_ms, at_ms
                states[later] = probing.begin(*waiting)
        elif probe.kind == "readiness":
            ready = bool(published)
        if probe.kind != "readiness" and published is False:
            failed = probe
    run = replace(run, probes=tuple(states), started=started, ready=started and ready)
    pod = with_run(pod, index, run)
    if failed is None or run.stop_code is not None:
        return pod
    return _unhealthy(turn, pod, index, failed, at_ms)


def _told(turn: Turn, pod: LocalPod, index: int, probe: Probe, found: Finding) -> None:
    """Tell people of what did not simply pass."""
    name = probe.kind.capitalize()
    if found.outcome == "failed":
        turn.tell(pod, "Warning", "Unhealthy", f"{name} probe failed: {found.text}", index)
    elif found.outcome == "warned":
        turn.tell(pod, "Warning", "ProbeWarning", f"{name} probe warning: {found.text}", index)
    elif found.outcome == "errored":
        text = f"{name} probe errored and resulted in unknown state: {found.text}"
        turn.tell(pod, "Warning", "Unhealthy", text, index)


def _unhealthy(turn: Turn, pod: LocalPod, index: int, probe: Probe, at_ms: int) -> LocalPod:
    recipe = pod.recipe.containers[index]
    again = may_restart(recipe, pod.recipe.restart_policy)
    message = f"Container {recipe.name} failed {probe.kind} probe"
    message = f"{message}, will be restarted" if again else message
    grace = probe.grace_period_seconds
    grace_ms = (pod.recipe.grace_seconds if grace is None else grace) * 1_000
    run = stop_container(turn, pod, index, at_ms, grace_ms, message)
    return with_run(pod, index, replace(run, restart_asked=again))
