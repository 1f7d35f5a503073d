"""Which taints the control plane keeps on a node: NoSchedule by its conditions, NoExecute rationed.

Source: kubernetes v1.36, pkg/controller/nodelifecycle/node_lifecycle_controller.go
(nodeConditionToTaintKeyStatusMap, doNoScheduleTaintingPass); pkg/controller/util/node.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from kelm.core.objects.taints import (
    NO_EXECUTE,
    NO_SCHEDULE,
    NOT_READY,
    UNREACHABLE,
    UNSCHEDULABLE,
)
from kelm.core.objects.time import format_time
from kelm.effects.commands import Patch
from kelm.effects.document import Document, Json, child, children, flag, text

TaintId: TypeAlias = tuple[str, str]
"""Key and effect: what tells taints apart."""

CONDITION_TAINTS: dict[tuple[str, str], str] = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
}
_KEPT_KEYS = frozenset({*CONDITION_TAINTS.values(), UNSCHEDULABLE})

NOT_READY_EXECUTE: TaintId = (NOT_READY, NO_EXECUTE)
UNREACHABLE_EXECUTE: TaintId = (UNREACHABLE, NO_EXECUTE)
EXECUTE_BY_READY: dict[str, tuple[TaintId, TaintId]] = {
    "False": (NOT_READY_EXECUTE, UNREACHABLE_EXECUTE),
    "Unknown": (UNREACHABLE_EXECUTE, NOT_READY_EXECUTE),
}
"""By status of Ready: the NoExecute taint that a node gets, and its opposite."""


def taint_ids(node: Document) -> tuple[TaintId, ...]:
    """Key and effect of each of a node's taints."""
    return tuple(_id(taint) for taint in children(node, "spec", "taints"))


def _id(taint: Document) -> TaintId:
    return text(taint, "key"), text(taint, "effect")


def condition_taints(node: Document) -> tuple[TaintId, ...]:
    """The NoSchedule taints that a node's conditions and `spec.unschedulable` ask for."""
    wanted = []
    for found in children(node, "status", "conditions"):
        key = CONDITION_TAINTS.get((text(found, "type"), text(found, "status")))
        if key is not None:
            wanted.append((key, NO_SCHEDULE))
    if flag(node, "spec", "unschedulable"):
        wanted.append((UNSCHEDULABLE, NO_SCHEDULE))
    return tuple(wanted)


def schedule_taints_patch(node: Document, now_ms: int) -> Patch | None:
    """Bring the NoSchedule taints into step with the conditions; None where they are."""
    wanted = condition_taints(node)
    present = [
        known for known in taint_ids(node) if known[1] == NO_SCHEDULE and known[0] in _KEPT_KEYS
    ]
    missing = [one for one in wanted if one not in present]
    extra = [one for one in present if one not in wanted]
    return swap_patch(node, missing, extra, now_ms) if missing or extra else None


def swap_patch(
    node: Document, added: Iterable[TaintId], removed: Iterable[TaintId], now_ms: int
) -> Patch:
    """Put some taints on a node and take others off, if nobody changed the node meanwhile.

    Source: pkg/controller/util/node/controller_utils.go, SwapNodeControllerTaint. Differs: one
    patch instead of two.
    """
    now, added = format_time(now_ms), tuple(added)
    gone = frozenset((*removed, *added))
    kept = [taint for taint in children(node, "spec", "taints") if _id(taint) not in gone]
    new = [Document(key=key, effect=effect, timeAdded=now) for key, effect in added]
    metadata = Document(resourceVersion=child(node, "metadata").get("resourceVersion", ""))
    taints: Json = (*kept, *new) or None
    return Patch(
        resource="nodes",
        namespace="",
        name=text(node, "metadata", "name"),
        patch=Document(metadata=metadata, spec=Document(taints=taints)),
    )
