"""Requests between programs: from a client in the cluster to the program that answers.

A name is looked up as cluster DNS would, an address goes through the service proxy's rules, and
the container that listens on the port answers with its image's `handle`. Handlers may ask others
in turn. What they write is gathered, and has to be told to their machines afterwards.

    calls = Calls(world)
    reply = calls.fetch(Source("shop"), Fetch("hooks.shop.svc", 443, "POST", "/check", body=b"{}"))
    for change in calls.changes: ...

To call a Service as the API server does for a webhook, give no source:
`calls.fetch(Source(), Fetch("hooks.shop.svc", ...))`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from kelm.core.network.affinity import NO_SESSIONS, Sessions
from kelm.core.network.names import look_up
from kelm.core.network.policies import name_servers
from kelm.core.network.proxy import (
    LOOPBACK,
    Answered,
    Network,
    Refused,
    Request,
    TimedOut,
    answer,
    is_node,
    pods_at,
)
from kelm.core.network.reach import Everything, Reach
from kelm.core.network.resolver import is_address, resolver_in, resolver_of
from kelm.core.node.containers.behaviour import failure_at
from kelm.core.node.containers.logs import said_more
from kelm.core.node.files.disk import Disk
from kelm.core.node.files.entries import Change
from kelm.core.node.host.machine import Machine
from kelm.core.node.pods.dns import HOST_DNS
from kelm.core.node.pods.local import LocalPod
from kelm.core.node.pods.runs import with_written
from kelm.core.node.programs.answering import (
    DATAGRAMS,
    MOST_HOPS,
    handled,
    listener,
    protocol_of,
)
from kelm.core.node.programs.http import (
    HttpRequest,
    HttpResponse,
    Reply,
    Unreachable,
    text_response,
)
from kelm.core.node.programs.inside import Inside
from kelm.core.node.programs.process import Fetch, Resolve
from kelm.core.node.programs.scene import inside_of
from kelm.core.objects.meta import metadata
from kelm.effects.address import Key, Uid

API_SERVER: Final = HOST_DNS
"""Where the API server asks from: the gateway of the machines' network."""


class Source(msgspec.Struct, frozen=True):
    """Who asks: a pod's namespace (for short names), its address, and its machine.

    files: those of its container, which say how it looks up names; None: as any pod of its
        namespace does.
    """

    namespace: str = "default"
    ip: str = ""
    node: str = ""
    from_outside: bool = False
    files: Disk | None = None

    def find(self, network: Network, name: str, record: str = "A") -> tuple[str, tuple[str, ...]]:
        """The full name of a host as this client looks it up, and its records.

        No full name: none of its name servers may be asked.
        """
        own = resolver_in(self.namespace) if self.files is None else resolver_of(self.files)
        if len(network.policies) and self.ip and not is_address(name):
            client = network.party(self.ip)
            servers = name_servers(network.policies, network.namespaces, client, own.nameservers)
            silent, own = not servers, msgspec.structs.replace(own, nameservers=servers)
            full, found = look_up(network, name, own, record)
            return ("" if silent and not found else full), found
        return look_up(network, name, own, record)


def source_in(inside: Inside) -> Source:
    """A program in a container as somebody who asks."""
    return Source(inside.launch.namespace, inside.pod_ip, inside.node, files=inside.disk)


class World(msgspec.Struct, frozen=True):
    """All that an answer depends on. `local` finds a pod as its machine knows it."""

    network: Network
    local: Callable[[Key], tuple[Machine, LocalPod] | None]
    now_ms: int
    reach: Reach = Everything()
    sessions: Sessions = NO_SESSIONS


class Written(msgspec.Struct, frozen=True):
    """Files that a program wrote while it answered."""

    pod: Key
    uid: Uid
    changes: tuple[Change, ...]


