"""Machines as a cloud lists them, and when one is given up.

Machines are facts of the platform, not objects of the API server. It shows them as a
pseudo-resource, `instances`, of documents without a namespace:

    {metadata: {name}, spec: {pool, zone}, status: {state: pending|running|terminated, healthy}}

`healthy` is the cloud's own status check: whether the machine has power and answers. A machine and
its Node have one name.

Source: Amazon EC2 Auto Scaling user guide, "Health checks for instances in an Auto Scaling group":
instance status checks, node health as a custom check, the health check grace period.
"""

from __future__ import annotations

from typing import Self

import msgspec

from kelm.core.objects.meta import Metadata
from kelm.core.objects.pod import Condition
from kelm.core.objects.time import parse_time
from kelm.core.objects.views import convert, view
from kelm.effects.document import Document, child, children, flag, text

INSTANCES = "instances"
PENDING = "pending"
RUNNING = "running"
TERMINATED = "terminated"


class Instance(msgspec.Struct, frozen=True, gc=False):
    """One machine as its cloud knows it."""

    name: str
    pool: str
    zone: str
    state: str
    healthy: bool

    @classmethod
    def decode(cls, doc: Document) -> Self:
        return cls(
            name=view(Metadata, child(doc, "metadata")).name,
            pool=text(doc, "spec", "pool"),
            zone=text(doc, "spec", "zone"),
            state=text(doc, "status", "state", default=PENDING),
            healthy=flag(doc, "status", "healthy", default=True),
        )


def instance(doc: Document) -> Instance:
    """The view of a machine."""
    return view(Instance, doc)


def not_ready_since_ms(node: Document | None) -> int | None:
    """Since when a Node is not ready; None if it is. A Node that is not there never was: 0."""
    if node is None:
        return 0
    for doc in children(node, "status", "conditions"):
        if doc.get("type") == "Ready":
            ready = convert(Condition, doc)
            since = ready.last_transition_time
            return None if ready.status == "True" else parse_time(since) if since else 0
    return 0


class Patience(msgspec.Struct, frozen=True):
    """How long a machine's troubles are borne.

    grace_ms: a machine that has just come up is not judged for this long, and a Node may be not
        ready for this long.
    impaired_ms: how long the cloud's own check may fail.
    ending_ms: how long the cloud may refuse to end a lost machine that still counts.
    """

    grace_ms: int = 300_000
    impaired_ms: int = 120_000
    ending_ms: int = 600_000


def unhealthy_at_ms(
    patience: Patience,
    running_since_ms: int,
    impaired_since_ms: int | None,
    not_ready_since_ms: int | None,
) -> int | None:
    """From when on a running machine counts as lost if nothing changes; None if all is well.

    >>> unhealthy_at_ms(Patience(300, 120), 0, impaired_since_ms=400, not_ready_since_ms=None)
    520
    >>> unhealthy_at_ms(Patience(300, 120), 1_000, impaired_since_ms=None, not_ready_since_ms=0)
    1300
    """
    times: list[int] = []
    if impaired_since_ms is not None:
        times.append(max(running_since_ms, impaired_since_ms) + patience.impaired_ms)
    if not_ready_since_ms is not None:
        times.append(max(running_since_ms, not_ready_since_ms) + patience.grace_ms)
    return max(min(times), running_since_ms + patience.grace_ms) if times else None
