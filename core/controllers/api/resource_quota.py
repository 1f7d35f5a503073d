"""What of a ResourceQuota is used: counted anew when something ends or the quota changes.

The API server charges requests itself (`core.api.quota.charge`); what ends, is deleted or shrinks
is given back here. Beside the kinds that most quotas count, those are watched that some quota names
(`count/widgets.example.com`). Before anything is given back the objects are listed: a belief may
lack what was charged just now, and whoever gave that back would let one too many in. What is
charged after the list is a conflict with the version that the quota had before it.

Source: kubernetes v1.36, pkg/controller/resourcequota/resource_quota_controller.go,
resource_quota_monitor.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import msgspec

from kelm.core.api.quota.cost import charged_to, counts, is_terminating, usage_of
from kelm.core.api.resources import RESOURCES
from kelm.core.controllers.shared.kinds import CUSTOM_DEFINITIONS
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod_resources import Amounts, amounts
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, List, Update
from kelm.effects.document import Document, child, children
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
    QUOTAS,
)
RESYNC_MS: Final = 300_000
_BY_COUNT: Final = "count/"
_CHANGING: Final = ("services", "persistentvolumeclaims")
"""Objects whose cost may change while they are there."""

Objects: TypeAlias = Callable[[Resource], Iterable[Document]]


class Listed(msgspec.Struct, frozen=True):
    """The objects of a quota's namespace, of the kinds that it counts, as they really were.

    version: the quota's version before they were listed.
    """

    version: str
    objects: tuple[tuple[Resource, tuple[Document, ...]], ...] = ()


class ResourceQuotaController(msgspec.Struct, frozen=True):
    """The controller; its keys are quotas."""

    name: str = "resourcequota-controller"
    watches: tuple[Watch, ...] = (*(Watch(each) for each in COUNTED), Watch(CUSTOM_DEFINITIONS))
    workers: int = 5

    def watches_now(self, caches: Caches) -> tuple[Watch, ...]:
        """The kinds that most quotas count, and those that there are and that one names."""
        if QUOTAS not in caches or CUSTOM_DEFINITIONS not in caches or len(caches[QUOTAS]) == 0:
            return self.watches
        named = {each for quota in caches[QUOTAS].objects() for each in _named(quota)}
        more = tuple(Watch(each) for each in sorted(named) if _is_there(each, caches))
        return self.watches + more if more else self.watches

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        quotas = caches[QUOTAS]
        if len(quotas) == 0 or resource == CUSTOM_DEFINITIONS:
            return ()
        found = [change.key] if resource == QUOTAS and change.new is not None else []
        if change.old is not None and _gives_back(resource, change):
            here = quotas.select("namespace", metadata(change.old).namespace)
            found += [metadata(quota).key for quota in here if metadata(quota).key not in found]
        return found

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(quota).key for quota in caches[QUOTAS].objects()]

    def reconcile(self, sync: Sync) -> Plan:
        quota = sync.caches[QUOTAS].get(sync.key)
        if quota is None:
            return Plan()
        again_at_ms = sync.now_ms + RESYNC_MS
        kinds = [each for each in _kinds(quota) if _is_there(each, sync.caches)]
        if any(each not in sync.caches for each in kinds):
            return Plan(again_at_ms=again_at_ms)  # The list of a kind is on its way.
        meta = metadata(quota)
        told = amounts(child(quota, "status", "used"))
        listed = sync.memory
        if isinstance(listed, Listed) and listed.version == meta.resource_version:
            known = dict(listed.objects)
            used = used_by(quota, kinds, lambda each: known.get(each, ()), sync.now_ms)
        else:
            used = used_by(quota, kinds, _believed(sync.caches, meta.namespace), sync.now_ms)
            if any(name in used and used[name].compare(told[name]) < 0 for name in told):
                questions = tuple(List(each, meta.namespace) for each in kinds)
                return Plan((questions,), Listed(meta.resource_version), sync.now_ms)
        return _written(quota, used, again_at_ms)

    def answered(self, sync: Sync, command: Command, answer: Document) -> object:
        listed = sync.memory
        if not isinstance(listed, Listed) or not isinstance(command, List):
            return listed
        found = (command.resource, children(answer, "items"))
        return msgspec.structs.replace(listed, objects=(*listed.objects, found))

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return None


def _written(quota: Document, used: Amounts, again_at_ms: int) -> Plan:
    hard, status, meta = child(quota, "spec", "hard"), child(quota, "status"), metadata(quota)
    listed = Document((name, str(used[name])) for name in sorted(used))
    if child(status, "hard") == hard and child(status, "used") == listed:
        return Plan(again_at_ms=again_at_ms)
    written = Document({**quota, "status": Document(hard=hard, used=listed)})
    update = Update(QUOTAS, meta.namespace, meta.name, written, subresource="status")
    return Plan(((update,),), again_at_ms=again_at_ms)


def used_by(quota: Document, kinds: Iterable[Resource], objects: Objects, now_ms: int) -> Amounts:
    """What the objects of these kinds cost a quota, of what it limits.

    What counts a kind that there is not is left out.
    """
    hard = child(quota, "spec", "hard")
    zero = amounts(Document((name, "0") for name in hard))
    found = {name: zero[name] for name in sorted(hard)}
    for resource in kinds:
        for doc in objects(resource):
            if charged_to(quota, resource, doc):
                for name, amount in usage_of(resource, doc, now_ms).items():
                    if name in found:
                        found[name] = found[name] + amount
    known = {f"{_BY_COUNT}{each}" for each in kinds}
    return {
        name: used
        for name, used in found.items()
        if not name.startswith(_BY_COUNT) or name in known
    }


def _named(quota: Document) -> list[Resource]:
    """The kinds that a quota counts by name, beside those that are watched anyway."""
    found = (
        name.removeprefix(_BY_COUNT)
        for name in child(quota, "spec", "hard")
        if name.startswith(_BY_COUNT)
    )
    return [each for each in found if each not in COUNTED]


def _kinds(quota: Document) -> list[Resource]:
    """The kinds whose objects a quota may count."""
    hard = child(quota, "spec", "hard")
    plain = [name for name in hard if not name.startswith(_BY_COUNT)]
    return [each for each in COUNTED if _may_count(each, hard, plain)] + sorted(_named(quota))


def _may_count(resource: Resource, hard: Document, plain: list[str]) -> bool:
    if f"{_BY_COUNT}{resource}" in hard or resource in hard:
        return True
    if resource == "pods":
        return any(name not in COUNTED for name in plain)
    if resource == "services":
        return any(name.startswith("services.") for name in plain)
    return resource == "persistentvolumeclaims" and any(
        "storage" in name and not name.endswith("ephemeral-storage") for name in plain
    )


def _is_there(resource: Resource, caches: Caches) -> bool:
    """Whether a kind with a namespace has this name."""
    info = RESOURCES.get(resource)
    if info is not None:
        return info.namespaced and "list" in info.verbs
    return caches[CUSTOM_DEFINITIONS].get(resource) is not None


def _believed(caches: Caches, namespace: str) -> Objects:
    return lambda resource: caches[resource].select("namespace", namespace)


def _gives_back(resource: Resource, change: Change) -> bool:
    """Whether less may be used after a change than before."""
    old, new = change.old, change.new
    if old is None or new is None:
        return new is None
    if resource == "pods":
        # The end of time: a pod that is being deleted counts until it is gone, or is late.
        ended = counts(old, 0) and not counts(new, 0)
        return ended or _resized(old, new)
    if resource == "persistentvolumeclaims" and _allocated(old) != _allocated(new):
        return True
    return resource in _CHANGING and old.get("spec") is not new.get("spec")


def _resized(old: Document, new: Document) -> bool:
    before, after = child(old, "spec"), child(new, "spec")
    return before.get("containers") is not after.get("containers") or is_terminating(
        old
    ) != is_terminating(new)


def _allocated(claim: Document) -> Document:
    return child(claim, "status", "allocatedResources")
