"""API services are registered and watched: those of this API server are there from the beginning,
those of custom resources come and go with them, and those of others are as good as their Service.

Source: kubernetes v1.36, kube-aggregator/pkg/controllers/autoregister/autoregister_controller.go,
status/local and status/remote, pkg/controlplane/controller/crdregistration.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.api.aggregation.checking import PART, is_check
from kelm.core.api.aggregation.services import (
    API_SERVICES,
    MANAGED,
    PASSED,
    Registration,
    availability,
    built_in,
    of_definitions,
)
from kelm.core.api.conditions import with_condition
from kelm.core.api.custom.definition import DEFINITIONS
from kelm.core.objects.meta import labels_of
from kelm.core.objects.time import format_time
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Create, Delete, Get, Patch
from kelm.effects.document import Document, child, text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

SLICES = "endpointslices.discovery.k8s.io"
BUILT_IN = {one.name: one for one in built_in()}
UNANSWERED = frozenset({Reason.SERVICE_UNAVAILABLE})
EXPECTED = frozenset({Reason.ALREADY_EXISTS, Reason.NOT_FOUND, Reason.CONFLICT})


class ApiServices(msgspec.Struct, frozen=True):
    """The controller; its keys are names of APIServices."""

    name: str = "apiservice-registration-controller"
    watches: tuple[Watch, ...] = (
        Watch(API_SERVICES),
        Watch(DEFINITIONS),
        Watch("services"),
        Watch(SLICES),
    )
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == API_SERVICES:
            return (change.key,)
        if resource == DEFINITIONS:
            seen = tuple(one for one in (change.old, change.new) if one is not None)
            return tuple(of_definitions(seen))
        return self._of_others(caches)

    @staticmethod
    def _of_others(caches: Caches) -> tuple[Key, ...]:
        return tuple(
            text(one, "metadata", "name")
            for one in caches[API_SERVICES].objects()
            if "service" in child(one, "spec")
        )

    def every_key(self, caches: Caches) -> Iterable[Key]:
        present = (text(one, "metadata", "name") for one in caches[API_SERVICES].objects())
        customs = of_definitions(caches[DEFINITIONS].objects())
        return tuple(dict.fromkeys((*BUILT_IN, *customs, *present)))

    def reconcile(self, sync: Sync) -> Plan:
        present = sync.caches[API_SERVICES].get(sync.key)
        wanted = _wanted(sync)
        if present is None:
            if wanted is None:
                return Plan()
            return _asking(Create(API_SERVICES, "", wanted.document()))
        if wanted is None and labels_of(present).get(MANAGED) == "true":
            uid = text(present, "metadata", "uid")
            return _asking(Delete(API_SERVICES, "", sync.key, uid))
        return _judged(sync, present)

    def answered(self, sync: Sync, command: Command, _answer: Document) -> object:
        """What was found out by asking, until it is asked again."""
        if not is_check(command):
            return sync.memory
        return Checked(sync.now_ms + LOOKED_AFTER_MS)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        if not is_check(command):
            return sync.memory
        times = 1 + (sync.memory.failures if isinstance(sync.memory, Checked) else 0)
        pause_ms = min(FIRST_PAUSE_MS << min(times, 16), LOOKED_AFTER_MS)
        return Checked(sync.now_ms + pause_ms, times, refusal.message)


class Checked(msgspec.Struct, frozen=True):
    """What asking came to, and when to ask again. `failures`: how often in a row it failed."""

    again_at_ms: int
    failures: int = 0
    why: str = ""

    @property
    def said(self) -> tuple[str, str, str]:
        return ("False", "FailedDiscoveryCheck", self.why) if self.failures else PASSED


LOOKED_AFTER_MS = 30_000
"""How often upstream looks again at what has not changed."""
FIRST_PAUSE_MS = 5


def _wanted(sync: Sync) -> Registration | None:
    found = BUILT_IN.get(sync.key)
    if found is not None:
        return found
    return of_definitions(sync.caches[DEFINITIONS].objects()).get(sync.key)


def _asking(command: Command) -> Plan:
    return Plan(((command,),), tolerated=EXPECTED)


def _judged(sync: Sync, present: Document) -> Plan:
    """Say whether an APIService is available, where that is not said yet."""
    caches, memory = sync.caches, sync.memory
    said = availability(present, caches["services"], caches[SLICES])
    if said is not PASSED:
        return _said(sync, present, said)
    if not isinstance(memory, Checked) or sync.now_ms >= memory.again_at_ms:
        ask = Get(API_SERVICES, "", sync.key, PART)
        return Plan(((ask,),), memory=memory, tolerated=UNANSWERED, again_at_ms=sync.now_ms)
    return _said(sync, present, memory.said, memory)


def _said(
    sync: Sync, present: Document, said: tuple[str, str, str], memory: Checked | None = None
) -> Plan:
    """Write the condition down, unless it is there already."""
    again_at_ms = None if memory is None else memory.again_at_ms
    status, reason, message = said
    condition = Document(
        type="Available",
        status=status,
        lastTransitionTime=format_time(sync.now_ms),
        reason=reason,
        message=message,
    )
    before = child(present, "status")
    after = with_condition(before, condition)
    if after is before:
        return Plan(memory=memory, again_at_ms=again_at_ms)
    patch = Document(status=Document(conditions=after["conditions"]))
    write = Patch(API_SERVICES, "", sync.key, patch, "merge", "status")
    return Plan(((write,),), memory=memory, again_at_ms=again_at_ms, tolerated=EXPECTED)
