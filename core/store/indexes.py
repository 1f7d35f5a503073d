"""Under which values a table files an object, so that nobody has to walk a whole table.

An index entry is one string, `index/value`. Which indexes a resource has is decided here and
nowhere else; selectors over labels and the owner graph work for every kind, custom kinds too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from kelm.effects.address import Resource
from kelm.effects.document import EMPTY, Document

Index: TypeAlias = Literal[
    "namespace",
    "ownedBy",
    "owner",
    "orphan",
    "label",
    "spec.nodeName",
    "metadata.name",
    "clusterIP",
    "nodePort",
    "selector",
]

UNLABELLED: frozenset[Resource] = frozenset(
    {"events", "leases.coordination.k8s.io", "controllerrevisions.apps"}
)
"""Resources that nobody selects by label often enough to pay for an index."""
UNADOPTED: frozenset[Resource] = frozenset({"events", "leases.coordination.k8s.io"})
"""Resources that nobody adopts."""


def entries(resource: Resource, doc: Document) -> tuple[str, ...]:
    """Every index entry of an object.

    >>> from kelm.effects.document import document
    >>> entries("pods", document({"metadata": {"name": "a", "namespace": "n",
    ...     "labels": {"app": "web"}}, "spec": {"nodeName": "node-1"}}))
    ('namespace/n', 'orphan/n', 'label/n/app=web', 'spec.nodeName/node-1')
    """
    meta = doc.get("metadata")
    if not isinstance(meta, Document):
        return ()
    namespace = meta.get("namespace") or ""
    found = [f"namespace/{namespace}"] if namespace else []
    controlled = False
    for owner in meta.get("ownerReferences") or ():  # type: ignore[union-attr]
        found.append(f"ownedBy/{owner.get('uid')}")  # type: ignore[union-attr]
        controlled = controlled or owner.get("controller") is True  # type: ignore[union-attr]
    if not controlled and resource not in UNADOPTED:
        found.append(f"orphan/{namespace}")
    labels = meta.get("labels")
    if labels and resource not in UNLABELLED:
        found.extend(f"label/{namespace}/{k}={v}" for k, v in labels.items())  # type: ignore[union-attr]
    if resource == "pods":
        node = (doc.get("spec") or EMPTY).get("nodeName")  # type: ignore[union-attr]
        if node:
            found.append(f"spec.nodeName/{node}")
    if resource == "services":
        found.extend(_claims(doc))
        found.extend(_wanted_label(doc, namespace))  # type: ignore[arg-type]
    return tuple(found)


def _claims(service: Document) -> Iterator[str]:
    """The cluster IPs and node ports that a Service has, and nobody else may have."""
    spec = service.get("spec")
    if not isinstance(spec, Document):
        return
    for address in spec.get("clusterIPs") or ():  # type: ignore[union-attr]
        yield f"clusterIP/{address}"
    ports = {port.get("nodePort") for port in spec.get("ports") or ()}  # type: ignore[union-attr]
    for port in sorted({*ports, spec.get("healthCheckNodePort")} - {None, 0}):  # type: ignore[type-var]
        yield f"nodePort/{port}"


def _wanted_label(service: Document, namespace: str) -> Iterator[str]:
    """The first label that a Service's selector asks for: from a pod's labels to its Services."""
    wanted = (service.get("spec") or EMPTY).get("selector")  # type: ignore[union-attr]
    if wanted:
        key = min(wanted)  # type: ignore[arg-type]
        yield f"selector/{namespace}/{key}={wanted[key]}"  # type: ignore[index]


Entries: TypeAlias = tuple[str, ...]
NO_ENTRIES: tuple[Entries, Entries] = ((), ())


def moved_entries(resource: Resource, old: Document, new: Document) -> tuple[Entries, Entries]:
    """The entries that an object loses and gains with a new version.

    Only what changed is looked at: most versions move nothing, and a binding adds a node and
    the labels of its zone.

    >>> from kelm.effects.document import document
    >>> old = document({"metadata": {"name": "a", "namespace": "n", "labels": {"app": "web"}}})
    >>> new = Document({**old, "spec": Document(nodeName="node-1")})
    >>> moved_entries("pods", old, new)
    ((), ('spec.nodeName/node-1',))
    """
    before, after = old["metadata"], new["metadata"]
    labels: tuple[Entries, Entries] = NO_ENTRIES
    if before is not after:
        if before.get("ownerReferences") != after.get("ownerReferences"):  # type: ignore[union-attr]
            return _all_moved(resource, old, new)
        left, right = before.get("labels") or EMPTY, after.get("labels") or EMPTY  # type: ignore[union-attr]
        if left is not right and resource not in UNLABELLED:
            labels = _moved_labels(after.get("namespace") or "", left, right)  # type: ignore[union-attr,arg-type]
    left, right = old.get("spec"), new.get("spec")
    if left is right or resource not in ("pods", "services"):
        return labels
    if resource == "services":
        return _all_moved(resource, old, new)
    was, node = (left or EMPTY).get("nodeName"), (right or EMPTY).get("nodeName")  # type: ignore[union-attr]
    if was == node:
        return labels
    gone = (f"spec.nodeName/{was}",) if was else ()
    come = (f"spec.nodeName/{node}",) if node else ()
    return (*labels[0], *gone), (*labels[1], *come)


def _all_moved(resource: Resource, old: Document, new: Document) -> tuple[Entries, Entries]:
    before, after = entries(resource, old), entries(resource, new)
    gone = tuple([entry for entry in before if entry not in after])
    return gone, tuple([entry for entry in after if entry not in before])


def _moved_labels(namespace: str, old: Document, new: Document) -> tuple[Entries, Entries]:
    gone = [f"label/{namespace}/{k}={v}" for k, v in old.items() if new.get(k) != v]
    come = [f"label/{namespace}/{k}={v}" for k, v in new.items() if old.get(k) != v]
    return tuple(gone), tuple(come)


def is_controlled_by(doc: Document, uid: str) -> bool:
    """Whether the object's controller is the one with this uid."""
    owners = doc["metadata"].get("ownerReferences") or ()  # type: ignore[union-attr]
    return any(o.get("uid") == uid and o.get("controller") is True for o in owners)  # type: ignore[union-attr]
