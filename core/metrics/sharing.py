"""Who does the work of a load: the target's pods that served when it was measured, evenly.

Source: none; the rule is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import msgspec

from kelm.core.api.custom.definition import custom_resources
from kelm.core.api.resources import of_kind
from kelm.core.metrics.loads import Load, Loads
from kelm.core.node.state import NodeState
from kelm.core.objects.meta import Metadata, labels_of, metadata
from kelm.core.objects.pod import status_of
from kelm.core.objects.selectors.labels import map_selector
from kelm.core.objects.time import parse_time
from kelm.core.store.store import Store
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.document import Document, child

Kubelets: TypeAlias = Callable[[str], NodeState | None]
"""What the machine of a node knows; None where nobody answers there."""
REPLICA_SETS = "replicasets.apps"


class Scene(msgspec.Struct, frozen=True):
    """All that a measurement may depend on."""

    store: Store
    kubelets: Kubelets
    loads: Loads
    now_ms: int


class Sharing:
    """The shares of one moment; who serves a target is found once."""

    def __init__(self, scene: Scene, at_ms: int) -> None:
        self._scene = scene
        self._at_ms = at_ms
        self._servers: dict[tuple[Resource, Key], int] = {}

    def of(self, doc: Document, metric: str) -> tuple[tuple[Load, int], ...]:
        """The loads of a metric that a pod shares, and among how many."""
        loads = self._scene.loads
        if not loads.of or not serves(doc, self._at_ms):
            return ()
        return tuple(
            (load, self._among(resource, key))
            for resource, key in self._targets(doc)
            for load in loads.at(resource, key)
            if load.metric == metric
        )

    def _targets(self, doc: Document) -> Iterable[tuple[Resource, Key]]:
        """Whatever a pod may work for: itself, its owners, its Services."""
        store, meta = self._scene.store, metadata(doc)
        yield "pods", meta.key
        owner = self._controller(meta)
        if owner is not None:
            yield owner
            above = store.get(*owner)
            over = None if above is None else self._controller(metadata(above))
            if over is not None:
                yield over
        for name in self._scene.loads.services.get(meta.namespace) or ():
            service = store.get("services", key_of(meta.namespace, name))
            if service is not None and _chosen(service, doc):
                yield "services", key_of(meta.namespace, name)

    def _controller(self, meta: Metadata) -> tuple[Resource, Key] | None:
        owner = meta.controller
        if owner is None:
            return None
        resource = resource_of(self._scene.store, owner.api_version, owner.kind)
        return None if resource is None else (resource, key_of(meta.namespace, owner.name))

    def _among(self, resource: Resource, key: Key) -> int:
        known = self._servers.get((resource, key))
        if known is None:
            pods = pods_of(self._scene.store, resource, key)
            known = sum(serves(doc, self._at_ms) for doc in pods)
            self._servers[resource, key] = known
        return known


def serves(doc: Document, at_ms: int) -> bool:
    """Whether a pod was ready for work at a moment, and still is."""
    status = status_of(doc)
    since = status.ready_since
    return status.ready and (since is None or parse_time(since) <= at_ms)


def pods_of(store: Store, resource: Resource, key: Key) -> Iterable[Document]:
    """The pods that work for a target."""
    doc = store.get(resource, key)
    pods = store.table("pods")
    if doc is None:
        return
    if resource == "pods":
        yield doc
    elif resource == "services":
        for one in pods.select("namespace", metadata(doc).namespace):
            if _chosen(doc, one):
                yield one
    else:
        uid = metadata(doc).uid
        yield from pods.select("owner", uid)
        for replica_set in store.table(REPLICA_SETS).select("owner", uid):
            yield from pods.select("owner", metadata(replica_set).uid)


def resource_of(store: Store, api_version: str, kind: str) -> Resource | None:
    """The resource of a kind, custom kinds included; None where there is no such kind."""
    info = of_kind(api_version, kind)
    if info is not None:
        return info.resource
    group = api_version.rpartition("/")[0]
    for custom in custom_resources(store):
        if (custom.info.group, custom.info.kind) == (group, kind):
            return custom.info.resource
    return None


def _chosen(service: Document, doc: Document) -> bool:
    selector = child(service, "spec", "selector")
    return bool(selector) and map_selector(selector).matches(labels_of(doc))
