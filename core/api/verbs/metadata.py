"""What the API does to an object's metadata when it is written, whatever its kind.

Some fields belong to the system: whoever writes an object may repeat them, never choose them.

Source: kubernetes v1.36, apiserver/pkg/registry/rest/create.go, update.go and meta.go.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api.kinds.strategies import LABELS_KEPT
from kelm.core.objects.meta import Metadata
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.document import EMPTY, Document, Json

NOT_CHOSEN: Final = (
    "resourceVersion",
    "selfLink",
    "managedFields",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
"""What a new object cannot bring along."""

SYSTEM_FIELDS: Final = (
    "name",
    "namespace",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
)
"""What an update leaves as it is, whatever it says."""

NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"

Fields = dict[str, Json]


def metadata_of(doc: Document) -> Document:
    """An object's metadata as a document, empty where there is none."""
    meta = doc.get("metadata")
    return meta if isinstance(meta, Document) else EMPTY


def key_in(namespace: str, doc: Document) -> Key:
    """The key of an object whose request goes to a namespace ("" for none)."""
    return key_of(namespace, str(metadata_of(doc).get("name") or ""))


def created_fields(
    meta: Document, *, name: str, namespace: str, uid: str, created: str, version: str
) -> Fields:
    """The metadata of a new object."""
    fields: Fields = dict(meta)
    for field in NOT_CHOSEN:
        fields.pop(field, None)
    fields["name"] = name
    if namespace:
        fields["namespace"] = namespace
    else:
        fields.pop("namespace", None)
    fields["uid"] = uid
    fields["resourceVersion"] = version
    fields["creationTimestamp"] = created
    return fields


def updated_fields(old: Document, given: Document) -> Fields:
    """The metadata that an update asks for, with the system's fields as they are.

    The uid stays the asked one where one was given: if it is another, validation says so.
    """
    if given is old:
        return dict(old)
    fields: Fields = dict(given)
    fields.pop("selfLink", None)
    keep(fields, "managedFields", old)
    for field in SYSTEM_FIELDS:
        if field in old:
            fields[field] = old[field]
        elif field != "deletionTimestamp":
            fields.pop(field, None)
    if not fields.get("uid"):
        fields["uid"] = old.get("uid")
    if fields.get("deletionGracePeriodSeconds") is None:
        fields.pop("deletionGracePeriodSeconds", None)
        if "deletionGracePeriodSeconds" in old:
            fields["deletionGracePeriodSeconds"] = old["deletionGracePeriodSeconds"]
    if not fields.get("deletionTimestamp"):
        fields.pop("deletionTimestamp", None)
    fields["resourceVersion"] = old.get("resourceVersion")
    return fields


def status_fields(resource: Resource, old: Document, given: Document) -> Fields:
    """The metadata that a status update asks for: labels and annotations may change with it."""
    fields = updated_fields(old, given)
    if given is old:
        return fields
    for field in ("ownerReferences", "generateName"):
        keep(fields, field, old)
    if resource in LABELS_KEPT:
        keep(fields, "labels", old)
    return fields


def keep(fields: Fields, field: str, old: Document) -> None:
    """Set a field of a dict under construction to what it was, or take it out."""
    if field in old:
        fields[field] = old[field]
    else:
        fields.pop(field, None)


def versioned(doc: Document, version: int) -> Document:
    """The object at another resource version; all else is shared, what is known of it too."""
    old = metadata_of(doc)
    meta = Document({**old, "resourceVersion": str(version)})
    seen = getattr(old, "view", None)
    if type(seen) is Metadata:
        meta.view = msgspec.structs.replace(seen, resource_version=str(version))
    return Document({**doc, "metadata": meta})


def being_deleted(doc: Document) -> bool:
    """Whether the object waits for its finalizers or its grace period."""
    return metadata_of(doc).get("deletionTimestamp") is not None


def gone_without_finalizers(old: Document, new: Document) -> bool:
    """Whether an update takes away the last thing that kept a deleted object.

    Source: apiserver/pkg/registry/generic/registry/store.go, ShouldDeleteDuringUpdate.
    """
    before = metadata_of(old)
    return (
        before.get("deletionTimestamp") is not None
        and not before.get("deletionGracePeriodSeconds")
        and not metadata_of(new).get("finalizers")
    )
