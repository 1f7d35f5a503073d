"""A node says that it is alive: it registers once, renews its Lease and reports its status.

The Lease is renewed every 10 s. The Node's status is written when it says something new (looked
at every 10 s), and every 5 minutes all the same.

Source: kubernetes v1.36, pkg/kubelet/kubelet_node_status.go, pkg/kubelet/nodestatus/setters.go,
component-helpers/apimachinery/lease/controller.go.
"""

from __future__ import annotations

import msgspec

from kelm.core.node.containers.behaviour import NEVER_MS
from kelm.core.node.host.node_object import (
    is_as_reported,
    new_node,
    reported_boot,
    reported_status,
    this_boot,
)
from kelm.core.node.turn import COMPONENT, Turn
from kelm.core.objects.time import format_micro_time
from kelm.effects.address import ObjectRef, RequestId
from kelm.effects.commands import Create, Get, Patch, RecordEvent, Request, Update
from kelm.effects.document import EMPTY, Document, child, text
from kelm.effects.refusals import Reason, Refusal

LEASES = "leases.coordination.k8s.io"
LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40
RENEW_MS = 10_000
RETRY_MS = 1_000
CHECK_MS = 10_000
REPORT_MS = 300_000

replace = msgspec.structs.replace


class Heart(msgspec.Struct, frozen=True, gc=False):
    """What a node remembers of its own objects.

    lease_metadata: of the Lease as last seen, EMPTY while none is known.
    asked_*: the request under way for that object, 0 for none.
    in_use: the volumes that its pods use, None while that is not known: then nothing is said of it.
    """

    seen: bool = False
    node: Document | None = None
    registered: bool = False
    rebooted: bool = False
    lease_metadata: Document = EMPTY
    lease_fields: Document = EMPTY
    lease_missing: bool = False
    lease_due_ms: int = 0
    asked_lease: RequestId = 0
    asked_node: RequestId = 0
    status_due_ms: int = NEVER_MS
    reported_ms: int = 0
    in_use: tuple[str, ...] | None = None

    @property
    def due_ms(self) -> int:
        return min(self.lease_due_ms, self.status_due_ms)


def observed(turn: Turn, heart: Heart, node: Document | None) -> Heart:
    """The watch says what the API knows of this node."""
    if not heart.seen:
        return _first(turn, heart, node)
    if node is None:
        return replace(heart, node=None, status_due_ms=NEVER_MS)
    heart = replace(heart, node=node, registered=True)
    if is_as_reported(turn.machine, node, heart.in_use):
        return heart
    return replace(heart, status_due_ms=min(heart.status_due_ms, turn.now_ms + CHECK_MS))


def using(turn: Turn, heart: Heart, in_use: tuple[str, ...] | None) -> Heart:
    """The node's pods use these volumes: its status says so when it is looked at the next time."""
    if in_use is None or in_use == heart.in_use:
        return heart
    heart = replace(heart, in_use=in_use)
    if heart.node is None or is_as_reported(turn.machine, heart.node, in_use):
        return heart
    return replace(heart, status_due_ms=min(heart.status_due_ms, turn.now_ms + CHECK_MS))


def _first(turn: Turn, heart: Heart, node: Document | None) -> Heart:
    machine = turn.machine
    _tell(turn, "Starting", "Starting kubelet.")
    heart = replace(heart, seen=True, node=node, lease_due_ms=turn.now_ms)
    if node is None:
        return _register(turn, heart)
    before = reported_boot(node)
    rebooted = before not in ("", this_boot(machine))
    if rebooted:
        message = f"Node {machine.node} has been rebooted, boot id: {this_boot(machine)}"
        _tell(turn, "Rebooted", message, warning=True)
    return replace(heart, registered=True, rebooted=rebooted, status_due_ms=turn.now_ms)


def _register(turn: Turn, heart: Heart) -> Heart:
    """Create the Node, once: a node that was deleted later does not come back by itself."""
    if heart.registered:
        return replace(heart, status_due_ms=NEVER_MS)
    return replace(
        heart,
        asked_node=turn.ask(Create("nodes", "", new_node(turn.machine, turn.now_ms))),
        reported_ms=turn.now_ms,
        status_due_ms=turn.now_ms + REPORT_MS,
    )


def _tell(turn: Turn, reason: str, message: str, *, warning: bool = False) -> None:
    name = turn.machine.node
    event = RecordEvent(
        ObjectRef("nodes", "", name, name),
        "Node",
        "v1",
        "Warning" if warning else "Normal",
        reason,
        message,
        COMPONENT,
        name,
    )
    turn.requests.append(Request(0, event))


