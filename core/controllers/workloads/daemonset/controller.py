"""The DaemonSet controller: which change touches which DaemonSet.

Source: kubernetes v1.36, pkg/controller/daemon/daemon_controller.go (event handlers).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.shared.pods import is_another_kinds
from kelm.core.controllers.workloads.daemonset.fit import NOT, fit_of
from kelm.core.controllers.workloads.daemonset.history import REVISIONS
from kelm.core.controllers.workloads.daemonset.memory import after_answer, after_refusal
from kelm.core.controllers.workloads.daemonset.reconcile import COMPONENT, DAEMON_SETS, reconcile
from kelm.core.objects.daemon_set import DaemonSet, daemon_set
from kelm.core.objects.meta import Metadata, metadata
from kelm.core.objects.pod import Pod, pod
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.commands import Command
from kelm.effects.document import Document, value_at
from kelm.effects.messages import Cache, Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal


class DaemonSetController(msgspec.Struct, frozen=True):
    """Keeps one pod on every node that a template fits."""

    workers: int = 2

    @property
    def name(self) -> str:
        return COMPONENT

    @property
    def watches(self) -> tuple[Watch, ...]:
        return Watch(DAEMON_SETS), Watch("pods"), Watch(REVISIONS), Watch("nodes")

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == DAEMON_SETS:
            return (change.key,)
        if resource == "pods":
            return _of_pod(caches[DAEMON_SETS], change)
        return _of_node(caches[DAEMON_SETS], change) if resource == "nodes" else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).key for doc in caches[DAEMON_SETS].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        return reconcile(sync)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return after_refusal(sync, command, refusal)

    def answered(self, sync: Sync, command: Command, answer: Document) -> object:
        return after_answer(sync, command, answer)


def _of_node(sets: Cache, change: Change) -> list[Key]:
    """The sets for which a node is something else than it was; a heartbeat is nothing new."""
    old, new = change.old, change.new
    if old is not None and new is not None and _parts(old) == _parts(new):
        return []
    found = map(daemon_set, sets.objects())
    return [each.metadata.key for each in found if _differs(each, old, new)]


def _parts(node: Document) -> tuple[object, object]:
    return value_at(node, "metadata", "labels"), value_at(node, "spec", "taints")


def _differs(one: DaemonSet, old: Document | None, new: Document | None) -> bool:
    before = NOT if old is None else fit_of(one, old)
    after = NOT if new is None else fit_of(one, new)
    return before != after


def _of_pod(sets: Cache, change: Change) -> list[Key]:
    """The set that a pod belongs to, or belonged to; for an orphan all that select it."""
    if is_another_kinds(change, "DaemonSet"):
        return []
    old = pod(change.old) if change.old is not None else None
    new = pod(change.new) if change.new is not None else None
    if old is not None and new is not None and _seen(old) == _seen(new):
        return []
    keys = [_owner_key(each.metadata) for each in (old, new) if each is not None]
    if new is not None and new.metadata.controller is None:
        keys.extend(_selecting(sets, new.metadata))
    return [key for number, key in enumerate(keys) if key and key not in keys[:number]]


def _seen(one: Pod) -> tuple[object, ...]:
    """All of a pod that a decision made here depends on."""
    ready, meta = one.status.condition("Ready"), one.metadata
    since = ready.last_transition_time if ready is not None and one.ready else None
    leaving = meta.deletion_timestamp is not None
    return (
        one.status.phase,
        leaving,
        since,
        one.ready,
        one.spec.node_name,
        meta.labels,
        meta.owner_references,
    )


def _owner_key(meta: Metadata) -> Key:
    """The key of the DaemonSet that controls an object; "" where it is of another kind."""
    owner = meta.controller
    if owner is None or owner.kind != "DaemonSet" or not owner.api_version.startswith("apps/"):
        return ""
    return key_of(meta.namespace, owner.name)


def _selecting(sets: Cache, orphan: Metadata) -> list[Key]:
    labels = orphan.labels
    if not labels:
        return []
    found = map(daemon_set, sets.select("namespace", orphan.namespace))
    return [each.metadata.key for each in found if each.selector.matches(labels)]


DAEMON_SET_CONTROLLER = DaemonSetController()
"""With upstream's default of `--concurrent-daemonset-syncs`."""
