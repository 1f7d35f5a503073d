"""The garbage collector as a Program: a Controller whose watches grow with the kinds there are.

Source: kubernetes v1.36, pkg/controller/garbagecollector/garbagecollector.go, Sync.
"""

from __future__ import annotations

import msgspec

from kelm.core.controllers.deletion.garbage_collector.collector import GarbageCollector, collector
from kelm.core.controllers.deletion.garbage_collector.items import references
from kelm.core.controllers.shared.kinds import BUILT_IN, CUSTOM_DEFINITIONS, with_custom
from kelm.core.runtime.queue import ControllerProgram, Work
from kelm.effects.address import Resource
from kelm.effects.commands import Requests
from kelm.effects.document import Document, Json, text
from kelm.effects.messages import Message, Observed
from kelm.effects.program import Subscriptions


class Collecting(msgspec.Struct, frozen=True):
    """The state: what the collector knows of kinds, and its queue."""

    collector: GarbageCollector
    work: Work


class GarbageCollectorProgram(msgspec.Struct, frozen=True):
    """The Program."""

    name: str = "garbage-collector"

    def init(self) -> tuple[Collecting, Requests]:
        empty = GarbageCollector()
        return Collecting(collector(BUILT_IN, empty.owned_in), Work()), ()

    def subscriptions(self, state: Collecting) -> Subscriptions:
        return ControllerProgram(state.collector).subscriptions(state.work)

    def update(self, state: Collecting, message: Message) -> tuple[Collecting, Requests]:
        if isinstance(message, Observed):
            state = _learned(state, message)
        work, requests = ControllerProgram(state.collector).update(state.work, message)
        return Collecting(state.collector, work), requests


def _learned(state: Collecting, message: Observed) -> Collecting:
    """Take note of new kinds, and of which kinds own objects of which resources."""
    if message.resource == CUSTOM_DEFINITIONS:
        kinds = with_custom(message.cache.objects())
        if kinds != state.collector.kinds:
            grown = collector(kinds, state.collector.owned_in)
            state = Collecting(grown, msgspec.structs.replace(state.work, synced=False))
    found = state.collector
    if message.replaced:
        for doc in message.cache.objects():
            found = _owned(found, message.resource, doc)
    for change in message.changes:
        new = change.new
        if new is not None and _owners(new) is not _owners(change.old):
            found = _owned(found, message.resource, new)
    return state if found is state.collector else Collecting(found, state.work)


def _owners(doc: Document | None) -> Json:
    """An object's owner references; most versions share theirs with the one before."""
    meta = None if doc is None else doc.get("metadata")
    return meta.get("ownerReferences") if isinstance(meta, Document) else None


def _owned(found: GarbageCollector, resource: Resource, doc: Document) -> GarbageCollector:
    for reference in references(doc):
        kind = text(reference, "kind")
        under = found.owned_in.get(kind, ())
        if resource not in under:
            owned_in = found.owned_in.set(kind, (*under, resource))
            found = msgspec.structs.replace(found, owned_in=owned_in)
    return found
