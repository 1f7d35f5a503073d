"""The cloud node lifecycle controller: a Node whose machine is gone is deleted.

The key is the Node's name. A Node that is ready is never touched, whatever the cloud says; one that
is not is looked up among the machines. A machine that the cloud does not list counts as gone only
for a Node that says which machine it is (`spec.providerID`): others were never machines.

Source: kubernetes v1.36, staging/src/k8s.io/cloud-provider/controllers/nodelifecycle/
node_lifecycle_controller.go (MonitorNodes). Differs: it looks when something changes, and every 5 s
only at Nodes that it has found to be gone; the shutdown taint of machines that are switched off for
a while is not set: such machines are not modelled.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.infrastructure.instances import (
    INSTANCES,
    TERMINATED,
    instance,
    not_ready_since_ms,
)
from kelm.core.objects.meta import metadata
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, ObjectRef, Resource
from kelm.effects.commands import Command, Delete, RecordEvent
from kelm.effects.document import Document, text
from kelm.effects.messages import Cache, Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

_GONE = frozenset({Reason.NOT_FOUND})
COMPONENT = "cloud-node-lifecycle-controller"
PERIOD_MS = 5_000
"""Source: --node-monitor-period."""


class CloudNodeLifecycle(msgspec.Struct, frozen=True):
    """The controller."""

    name: str = COMPONENT
    watches: tuple[Watch, ...] = (Watch("nodes"), Watch(INSTANCES))
    workers: int = 1

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == "nodes" and (change.new is None or not_ready_since_ms(change.new) is None):
            return ()
        return (change.key,)

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return (metadata(doc).key for doc in caches["nodes"].objects())

    def reconcile(self, sync: Sync) -> Plan:
        node = sync.caches["nodes"].get(sync.key)
        if node is None or not is_gone(node, sync.caches[INSTANCES]):
            return Plan()
        # An answer that the Node is gone is no proof while it is still seen.
        again_ms = sync.now_ms + PERIOD_MS
        return Plan(((_event(node), _delete(node)),), again_at_ms=again_ms, tolerated=_GONE)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return sync.memory


def is_gone(node: Document, instances: Cache) -> bool:
    """Whether a Node stands for a machine that exists no longer."""
    if not_ready_since_ms(node) is None or metadata(node).deletion_timestamp is not None:
        return False
    machine = instances.get(metadata(node).name)
    if machine is None:
        return bool(text(node, "spec", "providerID"))
    return instance(machine).state == TERMINATED


def _event(node: Document) -> Command:
    name = metadata(node).name
    return RecordEvent(
        regarding=ObjectRef("nodes", "", name, metadata(node).uid),
        regarding_kind="Node",
        regarding_api_version="v1",
        type="Normal",
        reason="DeletingNode",
        message=f"Deleting node {name} because it does not exist in the cloud provider",
        component=COMPONENT,
    )


def _delete(node: Document) -> Command:
    return Delete("nodes", "", metadata(node).name, metadata(node).uid)
