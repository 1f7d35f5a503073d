"""Who answers the API server's calls in a simulated cluster: programs behind Services, and
functions that stand for URLs outside.

A Service is called by its cluster IP, through the service proxy. Programs have no certificates: one
that the configuration has a CA bundle for is believed to have the right one, and one without is
refused, since no system trusts by itself who signs for Services.

Source: kubernetes v1.36, apiserver/pkg/util/proxy/proxy.go (ResolveCluster).
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.adapters.simulator.calls.calling import changed_files, world_in
from kelm.adapters.simulator.calls.conversations import OnCall
from kelm.adapters.simulator.loop import Simulator
from kelm.adapters.simulator.machines import Machines
from kelm.core.api.aggregation.checking import ASKER, MASTERS
from kelm.core.api.conversation import OutsideCall
from kelm.core.api.webhooks.attributes import with_uid
from kelm.core.api.webhooks.client_config import DEFAULT_PORT, parsed
from kelm.core.api.webhooks.hearing import TOO_LATE, NotReached, Replied, Reply
from kelm.core.api.webhooks.programs import Decide, review
from kelm.core.network.calls import Calls, Source
from kelm.core.node.programs.http import Headers, Unreachable
from kelm.core.node.programs.process import Fetch
from kelm.core.store.small_map import SmallMap
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.document import Document, children, flag, number, text

Urls = SmallMap[str, Decide]

JSON: Final = (("Content-Type", "application/json"),)
AS_MASTER: Final = (("X-Remote-User", ASKER), ("X-Remote-Group", MASTERS))
UNTRUSTED: Final = NotReached(
    "tls: failed to verify certificate: x509: certificate signed by unknown authority"
)


def answering(urls: Urls, machines: Machines) -> OnCall:
    """What answers calls."""

    def call(simulator: Simulator, _number: int, call: OutsideCall) -> Reply:
        sent = msgspec.json.encode(with_uid(call.question.review, call.uid))
        service = call.question.client.get("service")
        if isinstance(service, Document):
            unchecked = flag(call.question.client, "insecureSkipTLSVerify")
            if not text(call.question.client, "caBundle") and not unchecked:
                return UNTRUSTED
            if call.question.phase == "discovering":
                return _inside(simulator, machines, service, fetch_of(service, "GET", AS_MASTER))
            query = f"timeout={call.question.timeout_seconds}s"
            asked = fetch_of(service, "POST", JSON, query, sent)
            return _inside(simulator, machines, service, asked)
        return _outside(urls, text(call.question.client, "url"), sent)

    return call


def _outside(urls: Urls, url: str, sent: bytes) -> Reply:
    """A URL that stands for nothing refuses connections."""
    decide = urls.get(url)
    if decide is None:
        host = parsed(url).host
        where = host if ":" in host else f"{host}:443"
        return NotReached(f"dial tcp {where}: connect: connection refused")
    found = review(sent, decide)
    if isinstance(found, str):
        return Replied(400, found.encode(), "text/plain")
    return Replied(200, found)


def fetch_of(
    service: Document, method: str, headers: Headers, query: str = "", sent: bytes = b""
) -> Fetch:
    """A request to a Service by its name."""
    port, path = number(service, "port") or DEFAULT_PORT, text(service, "path")
    host = f"{text(service, 'name')}.{text(service, 'namespace')}.svc"
    named = (("Host", f"{host}:{port}"), *headers)
    absolute = path if path.startswith("/") else f"/{path}"
    return Fetch(host, port, method, absolute, query, named, sent)


def _inside(simulator: Simulator, machines: Machines, service: Document, asked: Fetch) -> Reply:
    """What the program behind a Service answers."""
    port = asked.port
    address = resolved(simulator.api.store, service, port)
    if isinstance(address, NotReached):
        return address
    calls = Calls(world_in(simulator, machines), simulator.now_ms)
    found = calls.fetch(Source(), msgspec.structs.replace(asked, host=address))
    for change in changed_files(calls):
        simulator.happen(simulator.now_ms, change)
    if not isinstance(found, Unreachable):
        content_type = found.header("content-type")
        return Replied(found.status, found.body, content_type, found.after_ms)
    if found.kind == "timeout":
        return TOO_LATE
    return NotReached(f"dial tcp {address}:{port}: connect: connection refused")


def resolved(store: Store, service: Document, port: int) -> str | NotReached:
    """The address of a Service, or why there is none to call."""
    name = text(service, "name")
    found = store.get("services", key_of(text(service, "namespace"), name))
    if found is None:
        return NotReached(f'service "{name}" not found')
    if not any(number(one, "port") == port for one in children(found, "spec", "ports")):
        return NotReached(f'no service port {port} found for service "{name}"')
    address = text(found, "spec", "clusterIP")
    if address in ("", "None"):
        return NotReached(f'cannot route to service with ClusterIP "{address}"')
    return address
