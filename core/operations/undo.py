"""Back to an earlier template: kubectl's `rollout undo`, as the patch that it comes to.

A Deployment's old templates are its ReplicaSets, those of a StatefulSet or a DaemonSet are its
ControllerRevisions, whose data is the patch itself.

Source: kubernetes v1.36, kubectl/pkg/polymorphichelpers/rollback.go.
"""

from __future__ import annotations

from returns.result import Failure, Result, Success

from kelm.core.controllers.templates.revisions import in_order
from kelm.core.objects.meta import metadata
from kelm.core.store.store import Store
from kelm.effects.address import ObjectRef
from kelm.effects.commands import Command, Patch
from kelm.effects.document import (
    Document,
    Json,
    child,
    document,
    flag,
    number,
    strings,
    text,
    without,
)

REVISION = "deployment.kubernetes.io/revision"
KEEP_REVISIONS = ("statefulsets.apps", "daemonsets.apps")
Planned = Result[tuple[Command, ...], str]


def undo(ref: ObjectRef, found: Document, store: Store, to_revision: int) -> Planned:
    """The request that takes a workload back; to_revision 0 is the one before the present."""
    if ref.resource in KEEP_REVISIONS:
        return _undo_revision(ref, found, store, to_revision)
    return _undo_deployment(ref, found, store, to_revision)


def _undo_deployment(ref: ObjectRef, found: Document, store: Store, to_revision: int) -> Planned:
    if flag(found, "spec", "paused"):
        return Failure(f'you cannot rollback a paused deployment; resume "{ref.name}" first')
    owned = store.table("replicasets.apps").select("owner", metadata(found).uid)
    by_revision = {_revision(doc): doc for doc in owned}
    target = _chosen(by_revision, to_revision)
    if target is None:
        return Failure(f'no rollout history found for deployment "{ref.name}"')
    template = without(
        child(target, "spec", "template"), ("metadata", "labels", "pod-template-hash")
    )
    replace: Json = (document({"op": "replace", "path": "/spec/template", "value": template}),)
    return Success((Patch(ref.resource, ref.namespace, ref.name, replace, "json"),))


def _undo_revision(ref: ObjectRef, found: Document, store: Store, to_revision: int) -> Planned:
    owned = store.table("controllerrevisions.apps").select("owner", metadata(found).uid)
    by_revision = {number(doc, "revision"): doc for doc in in_order(owned)}
    target = _chosen(by_revision, to_revision)
    if target is None:
        kind = text(found, "kind").lower()
        wanted = f"revision {to_revision}" if to_revision else "rollout history"
        return Failure(f'no {wanted} found for {kind} "{ref.name}"')
    patch = child(target, "data")
    return Success((Patch(ref.resource, ref.namespace, ref.name, patch, "strategic"),))


def _chosen(by_revision: dict[int, Document], to_revision: int) -> Document | None:
    if to_revision:
        return by_revision.get(to_revision)
    revisions = sorted(by_revision)
    return by_revision[revisions[-2]] if len(revisions) > 1 else None


def _revision(replica_set: Document) -> int:
    told = strings(replica_set, "metadata", "annotations").get(REVISION, "0")
    return int(told) if told.isdecimal() else 0
