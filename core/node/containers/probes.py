"""Probes: when they run, and what their results make of a container.

A result counts only after it came `successThreshold` or `failureThreshold` times in a row; until
then the last published state stays. A startup probe holds the other two back until it succeeded,
and is not asked again; a liveness probe whose failure was published waits for a new container.

A probe that would find the same as before changes nothing, so it is not run: the next look is at
the first tick at which the container's behaviour may answer otherwise.

Source: kubernetes v1.36, pkg/kubelet/prober/worker.go, prober_manager.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.node.containers.behaviour import (
    NEVER_MS,
    Behaviour,
    failure_at,
    has_file,
    listens_on,
)
from kelm.core.node.pods.recipe import Probe


class ProbeState(msgspec.Struct, frozen=True, gc=False):
    """What one probe of one container has come to. `published` None: unknown yet."""

    next_ms: int
    published: bool | None
    last: bool | None = None
    count: int = 0
    on_hold: bool = False


def initial(probe: Probe, started_ms: int, *, gated: bool = False) -> ProbeState:
    """A probe before its first run: unready, alive, not started up yet.

    gated: the container has a startup probe; others wait until it succeeded (`begin`).

    Source: worker.go, newWorker (initialValue).
    """
    published = {"readiness": False, "liveness": True}.get(probe.kind)
    waits = gated and probe.kind != "startup"
    return ProbeState(NEVER_MS if waits else started_ms + probe.initial_delay_ms, published)


def begin(probe: Probe, state: ProbeState, started_ms: int, at_ms: int) -> ProbeState:
    """A probe that the startup probe held back begins."""
    next_ms = max(at_ms, started_ms + probe.initial_delay_ms)
    return msgspec.structs.replace(state, next_ms=next_ms)


def observe(probe: Probe, state: ProbeState, success: bool) -> ProbeState:
    """The state after one more result.

    Source: worker.go, doProbe.

    >>> probe = Probe("readiness", failure_threshold=2)
    >>> state = ProbeState(0, published=True)
    >>> once = observe(probe, state, False)
    >>> once.published, observe(probe, once, False).published
    (True, False)
    """
    if state.on_hold:
        return state
    count = state.count + 1 if state.last is success else 1
    threshold = probe.success_threshold if success else probe.failure_threshold
    if count < threshold:
        return msgspec.structs.replace(state, last=success, count=count)
    held = probe.kind == "startup" or (probe.kind == "liveness" and not success)
    return ProbeState(state.next_ms, success, success, 0 if held else count, held)


def answer(behaviour: Behaviour, probe: Probe, age_ms: int) -> tuple[str | None, int]:
    """What a probe finds: None or the text of its failure, and until when it will find that."""
    if probe.port and not listens_on(behaviour, probe.port):
        return f"dial tcp :{probe.port}: connect: connection refused", NEVER_MS
    found, until_ms = failure_at(behaviour, probe.kind, age_ms)
    if found is not None or not probe.path:
        return (found or _failure(probe)) if found is not None else None, until_ms
    exists, file_until_ms = has_file(behaviour, probe.path, age_ms)
    missing = f"cat: can't open '{probe.path}': No such file or directory"
    return (None if exists else missing), min(until_ms, file_until_ms)


def _failure(probe: Probe) -> str:
    if probe.handler == "httpGet":
        return "HTTP probe failed with statuscode: 503"
    if probe.handler == "tcpSocket":
        return f"dial tcp :{probe.port}: connect: connection refused"
    return ""


def run(
    probe: Probe, state: ProbeState, behaviour: Behaviour, started_ms: int, at_ms: int
) -> tuple[ProbeState, str | None]:
    """Run a probe that is due; the text of its failure, or None."""
    failure, until_age_ms = answer(behaviour, probe, at_ms - started_ms)
    state = observe(probe, state, failure is None)
    return msgspec.structs.replace(
        state, next_ms=_next_tick(probe, state, failure is None, at_ms, started_ms + until_age_ms)
    ), failure


def _next_tick(probe: Probe, state: ProbeState, success: bool, at_ms: int, until_ms: int) -> int:
    """The next tick at which running the probe can make a difference."""
    if state.on_hold:
        return NEVER_MS
    if state.published is not success:
        return at_ms + probe.period_ms
    if until_ms >= NEVER_MS:
        return NEVER_MS
    return at_ms + max(1, -(-(until_ms - at_ms) // probe.period_ms)) * probe.period_ms


def waken(probe: Probe, state: ProbeState, started_ms: int, now_ms: int) -> ProbeState:
    """A probe whose container may answer otherwise from now on: look at its next tick."""
    if state.on_hold or state.last is None:
        return state
    first_ms = started_ms + probe.initial_delay_ms
    ticks = max(0, -(-(now_ms - first_ms) // probe.period_ms))
    next_ms = min(state.next_ms, first_ms + ticks * probe.period_ms)
    return msgspec.structs.replace(state, next_ms=next_ms)
