"""Session affinity: a client goes on talking to the endpoint that it talked to.

The memory is the proxy's: one per node. An entry lasts for the timeout after the *last* connection
(10,800 s unless the Service says otherwise), and is worth nothing once its endpoint is no longer
in use.

Source: kubernetes v1.36, pkg/proxy/iptables/proxier.go (the recent match: rcheck, seconds, reap,
set); api/core/v1/types.go (DefaultClientIPServiceAffinitySeconds).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec
from pyrsistent import pmap
from pyrsistent.typing import PMap

from kelm.core.objects.service import Service
from kelm.effects.address import Key
from kelm.effects.document import number, text

DEFAULT_TIMEOUT_SECONDS = 10_800
CLIENT_IP = "ClientIP"


class Client(msgspec.Struct, frozen=True, gc=False):
    """Who is remembered, and for which port of which Service."""

    service: Key
    port: str
    ip: str


class Session(msgspec.Struct, frozen=True, gc=False):
    """Which endpoint a client last talked to, and when."""

    endpoint: str
    at_ms: int


Sessions: TypeAlias = "PMap[Client, Session]"
NO_SESSIONS: Sessions = pmap()


def timeout_ms(service: Service) -> int | None:
    """How long clients are remembered after they last connected; None if they are not.

    >>> from kelm.core.objects.service import service
    >>> from kelm.effects.document import Document
    >>> timeout_ms(service(Document(spec=Document(sessionAffinity="ClientIP"))))
    10800000
    """
    if text(service.doc, "spec", "sessionAffinity") != CLIENT_IP:
        return None
    path = ("spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds")
    return number(service.doc, *path, default=DEFAULT_TIMEOUT_SECONDS) * 1_000


def choose(
    sessions: Sessions,
    client: Client,
    endpoints: Sequence[str],
    draw: int,
    timeout_ms: int | None,
    at_ms: int,
) -> tuple[str, Sessions]:
    """The endpoint for a connection, and the sessions after it.

    Args:
        endpoints: those in use, at least one.
        draw: any number: which of them takes a client that is not remembered.

    >>> client = Client("default/web", "", "10.0.0.9")
    >>> first, sessions = choose(NO_SESSIONS, client, ["a", "b"], 1, 10_000, at_ms=0)
    >>> choose(sessions, client, ["a", "b"], 0, 10_000, at_ms=10_000)[0]
    'b'
    >>> choose(sessions, client, ["a", "b"], 0, 10_000, at_ms=10_001)[0]
    'a'
    """
    drawn = endpoints[draw % len(endpoints)]
    if timeout_ms is None:
        return drawn, sessions
    last = sessions.get(client)
    if last is not None and at_ms - last.at_ms <= timeout_ms and last.endpoint in endpoints:
        drawn = last.endpoint
    return drawn, sessions.set(client, Session(drawn, at_ms))
