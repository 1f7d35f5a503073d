"""What every object has: metadata and its owners.

Source: kubernetes v1.36, apimachinery/pkg/apis/meta/v1/types.go.
"""

from __future__ import annotations

from typing import Self

import msgspec

from kelm.core.objects.time import parse_time
from kelm.core.objects.views import convert, view, views
from kelm.effects.address import Key, key_of
from kelm.effects.document import EMPTY, Document, child


class OwnerReference(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None

    @classmethod
    def decode(cls, doc: Document) -> Self:
        return convert(cls, doc)


class Metadata(msgspec.Struct, frozen=True, gc=False):
    """Metadata as decisions read it; times are the API's text, see `deletion_ms`.

    Labels, annotations and the views of owners are shared by all objects that share theirs.
    """

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()
    controller: OwnerReference | None = None
    """The one owner that manages this object, or None."""

    @classmethod
    def decode(cls, doc: Document) -> Self:
        owners = views(OwnerReference, doc, "ownerReferences")
        controller = None
        for owner in owners:
            if owner.controller:
                controller = owner
                break
        return cls(
            doc.get("name") or "",  # type: ignore[arg-type]
            doc.get("generateName") or "",  # type: ignore[arg-type]
            doc.get("namespace") or "",  # type: ignore[arg-type]
            doc.get("uid") or "",  # type: ignore[arg-type]
            doc.get("resourceVersion") or "",  # type: ignore[arg-type]
            doc.get("generation") or 0,  # type: ignore[arg-type]
            doc.get("creationTimestamp"),  # type: ignore[arg-type]
            doc.get("deletionTimestamp"),  # type: ignore[arg-type]
            doc.get("deletionGracePeriodSeconds"),  # type: ignore[arg-type]
            doc.get("labels"),  # type: ignore[arg-type]
            doc.get("annotations"),  # type: ignore[arg-type]
            owners,
            doc.get("finalizers") or (),  # type: ignore[arg-type]
            controller,
        )

    @property
    def key(self) -> Key:
        return key_of(self.namespace, self.name)

    @property
    def created_ms(self) -> int:
        return parse_time(self.creation_timestamp) if self.creation_timestamp else 0

    @property
    def deletion_ms(self) -> int | None:
        """When the object may be gone at the latest (not: when deletion was asked for)."""
        return parse_time(self.deletion_timestamp) if self.deletion_timestamp else None


def metadata(doc: Document) -> Metadata:
    """The metadata view of a whole object."""
    meta = doc.get("metadata")
    if not isinstance(meta, Document):
        meta = EMPTY
    try:
        seen = meta.view
    except AttributeError:
        seen = None
    return seen if type(seen) is Metadata else view(Metadata, meta)


def labels_of(doc: Document) -> dict[str, str]:
    """An object's labels, {} where it has none. Not to be changed."""
    return metadata(doc).labels or {}


def annotations_of(doc: Document) -> dict[str, str]:
    """An object's annotations, {} where it has none. Not to be changed."""
    return metadata(doc).annotations or {}


def owner_reference(owner: Document, *, block_owner_deletion: bool = True) -> Document:
    """The reference with which an object names `owner` as its controller.

    Source: apimachinery/pkg/apis/meta/v1/controller_ref.go, NewControllerRef.
    """
    meta = child(owner, "metadata")
    return Document(
        apiVersion=owner.get("apiVersion", ""),
        kind=owner.get("kind", ""),
        name=meta.get("name", ""),
        uid=meta.get("uid", ""),
        controller=True,
        blockOwnerDeletion=block_owner_deletion,
    )
