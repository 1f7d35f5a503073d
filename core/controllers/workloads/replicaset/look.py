"""All that one look at a ReplicaSet sees.

Source: kubernetes v1.36, pkg/controller/replicaset/replica_set.go (syncReplicaSet, claimPods).
"""

from __future__ import annotations

from collections import Counter

import msgspec

from kelm.core.controllers.shared import claims
from kelm.core.controllers.shared.pods import is_available, next_availability_ms
from kelm.core.controllers.workloads.replicaset.kinds import Kind
from kelm.core.controllers.workloads.replicaset.memory import FORGOTTEN, Memory
from kelm.core.controllers.workloads.replicaset.tally import (
    ACTIVE,
    Counted,
    Tally,
    moved,
    recount,
    sort_of_owned,
    tally_of,
)
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.workloads import ReplicaSet, replica_set
from kelm.core.runtime.controller import Sync
from kelm.effects.document import Document
from kelm.effects.messages import Cache


class Look(msgspec.Struct, frozen=True):
    """A ReplicaSet and its pods at one moment.

    counted: the pods it owned before. orphans: what it is going to adopt. tally: both together.
    """

    kind: Kind
    one: ReplicaSet
    pods: Cache
    now_ms: int
    memory: Memory
    counted: Counted
    orphans: tuple[Pod, ...]
    tally: Tally

    @property
    def leaving(self) -> bool:
        return self.one.metadata.deletion_timestamp is not None

    @property
    def surplus(self) -> int:
        """How many pods there are too many (negative: missing); a leaving owner does not care."""
        return 0 if self.leaving else self.tally.active - self.one.replicas

    @property
    def up_to_date(self) -> bool:
        """Whether the pods show everything that was done about them from here."""
        return self.pods.revision >= self.memory.awaited

    def owned(self, bits: int) -> list[Pod]:
        """The owned pods of these sorts, oldest first."""
        sorts = self.counted.sorts
        owned = (pod(doc) for doc in self.pods.select("ownedBy", self.one.metadata.uid))
        return [each for each in owned if sorts.get(each.metadata.uid, 0) & bits]

    @property
    def active(self) -> list[Pod]:
        """The active pods that are selected, adopted ones among them."""
        return [*self.owned(ACTIVE), *self.orphans]

    @property
    def available(self) -> int:
        """How many pods have been ready for long enough."""
        seconds = self.one.min_ready_seconds
        if seconds == 0:
            return self.tally.ready
        return sum(is_available(each, seconds, self.now_ms) for each in self.active)

    @property
    def again_ms(self) -> int | None:
        """When the next ready pod becomes available; None if none is on its way."""
        seconds = self.one.min_ready_seconds
        if seconds == 0 or self.tally.ready == self.available:
            return None
        due = next_availability_ms(self.active, seconds, self.now_ms)
        return self.now_ms + seconds * 1_000 if due is None else due


def look_at(kind: Kind, doc: Document, sync: Sync) -> Look:
    """Look at a ReplicaSet: count its pods and find those that nobody controls."""
    one = replica_set(doc)
    pods = sync.caches["pods"]
    memory = sync.memory if isinstance(sync.memory, Memory) else FORGOTTEN
    counted = recount(pods, one, memory.counted)
    orphans = () if one.metadata.deletion_timestamp else _orphans(pods, one)
    tally = counted.tally
    if orphans:
        adopted = Counter(sort_of_owned(each, counted.judge) for each in orphans)
        tally = moved(tally, tally_of(adopted))
    return Look(kind, one, pods, sync.now_ms, memory, counted, orphans, tally)


def _orphans(pods: Cache, one: ReplicaSet) -> tuple[Pod, ...]:
    """The active pods that nobody controls and this ReplicaSet selects."""
    found = pods.select("orphan", one.metadata.namespace)
    selected = (pod(doc) for doc in found if claims.is_adoptable(doc, one.selector))
    return tuple(each for each in selected if each.active)
