"""Which ControllerRevisions a DaemonSet has, makes and forgets.

A revision is named by the hash of its template, which is also a label of the pods made from it.

Source: kubernetes v1.36, pkg/controller/daemon/update.go (constructHistory, snapshot,
cleanupHistory, dedupCurHistories).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.templates.hash import template_hash
from kelm.core.controllers.templates.revisions import (
    in_key_order,
    in_order,
    revision_data,
    revision_name,
)
from kelm.core.controllers.workloads.daemonset.template import HASH
from kelm.core.objects.daemon_set import DaemonSet
from kelm.core.objects.meta import metadata, owner_reference
from kelm.core.objects.pod import Pod
from kelm.effects.document import Document, child, number, strings, text, with_value
from kelm.effects.messages import Cache

REVISIONS = "controllerrevisions.apps"


class History(msgspec.Struct, frozen=True):
    """See each field.

    current: the revision of the present template, as it is to be. made, renumbered: whether it
        must be written so. collides: its name is taken by another template's.
    old: the revisions of other templates, in order. doubles: further ones of the present one.
    """

    current: Document
    old: tuple[Document, ...]
    doubles: tuple[Document, ...] = ()
    made: bool = False
    renumbered: bool = False
    collides: bool = False

    @property
    def hashed(self) -> str:
        return text(self.current, "metadata", "labels", HASH)


def find(one: DaemonSet, stored: Iterable[Document], namespace_revisions: Cache) -> History:
    """Find the revision of the present template, or what has to be made of it.

    stored: the set's own revisions. namespace_revisions: the revisions of all.
    """
    data = revision_data(one.template)
    ordered = in_order(stored)
    present = [doc for doc in ordered if doc.get("data") == data]
    old = tuple(doc for doc in ordered if doc.get("data") != data)
    due = max((number(doc, "revision") for doc in old), default=0) + 1
    if present:
        kept, doubles = present[-1], tuple(present[:-1])
        if number(kept, "revision") >= due:
            return History(kept, old, doubles)
        return History(with_value(kept, ("revision",), due), old, doubles, renumbered=True)
    new = _snapshot(one, data, due)
    taken = namespace_revisions.get(f"{one.metadata.namespace}/{metadata(new).name}")
    if taken is None:
        return History(new, old, made=True)
    if taken.get("data") == data:
        return History(taken, old)
    return History(new, old, collides=True)


def _snapshot(one: DaemonSet, data: Document, revision: int) -> Document:
    hashed = template_hash(one.template, one.status.collision_count)
    labels = {**strings(one.template, "metadata", "labels"), HASH: hashed}
    meta = Document(
        name=revision_name(one.metadata.name, hashed),
        namespace=one.metadata.namespace,
        labels=Document(labels),
        annotations=child(one.doc, "metadata", "annotations"),
        ownerReferences=(owner_reference(one.doc),),
    )
    return Document(
        apiVersion="apps/v1",
        kind="ControllerRevision",
        metadata=meta,
        data=in_key_order(data),
        revision=revision,
    )


def to_forget(one: DaemonSet, found: History, pods: Iterable[Pod]) -> tuple[Document, ...]:
    """The oldest revisions that no pod has, beyond as many as are to be kept.

    Source: cleanupHistory.
    """
    excess = len(found.old) - one.revision_history_limit
    if excess <= 0:
        return ()
    live = {(pod.metadata.labels or {}).get(HASH) for pod in pods}
    unused = [doc for doc in found.old if text(doc, "metadata", "labels", HASH) not in live]
    return tuple(unused[:excess])
