"""When a node is lost: it is silent for longer than its grace.

A heartbeat is a renewed Lease or a new `lastHeartbeatTime` of the Ready condition. Its own time
is not believed, since clocks differ: what counts is when a change was *noticed*. A node silent for
too long gets four conditions Unknown; NetworkUnavailable belongs to the network's controller.

Source: kubernetes v1.36, pkg/controller/nodelifecycle/node_lifecycle_controller.go,
tryUpdateNodeHealth.
"""

from __future__ import annotations

import msgspec

from kelm.core.controllers.nodes.lifecycle.settings import Settings
from kelm.core.objects.meta import metadata
from kelm.core.objects.time import format_time, parse_time
from kelm.effects.document import Document, children, text, with_value

WATCHED_CONDITIONS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


class Health(msgspec.Struct, frozen=True):
    """What is known of one node's heartbeats.

    `node` and `lease` are what was seen last, `probe_ms` is when a heartbeat was last noticed.
    """

    node: Document
    lease: Document | None
    probe_ms: int


def condition(node: Document, kind: str) -> Document | None:
    """One of a node's conditions."""
    for found in children(node, "status", "conditions"):
        if found.get("type") == kind:
            return found
    return None


def ready_status(node: Document) -> str:
    """Status of the Ready condition: True, False, Unknown, or "" where there is none."""
    ready = condition(node, "Ready")
    return "" if ready is None else text(ready, "status")


def observed(health: Health | None, node: Document, lease: Document | None, now_ms: int) -> Health:
    """What is known after a look at a node and its lease."""
    if health is None:
        probe_ms = now_ms if condition(node, "Ready") else metadata(node).created_ms
        return Health(node, lease, now_ms if lease else probe_ms)
    has_beaten = _heartbeat(node) != _heartbeat(health.node) or is_renewed(health.lease, lease)
    return Health(node, lease or health.lease, now_ms if has_beaten else health.probe_ms)


def _heartbeat(node: Document) -> str | None:
    ready = condition(node, "Ready")
    return None if ready is None else text(ready, "lastHeartbeatTime")


def is_renewed(old: Document | None, new: Document | None) -> bool:
    """Whether a lease was renewed between two looks at it."""
    if new is None or new is old:
        return False
    if old is None:
        return True
    before, after = text(old, "spec", "renewTime"), text(new, "spec", "renewTime")
    if before == after or not after:
        return False
    if len(before) == len(after) and before[-1:] == after[-1:] == "Z":
        return before < after
    return not before or parse_time(before) < parse_time(after)


def patience_ends_ms(health: Health, settings: Settings) -> int:
    """The last millisecond at which a node may still be silent."""
    started = condition(health.node, "Ready") is not None
    return health.probe_ms + (settings.grace_ms if started else settings.startup_grace_ms)


def lost(node: Document, now_ms: int) -> Document | None:
    """The node as it is to be stored once it is lost; None where its status says so already."""
    ready = condition(node, "Ready")
    if ready is not None and ready.get("status") == "Unknown":
        return None
    now = format_time(now_ms)
    known = tuple(_unknown(found, now) for found in children(node, "status", "conditions"))
    seen = {found.get("type") for found in known}
    created = text(node, "metadata", "creationTimestamp")
    never = tuple(_never(kind, created, now) for kind in WATCHED_CONDITIONS if kind not in seen)
    return with_value(node, ("status", "conditions"), (*known, *never))


def _unknown(found: Document, now: str) -> Document:
    if found.get("type") not in WATCHED_CONDITIONS or found.get("status") == "Unknown":
        return found
    return Document(
        {
            **found,
            "status": "Unknown",
            "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status.",
            "lastTransitionTime": now,
        }
    )


def _never(kind: str, created: str, now: str) -> Document:
    return Document(
        type=kind,
        status="Unknown",
        lastHeartbeatTime=created,
        lastTransitionTime=now,
        reason="NodeStatusNeverUpdated",
        message="Kubelet never posted node status.",
    )
