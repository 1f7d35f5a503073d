"""The StatefulSet controller: which change touches which StatefulSet.

Source: kubernetes v1.36, pkg/controller/statefulset/stateful_set.go (event handlers).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.shared.pods import is_another_kinds
from kelm.core.controllers.workloads.statefulset.history import REVISIONS
from kelm.core.controllers.workloads.statefulset.identity import parent_and_ordinal
from kelm.core.controllers.workloads.statefulset.memory import (
    COMPONENT,
    STATEFUL_SETS,
    after_refusal,
)
from kelm.core.controllers.workloads.statefulset.reconcile import reconcile
from kelm.core.controllers.workloads.statefulset.storage import CLAIMS, may_be_claim_of
from kelm.core.objects.meta import Metadata, metadata
from kelm.core.objects.pod import status_of
from kelm.core.objects.stateful_set import stateful_set
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.commands import Command
from kelm.effects.document import Document, child
from kelm.effects.messages import Cache, Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal

WATCHES = (Watch(STATEFUL_SETS), Watch("pods"), Watch(REVISIONS), Watch(CLAIMS))


class StatefulSetController(msgspec.Struct, frozen=True):
    """Keeps pods that are somebody: each with a name, a place in the order and its own volumes.

    max_unavailable: whether `rollingUpdate.maxUnavailable` counts. Upstream's feature gate
        MaxUnavailableStatefulSet, which v1.36 has off: pods are then replaced one at a time.
    """

    workers: int = 5
    max_unavailable: bool = False

    @property
    def name(self) -> str:
        return COMPONENT

    @property
    def watches(self) -> tuple[Watch, ...]:
        return WATCHES

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == STATEFUL_SETS:
            return (change.key,)
        if resource == "pods":
            return _of_pod(caches[STATEFUL_SETS], change)
        return _of_claim(caches[STATEFUL_SETS], change) if resource == CLAIMS else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).key for doc in caches[STATEFUL_SETS].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        return reconcile(sync, max_unavailable=self.max_unavailable)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return after_refusal(sync, command, refusal)


def _of_pod(sets: Cache, change: Change) -> list[Key]:
    """The set that a pod belongs to, or belonged to; for an orphan all that it suits."""
    if is_another_kinds(change, "StatefulSet") or _look_alike(change.old, change.new):
        return []
    found = [metadata(doc) for doc in (change.old, change.new) if doc is not None]
    keys = [_owner_key(each) for each in found]
    if change.new is not None and found[-1].controller is None:
        keys.extend(_selecting(sets, found[-1]))
    return [key for number, key in enumerate(keys) if key and key not in keys[:number]]


def _look_alike(old: Document | None, new: Document | None) -> bool:
    """Whether two versions of a pod are the same for every decision made here."""
    if old is None or new is None:
        return False
    before, after = child(old, "metadata"), child(new, "metadata")
    for field in ("labels", "ownerReferences"):
        if before.get(field) != after.get(field):
            return False
    if (before.get("deletionTimestamp") is None) != (after.get("deletionTimestamp") is None):
        return False
    was, now = status_of(old), status_of(new)
    if was is now:
        return True
    if was.phase != now.phase or was.ready != now.ready:
        return False
    return not now.ready or was.ready_since == now.ready_since


def _owner_key(meta: Metadata) -> Key:
    """The key of the StatefulSet that controls an object; "" where it is of another kind."""
    owner = meta.controller
    if owner is None or owner.kind != "StatefulSet" or not owner.api_version.startswith("apps/"):
        return ""
    return key_of(meta.namespace, owner.name)


def _selecting(sets: Cache, orphan: Metadata) -> list[Key]:
    parent, labels = parent_and_ordinal(orphan.name)[0], orphan.labels
    found = sets.get(key_of(orphan.namespace, parent)) if parent and labels else None
    if found is None or not labels:
        return []
    one = stateful_set(found)
    return [one.metadata.key] if one.selector.matches(labels) else []


def _of_claim(sets: Cache, change: Change) -> list[Key]:
    """The sets that wait for a claim to go before they make its pod anew.

    Upstream does not watch claims; it looks again when its caches are refreshed.
    """
    if change.old is None or change.new is not None:
        return []
    found = sets.select("namespace", metadata(change.old).namespace)
    named = (stateful_set(doc) for doc in found)
    return [each.metadata.key for each in named if may_be_claim_of(change.key, each)]


STATEFUL_SET_CONTROLLER = StatefulSetController()
"""With upstream's default of `--concurrent-statefulset-syncs`."""
