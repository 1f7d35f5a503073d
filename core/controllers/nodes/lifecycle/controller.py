"""The node lifecycle controller: one key for the monitor of all nodes, one for each node.

The monitor's key is "". Renewed leases make no key dirty: the next pass reads them from the
belief.

Source: kubernetes v1.36, pkg/controller/nodelifecycle/node_lifecycle_controller.go.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.nodes.lifecycle.monitor import (
    Monitor,
    after_refusal,
    next_look_ms,
    ration_out,
    run_pass,
)
from kelm.core.controllers.nodes.lifecycle.node import LastSeen, decide
from kelm.core.controllers.nodes.lifecycle.settings import Settings
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Patch
from kelm.effects.document import text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

MONITOR: Key = ""
LEASES = "leases.coordination.k8s.io"
_GONE = frozenset({Reason.NOT_FOUND})


class NodeLifecycle(msgspec.Struct, frozen=True):
    """The controller, with its flags."""

    settings: Settings = Settings()
    name: str = "node-lifecycle-controller"
    watches: tuple[Watch, ...] = (
        Watch("nodes"),
        Watch("pods"),
        Watch(LEASES, namespace="kube-node-lease"),
    )
    workers: int = 16

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        return (change.key,) if resource == "nodes" else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        yield MONITOR
        for node in caches["nodes"].objects():
            yield text(node, "metadata", "name")

    def reconcile(self, sync: Sync) -> Plan:
        return self._monitor(sync) if sync.key == MONITOR else _node(sync)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        """A pass whose write was refused is repeated as soon as the back-off allows."""
        if isinstance(sync.memory, Monitor) and refusal.reason is not Reason.NOT_FOUND:
            name = command.name if isinstance(command, Patch) else ""
            return after_refusal(sync.memory, name, sync.now_ms)
        return sync.memory

    def _monitor(self, sync: Sync) -> Plan:
        monitor = sync.memory if isinstance(sync.memory, Monitor) else None
        nodes = sync.caches["nodes"]
        if monitor is None or sync.now_ms >= monitor.next_ms:
            monitor, commands = run_pass(
                monitor, nodes, sync.caches[LEASES], self.settings, sync.now_ms
            )
        else:
            monitor, commands = ration_out(monitor, nodes, sync.now_ms)
        return Plan(
            batches=(commands,) if commands else (),
            memory=monitor,
            again_at_ms=next_look_ms(monitor, sync.now_ms),
            tolerated=_GONE,
        )


def _node(sync: Sync) -> Plan:
    node = sync.caches["nodes"].get(sync.key)
    if node is None:
        return Plan()
    memory = sync.memory if isinstance(sync.memory, LastSeen) else None
    pods = sync.caches["pods"].select("spec.nodeName", sync.key)
    batches, memory = decide(node, pods, memory, sync.now_ms)
    return Plan(batches=batches, memory=memory, tolerated=_GONE)
