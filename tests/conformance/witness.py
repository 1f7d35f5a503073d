"""A Program that only looks on: what it saw is how both platforms are judged, by the same eyes."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from pyrsistent import pmap, pvector
from pyrsistent.typing import PMap, PVector

from kelm.core.store.store import Store
from kelm.core.store.table import Table
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Requests
from kelm.effects.document import Document
from kelm.effects.messages import Message, Observed
from kelm.effects.program import Subscriptions, Watch

WATCHED = (
    "namespaces",
    "nodes",
    "pods",
    "services",
    "configmaps",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "jobs.batch",
    "endpointslices.discovery.k8s.io",
)


class Seen(msgspec.Struct, frozen=True):
    """What was seen: the present beliefs, all that the pods ever were, and what ended when."""

    tables: PMap[Resource, Table] = pmap()
    pods: PVector[tuple[int, Table]] = pvector()
    ended: PMap[tuple[Resource, Key], int] = pmap()

    @property
    def store(self) -> Store:
        """The beliefs as one store."""
        tables = [self.tables[name] for name in WATCHED if name in self.tables]
        return Store(
            revision=max((table.revision for table in tables), default=0),
            number_of=Document({table.resource: place for place, table in enumerate(tables)}),
            tables=pvector(tables),
        )

    def pods_since(self, since_ms: int, namespace: str) -> Iterator[list[Document]]:
        """Every version of a namespace's pods that was seen from a time on."""
        for at_ms, table in self.pods:
            if at_ms >= since_ms:
                yield list(table.select("namespace", namespace))


class Witness(msgspec.Struct, frozen=True):
    """The Program."""

    name: str = "witness"

    def init(self) -> tuple[Seen, Requests]:
        return Seen(), ()

    def subscriptions(self, state: Seen) -> Subscriptions:
        return Subscriptions(tuple(Watch(resource) for resource in WATCHED))

    def update(self, state: Seen, message: Message) -> tuple[Seen, Requests]:
        if not isinstance(message, Observed):
            return state, ()
        table, pods, ended = message.cache, state.pods, state.ended
        assert isinstance(table, Table)
        if message.resource == "pods":
            pods = pods.append((message.now_ms, table))
        for change in message.changes:
            if change.new is None:
                ended = ended.set((message.resource, change.key), change.revision)
        return Seen(state.tables.set(message.resource, table), pods, ended), ()
