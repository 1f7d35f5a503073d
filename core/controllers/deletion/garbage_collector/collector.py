"""The garbage collector: objects whose owners are gone go too, whatever their kind.

Its keys are objects (`pods:default/web`). A change names the object itself where its owners or
its deletion changed, its dependents where it went or is waiting for them, and its owners where it
no longer keeps them. That an owner is absent is believed only of a belief that must have heard of
it; else the API server is asked first.

Source: kubernetes v1.36, pkg/controller/garbagecollector/garbagecollector.go, graph_builder.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec
from pyrsistent import pmap
from pyrsistent.typing import PMap

from kelm.core.controllers.deletion.garbage_collector import ask
from kelm.core.controllers.deletion.garbage_collector.decide import (
    FOREGROUND,
    ORPHAN,
    Collect,
    Keep,
    OwnerState,
    classify,
)
from kelm.core.controllers.deletion.garbage_collector.items import (
    Place,
    blocks,
    dependents,
    finalizers_of,
    found_at,
    is_deleting,
    is_waiting,
    item_key,
    key_of_doc,
    place_of,
    references,
    split_item,
    surely_absent,
    uid_of,
)
from kelm.core.controllers.shared.kinds import BUILT_IN, CUSTOM_DEFINITIONS, Kinds
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource, split_key
from kelm.effects.commands import Command, Get
from kelm.effects.document import Document, child, text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

OwnerKind: TypeAlias = str
_GONE = frozenset({Reason.NOT_FOUND})


class Asked(msgspec.Struct, frozen=True):
    """The owners that the API server was asked for: the belief is newer than its answers."""

    places: frozenset[Place] = frozenset()


class GarbageCollector(msgspec.Struct, frozen=True):
    """The controller. `owned_in` says in which resources owners of a kind have dependents."""

    kinds: Kinds = BUILT_IN
    watches: tuple[Watch, ...] = ()
    owned_in: PMap[OwnerKind, tuple[Resource, ...]] = pmap()
    name: str = "garbage-collector"
    workers: int = 20

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        old, new = change.old, change.new
        if new is None:
            return () if old is None else self._after_end(caches, old)
        if old is None:
            return self._item_and_dependents(caches, resource, new)
        before, after = old["metadata"], new["metadata"]
        if before is after:
            return ()
        assert isinstance(before, Document) and isinstance(after, Document)
        same_owners = before.get("ownerReferences") == after.get("ownerReferences")
        if (
            same_owners
            and before.get("deletionTimestamp") == after.get("deletionTimestamp")
            and before.get("finalizers") == after.get("finalizers")
        ):
            return ()
        keys = self._item_and_dependents(caches, resource, new)
        return keys if same_owners else (*keys, *self._waiting_owners(caches, old))

    def every_key(self, caches: Caches) -> Iterable[Key]:
        for watch in self.watches:
            for doc in caches[watch.resource].objects():
                if self._may_need_work(caches, doc):
                    yield item_key(watch.resource, key_of_doc(doc))

    def reconcile(self, sync: Sync) -> Plan:
        resource, key = split_item(sync.key)
        cache = sync.caches.get(resource)
        doc = None if cache is None else cache.get(key)
        if doc is None:
            return Plan()
        if not is_deleting(doc):
            return self._attempt_to_delete(sync, resource, doc)
        finalizers = finalizers_of(doc)
        if FOREGROUND in finalizers:
            return self._wait_for_dependents(sync.caches, resource, doc)
        if ORPHAN in finalizers:
            return self._orphan(sync.caches, resource, doc)
        return Plan()

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        if not isinstance(command, Get) or refusal.reason is Reason.NOT_FOUND:
            return sync.memory
        return None

    # -- which objects to look at ----------------------------------------------------------------

    def _resources_under(self, doc: Document) -> tuple[Resource, ...]:
        return self.owned_in.get(text(doc, "kind"), ())

    def _dependents(self, caches: Caches, doc: Document) -> Iterator[tuple[Resource, Document]]:
        return dependents(caches, self._resources_under(doc), uid_of(doc))

    def _dependent_keys(self, caches: Caches, doc: Document) -> Iterator[Key]:
        for resource, dependent in self._dependents(caches, doc):
            yield item_key(resource, key_of_doc(dependent))

    def _after_end(self, caches: Caches, doc: Document) -> Iterable[Key]:
        """The object is gone: its dependents have lost an owner, its owners a dependent."""
        if not child(doc, "metadata").get("ownerReferences"):
            return self._dependent_keys(caches, doc)
        return (*self._dependent_keys(caches, doc), *self._waiting_owners(caches, doc))

    def _item_and_dependents(
        self, caches: Caches, resource: Resource, doc: Document
    ) -> tuple[Key, ...]:
        if not self._may_need_work(caches, doc):
            return ()
        own = item_key(resource, key_of_doc(doc))
        return (own, *self._dependent_keys(caches, doc)) if is_waiting(doc) else (own,)

    def _may_need_work(self, caches: Caches, doc: Document) -> bool:
        if is_deleting(doc):
            finalizers = finalizers_of(doc)
            return FOREGROUND in finalizers or ORPHAN in finalizers
        namespace = text(doc, "metadata", "namespace")
        for reference in references(doc):
            place = place_of(self.kinds, namespace, reference)
            owner = None if place is None else found_at(caches, place)
            if owner is None or is_waiting(owner):
                return True
        return False

    def _waiting_owners(self, caches: Caches, doc: Document) -> Iterator[Key]:
        namespace = text(doc, "metadata", "namespace")
        for reference in references(doc):
            place = place_of(self.kinds, namespace, reference)
            owner = None if place is None else found_at(caches, place)
            if place is not None and owner is not None and is_waiting(owner):
                yield item_key(place.resource, place.key)

    # -- what to do about an object --------------------------------------------------------------

    def _attempt_to_delete(self, sync: Sync, resource: Resource, doc: Document) -> Plan:
        refs = references(doc)
        namespace = text(doc, "metadata", "namespace")
        places = [place_of(self.kinds, namespace, reference) for reference in refs]
        known = [place for place in places if place and place.resource in sync.caches]
        if not refs or len(known) < len(refs):
            return Plan()
        asked = sync.memory if isinstance(sync.memory, Asked) else Asked()
        doubtful = frozenset(
            place
            for place in known
            if place not in asked.places
            and found_at(sync.caches, place) is None
            and not surely_absent(sync.caches, place, doc)
        )
        if doubtful:
            return _questions(sync, known, asked, doubtful)
        states = tuple(_state(sync.caches, place) for place in known)
        has_dependents = next(self._dependents(sync.caches, doc), None) is not None
        decision = classify(states, has_dependents=has_dependents, finalizers=finalizers_of(doc))
        if isinstance(decision, Keep):
            return self._keep(resource, doc, decision)
        return self._collect(sync, resource, doc, decision)

    def _keep(self, resource: Resource, doc: Document, decision: Keep) -> Plan:
        if not decision.dropped:
            return Plan()
        refs = references(doc)
        uids = tuple(text(refs[place], "uid") for place in decision.dropped)
        patch = ask.drop_references(resource, doc, uids, is_custom=self._is_custom(doc))
        return Plan(((patch,),), tolerated=_GONE)

    def _collect(self, sync: Sync, resource: Resource, doc: Document, decision: Collect) -> Plan:
        """Delete; but a dependent that waits for its dependents too may wait for this one."""
        is_circle = decision.propagation_policy == "Foreground" and any(
            is_waiting(dependent) for _, dependent in self._dependents(sync.caches, doc)
        )
        if is_circle and any(ref.get("blockOwnerDeletion") for ref in references(doc)):
            return Plan(((ask.unblock(resource, doc),),), sync.memory, tolerated=_GONE)
        delete = ask.delete(resource, doc, decision.propagation_policy)
        return Plan(((delete,),), sync.memory, tolerated=_GONE)

    def _wait_for_dependents(self, caches: Caches, resource: Resource, doc: Document) -> Plan:
        uid = uid_of(doc)
        if any(blocks(dependent, uid) for _, dependent in self._dependents(caches, doc)):
            return Plan()
        return Plan(((ask.remove_finalizer(resource, doc, FOREGROUND),),), tolerated=_GONE)

    def _orphan(self, caches: Caches, resource: Resource, doc: Document) -> Plan:
        """Take the references off all dependents, then let the object go."""
        uids = (uid_of(doc),)
        freed = tuple(
            ask.drop_references(under, dependent, uids, is_custom=self._is_custom(dependent))
            for under, dependent in self._dependents(caches, doc)
        )
        last = (ask.remove_finalizer(resource, doc, ORPHAN),)
        return Plan((freed, last) if freed else (last,), tolerated=_GONE)

    def _is_custom(self, doc: Document) -> bool:
        kind = self.kinds.by_name.get((text(doc, "apiVersion"), text(doc, "kind")))
        return kind is None or kind.is_custom


def _state(caches: Caches, place: Place) -> OwnerState:
    owner = found_at(caches, place)
    if owner is None:
        return OwnerState.DANGLING
    return OwnerState.WAITING if is_waiting(owner) else OwnerState.SOLID


def _questions(sync: Sync, known: list[Place], asked: Asked, doubtful: frozenset[Place]) -> Plan:
    """Ask the API server; by the time its answers are in, the belief has caught up with them."""
    places = dict.fromkeys(place for place in known if place in doubtful)
    gets = tuple(Get(place.resource, *split_key(place.key)) for place in places)
    memory = Asked(asked.places | doubtful)
    return Plan((gets,), memory, again_at_ms=sync.now_ms, tolerated=_GONE)


def collector(kinds: Kinds, owned_in: PMap[OwnerKind, tuple[Resource, ...]]) -> GarbageCollector:
    """The garbage collector of these kinds."""
    watched = dict.fromkeys((*kinds.watched(), CUSTOM_DEFINITIONS))
    return GarbageCollector(kinds, tuple(Watch(resource) for resource in watched), owned_in)
