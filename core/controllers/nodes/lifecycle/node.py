"""What one node needs when it changes: NoSchedule taints, old labels, and word to its pods.

Pods of a node that fell silent are marked not ready, so that Services leave them; a node that
itself says that it is not ready keeps its pods as they are.

Source: kubernetes v1.36, pkg/controller/nodelifecycle/node_lifecycle_controller.go
(doNodeProcessingPassWorker, reconcileNodeLabels); pkg/controller/util/node (MarkPodsNotReady).
Differs: a controller that restarts in the midst of marking pods goes on.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.nodes.lifecycle import events
from kelm.core.controllers.nodes.lifecycle.health import ready_status
from kelm.core.controllers.nodes.lifecycle.taints import schedule_taints_patch
from kelm.core.objects.meta import labels_of
from kelm.core.objects.time import format_time
from kelm.core.runtime.controller import Batch
from kelm.effects.commands import Command, Patch, Update
from kelm.effects.document import Document, Json, children, text, with_value

SECONDARY_LABELS = (
    ("kubernetes.io/os", "beta.kubernetes.io/os"),
    ("kubernetes.io/arch", "beta.kubernetes.io/arch"),
)


class LastSeen(msgspec.Struct, frozen=True, gc=False):
    """A node's Ready status when it was last looked at, and whether its pods hear of it."""

    ready: str
    marks_pods: bool


def decide(
    node: Document, pods: Iterable[Document], memory: LastSeen | None, now_ms: int
) -> tuple[tuple[Batch, ...], LastSeen]:
    """The commands for one node.

    `pods` are the pods bound to it, read only where they must be told.
    """
    ready = ready_status(node)
    fell_silent = memory is None or memory.ready != "False"
    marks_pods = ready == "Unknown" and (
        fell_silent if memory is None or memory.ready != "Unknown" else memory.marks_pods
    )
    commands: list[Command] = []
    if ready == "Unknown" and memory is not None and memory.ready == "True":
        commands.append(events.not_ready(node))
    taints = schedule_taints_patch(node, now_ms)
    if taints is not None:
        commands.append(taints)
    if marks_pods:
        commands.extend(_marked(pods, now_ms))
    labels = labels_patch(node)
    batches = tuple(batch for batch in (tuple(commands), labels) if batch)
    return batches, LastSeen(ready, marks_pods)


def _marked(pods: Iterable[Document], now_ms: int) -> Iterable[Command]:
    for doc in pods:
        update = unready(doc, now_ms)
        if update is not None:
            namespace, name = text(doc, "metadata", "namespace"), text(doc, "metadata", "name")
            yield Update("pods", namespace, name, update, subresource="status")
            yield events.pod_event(doc, "NodeNotReady", "Node is not ready")


def unready(pod: Document, now_ms: int) -> Document | None:
    """The pod with its Ready condition False; None where that changes nothing.

    >>> pod = Document(status=Document(conditions=(Document(type="Ready", status="True"),)))
    >>> unready(pod, 0)["status"]["conditions"][0]["status"], unready(Document(), 0)
    ('False', None)
    """
    conditions: list[Json] = []
    now = format_time(now_ms)
    changed = False
    for found in children(pod, "status", "conditions"):
        if found.get("type") == "Ready" and found.get("status") != "False":
            changed = True
            found = Document({**found, "status": "False", "lastTransitionTime": now})
        conditions.append(found)
    return with_value(pod, ("status", "conditions"), tuple(conditions)) if changed else None


def labels_patch(node: Document) -> Batch:
    """Keep the old names of the os and arch labels equal to the new ones."""
    labels = labels_of(node)
    wrong: dict[str, Json] = {
        old: labels[new]
        for new, old in SECONDARY_LABELS
        if new in labels and labels.get(old) != labels[new]
    }
    if not wrong:
        return ()
    patch = Document(metadata=Document(labels=Document(wrong)))
    return (Patch("nodes", "", text(node, "metadata", "name"), patch),)
