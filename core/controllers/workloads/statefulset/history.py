"""Which ControllerRevisions a StatefulSet has, makes and forgets.

The *update* revision remembers the present template; the *current* one is what pods have that the
update has not reached. A template that comes back gets its old revision back, with a new number.

Source: kubernetes v1.36, pkg/controller/statefulset/stateful_set_control.go
(getStatefulSetRevisions, truncateHistory), pkg/controller/history/controller_history.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import msgspec

from kelm.core.controllers.templates import revisions
from kelm.core.controllers.workloads.statefulset.identity import revision_of
from kelm.core.objects.meta import metadata, owner_reference
from kelm.core.objects.pod import Pod
from kelm.core.objects.stateful_set import StatefulSet
from kelm.effects.document import Document, child, with_value, without

REVISIONS = "controllerrevisions.apps"
Lookup: TypeAlias = Callable[[str], Document | None]


class Found(msgspec.Struct, frozen=True):
    """The two revisions. `made` or `renumbered` says whether the update's must be written so.

    all: the revisions that there were, in order. collisions: how often a name was taken.
    """

    all: tuple[Document, ...]
    current: Document
    update: Document
    made: bool
    renumbered: bool
    collisions: int


def find(one: StatefulSet, stored: Iterable[Document], named: Lookup) -> Found:
    """Find the current and the update revision of a set, or what has to be made of them.

    stored: the set's own revisions. named: the revision of this name in the set's namespace,
        whoever's it is.
    """
    ordered = revisions.in_order(stored)
    collisions = one.status.collision_count or 0
    if ordered and template_of(ordered[-1]) == one.template:
        # The usual case, without writing a template out as text.
        return _found(one, ordered, ordered[-1], False, False, collisions)
    data = revisions.revision_data(one.template)
    number_of_next = revisions.next_revision(ordered)
    update = _new(one, data, number_of_next, collisions)
    equal = revisions.equal_revisions(ordered, update)
    made = renumbered = False
    if equal and revisions.equal_revisions(ordered[-1:], equal[-1]):
        update = ordered[-1]
    elif equal:
        update, renumbered = with_value(equal[-1], ("revision",), number_of_next), True
    else:
        while (taken := named(metadata(update).name)) is not None:
            if taken.get("data") == data:
                return _found(one, ordered, taken, False, False, collisions)
            collisions += 1
            update = _new(one, data, number_of_next, collisions)
        made = True
    return _found(one, ordered, update, made, renumbered, collisions)


def _found(
    one: StatefulSet,
    ordered: tuple[Document, ...],
    update: Document,
    made: bool,
    renumbered: bool,
    collisions: int,
) -> Found:
    wanted = one.status.current_revision
    current = next((doc for doc in ordered if metadata(doc).name == wanted), update)
    return Found(ordered, current, update, made, renumbered, collisions)


def _new(one: StatefulSet, data: Document, revision: int, collisions: int) -> Document:
    plain = revisions.new_revision(one.doc, owner_reference(one.doc), data, revision, collisions)
    kept = child(one.doc, "metadata", "annotations")
    return with_value(plain, ("metadata", "annotations"), kept) if kept else plain


def template_of(revision: Document) -> Document:
    """The pod template that a revision remembers."""
    return without(child(revision, "data", "spec", "template"), ("$patch",))


def to_forget(one: StatefulSet, found: Found, pods: Iterable[Pod]) -> tuple[Document, ...]:
    """The oldest revisions that nothing uses, beyond as many as are to be kept.

    Source: truncateHistory.
    """
    live = {metadata(found.current).name, metadata(found.update).name}
    live.update(revision_of(pod) for pod in pods)
    unused = [doc for doc in found.all if metadata(doc).name not in live]
    if one.revision_history_limit < 0:
        return ()
    return tuple(unused[: max(0, len(unused) - one.revision_history_limit)])
