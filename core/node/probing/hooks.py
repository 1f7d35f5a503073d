"""Hooks of a container's life: what runs after its start, and before it is told to end.

They ask the container as probes do, and others over the network (see `programs.elsewhere`): a hook
whose answers are not all here yet says which it awaits, and is run anew when they are. Of an HTTP
hook only counts whether there was an answer, and who can ask nobody is believed to succeed. What a
hook wrote is written by the container it ran in. How long one takes counts before an end only:
a container is there as soon as it has started.

Source: kubernetes v1.36, pkg/kubelet/lifecycle/handlers.go, kuberuntime_container.go
(startContainer, executePreStopHook).
"""

from __future__ import annotations

from typing import Final, assert_never

import msgspec

from kelm.core.node.containers.behaviour import Write
from kelm.core.node.files.entries import Change
from kelm.core.node.files.host_files import HOST
from kelm.core.node.files.promises import Promise
from kelm.core.node.pods.handlers import Exec, Grpc, Handler, HttpGet, Pause, TcpSocket, Unusable
from kelm.core.node.pods.local import ContainerRun, LocalPod
from kelm.core.node.probing.commands import run_command
from kelm.core.node.probing.requests import own_host, probe_headers, request_told, url_of
from kelm.core.node.programs.elsewhere import Calling, asked_elsewhere, hook_name
from kelm.core.node.programs.http import HttpResponse
from kelm.core.node.programs.process import Fetch
from kelm.core.node.shell.tools.url import Url
from kelm.core.node.turn import Turn

replace = msgspec.structs.replace

POST_START: Final = "postStart"
PRE_STOP: Final = "preStop"


class Hooked(msgspec.Struct, frozen=True):
    """What came of a hook. awaited: what must be asked first; the rest then says nothing."""

    succeeded: bool = True
    took_ms: int = 0
    changes: tuple[Change, ...] = ()
    awaited: tuple[Promise, ...] = ()


FAILED = Hooked(succeeded=False)


def hooked(
    turn: Turn, pod: LocalPod, index: int, kind: str, handler: Handler, at_ms: int, within_ms: int
) -> Hooked:
    """Run a hook of a container that runs; `kind` is postStart or preStop."""
    calling = Calling(pod.promises, hook_name(kind, index, pod.runs[index].restarts))
    seen = replace(turn.seen(pod), promises=calling)
    found = _done(turn, seen, index, handler, at_ms, within_ms)
    if calling.alone and not found.succeeded:
        found = replace(found, succeeded=True)
    return replace(found, awaited=tuple(calling.awaited)) if calling.awaited else found


def _done(
    turn: Turn, seen: LocalPod, index: int, handler: Handler, at_ms: int, within_ms: int
) -> Hooked:
    match handler:
        case Pause(for_ms=for_ms):
            return Hooked(took_ms=min(for_ms, within_ms))
        case Exec(command=command):
            return _executed(turn, seen, index, command, at_ms, within_ms)
        case HttpGet():
            host = own_host(turn.machine, seen, handler.host)
            if host is None:
                return _elsewhere(seen, handler, within_ms)
            headers = probe_headers(handler.headers, "lifecycle")
            told = request_told(turn.machine, seen, url_of(handler, host), headers, at_ms)
            if not isinstance(told.reply, HttpResponse):
                return FAILED
            return Hooked(True, min(told.reply.after_ms, within_ms), told.changes)
        case TcpSocket() | Grpc() | Unusable():
            return FAILED
        case _:
            assert_never(handler)


def _elsewhere(seen: LocalPod, get: HttpGet, within_ms: int) -> Hooked:
    """The machine asks somebody who is not its pod."""
    url = Url(url_of(get, get.host))
    headers = probe_headers(get.headers, "lifecycle")
    fetch = Fetch(url.host, url.port, path=url.path, query=url.query, headers=headers)
    reply = asked_elsewhere(seen.promises, "", fetch)
    if not isinstance(reply, HttpResponse):
        return FAILED
    return Hooked(took_ms=min(reply.after_ms, within_ms))


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
