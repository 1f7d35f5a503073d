"""What of a ResourceQuota is used: counted anew when something ends or the quota changes.

The API server charges new objects itself (`core.api.quota.charge`); what ends, is deleted or
shrinks is given back here. Objects of other kinds than those that are watched are charged and
never given back, unless their quota is made anew.

Source: kubernetes v1.36, pkg/controller/resourcequota/resource_quota_controller.go,
resource_quota_monitor.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.api.quota.cost import charged_to, counts, usage_of
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod_resources import Amounts, amounts
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Update
from kelm.effects.document import Document, child
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal

QUOTAS: Final = "resourcequotas"
COUNTED: Final = (
    "pods",
    "services",
    "persistentvolumeclaims",
    "configmaps",
    "secrets",
    "replicationcontrollers",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "cronjobs.batch",
)
RESYNC_MS: Final = 300_000


class ResourceQuotaController(msgspec.Struct, frozen=True):
    """The controller; its keys are quotas."""

    name: str = "resourcequota-controller"
    watches: tuple[Watch, ...] = (Watch(QUOTAS), *(Watch(each) for each in COUNTED))
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        quotas = caches[QUOTAS]
        if resource == QUOTAS and change.new is not None:
            return (change.key,)
        if change.old is None or len(quotas) == 0 or not _gives_back(resource, change):
            return ()
        here = quotas.select("namespace", metadata(change.old).namespace)
        return [metadata(quota).key for quota in here]

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(quota).key for quota in caches[QUOTAS].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        quota = sync.caches[QUOTAS].get(sync.key)
        if quota is None:
            return Plan()
        again_at_ms = sync.now_ms + RESYNC_MS
        hard, status = child(quota, "spec", "hard"), child(quota, "status")
        used = used_by(quota, sync.caches, sync.now_ms)
        listed = Document((name, str(amount)) for name, amount in used.items())
        if child(status, "hard") == hard and child(status, "used") == listed:
            return Plan(again_at_ms=again_at_ms)
        written = Document({**quota, "status": Document(hard=hard, used=listed)})
        meta = metadata(quota)
        update = Update(QUOTAS, meta.namespace, meta.name, written, subresource="status")
        return Plan(((update,),), again_at_ms=again_at_ms)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def used_by(quota: Document, caches: Caches, now_ms: int) -> Amounts:
    """What the objects of a quota's namespace cost, of what it limits; it is one of them itself."""
    namespace = metadata(quota).namespace
    hard, told = child(quota, "spec", "hard"), amounts(child(quota, "status", "used"))
    zero = amounts(Document((name, "0") for name in hard))
    watched = {name: zero[name] for name in sorted(hard) if _is_watched(name)}
    others = {name: told.get(name, zero[name]) for name in sorted(hard) if name not in watched}
    for resource in (QUOTAS, *COUNTED):
        for doc in caches[resource].select("namespace", namespace):
            if charged_to(quota, resource, doc):
                for name, amount in usage_of(resource, doc, now_ms).items():
                    if name in watched:
                        watched[name] = watched[name] + amount
    return {name: watched[name] if name in watched else others[name] for name in sorted(hard)}


def _is_watched(name: str) -> bool:
    counted = name.removeprefix("count/")
    return counted in (name, QUOTAS, *COUNTED)


def _gives_back(resource: Resource, change: Change) -> bool:
    """Whether less may be used after a change than before."""
    old, new = change.old, change.new
    if old is None or new is None:
        return new is None
    if resource == "pods":
        # The end of time: a pod that is being deleted counts until it is gone, or is late.
        return counts(old, 0) and not counts(new, 0)
    watched = resource in ("services", "persistentvolumeclaims")
    return watched and old.get("spec") is not new.get("spec")
