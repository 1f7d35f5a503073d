"""What the node controller tells people.

Source: kubernetes v1.36, pkg/controller/util/node/controller_utils.go (RecordNodeEvent,
RecordNodeStatusChange, MarkPodsNotReady).
"""

from __future__ import annotations

from typing import Literal

from kelm.effects.address import ObjectRef
from kelm.effects.commands import RecordEvent
from kelm.effects.document import Document, text

COMPONENT = "node-controller"


def node_event(node: Document, reason: str, message: str) -> RecordEvent:
    """An event about a node."""
    return _event(node, "Node", "nodes", "Normal", reason, message)


def pod_event(pod: Document, reason: str, message: str) -> RecordEvent:
    """A warning about a pod."""
    return _event(pod, "Pod", "pods", "Warning", reason, message)


def registered(node: Document) -> RecordEvent:
    name = text(node, "metadata", "name")
    message = f"Node {name} event: Registered Node {name} in Controller"
    return node_event(node, "RegisteredNode", message)


def removing(node: Document) -> RecordEvent:
    name = text(node, "metadata", "name")
    return node_event(
        node, "RemovingNode", f"Node {name} event: Removing Node {name} from Controller"
    )


def not_ready(node: Document) -> RecordEvent:
    name = text(node, "metadata", "name")
    return node_event(node, "NodeNotReady", f"Node {name} status is now: NodeNotReady")


def _event(
    doc: Document,
    kind: str,
    resource: str,
    level: Literal["Normal", "Warning"],
    reason: str,
    message: str,
) -> RecordEvent:
    meta = doc.get("metadata")
    assert isinstance(meta, Document)
    return RecordEvent(
        regarding=ObjectRef(
            resource, text(meta, "namespace"), text(meta, "name"), text(meta, "uid")
        ),
        regarding_kind=kind,
        regarding_api_version="v1",
        type=level,
        reason=reason,
        message=message,
        component=COMPONENT,
    )
