"""The controllers of ReplicaSets and of ReplicationControllers: which change touches which key.

A pod changes some ten times in its life and most of that (an address, a node) changes no decision
here; only what a count or the choice of an owner depends on makes a key dirty.

Source: kubernetes v1.36, pkg/controller/replicaset/replica_set.go (event handlers).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import msgspec

from kelm.core.controllers.shared.pods import is_another_kinds
from kelm.core.controllers.workloads.replicaset.kinds import (
    REPLICA_SET,
    REPLICATION_CONTROLLER,
    Kind,
)
from kelm.core.controllers.workloads.replicaset.memory import (
    FORGOTTEN,
    Memory,
    after_answer,
    after_refusal,
)
from kelm.core.controllers.workloads.replicaset.reconcile import BURST, reconcile
from kelm.core.objects.meta import Metadata, metadata
from kelm.core.objects.pod import status_of
from kelm.core.objects.workloads import replica_set
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command
from kelm.effects.document import Document, child
from kelm.effects.messages import Cache, Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal


class ReplicaSetController(msgspec.Struct, frozen=True):
    """Keeps as many pods as a ReplicaSet, or a ReplicationController, wants."""

    kind: Kind = REPLICA_SET
    workers: int = 5
    burst: int = BURST

    @property
    def name(self) -> str:
        return self.kind.controller

    @property
    def watches(self) -> tuple[Watch, ...]:
        return _watches(self.kind.resource)

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == self.kind.resource:
            return (change.key,)
        return self._of_pod(caches[self.kind.resource], change)

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).key for doc in caches[self.kind.resource].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        return reconcile(self.kind, self.burst, sync)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> Memory:
        memory = sync.memory if isinstance(sync.memory, Memory) else FORGOTTEN
        return after_refusal(memory, command, refusal)

    def answered(self, sync: Sync, command: Command, answer: Document) -> Memory:
        memory = sync.memory if isinstance(sync.memory, Memory) else FORGOTTEN
        return after_answer(memory, command, answer)

    def _of_pod(self, sets: Cache, change: Change) -> Iterable[Key]:
        if is_another_kinds(change, self.kind.kind) or _counts_alike(change.old, change.new):
            return ()
        old = metadata(change.old) if change.old is not None else None
        new = metadata(change.new) if change.new is not None else None
        before = self._owner_key(old) if old is not None else None
        if new is None or new.controller is not None:
            after = self._owner_key(new) if new is not None else None
            keys = (before,) if before == after else (before, after)
            return [key for key in keys if key is not None]
        adopters = self._adopters(sets, new)
        return adopters if before is None or before in adopters else [before, *adopters]

    def _owner_key(self, one: Metadata) -> Key | None:
        """The key of a pod's controller, None where it is of another kind."""
        controller = one.controller
        if controller is None or controller.kind != self.kind.kind:
            return None
        if controller.api_version.partition("/")[0] != self.kind.api_version.partition("/")[0]:
            return None
        return f"{one.namespace}/{controller.name}"

    def _adopters(self, sets: Cache, orphan: Metadata) -> list[Key]:
        """Who selects a pod that nobody controls."""
        labels = orphan.labels
        if not labels:
            return []
        found = map(replica_set, sets.select("namespace", orphan.namespace))
        return [each.metadata.key for each in found if each.selector.matches(labels)]


@lru_cache(maxsize=8)
def _watches(resource: Resource) -> tuple[Watch, ...]:
    """Always the same watches: whoever compares them has it easy."""
    return Watch(resource), Watch("pods")


def _counts_alike(old: Document | None, new: Document | None) -> bool:
    """Whether two versions of a pod are the same for every decision made here."""
    if old is None or new is None:
        return False
    before, after = child(old, "metadata"), child(new, "metadata")
    for field in ("labels", "ownerReferences"):
        if before.get(field) != after.get(field):
            return False
    left, leaves = before.get("deletionTimestamp"), after.get("deletionTimestamp")
    was, now = status_of(old), status_of(new)
    if (left is None) != (leaves is None) and not (was.ended and now.ended):
        return False
    if was is now:
        return True
    if was.ended != now.ended or was.ready != now.ready:
        return False
    return not now.ready or was.ready_since == now.ready_since


REPLICA_SETS = ReplicaSetController()
REPLICATION_CONTROLLERS = ReplicaSetController(REPLICATION_CONTROLLER)
