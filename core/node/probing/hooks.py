"""Hooks of a container's life: what runs after its start, and before it is told to end.

They ask the container as probes do; of an HTTP hook only counts whether there was an answer. What a
hook wrote is written by the container it ran in. How long one takes counts before an end only:
a container is there as soon as it has started.

Source: kubernetes v1.36, pkg/kubelet/lifecycle/handlers.go, kuberuntime_container.go
(startContainer, executePreStopHook).
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from kelm.core.node.containers.behaviour import Write
from kelm.core.node.files.entries import Change
from kelm.core.node.files.host_files import HOST
from kelm.core.node.pods.handlers import Exec, Grpc, Handler, HttpGet, Pause, TcpSocket, Unusable
from kelm.core.node.pods.local import ContainerRun, LocalPod
from kelm.core.node.probing.commands import run_command
from kelm.core.node.probing.requests import own_host, probe_headers, request_told, url_of
from kelm.core.node.programs.http import HttpResponse
from kelm.core.node.turn import Turn

replace = msgspec.structs.replace


class Hooked(msgspec.Struct, frozen=True):
    """What came of a hook."""

    succeeded: bool = True
    took_ms: int = 0
    changes: tuple[Change, ...] = ()


FAILED = Hooked(succeeded=False)


def hooked(
    turn: Turn, pod: LocalPod, index: int, handler: Handler, at_ms: int, within_ms: int
) -> Hooked:
    """Run a hook of a container that runs."""
    seen = turn.seen(pod)
    match handler:
        case Pause(for_ms=for_ms):
            return Hooked(took_ms=min(for_ms, within_ms))
        case Exec(command=command):
            return _executed(turn, seen, index, command, at_ms, within_ms)
        case HttpGet():
            host = own_host(turn.machine, seen, handler.host)
            if host is None:
                return Hooked()
            headers = probe_headers(handler.headers, "lifecycle")
            told = request_told(turn.machine, seen, url_of(handler, host), headers, at_ms)
            if not isinstance(told.reply, HttpResponse):
                return FAILED
            return Hooked(True, min(told.reply.after_ms, within_ms), told.changes)
        case TcpSocket() | Grpc() | Unusable():
            return FAILED
        case _:
            assert_never(handler)


def _executed(
    turn: Turn, pod: LocalPod, index: int, command: tuple[str, ...], at_ms: int, within_ms: int
) -> Hooked:
    ended = run_command(turn.machine, pod, index, command, at_ms, within_ms)
    if ended is None:
        return Hooked(succeeded=not pod.runs[index].behaviour.understood)
    return Hooked(ended.believed or ended.code in (0, None), ended.took_ms, ended.changes)


def with_writes(
    turn: Turn, run: ContainerRun, changes: tuple[Change, ...], at_ms: int
) -> ContainerRun:
    """A run that has written more than was foreseen."""
    if not changes:
        return run
    more = [Write(at_ms - run.started_ms, one) for one in changes]
    writes = sorted((*run.behaviour.writes, *more), key=lambda one: one.at_ms)
    turn.host = turn.host.promised(run.id, [(at_ms, one) for one in changes if one.part == HOST])
    return replace(run, behaviour=replace(run.behaviour, writes=tuple(writes)))
