"""The Deployment controller: which change touches which Deployment.

Source: kubernetes v1.36, pkg/controller/deployment/deployment_controller.go (event handlers).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.workloads.deployment.draft import COMPONENT, DEPLOYMENTS, REPLICA_SETS
from kelm.core.controllers.workloads.deployment.memory import FORGOTTEN, Memory, after_refusal
from kelm.core.controllers.workloads.deployment.reconcile import reconcile
from kelm.core.objects.meta import Metadata, metadata
from kelm.core.objects.workloads import RECREATE, deployment
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.commands import Command
from kelm.effects.messages import Cache, Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal


class DeploymentController(msgspec.Struct, frozen=True):
    """Rolls Deployments out through ReplicaSets."""

    workers: int = 5

    @property
    def name(self) -> str:
        return COMPONENT

    @property
    def watches(self) -> tuple[Watch, ...]:
        return Watch(DEPLOYMENTS), Watch(REPLICA_SETS), Watch("pods")

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == DEPLOYMENTS:
            return (change.key,)
        if resource == REPLICA_SETS:
            return _of_replica_set(caches[DEPLOYMENTS], change)
        return _of_pod(caches, change) if change.new is None else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).key for doc in caches[DEPLOYMENTS].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        return reconcile(sync)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> Memory:
        memory = sync.memory if isinstance(sync.memory, Memory) else FORGOTTEN
        return after_refusal(memory, command, refusal)


def _of_replica_set(deployments: Cache, change: Change) -> list[Key]:
    """The Deployment that a ReplicaSet belongs to, or belonged to; for an orphan all it suits."""
    keys = []
    if change.old is not None:
        keys.append(_controller_key(metadata(change.old), "Deployment"))
    if change.new is not None:
        meta = metadata(change.new)
        keys.append(_controller_key(meta, "Deployment"))
        if meta.controller is None:
            keys.extend(_selecting(deployments, meta))
    return [key for number, key in enumerate(keys) if key and key not in keys[:number]]


def _selecting(deployments: Cache, orphan: Metadata) -> list[Key]:
    labels = orphan.labels
    if not labels:
        return []
    found = map(deployment, deployments.select("namespace", orphan.namespace))
    return [each.metadata.key for each in found if each.selector.matches(labels)]


def _of_pod(caches: Caches, change: Change) -> tuple[Key, ...]:
    """The Deployment that waits for this pod's end: one that recreates.

    Source: deployment_controller.go, deletePod.
    """
    gone = change.old
    key = _controller_key(metadata(gone), "ReplicaSet") if gone is not None else ""
    owner = caches[REPLICA_SETS].get(key) if key else None
    key = _controller_key(metadata(owner), "Deployment") if owner is not None else ""
    found = caches[DEPLOYMENTS].get(key) if key else None
    return (key,) if found is not None and deployment(found).strategy == RECREATE else ()


def _controller_key(meta: Metadata, kind: str) -> Key:
    """The key of an object's controller; "" where it is of another kind, or there is none."""
    controller = meta.controller
    if controller is None or controller.kind != kind:
        return ""
    if not controller.api_version.startswith("apps/"):
        return ""
    return key_of(meta.namespace, controller.name)


DEPLOYMENT_CONTROLLER = DeploymentController()
"""With upstream's default of `--concurrent-deployment-syncs`."""
