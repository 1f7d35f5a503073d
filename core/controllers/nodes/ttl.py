"""How long kubelets may keep Secrets and ConfigMaps: the longer, the more nodes there are.

The annotation is a hint that saves an API server of a large cluster from being asked too often.
Each size has two bounds, so that a cluster near one does not waver.

Source: kubernetes v1.36, pkg/controller/ttl/ttl_controller.go.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.objects.meta import annotations_of
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Patch
from kelm.effects.document import Document, text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

ANNOTATION = "node.alpha.kubernetes.io/ttl"
SIZES = ((0, 100, 0), (90, 500, 15), (450, 1_000, 30), (900, 2_000, 60), (1_800, 2**31 - 1, 300))
"""From how many nodes, up to how many, and the seconds."""


def ttl_seconds(nodes: int, present: int | None = None) -> int:
    """The time for a cluster of this size, keeping the present one where it still fits.

    >>> ttl_seconds(3), ttl_seconds(101), ttl_seconds(95, 15), ttl_seconds(95, 0)
    (0, 15, 15, 0)
    """
    fitting = [seconds for low, high, seconds in SIZES if low <= nodes <= high]
    return present if present in fitting and present is not None else fitting[0]


class NodeTTL(msgspec.Struct, frozen=True):
    """The controller; its keys are nodes. It looks again at all when the size asks for it."""

    name: str = "ttl-controller"
    watches: tuple[Watch, ...] = (Watch("nodes"),)
    workers: int = 10

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if change.old is not None and change.new is not None:
            same = change.old.get("metadata") is change.new.get("metadata")
            return () if same else (change.key,)
        nodes = len(caches["nodes"])
        sizes = {bound for low, high, _ in SIZES for bound in (low, high)}
        if any(abs(nodes - bound) <= 1 for bound in sizes):
            return self.every_key(caches)
        return (change.key,) if change.new is not None else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return (text(node, "metadata", "name") for node in caches["nodes"].objects())

    def reconcile(self, sync: Sync) -> Plan:
        node = sync.caches["nodes"].get(sync.key)
        if node is None:
            return Plan()
        present = annotations_of(node).get(ANNOTATION)
        known = int(present) if present is not None and present.isdecimal() else None
        wanted = str(ttl_seconds(len(sync.caches["nodes"]), known))
        if wanted == present:
            return Plan()
        annotations = Document({ANNOTATION: wanted})
        patch = Patch("nodes", "", sync.key, Document(metadata=Document(annotations=annotations)))
        return Plan(((patch,),), tolerated=frozenset({Reason.NOT_FOUND}))

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None
