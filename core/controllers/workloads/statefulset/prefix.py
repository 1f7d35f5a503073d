"""A set that grows in order is looked at from where it grows.

Of the pods that serve already nothing is asked while they stay as they are, and an ordered set
stops at the first that does not serve. So a look remembers how many of the first pods were whole;
the next one sees from the tables' changes that they still are, and decides about the pod after them
alone. Whatever is out of the ordinary (an update, an adoption, a pod that is not where it should
be) has the whole set looked at, as has a set that is complete.

Both looks decide alike (`tests/properties/test_statefulset_prefix.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from kelm.core.controllers.workloads.statefulset.history import Found
from kelm.core.controllers.workloads.statefulset.identity import (
    ordinal_of,
    parent_and_ordinal,
    pod_name,
)
from kelm.core.controllers.workloads.statefulset.status import Revisions, is_running_and_ready
from kelm.core.controllers.workloads.statefulset.step import (
    Group,
    IsStale,
    Mend,
    Place,
    Walk,
    at_place,
    place,
)
from kelm.core.controllers.workloads.statefulset.storage import CLAIMS, may_be_claim_of
from kelm.core.objects.meta import metadata
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.stateful_set import StatefulSet
from kelm.core.runtime.controller import Sync
from kelm.core.store.table import Table
from kelm.effects.address import Uid, key_of
from kelm.effects.document import Document, Json
from kelm.effects.messages import Cache, Change

WORTH_READING = 256
"""After so many changes of others the whole set is looked at instead."""

IsWhole = Callable[[Pod], bool]


class Prefix(msgspec.Struct, frozen=True):
    """The first `length` pods of a set with this specification served and were whole.

    All are of the one `revision` that there is. `pods_at`, `claims_at`: what the tables were.
    """

    uid: Uid
    spec: Json
    length: int
    revision: str
    pods_at: int
    claims_at: int


class Growing(msgspec.Struct, frozen=True):
    """What is decided from: the pods that are whole now, the one after them, what it needs."""

    prefix: Prefix
    next_pod: tuple[Pod, ...]
    groups: tuple[Group, ...]


def may_grow(one: StatefulSet, found: Found) -> bool:
    """Whether a set is one that can be looked at from its end: ordered, with one revision."""
    return (
        not one.leaving
        and not one.parallel
        and one.min_ready_seconds == 0
        and len(found.all) == 1
        and found.current is found.update
        and not found.made
        and not found.renumbered
    )


def prefix_of(
    one: StatefulSet, found: Found, pods: Iterable[Pod], sync: Sync, is_whole: IsWhole
) -> Prefix | None:
    """How many of the first pods need nothing; None where others are not just the next one."""
    if not may_grow(one, found):
        return None
    by_ordinal = {ordinal_of(each): each for each in pods}
    revisions = Revisions(metadata(found.current).name, metadata(found.update).name)
    length = 0
    while length < one.replicas:
        here = by_ordinal.get(one.start + length)
        if here is None or not _serves(here) or not is_whole(here):
            break
        if place(one, one.start + length, here, revisions).revision != revisions.update:
            break
        length += 1
    if any(not one.start <= ordinal <= one.start + length for ordinal in by_ordinal):
        return None
    return _prefix(one, length, revisions.update, sync)


def _prefix(one: StatefulSet, length: int, revision: str, sync: Sync) -> Prefix:
    pods, claims = sync.caches["pods"], sync.caches[CLAIMS]
    spec = one.doc.get("spec")
    return Prefix(one.metadata.uid, spec, length, revision, pods.revision, claims.revision)


def _serves(one: Pod) -> bool:
    return one.metadata.deletion_timestamp is None and is_running_and_ready(one)


def growing(
    one: StatefulSet,
    before: Prefix,
    found: Found,
    sync: Sync,
    is_whole: IsWhole,
    is_stale: IsStale,
) -> Growing | None:
    """Decide about the pod after those that are whole; None where the whole set has to be seen."""
    pods = sync.caches["pods"]
    if before.uid != one.metadata.uid or before.spec != one.doc.get("spec"):
        return None
    if not may_grow(one, found) or metadata(found.update).name != before.revision:
        return None
    if not _is_untouched(one, before, sync):
        return None
    revisions = Revisions(before.revision, before.revision)
    for length in range(before.length, one.replicas):
        ordinal = one.start + length
        doc = pods.get(key_of(one.metadata.namespace, pod_name(one.metadata.name, ordinal)))
        if doc is not None and not _is_member(one, doc):
            return None
        here = None if doc is None else pod(doc)
        there: Place = place(one, ordinal, here, revisions)
        seen = Walk(one, (there,), (), revisions, sync.now_ms, is_stale)
        actions, stopped = at_place(seen, there)
        if stopped:
            prefix = _prefix(one, length, before.revision, sync)
            groups = tuple((action,) for action in actions)
            return Growing(prefix, () if here is None else (here,), groups)
        if here is None or there.revision != before.revision or not is_whole(here):
            return None
        assert all(isinstance(action, Mend) for action in actions)
    return None


def _is_member(one: StatefulSet, doc: Document) -> bool:
    meta = metadata(doc)
    owner = meta.controller
    mine = owner is not None and owner.uid == one.metadata.uid
    return mine and one.selector.matches(meta.labels or {})


def _is_untouched(one: StatefulSet, before: Prefix, sync: Sync) -> bool:
    """Whether nothing has happened to the pods that were whole, nor any that is out of place."""
    next_ordinal = one.start + before.length
    changes = _changes(sync.caches["pods"], before.pods_at)
    if changes is None or any(_matters(one, change, next_ordinal) for change in changes):
        return False
    if not one.claim_templates:
        return True
    claims = _changes(sync.caches[CLAIMS], before.claims_at)
    if claims is None:
        return False
    return not any(
        may_be_claim_of(change.key, one) and parent_and_ordinal(change.key)[1] != next_ordinal
        for change in claims
    )


def _changes(cache: Cache, since: int) -> tuple[Change, ...] | None:
    if not isinstance(cache, Table):
        return None
    found = cache.changes_since(since)
    return None if found is None or len(found) > WORTH_READING else found


def _matters(one: StatefulSet, change: Change, next_ordinal: int) -> bool:
    """Whether a change is of a member other than the next, or of a pod that may be adopted."""
    namespace, _, name = change.key.rpartition("/")
    if namespace != one.metadata.namespace:
        return False
    if change.new is not None:
        meta = metadata(change.new)
        if meta.controller is None and one.selector.matches(meta.labels or {}):
            return True
    mine = any(
        doc is not None and (owner := metadata(doc).controller) and owner.uid == one.metadata.uid
        for doc in (change.old, change.new)
    )
    return mine and parent_and_ordinal(name)[1] != next_ordinal
