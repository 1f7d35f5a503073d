"""What a container goes on to say when what it reads again and again has changed.

A loop that shows a file was worked out when the container started. When the file's source (a
ConfigMap, a Secret, the pod's own labels) changes, its rounds from then on are worked out anew,
at the times at which they were to come.
"""

from __future__ import annotations

import msgspec

from kelm.core.node.containers.behaviour import Behaviour, Line
from kelm.core.node.containers.starting import Awaited, behaviour_of
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.pods.runs import stirred
from kelm.core.node.turn import Turn

replace = msgspec.structs.replace


def renewed(turn: Turn, pod: LocalPod) -> LocalPod:
    """The pod with the lines that its containers write from now on; its probes look again."""
    seen = turn.seen(pod)
    runs = list(pod.runs)
    for index, run in enumerate(runs):
        if run.stage != "running" or not any(line.every_ms for line in run.behaviour.lines):
            continue
        fresh = behaviour_of(turn.machine, seen, index, run, run.started_ms)
        if isinstance(fresh, Awaited):
            turn.awaited |= dict.fromkeys(fresh.promises)
            continue
        lines = spliced(run.behaviour, fresh, turn.now_ms - run.started_ms)
        if lines != run.behaviour.lines:
            runs[index] = replace(run, behaviour=replace(run.behaviour, lines=lines))
    return stirred(replace(pod, runs=tuple(runs)), turn.now_ms)


def spliced(old: Behaviour, fresh: Behaviour, age_ms: int) -> tuple[Line, ...]:
    """The lines of a run that behaves otherwise from this age on.

    >>> before = Behaviour(lines=(Line(0, "up"), Line(0, "1", every_ms=2_000)))
    >>> after = Behaviour(lines=(Line(0, "up"), Line(0, "2", every_ms=2_000)))
    >>> [(line.at_ms, line.text, line.until_ms < 9_000) for line in spliced(before, after, 3_000)]
    [(0, 'up', False), (0, '1', True), (4000, '2', False)]
    """
    rounds = [line for line in fresh.lines if line.every_ms]
    going_on = [line for line in old.lines if line.every_ms and line.until_ms > age_ms]
    if [line.text for line in rounds] == [line.text for line in going_on]:
        return old.lines
    ended = [
        replace(line, until_ms=age_ms) if line.every_ms and line.until_ms > age_ms else line
        for line in old.lines
    ]
    begun = []
    for line in rounds:
        ticks = max(0, -(-(age_ms - line.at_ms) // line.every_ms))
        begun.append(replace(line, at_ms=line.at_ms + ticks * line.every_ms))
    return (*ended, *begun)