class Calls:
    """Requests that are carried out one after the other in one moment, and what they leave."""

    def __init__(self, world: World, draw: int = 0) -> None:
        self.world = world
        self.sessions = world.sessions
        self.changes: list[Written] = []
        self._draw = draw
        self._depth = 0

    def fetch(self, source: Source, fetch: Fetch) -> Reply:
        """What becomes of one request."""
        network = self.world.network
        _, addresses = source.find(network, fetch.host)
        if not addresses:
            return Unreachable("name", fetch.host)
        to = addresses[0]
        if to in LOOPBACK and source.ip and not is_node(network.nodes, source.ip):
            to = source.ip
        request = Request(
            to,
            fetch.port,
            fetch.protocol,
            source.node,
            source.from_outside,
            source.ip or API_SERVER,
            self.world.now_ms,
            self._draw,
        )
        self._draw += 1
        found, self.sessions = answer(network, request, self.world.reach, self.sessions)
        if isinstance(found, Refused):
            return Unreachable("refused", found.why)
        if isinstance(found, TimedOut):
            return Unreachable("timeout", found.why)
        return self._at_pod(source, fetch, found)

    def _at_pod(self, source: Source, fetch: Fetch, found: Answered) -> Reply:
        host = f"{fetch.host}:{fetch.port}"
        named = any(name.lower() == "host" for name, _ in fetch.headers)
        request = HttpRequest(
            fetch.protocol if fetch.protocol in DATAGRAMS else fetch.method,
            fetch.path,
            fetch.query,
            fetch.headers if named else (("Host", host), *fetch.headers),
            fetch.body,
            found.port,
            source.ip or API_SERVER,
            32_768 + (self.world.now_ms + self._draw) % 28_232,
        )
        return self.ask(self._who_listens(found, request), request, probe=fetch.probe)

    def _who_listens(self, found: Answered, request: HttpRequest) -> Key:
        """Of the pods that share a machine's address the one that listens on the port."""
        sharing = pods_at(self.world.network, found.address)
        for doc in sharing if len(sharing) > 1 else ():
            known = self.world.local(metadata(doc).key)
            if (
                known is not None
                and listener(known[1], found.port, protocol_of(request)) is not None
            ):
                return known[1].key
        return found.pod

    def respond(self, source: Source, effect: Fetch | Resolve) -> object:
        """The answer to what a program asks of the network."""
        if isinstance(effect, Fetch):
            return self.fetch(source, effect)
        return source.find(self.world.network, effect.name, effect.record)

    def ask(self, pod: Key, request: HttpRequest, *, probe: bool = False) -> Reply:
        """What a pod answers on a port, past every Service."""
        known = self.world.local(pod)
        if known is None:
            return Unreachable("timeout", f"pod {pod} is on no machine")
        machine, local = known
        index = listener(local, request.port, protocol_of(request))
        if index is None or self._depth > MOST_HOPS:
            return Unreachable("refused", f"nobody listens on port {request.port} of {pod}")
        run = local.runs[index]
        failure, _ = failure_at(run.behaviour, "readiness", self.world.now_ms - run.started_ms)
        if failure is not None:
            return text_response(f"{failure or 'service unavailable'}\n", 503)
        if probe:
            return HttpResponse(headers=())
        self._depth += 1
        reply = self._handled(machine, local, index, request)
        self._depth -= 1
        return reply

    def _handled(
        self, machine: Machine, local: LocalPod, index: int, request: HttpRequest
    ) -> HttpResponse:
        inside = inside_of(machine, self._as_written(local), index, self.world.now_ms)
        answering = handled(machine, local, index, inside, request)
        if not isinstance(answering, HttpResponse):
            source = source_in(inside)
            reply: Reply | None = None
            try:
                fetch = next(answering)
                while True:
                    reply = self.fetch(source, fetch)
                    fetch = answering.send(reply)
            except StopIteration as end:
                answering = end.value
        assert isinstance(answering, HttpResponse)
        changes = inside.disk.changes
        if inside.said:
            name, parts = local.recipe.containers[index].name, self._as_written(local).parts
            changes = (*changes, said_more(parts, name, inside.said, self.world.now_ms))
        if changes:
            self.changes.append(Written(local.key, local.uid, changes))
        return answering

    def _as_written(self, local: LocalPod) -> LocalPod:
        """A pod with what was written in this same moment."""
        for written in self.changes:
            if written.uid == local.uid:
                local = with_written(local, written.changes, self.world.now_ms)
        return local
