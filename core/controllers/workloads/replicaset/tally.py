"""How many pods a ReplicaSet has, of each sort.

Every reconcile needs these numbers and most need nothing else, so counting is the hottest loop of
the room: one pass over typed views. It also remembers of which sort each pod was. Where the pods'
table can tell what changed since, the next count looks at the changes alone: for each pod that
changed, what it was is taken away and what it is added, so the sum is that of a full count.

Source: kubernetes v1.36, pkg/controller/replicaset/replica_set_utils.go (calculateStatus).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from kelm.core.objects.meta import Metadata, metadata
from kelm.core.objects.pod import Pod, status_of
from kelm.core.objects.selectors.labels import Selector
from kelm.core.objects.workloads import ReplicaSet
from kelm.core.store.table import Table
from kelm.effects.address import Uid
from kelm.effects.document import Document
from kelm.effects.messages import Cache, Change

ACTIVE, LABELLED, READY, TERMINATING, STRANGER = 1, 2, 4, 8, 16
"""Sorts of pods, as bits. A pod that has ended, or is somebody else's, is of no sort: 0."""

WORTH_COUNTING = 64
"""Up to so many changes are looked at, however few pods there are to count."""


class Judge(msgspec.Struct, frozen=True, gc=False):
    """What decides of which sort a pod is; a count is good for as long as its judge is the same.

    implied: whoever has all labels of the template is selected (validation makes sure of it).
    """

    uid: Uid
    selector: Selector
    labels: tuple[tuple[str, str], ...]
    implied: bool


class Tally(msgspec.Struct, frozen=True, gc=False):
    """Numbers of a ReplicaSet's pods. All but `strangers` match its selector.

    active: neither ended nor asked to go. labelled: active, with all labels of the template.
    ready: active and ready. terminating: asked to go and not ended. strangers: active, but no
    longer selected.
    """

    active: int = 0
    labelled: int = 0
    ready: int = 0
    terminating: int = 0
    strangers: int = 0


class Counted(msgspec.Struct, frozen=True):
    """A count that can be brought up to date. `sorts` is never changed, only replaced."""

    judge: Judge
    revision: int
    sorts: Mapping[Uid, int]
    tally: Tally


def judge_of(one: ReplicaSet) -> Judge:
    labels = one.template_labels
    return Judge(
        uid=one.metadata.uid,
        selector=one.selector,
        labels=tuple(sorted(labels.items())),
        implied=one.selector.matches(labels),
    )


def sort_of(doc: Document, judge: Judge) -> int:
    """Of which sort a pod is."""
    meta = metadata(doc)
    owners = meta.owner_references
    controller = owners[0] if len(owners) == 1 else meta.controller
    if controller is None or controller.uid != judge.uid or not controller.controller:
        return 0
    status = status_of(doc)
    if status.ended:
        return 0
    return _sort(meta, meta.deletion_timestamp is None, status.ready, judge)


def sort_of_owned(seen: Pod, judge: Judge) -> int:
    """Of which sort a pod would be if it named this controller."""
    if not (seen.active or seen.terminating):
        return 0
    return _sort(seen.metadata, seen.active, seen.ready, judge)


def _sort(meta: Metadata, active: bool, ready: bool, judge: Judge) -> int:
    labels = meta.labels or {}
    full = LABELLED
    for key, value in judge.labels:
        if labels.get(key) != value:
            full = 0
            break
    if not (full and judge.implied) and not judge.selector.matches(labels):
        return STRANGER if active else 0
    if not active:
        return TERMINATING
    return ACTIVE | full | READY if ready else ACTIVE | full


def count(pods: Iterable[Document], judge: Judge, revision: int = 0) -> Counted:
    """Count the pods that name a ReplicaSet among their owners."""
    sorts: dict[Uid, int] = {}
    for doc in pods:
        sort = sort_of(doc, judge)
        if sort:
            sorts[metadata(doc).uid] = sort
    return Counted(judge, revision, sorts, tally_of(Counter(sorts.values())))


def tally_of(numbers: Mapping[int, int]) -> Tally:
    """The tally of so many pods of each sort."""

    def of(bit: int) -> int:
        return sum(number for sort, number in numbers.items() if sort & bit)

    return Tally(*(of(bit) for bit in (ACTIVE, LABELLED, READY, TERMINATING, STRANGER)))


def recount(cache: Cache, one: ReplicaSet, before: Counted | None) -> Counted:
    """Count a ReplicaSet's pods, from what changed since the last count where that is cheaper."""
    judge = judge_of(one)
    changes = _changes(cache, judge, before)
    if before is None or changes is None:
        return count(cache.select("ownedBy", judge.uid), judge, cache.revision)
    return updated(before, changes, cache.revision)


def _changes(cache: Cache, judge: Judge, before: Counted | None) -> tuple[Change, ...] | None:
    if before is None or before.judge != judge or not isinstance(cache, Table):
        return None
    behind = cache.revision - before.revision
    if not 0 <= behind <= WORTH_COUNTING + len(before.sorts):
        return None
    return cache.changes_since(before.revision) if behind else ()


def updated(before: Counted, changes: Iterable[Change], revision: int) -> Counted:
    """The count after these changes: for each pod, what it was goes and what it is comes."""
    judge = before.judge
    sorts: dict[Uid, int] = {}
    shifts: Counter[int] = Counter()
    for change in changes:
        doc = change.new or change.old
        if doc is None:
            continue
        uid = metadata(doc).uid
        was = sorts[uid] if uid in sorts else before.sorts.get(uid, 0)
        sort = sort_of(doc, judge) if change.new is not None else 0
        if sort != was:
            sorts[uid] = sort
            shifts[sort] += 1
            shifts[was] -= 1
    if not sorts:
        return Counted(judge, revision, before.sorts, before.tally)
    merged = {**before.sorts, **sorts}
    for uid, sort in sorts.items():
        if not sort:
            del merged[uid]
    return Counted(judge, revision, merged, moved(before.tally, tally_of(shifts)))


def moved(tally: Tally, shift: Tally) -> Tally:
    """The sum of two tallies."""
    return Tally(
        tally.active + shift.active,
        tally.labelled + shift.labelled,
        tally.ready + shift.ready,
        tally.terminating + shift.terminating,
        tally.strangers + shift.strangers,
    )
