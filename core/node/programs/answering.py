"""Which container of a pod answers on a port, and what its program says.

A pod's containers share one network: whoever listens on a port answers for all of them.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.node.containers.behaviour import NEVER_MS, listens_on
from kelm.core.node.files.entries import Change
from kelm.core.node.host.machine import Machine
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.programs.elsewhere import asked_elsewhere
from kelm.core.node.programs.http import (
    Answering,
    HttpRequest,
    HttpResponse,
    Reply,
    Unreachable,
    text_response,
)
from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.process import Fetch
from kelm.core.node.programs.scene import container_of, inside_of
from kelm.effects.document import children, number

DATAGRAMS: Final = ("UDP", "SCTP")
"""Protocols whose messages are requests with the protocol as their method."""
LOCAL: Final = ("localhost", "127.0.0.1", "::1")
"""What a pod calls itself."""
MOST_HOPS: Final = 16
"""How deep requests may cause requests: a circle of programs ends here."""


class Told(msgspec.Struct, frozen=True):
    """What was answered, until when it would be answered so again, and what was written."""

    reply: Reply
    until_ms: int = NEVER_MS
    changes: tuple[Change, ...] = ()


def protocol_of(request: HttpRequest) -> str:
    """Over which protocol a request comes: a datagram's method is its protocol.

    >>> protocol_of(HttpRequest("UDP")), protocol_of(HttpRequest("GET"))
    ('UDP', 'TCP')
    """
    return request.method if request.method in DATAGRAMS else "TCP"


def listener(pod: LocalPod, port: int, protocol: str = "TCP") -> int | None:
    """The container of a pod that listens on a port, None where none does.

    One that says on which ports it listens comes before one that takes whatever it is asked for;
    among these, one whose specification names the port.
    """
    willing = []
    for index, run in enumerate(pod.runs):
        if run.stage != "running" or not listens_on(run.behaviour, port, protocol):
            continue
        if run.behaviour.ports is not None:
            return index
        willing.append(index)
    for index in willing:
        container = container_of(pod.recipe.spec, pod.recipe.containers[index].name)
        if any(number(one, "containerPort") == port for one in children(container, "ports")):
            return index
    return willing[0] if willing else None


def handled(
    machine: Machine, pod: LocalPod, index: int, inside: Inside, request: HttpRequest
) -> Answering:
    """What the program in the container with this index answers, as it says it."""
    handle = machine.images.find(pod.recipe.containers[index].image).handle
    return default_page(inside, request) if handle is None else handle(inside, request)


def default_page(inside: Inside, request: HttpRequest) -> HttpResponse:
    """What an image answers that nobody described: that it is there."""
    launch = inside.launch
    where = f"{launch.namespace}/{launch.pod}"
    return text_response(f"{launch.image} in pod {where} answers {request.method} {request.path}\n")


def told_locally(
    machine: Machine, pod: LocalPod, request: HttpRequest, now_ms: int, hops: int = 0
) -> Told:
    """The answer of a pod to somebody on its own machine; its programs reach others
    for a hook only (see `elsewhere`).

    A program of which nothing is known says the same for ever, and is not even asked.
    """
    index = listener(pod, request.port, protocol_of(request))
    if index is None or hops > MOST_HOPS:
        return Told(Unreachable("refused", f"nobody listens on port {request.port}"))
    if machine.images.find(pod.recipe.containers[index].image).handle is None:
        return Told(HttpResponse(headers=()))
    inside = inside_of(machine, pod, index, now_ms)
    until_ms, answering = NEVER_MS, handled(machine, pod, index, inside, request)
    name = pod.recipe.containers[index].name
    if not isinstance(answering, HttpResponse):
        reply: Reply | None = None
        try:
            fetch = next(answering)
            while True:
                told = reached(machine, pod, name, inside.pod_ip, fetch, now_ms, hops + 1)
                until_ms = min(until_ms, told.until_ms)
                reply = told.reply
                fetch = answering.send(reply)
        except StopIteration as end:
            answering = end.value
    assert isinstance(answering, HttpResponse)
    until_ms = min(until_ms, holds_until(pod, inside))
    return Told(answering, until_ms, inside.disk.changes)


def reached(
    machine: Machine,
    pod: LocalPod,
    container: str,
    address: str,
    fetch: Fetch,
    now_ms: int,
    hops: int = 0,
) -> Told:
    """What a program's request leads to: in its own pod, or, for a hook, elsewhere."""
    if fetch.host not in (*LOCAL, address):
        return Told(asked_elsewhere(pod.promises, container, fetch))
    if fetch.probe:
        open_ = listener(pod, fetch.port, fetch.protocol) is not None
        return Told(HttpResponse(headers=()) if open_ else Unreachable("refused", fetch.host))
    headers = (("Host", f"{fetch.host}:{fetch.port}"), *fetch.headers)
    method = fetch.protocol if fetch.protocol in DATAGRAMS else fetch.method
    request = HttpRequest(
        method, fetch.path, fetch.query, headers, fetch.body, fetch.port, fetch.host
    )
    return told_locally(machine, pod, request, now_ms, hops)


def holds_until(pod: LocalPod, inside: Inside) -> int:
    """Until when a program that did what it did in there would do the same again.

    Who has written something may find it the next time; who has looked at files may find what
    the pod's programs write next.
    """
    until_ms = inside.holds_until_ms
    if inside.disk.changes:
        return min(until_ms, inside.disk.now_ms)
    return min(until_ms, next_write_ms(pod, inside.disk.now_ms)) if inside.disk.looked else until_ms


def next_write_ms(pod: LocalPod, now_ms: int) -> int:
    """When a program of a pod next writes a file by itself."""
    times = [
        at_ms
        for run in pod.runs + pod.guests
        if run.stage == "running"
        for write in run.behaviour.writes
        if (at_ms := run.started_ms + write.at_ms) > now_ms
    ]
    times += [one.at_ms for one in pod.host.coming if one.at_ms > now_ms]
    return min(times, default=NEVER_MS)
