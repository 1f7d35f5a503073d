"""Which of several equal pods a controller deletes is nobody's promise.

Upstream's order ends with uids, which are random, and with the order of a map. Whether a choice of
ours was one among equals is asked of the controller itself: it is shown the same cluster with the
two pods in each other's place, or with another draw of the one's uid. If it then takes the other
one, nothing but that kept it from it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kelm.core.runtime.controller import Batch, Controller, Sync
from kelm.core.store import table as tables
from kelm.core.store.table import Table
from kelm.effects.address import key_of
from kelm.effects.commands import Command, Delete, RecordEvent
from kelm.effects.document import Document, child, text, with_value

IDENTITY = ("name", "uid", "resourceVersion")
OTHER_UIDS = ("00000000-0000-4000-8000-000000000000", "ffffffff-ffff-4fff-bfff-ffffffffffff")


def with_other_victim(
    controller: Controller, sync: Sync, batches: tuple[Batch, ...], other: str
) -> Iterator[tuple[Batch, ...]]:
    """The plan with the pod `other` deleted instead of one that it might as well have been."""
    first = [one for one in batches[0] if isinstance(one, Delete) and one.resource == "pods"]
    if any(one.name == other for one in first):
        return
    for command in first:
        pods = sync.caches["pods"]
        assert isinstance(pods, Table)
        ours = pods.get(key_of(command.namespace, command.name))
        theirs = pods.get(key_of(command.namespace, other))
        if ours is None or theirs is None:
            continue
        if _is_one_among_equals(controller, sync, pods, ours, theirs):
            uid = text(theirs, "metadata", "uid")
            yield tuple(
                tuple(instead(one, command, other, uid) for one in batch) for batch in batches
            )


def _is_one_among_equals(
    controller: Controller, sync: Sync, pods: Table, ours: Document, theirs: Document
) -> bool:
    swapped = _put(_put(pods, ours, theirs), theirs, ours)
    chosen = _chosen(controller, sync, swapped)
    if _name(ours) in chosen and _name(theirs) not in chosen:
        return True
    drawn = (with_value(theirs, ("metadata", "uid"), uid) for uid in OTHER_UIDS)
    return any(_name(theirs) in _chosen(controller, sync, _put(pods, one, one)) for one in drawn)


def _chosen(controller: Controller, sync: Sync, pods: Table) -> set[str]:
    """The pods that are deleted where the pods are these."""
    caches = sync.caches.set("pods", pods)
    plan = controller.reconcile(msgspec.structs.replace(sync, caches=caches))
    return {one.name for batch in plan.batches for one in batch if isinstance(one, Delete)}


def _name(pod: Document) -> str:
    return text(pod, "metadata", "name")


def _put(pods: Table, place: Document, content: Document) -> Table:
    """The table with a pod's name and uid on the content of another."""
    meta = child(place, "metadata")
    identity = {field: meta[field] for field in IDENTITY}
    doc = Document({**content, "metadata": Document({**child(content, "metadata"), **identity})})
    key = key_of(text(place, "metadata", "namespace"), _name(place))
    return tables.put(pods, key, doc, pods.revision + 1)


def instead(one: Command, command: Delete, other: str, uid: str) -> Command:
    """A command of a plan in which another pod is deleted, and the event of it told."""
    if one == command:
        return msgspec.structs.replace(command, name=other, uid=uid)
    if isinstance(one, RecordEvent) and command.name in one.message:
        return msgspec.structs.replace(one, message=one.message.replace(command.name, other))
    return one
