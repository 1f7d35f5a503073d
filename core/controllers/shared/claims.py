"""Which objects belong to a controller: what it owns and selects, what it lets go, what it adopts.

An object belongs to whom its controller reference names. An owner lets go of what its selector no
longer matches, and adopts what it selects and nobody controls. What is somebody else's is left
alone. An owner that is being deleted does neither: the garbage collector decides about what it
leaves.

Source: kubernetes v1.36, pkg/controller/controller_ref_manager.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from kelm.core.objects.meta import Metadata, metadata, owner_reference
from kelm.core.objects.selectors.labels import Selector
from kelm.effects.address import Resource, Uid
from kelm.effects.commands import Patch
from kelm.effects.document import Document


class Claims(msgspec.Struct, frozen=True):
    """Objects by what an owner has to do with them."""

    keep: tuple[Document, ...] = ()
    release: tuple[Document, ...] = ()
    adopt: tuple[Document, ...] = ()


def _any_name(_name: str) -> bool:
    return True


def claim(
    owner: Metadata,
    selector: Selector,
    owned: Iterable[Document],
    orphans: Iterable[Document],
    *,
    named: Callable[[str], bool] = _any_name,
) -> Claims:
    """Sort what an owner controls, and what of its namespace nobody controls.

    named: what a name must be like, for owners whose objects have names of their own.

    Source: ClaimObject.
    """
    leaving = owner.deletion_timestamp is not None
    keep, release = [], []
    for doc in owned:
        meta = metadata(doc)
        if selector.matches(meta.labels or {}) and named(meta.name):
            keep.append(doc)
        elif not leaving:
            release.append(doc)
    found = () if leaving else (doc for doc in orphans if is_adoptable(doc, selector))
    adopt = tuple(doc for doc in found if named(metadata(doc).name))
    return Claims(tuple(keep), tuple(release), adopt)


def is_adoptable(orphan: Document, selector: Selector) -> bool:
    """Whether an object without a controller may be given one that selects this."""
    meta = metadata(orphan)
    return meta.deletion_timestamp is None and selector.matches(meta.labels or {})


def adoption(resource: Resource, orphan: Document, owner: Document) -> Patch:
    """Make `owner` the controller of exactly this object, not of a namesake."""
    return _patch(resource, orphan, owner_reference(owner))


def release(resource: Resource, owned: Document, owner_uid: Uid) -> Patch:
    """Take an owner's reference off exactly this object."""
    return _patch(resource, owned, Document({"$patch": "delete", "uid": owner_uid}))


def _patch(resource: Resource, doc: Document, reference: Document) -> Patch:
    meta = metadata(doc)
    change = Document(metadata=Document(ownerReferences=(reference,), uid=meta.uid))
    return Patch(resource, meta.namespace, meta.name, change, patch_type="strategic")
