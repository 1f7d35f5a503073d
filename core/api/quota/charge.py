"""What a request is charged to the ResourceQuotas of its namespace, or why it may not come.

The API server charges at once, in the quota's status, and so lets nobody slip through between two
looks of the quota's controller; the controller gives back what ends, shrinks or is deleted.

Source: kubernetes v1.36, apiserver/pkg/admission/plugin/resourcequota/controller.go (CheckRequest);
pkg/quota/v1/evaluator/core (Handles), pods.go (Constraints).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from kelm.core.api import refuse
from kelm.core.api.quota.cost import charged_to, is_terminating, usage_of
from kelm.core.api.resources import ResourceInfo
from kelm.core.objects.pod_resources import Amounts, amounts
from kelm.core.store.store import Store
from kelm.effects.address import key_of
from kelm.effects.document import Document, child, children, text
from kelm.effects.refusals import Refusal

QUOTAS = "resourcequotas"
MUST_BE_NAMED = (
    "cpu",
    "limits.cpu",
    "limits.memory",
    "memory",
    "requests.cpu",
    "requests.memory",
)
"""What every container must ask for where a quota limits it."""

Asking: TypeAlias = Callable[[Document], Amounts]
"""What a request costs a quota."""


def charge(
    store: Store, info: ResourceInfo, namespace: str, name: str, doc: Document, now_ms: int
) -> Store | Refusal:
    """The store with a new object charged to the quotas, or why one of them refuses it."""
    if not namespace or len(store.table(QUOTAS)) == 0:
        return store
    usage = usage_of(info.resource, doc, now_ms)
    return _charged(store, info, (namespace, name), doc, usage, lambda _quota: usage)


def charge_update(
    store: Store,
    info: ResourceInfo,
    old: Document,
    new: Document,
    now_ms: int,
    subresource: str = "",
) -> Store | Refusal:
    """The store with what an object costs more than before charged; or why that may not be.

    What is no longer used is given back by the controller. A change of the status is charged
    and never refused.
    """
    if len(store.table(QUOTAS)) == 0 or not _costs_more(info.resource, old, new, subresource):
        return store
    meta = child(new, "metadata")
    place = text(meta, "namespace"), text(meta, "name")
    before, usage = usage_of(info.resource, old, now_ms), usage_of(info.resource, new, now_ms)
    more = {
        each: usage[each] - before[each] if each in before else usage[each]
        for each in usage
        if each not in before or usage[each].compare(before[each]) > 0
    }

    def asked(quota: Document) -> Amounts:
        return more if charged_to(quota, info.resource, old) else usage

    return _charged(store, info, place, new, usage, asked, limited=subresource != "status")


def _costs_more(resource: str, old: Document, new: Document, subresource: str) -> bool:
    """Whether an update is one that quotas look at: most objects only count as objects."""
    if resource == "pods":
        if subresource == "":
            return is_terminating(old) != is_terminating(new)
        return subresource == "resize"
    if resource == "persistentvolumeclaims" and subresource == "status":
        before, after = (child(doc, "status", "allocatedResources") for doc in (old, new))
        return before != after
    return resource in ("services", "persistentvolumeclaims") and subresource == ""


def _charged(
    store: Store,
    info: ResourceInfo,
    place: tuple[str, str],
    doc: Document,
    usage: Amounts,
    asking: Asking,
    *,
    limited: bool = True,
) -> Store | Refusal:
    """Every quota of a namespace with what the request costs it, or the first refusal."""
    namespace, name = place
    for quota in sorted(store.table(QUOTAS).select("namespace", namespace), key=_name):
        hard = amounts(child(quota, "status", "hard"))
        if not hard.keys() & usage.keys() and info.resource != "pods":
            continue
        if not charged_to(quota, info.resource, doc):
            continue
        why = _unnamed(info.resource, doc, hard)
        if why:
            return refuse.forbidden(info, name, f"failed quota: {_name(quota)}: {why}")
        used = amounts(child(quota, "status", "used"))
        unknown = sorted(each for each in hard.keys() & usage.keys() if each not in used)
        if unknown:
            told = f"{_name(quota)}, resources: {','.join(unknown)}"
            return refuse.forbidden(info, name, f"status unknown for quota: {told}")
        cost = asking(quota)
        asked = {each: cost[each] for each in sorted(cost.keys() & hard.keys())}
        asked = {each: amount for each, amount in asked.items() if amount.unscaled}
        if not asked:
            continue
        total = {each: used[each] + asked[each] for each in asked}
        full = [each for each in asked if total[each].compare(hard[each]) > 0]
        if full and limited:
            told = f"{_name(quota)}, requested: {_told(asked, full)}, used: {_told(used, full)}"
            words = f"exceeded quota: {told}, limited: {_told(hard, full)}"
            return refuse.forbidden(info, name, words)
        store = _written(store, quota, {**used, **total})
    return store


def _name(quota: Document) -> str:
    return text(quota, "metadata", "name")


def _told(listed: Amounts, names: Iterable[str]) -> str:
    return ",".join(f"{name}={listed.get(name, 0)}" for name in names)


def _unnamed(resource: str, pod: Document, hard: Amounts) -> str:
    """Which limited resources some containers of a pod do not ask for, "" for none."""
    if resource != "pods":
        return ""
    containers = (*children(pod, "spec", "containers"), *children(pod, "spec", "initContainers"))
    found = []
    for limited in (each for each in MUST_BE_NAMED if each in hard):
        lacking = sorted(text(one, "name") for one in containers if not _asks(one, limited))
        if lacking:
            found.append(f"{limited} for: {','.join(lacking)}")
    return f"must specify {'; '.join(found)}" if found else ""


def _asks(container: Document, limited: str) -> bool:
    kind, _, name = limited.rpartition(".")
    return name in child(container, "resources", kind or "requests")


def _written(store: Store, quota: Document, used: Amounts) -> Store:
    """The quota with what is used by now; the request itself writes it."""
    meta = child(quota, "metadata")
    listed = Document((name, str(used[name])) for name in sorted(used))
    doc = Document(
        {
            **quota,
            "metadata": Document({**meta, "resourceVersion": str(store.next_revision)}),
            "status": Document({**child(quota, "status"), "used": listed}),
        }
    )
    return store.put(QUOTAS, key_of(text(meta, "namespace"), text(meta, "name")), doc)
