"""Probes: when they run, and what their results make of a container.

A result counts only after it came `successThreshold` or `failureThreshold` times in a row; until
then the last published state stays. A startup probe holds the other two back until it succeeded,
and is not asked again; a liveness probe whose failure was published waits for a new container.

A probe that would find the same as before changes nothing, so it is not run: the next look is at
the first tick at which the container may answer otherwise (`core.node.probing` says when).

Source: kubernetes v1.36, pkg/kubelet/prober/worker.go, prober_manager.go.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from kelm.core.node.containers.behaviour import NEVER_MS
from kelm.core.node.files.entries import Change
from kelm.core.node.pods.recipe import Probe


class Finding(msgspec.Struct, frozen=True, gc=False):
    """What one run of a probe found: its text, and until when it would find the same.

    warned: passed, and somebody should know. errored: it could not be asked at all.
    changes: the files that the container's programs wrote meanwhile.
    """

    outcome: Literal["passed", "warned", "failed", "errored"]
    text: str = ""
    until_ms: int = NEVER_MS
    changes: tuple[Change, ...] = ()


PASSED = Finding("passed")


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


def run(probe: Probe, state: ProbeState, finding: Finding, at_ms: int) -> ProbeState:
    """The state after a probe that was due was run. What could not be asked does not count.

    Source: worker.go, doProbe (a result that comes with an error is thrown away).

    >>> probe, before = Probe("liveness", failure_threshold=1), ProbeState(0, published=True)
    >>> after = run(probe, before, Finding("failed", "connection refused"), 5_000)
    >>> after.published, after.next_ms == NEVER_MS
    (False, True)
    >>> run(probe, before, Finding("errored", "no such command"), 5_000)
    ProbeState(next_ms=15000, published=True, last=None, count=0, on_hold=False)
    """
    if finding.outcome == "errored":
        return msgspec.structs.replace(state, next_ms=at_ms + probe.period_ms)
    success = finding.outcome != "failed"
    state = observe(probe, state, success)
    next_ms = _next_tick(probe, state, success, at_ms, finding.until_ms)
    return msgspec.structs.replace(state, next_ms=next_ms)


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
