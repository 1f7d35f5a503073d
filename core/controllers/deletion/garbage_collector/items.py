"""Objects as the garbage collector names and reads them, and where their owners are.

Source: kubernetes v1.36, pkg/controller/garbagecollector/graph.go, graph_builder.go.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kelm.core.controllers.deletion.garbage_collector.decide import FOREGROUND
from kelm.core.controllers.shared.kinds import Kinds
from kelm.core.objects.meta import OwnerReference
from kelm.core.runtime.controller import Caches
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.document import Document, Json, child, children, text


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where an owner must be if it exists; with its uid this never means another object."""

    resource: Resource
    key: Key
    uid: str


def item_key(resource: Resource, key: Key) -> Key:
    """The queue's key of an object: `pods:default/web`."""
    return f"{resource}:{key}"


def split_item(item: Key) -> tuple[Resource, Key]:
    resource, _, key = item.partition(":")
    return resource, key


def key_of_doc(doc: Document) -> Key:
    meta = child(doc, "metadata")
    return key_of(text(meta, "namespace"), text(meta, "name"))


def uid_of(doc: Document) -> str:
    return text(doc, "metadata", "uid")


def finalizers_of(doc: Document) -> tuple[str, ...]:
    found = child(doc, "metadata").get("finalizers")
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, tuple) else ()


def is_deleting(doc: Document) -> bool:
    return bool(child(doc, "metadata").get("deletionTimestamp"))


def is_waiting(doc: Document) -> bool:
    """Whether an object is being deleted in the foreground."""
    return is_deleting(doc) and FOREGROUND in finalizers_of(doc)


def references(doc: Document) -> tuple[Document, ...]:
    """An object's owner references."""
    return children(doc, "metadata", "ownerReferences")


def place_of(kinds: Kinds, namespace: str, reference: Document | OwnerReference) -> Place | None:
    """Where the owner of an object in `namespace` is; None where no such owner can be.

    That is a kind nobody knows (yet), or an owner in a namespace for an object that is in none.
    """
    if isinstance(reference, Document):
        name, uid = text(reference, "name"), text(reference, "uid")
        kind_name = text(reference, "apiVersion"), text(reference, "kind")
    else:
        name, uid = reference.name, reference.uid
        kind_name = reference.api_version, reference.kind
    kind = kinds.by_name.get(kind_name)
    if kind is None or (kind.namespaced and not namespace):
        return None
    return Place(kind.resource, kind.key(namespace, name), uid)


def found_at(caches: Caches, place: Place) -> Document | None:
    """The owner as it is believed to be, None where that is not it."""
    cache = caches.get(place.resource)
    doc = None if cache is None else cache.get(place.key)
    return doc if doc is not None and uid_of(doc) == place.uid else None


def surely_absent(caches: Caches, place: Place, dependent: Document) -> bool:
    """Whether an owner that is not believed in cannot merely be unheard of.

    It was created before anyone could refer to it. So if the belief about owners is from a later
    revision than the dependent, it has heard of the owner, and of its end.
    """
    cache = caches.get(place.resource)
    version = text(dependent, "metadata", "resourceVersion")
    return cache is not None and version.isdecimal() and cache.revision >= int(version)


def dependents(
    caches: Caches, resources: tuple[Resource, ...], uid: str
) -> Iterator[tuple[Resource, Document]]:
    """The objects of these resources that refer to an owner."""
    for resource in resources:
        cache = caches.get(resource)
        if cache is not None:
            for doc in cache.select("ownedBy", uid):
                yield resource, doc


def blocks(doc: Document, uid: str) -> bool:
    """Whether an object keeps an owner that waits for its dependents."""
    return any(
        reference.get("uid") == uid and reference.get("blockOwnerDeletion") is True
        for reference in references(doc)
    )


def without_references(doc: Document, places: tuple[int, ...]) -> Json:
    """The owner references that remain."""
    kept = tuple(ref for place, ref in enumerate(references(doc)) if place not in places)
    return kept or None
