"""What is measured of a machine's containers, and when.

Every 15 seconds a measurement is taken of every machine, at the same moments for all; of processor
time the mean since the one before is known. So nothing has to be kept and nobody has to wake up:
what was measured last follows from how containers behave and since when they run.

A container that is younger than the last but one measurement is measured from its start, if that
was at least 10 seconds before the last; a pod of which a container has no measure has none.

Source: kubernetes-sigs/metrics-server v0.8, pkg/storage/pod.go, node.go (the rules, and
--metric-resolution=15s). Differs: its moments follow from when it was started.
"""

from __future__ import annotations

import msgspec

from kelm.core.metrics.loads import Steps, average, value_at
from kelm.core.node.containers.behaviour import Behaviour
from kelm.core.node.pods.local import ContainerRun, LocalPod

RESOLUTION_MS = 15_000
FRESH_MS = 10_000


class Sample(msgspec.Struct, frozen=True):
    """One container's own use: processor time in billionths of a processor, memory in bytes."""

    container: str
    window_ms: int
    cpu_nano: int
    memory_bytes: int


def sampled_ms(now_ms: int) -> int:
    """When the last measurement was taken.

    >>> sampled_ms(44_999)
    30000
    """
    return now_ms - now_ms % RESOLUTION_MS


def window_ms(run: ContainerRun, at_ms: int) -> int | None:
    """Over how long a container was measured at a moment.

    Returns:
        0 where it runs but has no measure yet; None where it does not run then.
    """
    alive = run.stage == "running" or (run.stage == "exited" and run.ended_ms > at_ms)
    if not alive or run.started_ms > at_ms:
        return None
    age_ms = at_ms - run.started_ms
    if age_ms >= RESOLUTION_MS:
        return RESOLUTION_MS
    return age_ms if age_ms >= FRESH_MS else 0


def samples(pod: LocalPod, at_ms: int) -> tuple[Sample, ...]:
    """What was measured of a pod's containers at a moment; nothing where one has no measure."""
    found = []
    for recipe, run in zip(pod.recipe.containers, pod.runs, strict=True):
        span_ms = window_ms(run, at_ms)
        if span_ms == 0:
            return ()
        if span_ms is not None:
            found.append(_sample(recipe.name, run, span_ms, at_ms))
    return tuple(found)


def _sample(name: str, run: ContainerRun, span_ms: int, at_ms: int) -> Sample:
    age_ms = at_ms - run.started_ms
    cpu = average(_cpu(run.behaviour), age_ms - span_ms, age_ms)
    memory = value_at(tuple((use.from_ms, use.memory_bytes) for use in run.behaviour.uses), age_ms)
    return Sample(name, span_ms, cpu, memory)


def _cpu(behaviour: Behaviour) -> Steps:
    return tuple((use.from_ms, use.cpu_milli) for use in behaviour.uses)


def reported(pod: LocalPod, metric: str, at_ms: int) -> int | None:
    """What a pod's containers said of a metric, in thousandths; None where they said nothing."""
    total: int | None = None
    for run in pod.runs:
        if window_ms(run, at_ms) is None:
            continue
        own = [one for one in run.behaviour.reports if one.metric == metric]
        said = [one for one in own if one.from_ms <= at_ms - run.started_ms]
        if said:
            total = (total or 0) + said[-1].value_milli
    return total
