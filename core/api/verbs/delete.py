"""Delete: an object goes at once, or is marked and waits for its grace period and finalizers.

Only pods have a grace period. Everything else goes at once unless a finalizer holds it; the
propagation policy is itself a finalizer, which the garbage collector takes away when it is done.
A pod that goes without grace is first marked and then removed: watches see both.

Source: kubernetes v1.36, apiserver/pkg/registry/generic/registry/store.go (Delete,
updateForGracefulDeletionAndFinalizers, deletionFinalizersForGarbageCollection),
registry/rest/delete.go (BeforeDelete), pkg/registry/core/pod/strategy.go (CheckGracefulDelete).
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from kelm.core.api import refuse
from kelm.core.api.kinds.strategies import NOT_COLLECTED, ORPHANED_BY_DEFAULT, RETURNED_WHEN_DELETED
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.validation.violation import invalid, not_supported
from kelm.core.api.verbs.metadata import Fields, metadata_of, versioned
from kelm.core.api.verbs.request import Written
from kelm.core.objects.time import format_time, parse_time
from kelm.core.store.store import Store
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.document import Document, Json, child, number, text
from kelm.effects.refusals import Refusal

ORPHAN: Final = "orphan"
FOREGROUND: Final = "foregroundDeletion"
POLICIES: Final = ("Foreground", "Background", "Orphan")

Finalizers: TypeAlias = tuple[str, ...]


class Options(msgspec.Struct, frozen=True):
    """How to delete. `orphan_dependents` is the old word for a policy, and wins over it."""

    uid: str = ""
    resource_version: str = ""
    grace_period_seconds: int | None = None
    propagation_policy: str = ""
    orphan_dependents: bool | None = None


def delete(
    store: Store, info: ResourceInfo, namespace: str, name: str, options: Options, now_ms: int
) -> Written:
    """Remove an object, or mark it as being deleted."""
    key = key_of(namespace, name)
    old = store.get(info.resource, key)
    if old is None:
        return store, refuse.not_found(info, name)
    refusal = wrong_options(options) or failed_precondition(info, metadata_of(old), options)
    if refusal is not None:
        return store, refusal
    if info.resource == "pods":
        return _delete_pod(store, info, key, old, options, now_ms)
    return _delete(store, info, key, old, options, now_ms)


def wrong_options(options: Options) -> Refusal | None:
    """Why no object can be deleted like this."""
    policy = options.propagation_policy
    if not policy or policy in POLICIES:
        return None
    violation = not_supported("propagationPolicy", policy, (*POLICIES, "nil"))
    return invalid("DeleteOptions", "meta.k8s.io", "", (violation,))


def failed_precondition(info: ResourceInfo, meta: Document, options: Options) -> Refusal | None:
    """The conflict of a deletion that means another object, or another version of it."""
    name = str(meta["name"])
    if options.uid and options.uid != meta["uid"]:
        why = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record "
            f"({meta['uid']}). The object might have been deleted and then recreated"
        )
        return refuse.conflict_of_kind(info, name, why)
    if options.resource_version and options.resource_version != meta["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match "
            f"the ResourceVersion in record ({meta['resourceVersion']}). The object might have "
            "been modified"
        )
        return refuse.conflict_of_kind(info, name, why)
    return None


def finalizers_after(resource: Resource, held: Finalizers, options: Options) -> Finalizers:
    """The finalizers that an object carries once its deletion was asked for.

    >>> finalizers_after("deployments.apps", ("x.io/y",), Options(propagation_policy="Foreground"))
    ('x.io/y', 'foregroundDeletion')
    >>> finalizers_after("replicationcontrollers", (), Options())
    ('orphan',)
    """
    if resource in NOT_COLLECTED:
        return held
    return collected_finalizers(held, options, orphans=resource in ORPHANED_BY_DEFAULT)


def collected_finalizers(held: Finalizers, options: Options, *, orphans: bool) -> Finalizers:
    """The same where the resource's own policy is to orphan, or not to.

    What the request says counts first, then a finalizer that is there, then that policy.
    """
    wanted = _policy_finalizer(held, options, ORPHAN if orphans else "")
    others = tuple(one for one in held if one not in (ORPHAN, FOREGROUND))
    new = (*others, wanted) if wanted else others
    return held if sorted(new) == sorted(held) else new


def _policy_finalizer(held: Finalizers, options: Options, usual: str) -> str:
    """The finalizer that stands for what is to happen to dependents, "" for their deletion."""
    if options.orphan_dependents is not None:
        return ORPHAN if options.orphan_dependents else ""
    if options.propagation_policy:
        return {"Orphan": ORPHAN, "Foreground": FOREGROUND}.get(options.propagation_policy, "")
    return next((one for one in held if one in (ORPHAN, FOREGROUND)), usual)


def _delete(
    store: Store, info: ResourceInfo, key: Key, old: Document, options: Options, now_ms: int
) -> Written:
    """Delete what knows no grace period."""
    meta = metadata_of(old)
    held = _finalizers(meta)
    kept = finalizers_after(info.resource, held, options)
    if not kept:
        return _remove(store, info, key, old)
    fields = marked_fields(meta, now_ms)
    fields["finalizers"] = kept
    return _put(store, info, key, old, fields)


def marked_fields(meta: Document, now_ms: int) -> Fields:
    """Metadata of an object that is being deleted without grace but still held.

    Source: registry/generic/registry/store.go, markAsDeleting.
    """
    fields: Fields = dict(meta)
    since = meta.get("deletionTimestamp")
    generation = meta.get("generation")
    if since is None and isinstance(generation, int) and generation > 0:
        fields["generation"] = generation + 1
    if not isinstance(since, str) or parse_time(since) > now_ms:
        fields["deletionTimestamp"] = format_time(now_ms)
    fields["deletionGracePeriodSeconds"] = 0
    return fields


def _delete_pod(
    store: Store, info: ResourceInfo, key: Key, old: Document, options: Options, now_ms: int
) -> Written:
    """Delete a pod: its node gets the grace period to stop it."""
    meta = metadata_of(old)
    held = _finalizers(meta)
    since = meta.get("deletionTimestamp")
    if since is None:
        fields = _graceful_fields(meta, grace_period_seconds(old, options), now_ms)
    else:
        left = number(old, "metadata", "deletionGracePeriodSeconds")
        if left == 0:
            return _delete(store, info, key, old, options, now_ms)
        asked = options.grace_period_seconds
        if asked is None or max(asked, 1 if asked < 0 else 0) >= left:
            return store, old
        fields = _shortened_fields(meta, str(since), left, 1 if asked < 0 else asked, now_ms)
    kept = finalizers_after(info.resource, held, options)
    if kept:
        fields["finalizers"] = kept
    else:
        fields.pop("finalizers", None)
    store, marked = _put(store, info, key, old, fields)
    if kept or fields["deletionGracePeriodSeconds"]:
        return store, marked
    assert isinstance(marked, Document)
    return _remove(store, info, key, marked)


def grace_period_seconds(pod: Document, options: Options) -> int:
    """How long a pod may take to stop: what was asked for, else what the pod says.

    A pod on no node and a pod that has ended need none; less than nothing counts as a second.

    >>> from kelm.effects.document import document
    >>> pod = document({"spec": {"nodeName": "n", "terminationGracePeriodSeconds": 30}})
    >>> grace_period_seconds(pod, Options()), grace_period_seconds(Document(), Options())
    (30, 0)
    """
    if not text(pod, "spec", "nodeName"):
        return 0
    if text(pod, "status", "phase") in ("Succeeded", "Failed"):
        return 0
    asked = options.grace_period_seconds
    if asked is None:
        asked = number(pod, "spec", "terminationGracePeriodSeconds")
    return 1 if asked < 0 else asked


def _graceful_fields(meta: Document, grace: int, now_ms: int) -> Fields:
    fields: Fields = dict(meta)
    fields["deletionTimestamp"] = format_time(now_ms + grace * 1000)
    fields["deletionGracePeriodSeconds"] = grace
    generation = meta.get("generation")
    if isinstance(generation, int) and generation > 0:
        fields["generation"] = generation + 1
    return fields


def _shortened_fields(meta: Document, since: str, left: int, grace: int, now_ms: int) -> Fields:
    """A grace period counts from the first deletion, and is over now if that was longer ago."""
    fields: Fields = dict(meta)
    ends_ms = parse_time(since) + (grace - left) * 1000
    fields["deletionTimestamp"] = format_time(max(ends_ms, now_ms))
    fields["deletionGracePeriodSeconds"] = grace
    return fields


def _finalizers(meta: Document) -> Finalizers:
    held = meta.get("finalizers")
    return tuple(one for one in held if isinstance(one, str)) if isinstance(held, tuple) else ()


def _put(store: Store, info: ResourceInfo, key: Key, old: Document, fields: Fields) -> Written:
    """Store an object with other metadata, unless nothing changed."""
    if fields == old["metadata"]:
        return store, old
    fields["resourceVersion"] = str(store.next_revision)
    new = Document({**old, "metadata": Document(fields)})
    return store.put(info.resource, key, new), new


def _remove(store: Store, info: ResourceInfo, key: Key, old: Document) -> Written:
    last = versioned(old, store.next_revision)
    removed = store.remove(info.resource, key, last)
    return removed, last if info.resource in RETURNED_WHEN_DELETED else deleted_status(info, old)


def deleted_status(info: ResourceInfo, old: Document) -> Document:
    """The answer to a deletion that does not return the object."""
    meta = metadata_of(old)
    details: dict[str, Json] = {"name": meta["name"]}
    if info.group:
        details["group"] = info.group
    details["kind"] = info.plural
    details["uid"] = meta["uid"]
    return Document(
        kind="Status",
        apiVersion="v1",
        metadata=Document(),
        status="Success",
        details=Document(details),
    )


def child_finalizers(namespace: Document) -> tuple[Json, ...]:
    """What must be emptied before a namespace can go: `spec.finalizers`."""
    held = child(namespace, "spec").get("finalizers")
    return held if isinstance(held, tuple) else ()
