"""The HorizontalPodAutoscaler controller: as many pods as the measures ask for.

Every autoscaler is looked at every 15 seconds, whatever happens meanwhile. A look reads the scale
of its target past every cache (any kind that has one), reads metrics, writes the scale if another
number is due, and notes what it saw in the status. Of the past (recommendations, changes) it
remembers what the windows of the behaviour look back on; a restart forgets it, as upstream.

While there is no autoscaler it watches nothing else, and costs nothing.

Source: kubernetes v1.36, pkg/controller/podautoscaler/horizontal.go, rate_limiters.go.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.horizontal_pod_autoscaler.memory import SYNC_MS, Look, Memory
from kelm.core.controllers.horizontal_pod_autoscaler.reconcile import begun, continued
from kelm.core.controllers.horizontal_pod_autoscaler.selecting import shared
from kelm.core.controllers.horizontal_pod_autoscaler.spec import HPAS
from kelm.core.controllers.shared.kinds import CUSTOM_DEFINITIONS
from kelm.core.objects.meta import metadata
from kelm.core.objects.selectors.labels import NOTHING
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Get, ReadMetrics
from kelm.effects.document import Document
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal

ALONE: tuple[Watch, ...] = (Watch(HPAS),)
ALL: tuple[Watch, ...] = (*ALONE, Watch("pods"), Watch(CUSTOM_DEFINITIONS))
NOT_YET_MS = 1_000


class HorizontalPodAutoscaling(msgspec.Struct, frozen=True):
    """The controller, with its flag. Keys: autoscalers."""

    sync_period_ms: int = SYNC_MS
    name: str = "horizontal-pod-autoscaler-controller"
    watches: tuple[Watch, ...] = ALL
    workers: int = 5

    def watches_now(self, caches: Caches) -> tuple[Watch, ...]:
        """Only the autoscalers until there is one."""
        wanted = "pods" in caches or (HPAS in caches and len(caches[HPAS]) > 0)
        return ALL if wanted else ALONE

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        """A new autoscaler, and one that is gone; others have their turn anyway."""
        if resource == HPAS and (change.old is None or change.new is None):
            return (change.key,)
        return ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return (metadata(doc).key for doc in caches[HPAS].objects())

    def reconcile(self, sync: Sync) -> Plan:
        plan = self._planned(sync)
        selectors = [
            one.selector if isinstance(one, Memory) else NOTHING
            for one in (sync.memory, plan.memory)
        ]
        changed = shared(sync, *selectors)
        return plan if changed is None else msgspec.structs.replace(plan, shared=changed)

    def _planned(self, sync: Sync) -> Plan:
        hpa, memory = sync.caches[HPAS].get(sync.key), sync.memory
        if hpa is None:
            return Plan()
        if not isinstance(memory, Memory):
            period_ms = self.sync_period_ms
            first_ms = sync.now_ms + period_ms
            return Plan(memory=Memory(first_ms, period_ms), again_at_ms=first_ms)
        if memory.look is not None:
            return continued(sync, memory, memory.look)
        if sync.now_ms < memory.due_ms:
            return Plan(memory=memory, again_at_ms=memory.due_ms)
        if not all(watch.resource in sync.caches for watch in ALL):
            return Plan(memory=memory, again_at_ms=sync.now_ms + NOT_YET_MS)
        return begun(sync, hpa, memory)

    def answered(self, sync: Sync, command: Command, answer: Document) -> object:
        """Note what was read."""
        return _noted(sync, command, answer)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        """Note why something was not read, or not written."""
        return _noted(sync, command, refusal)


def _noted(sync: Sync, command: Command, answer: Document | Refusal) -> object:
    memory = sync.memory
    if not isinstance(memory, Memory) or memory.look is None:
        return memory
    look: Look = memory.look
    if isinstance(command, ReadMetrics):
        look = msgspec.structs.replace(look, measures=(*look.measures, (command, answer)))
    elif isinstance(answer, Refusal):
        look = msgspec.structs.replace(look, refusal=answer)
    elif isinstance(command, Get):
        look = msgspec.structs.replace(look, scale=answer)
    return msgspec.structs.replace(memory, look=look)
