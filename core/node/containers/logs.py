"""What containers have written: worked out when somebody reads it.

A line is part of the behaviour of a run, so the log of a run is a function of the behaviour, of
when the run started, and of how far it has come. Stored are only the run before this one
(`kubectl logs --previous`) and, beside the pod's files, what its programs say when they answer a
request (`Inside.said`); what they say to their own machine's probes is not. No log is longer than
`MAX_LINES`.

Source: kubernetes v1.36, pkg/kubelet/kubelet_pods.go (validateContainerLogStatus),
pkg/kubelet/kuberuntime/logs/logs.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.node.containers.behaviour import Behaviour, Line
from kelm.core.node.files.entries import EMPTY_TREE, Change, File, Parts
from kelm.core.node.pods.guests import find_container
from kelm.core.node.pods.local import ContainerRun, LocalPod
from kelm.core.objects.time import format_time

MAX_LINES = 10_000
"""How many of the newest lines of a run can be read."""

MOST_SAID: Final = 200
"""How many lines are kept of what a program says when it answers others."""
SAID: Final = "/said"


class LogLine(msgspec.Struct, frozen=True, order=True):
    """One line of output and when it was written."""

    at_ms: int
    text: str


def written(behaviour: Behaviour, started_ms: int, until_ms: int) -> tuple[LogLine, ...]:
    """The lines of a run up to and including a time, oldest first.

    >>> chatty = Behaviour(lines=(Line(0, "up"), Line(1_000, "tick", every_ms=1_000)))
    >>> [line.text for line in written(chatty, 5_000, 7_500)]
    ['up', 'tick', 'tick']
    """
    age_ms = until_ms - started_ms
    found = [
        (at_ms, number, line.text)
        for number, line in enumerate(behaviour.lines)
        for at_ms in _times(line, age_ms)
    ]
    return tuple(LogLine(started_ms + at_ms, text) for at_ms, _, text in sorted(found)[-MAX_LINES:])


def _times(line: Line, age_ms: int) -> Iterator[int]:
    if line.at_ms > age_ms:
        return iter(())
    if not line.every_ms:
        return iter((line.at_ms,))
    age_ms = min(age_ms, line.until_ms - 1)
    count = max(0, (age_ms - line.at_ms) // line.every_ms + 1)
    first = line.at_ms + max(0, count - MAX_LINES) * line.every_ms
    return iter(range(first, age_ms + 1, line.every_ms))


def container_log(
    pod: LocalPod, container: str, now_ms: int, *, previous: bool = False
) -> Result[tuple[LogLine, ...], str]:
    """The log of a container's present run, or of the one before; or why there is none."""
    first = pod.recipe.containers[pod.recipe.init_count].name
    found = find_container(pod, container or first)
    if found is not None:
        seen, index = found
        return _log(pod, container or first, seen.runs[index], now_ms, previous)
    return Failure(f"container {container} is not valid for pod {pod.name}")


def _log(
    pod: LocalPod, name: str, run: ContainerRun, now_ms: int, previous: bool
) -> Result[tuple[LogLine, ...], str]:
    if previous:
        before = run.previous
        if before is None:
            text = f'previous terminated container "{name}" in pod "{pod.name}" not found'
            return Failure(text)
        return Success(written(before.behaviour, before.started_ms, before.ended_ms))
    if run.stage == "running":
        return Success(_all(pod, name, run, now_ms))
    if run.stage == "exited" and run.started_ms:
        return Success(_all(pod, name, run, run.ended_ms))
    reason = run.reason or "ContainerCreating"
    return Failure(f'container "{name}" in pod "{pod.name}" is waiting to start: {reason}')


def _all(pod: LocalPod, name: str, run: ContainerRun, until_ms: int) -> tuple[LogLine, ...]:
    """What a run wrote by itself, and what it said when it answered others."""
    answered = [one for one in _said(pod.parts, name) if run.started_ms <= one.at_ms <= until_ms]
    lines = written(run.behaviour, run.started_ms, until_ms)
    return tuple(sorted((*lines, *answered), key=lambda one: one.at_ms)) if answered else lines


def _said(parts: Parts, name: str) -> list[LogLine]:
    kept = parts.get(f"log/{name}", EMPTY_TREE).get(SAID)
    text = kept.data.decode() if isinstance(kept, File) else ""
    found = [line.partition(" ") for line in text.splitlines()]
    return [LogLine(int(at_ms), said) for at_ms, _, said in found]


def said_more(parts: Parts, name: str, said: list[str], at_ms: int) -> Change:
    """What is kept of a container that said something more: the newest `MOST_SAID` lines."""
    new = [LogLine(at_ms, line) for text in said for line in text.splitlines()]
    kept = [*_said(parts, name), *new][-MOST_SAID:]
    data = "".join([f"{one.at_ms} {one.text}\n" for one in kept]).encode()
    return Change(f"log/{name}", SAID, File(data))


def as_text(
    lines: tuple[LogLine, ...],
    *,
    timestamps: bool = False,
    tail_lines: int | None = None,
    since_ms: int | None = None,
    limit_bytes: int | None = None,
) -> str:
    """Lines as `kubectl logs` prints them.

    >>> as_text((LogLine(1_500, "up"),), timestamps=True)
    '1970-01-01T00:00:01.500000000Z up\\n'
    """
    if since_ms is not None:
        lines = tuple(line for line in lines if line.at_ms >= since_ms)
    if tail_lines is not None:
        lines = lines[len(lines) - tail_lines :] if tail_lines < len(lines) else lines
    text = "".join(
        f"{_nanoseconds(line.at_ms)} {line.text}\n" if timestamps else f"{line.text}\n"
        for line in lines
    )
    return text if limit_bytes is None else text.encode()[:limit_bytes].decode("utf-8", "ignore")


def _nanoseconds(at_ms: int) -> str:
    return f"{format_time(at_ms)[:-1]}.{at_ms % 1_000:03d}000000Z"