def beat(turn: Turn, heart: Heart) -> Heart:
    """Do what is due."""
    if heart.lease_due_ms <= turn.now_ms:
        heart = _renew(turn, heart)
    if heart.status_due_ms <= turn.now_ms:
        heart = _report(turn, heart)
    return heart


# -- the lease -------------------------------------------------------------------------------------


def _renew(turn: Turn, heart: Heart) -> Heart:
    """Renew the lease that is known; find out, or make one, where none is."""
    node = turn.machine.node
    now_ms = turn.now_ms
    if heart.lease_metadata:
        renewed = Document({**heart.lease_fields, "renewTime": format_micro_time(now_ms)})
        lease = Document(
            apiVersion="coordination.k8s.io/v1",
            kind="Lease",
            metadata=heart.lease_metadata,
            spec=renewed,
        )
        asked = turn.ask(Update(LEASES, LEASE_NAMESPACE, node, lease))
    elif heart.lease_missing:
        asked = turn.ask(Create(LEASES, LEASE_NAMESPACE, _new_lease(turn, heart)))
    else:
        asked = turn.ask(Get(LEASES, LEASE_NAMESPACE, node))
    return replace(heart, asked_lease=asked, lease_due_ms=now_ms + RENEW_MS)


def _new_lease(turn: Turn, heart: Heart) -> Document:
    node = turn.machine.node
    owner = Document(
        apiVersion="v1", kind="Node", name=node, uid=text(heart.node or EMPTY, "metadata", "uid")
    )
    metadata = Document(
        name=node,
        namespace=LEASE_NAMESPACE,
        **({"ownerReferences": (owner,)} if heart.node is not None else {}),
    )
    return Document(
        apiVersion="coordination.k8s.io/v1",
        kind="Lease",
        metadata=metadata,
        spec=Document(
            holderIdentity=node,
            leaseDurationSeconds=LEASE_SECONDS,
            renewTime=format_micro_time(turn.now_ms),
        ),
    )


def lease_answered(turn: Turn, heart: Heart, answer: Document | Refusal) -> Heart:
    """What became of the last request about the lease."""
    if isinstance(answer, Document):
        first = not heart.lease_metadata and not heart.lease_missing
        return replace(
            heart,
            asked_lease=0,
            lease_missing=False,
            lease_metadata=child(answer, "metadata"),
            lease_fields=_held(heart, child(answer, "spec"), turn.machine.node),
            lease_due_ms=turn.now_ms if first else heart.lease_due_ms,
        )
    heart = replace(heart, asked_lease=0)
    missing = answer.reason is Reason.NOT_FOUND and not heart.lease_missing
    if missing or answer.reason in (Reason.CONFLICT, Reason.ALREADY_EXISTS):
        return replace(heart, lease_metadata=EMPTY, lease_missing=missing, lease_due_ms=turn.now_ms)
    due_ms = min(heart.lease_due_ms, turn.now_ms + RETRY_MS)
    return replace(heart, lease_missing=False, lease_due_ms=due_ms)


def _held(heart: Heart, spec: Document, node: str) -> Document:
    """The lease's fields with this node as holder; shared from renewal to renewal."""
    known = heart.lease_fields
    if known and len(known) == len(spec) and known.get("acquireTime") == spec.get("acquireTime"):
        return known
    return Document({**spec, "holderIdentity": node, "leaseDurationSeconds": LEASE_SECONDS})


# -- the node's status -----------------------------------------------------------------------------


def _report(turn: Turn, heart: Heart) -> Heart:
    """Write the node's status if it says something new, or has not been written for long."""
    node, now_ms = heart.node, turn.now_ms
    if node is None:
        return heart if heart.asked_node else _register(turn, heart)
    next_ms = heart.reported_ms + REPORT_MS
    if is_as_reported(turn.machine, node, heart.in_use) and heart.reported_ms and now_ms < next_ms:
        return replace(heart, status_due_ms=next_ms)
    status = reported_status(turn.machine, child(node, "status"), now_ms, heart.in_use)
    patch = (Document(op="add", path="/status", value=status),)
    asked = turn.ask(Patch("nodes", "", turn.machine.node, patch, "json", "status"))
    return replace(heart, asked_node=asked, reported_ms=now_ms, status_due_ms=now_ms + REPORT_MS)


def node_answered(turn: Turn, heart: Heart, answer: Document | Refusal) -> Heart:
    """What became of the last write of the node: a registration, or a status."""
    heart = replace(heart, asked_node=0)
    if isinstance(answer, Document):
        return replace(heart, node=answer, registered=True)
    if answer.reason is Reason.ALREADY_EXISTS:
        return replace(heart, registered=True, status_due_ms=turn.now_ms + CHECK_MS)
    wait_ms = CHECK_MS if heart.registered else RETRY_MS
    return replace(heart, reported_ms=0, status_due_ms=turn.now_ms + wait_ms)
