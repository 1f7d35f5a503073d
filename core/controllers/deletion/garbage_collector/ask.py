"""The collector's commands. Each says exactly which object and, where it matters, which version.

Source: kubernetes v1.36, pkg/controller/garbagecollector/operations.go, patch.go.
"""

from __future__ import annotations

from kelm.core.controllers.deletion.garbage_collector.items import finalizers_of, references, uid_of
from kelm.effects.address import Resource
from kelm.effects.commands import Delete, Patch, Propagation
from kelm.effects.document import Document, Json, text


def delete(resource: Resource, doc: Document, policy: Propagation) -> Delete:
    """Delete an object unless it changed: its owners may have, too."""
    return Delete(
        resource,
        text(doc, "metadata", "namespace"),
        text(doc, "metadata", "name"),
        uid=uid_of(doc),
        resource_version=text(doc, "metadata", "resourceVersion"),
        propagation_policy=policy,
    )


def drop_references(
    resource: Resource, doc: Document, uids: tuple[str, ...], *, is_custom: bool
) -> Patch:
    """Take the references to these owners off an object."""
    if is_custom:
        kept = tuple(ref for ref in references(doc) if ref.get("uid") not in uids)
        return _merge(resource, doc, "ownerReferences", kept or None)
    deleted = tuple(Document({"$patch": "delete", "uid": uid}) for uid in uids)
    return Patch(
        resource,
        text(doc, "metadata", "namespace"),
        text(doc, "metadata", "name"),
        Document(metadata=Document(uid=uid_of(doc), ownerReferences=deleted)),
        patch_type="strategic",
    )


def unblock(resource: Resource, doc: Document) -> Patch:
    """Let an object's owners go before it: the way out of a circle."""
    freed = tuple(
        Document({**reference, "blockOwnerDeletion": False}) for reference in references(doc)
    )
    return _merge(resource, doc, "ownerReferences", freed)


def remove_finalizer(resource: Resource, doc: Document, finalizer: str) -> Patch:
    """Take a finalizer off an object that did not change."""
    kept = tuple(one for one in finalizers_of(doc) if one != finalizer)
    return _merge(resource, doc, "finalizers", kept or None)


def _merge(resource: Resource, doc: Document, field: str, value: Json) -> Patch:
    version = text(doc, "metadata", "resourceVersion")
    metadata = Document({"resourceVersion": version, "uid": uid_of(doc), field: value})
    return Patch(
        resource,
        text(doc, "metadata", "namespace"),
        text(doc, "metadata", "name"),
        Document(metadata=metadata),
    )
