"""Probes over the network: HTTP, TCP and gRPC. They come from the machine and go to the pod.

Source: kubernetes v1.36, pkg/probe/http/{http,request}.go, pkg/probe/tcp/tcp.go,
pkg/probe/grpc/grpc.go. The words of what fails before an answer are those of Go's `net` packages.
A host that is not the pod itself is taken for one that answers well: a machine knows its own pods.
"""

from __future__ import annotations

from typing import Final

from kelm.core.node.containers.behaviour import NEVER_MS
from kelm.core.node.containers.probes import PASSED, Finding
from kelm.core.node.files.entries import Change
from kelm.core.node.host.machine import Machine
from kelm.core.node.pods.handlers import Grpc, HttpGet, TcpSocket
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.programs.answering import LOCAL, Told, listener, told_locally
from kelm.core.node.programs.grpc import health_of, health_request
from kelm.core.node.programs.http import Headers, HttpRequest, HttpResponse, Reply, Unreachable
from kelm.core.node.programs.scene import address_of
from kelm.core.node.shell.tools.url import Url

VERSION: Final = "1.36"
REDIRECTS: Final = (301, 302, 303, 307, 308)
MOST_REQUESTS: Final = 10
MOST_BODY: Final = 10 * 1_024


def own_host(machine: Machine, pod: LocalPod, host: str) -> str | None:
    """The host as an address of this pod, None where it is not one of its own."""
    address = address_of(machine, pod)
    if host in ("", address) or (pod.recipe.host_network and host in LOCAL):
        return host or address
    return None


def http_probe(
    machine: Machine, pod: LocalPod, get: HttpGet, now_ms: int, timeout_ms: int
) -> Finding:
    """An HTTP probe: 200 to 399 passes, and redirects are followed on the same host."""
    host = own_host(machine, pod, get.host)
    if host is None:
        return PASSED
    url = url_of(get, host)
    headers, until_ms = probe_headers(get.headers, "probe"), NEVER_MS
    changes: tuple[Change, ...] = ()
    for _ in range(MOST_REQUESTS):
        told = request_told(machine, pod, url, headers, now_ms)
        until_ms, changes = min(until_ms, told.until_ms), changes + told.changes
        target = _redirected(url, told.reply)
        if target is None or Url(target).host != host:
            return _judged(url, told.reply, timeout_ms, until_ms, changes)
        url = target
    text = f'Get "{url}": stopped after {MOST_REQUESTS} redirects'
    return Finding("failed", text, until_ms, changes)


def url_of(get: HttpGet, host: str) -> str:
    """Where a request goes.

    >>> url_of(HttpGet(80, "up"), "10.244.0.2")
    'http://10.244.0.2:80/up'
    """
    return f"{get.scheme}://{host}:{get.port}/{get.path.removeprefix('/')}"


def probe_headers(given: Headers, purpose: str) -> Headers:
    """The headers of a kubelet's request: those that were given, and what is missing.

    >>> probe_headers((("Accept", ""), ("X", "1")), "probe")
    (('X', '1'), ('User-Agent', 'kube-probe/1.36'))
    """
    names = {name.lower() for name, _ in given}
    kept = tuple([(name, value) for name, value in given if name.lower() != "accept" or value])
    if "user-agent" not in names:
        kept += (("User-Agent", f"kube-{purpose}/{VERSION}"),)
    return kept if "accept" in names else (*kept, ("Accept", "*/*"))


def request_told(machine: Machine, pod: LocalPod, url: str, headers: Headers, now_ms: int) -> Told:
    """What a pod answers to its machine's GET of a URL."""
    parts = Url(url)
    if not any(name.lower() == "host" for name, _ in headers):
        headers = (("Host", f"{parts.host}:{parts.port}"), *headers)
    request = HttpRequest("GET", parts.path, parts.query, headers, b"", parts.port, machine.host_ip)
    return told_locally(machine, pod, request, now_ms)


def _redirected(url: str, reply: Reply) -> str | None:
    if isinstance(reply, Unreachable) or reply.status not in REDIRECTS:
        return None
    location = reply.header("Location")
    return Url(url).beside(location) if location else None


def _judged(
    url: str, reply: Reply, timeout_ms: int, until_ms: int, changes: tuple[Change, ...]
) -> Finding:
    """What a probe makes of the last answer."""
    if isinstance(reply, Unreachable):
        text = f'Get "{url}": {_dialled(f"{Url(url).host}:{Url(url).port}")}'
        return Finding("failed", text, until_ms, changes)
    if reply.after_ms > timeout_ms:
        why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return Finding("failed", f'Get "{url}": {why}', until_ms, changes)
    if not 200 <= reply.status < 400:
        text = f"HTTP probe failed with statuscode: {reply.status}"
        return Finding("failed", text, until_ms, changes)
    if reply.status >= 300:
        body = reply.body[:MOST_BODY].decode("utf-8", "replace")
        text = f"Probe terminated redirects, Response body: {body}"
        return Finding("warned", text, until_ms, changes)
    return Finding("passed", "", until_ms, changes)


def _dialled(place: str) -> str:
    """The words for a connection to where nobody listens."""
    return f"dial tcp {place}: connect: connection refused"


def tcp_probe(machine: Machine, pod: LocalPod, socket: TcpSocket) -> Finding:
    """A TCP probe: whether anybody listens."""
    host = own_host(machine, pod, socket.host)
    if host is None or listener(pod, socket.port) is not None:
        return PASSED
    return Finding("failed", _dialled(f"{host}:{socket.port}"))


def grpc_probe(
    machine: Machine, pod: LocalPod, call: Grpc, now_ms: int, timeout_ms: int
) -> Finding:
    """A gRPC probe: the answer must be SERVING.

    A program that does not speak gRPC never finishes the handshake; one of which nothing is known
    is believed to serve.
    """
    place = f"{address_of(machine, pod)}:{call.port}"
    index = listener(pod, call.port)
    if index is not None and machine.images.find(pod.recipe.containers[index].image).handle is None:
        return PASSED
    request = health_request(call.port, call.service, machine.host_ip)
    told = told_locally(machine, pod, request, now_ms)
    seconds = f"{timeout_ms // 1_000}s"
    health = health_of(told.reply) if isinstance(told.reply, HttpResponse) else None
    if health is None:
        why = f'timeout: failed to connect service "{place}" within {seconds}'
        return Finding("failed", f"{why}: context deadline exceeded", told.until_ms, told.changes)
    status, error = health
    if isinstance(told.reply, HttpResponse) and told.reply.after_ms > timeout_ms:
        why = f"timeout: health rpc did not complete within {seconds}"
    elif error:
        why = f"error: health rpc probe failed: {error}"
    elif status != "SERVING":
        why = f'service unhealthy (responded with "{status}")'
    else:
        return Finding("passed", "", told.until_ms, told.changes)
    return Finding("failed", why, told.until_ms, told.changes)
