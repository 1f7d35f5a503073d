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
    if not controlled and resource not in UNLABELLED:
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


def same_entries(resource: Resource, old: Document, new: Document) -> bool:
    """Whether two versions of an object surely have the same entries (cheap, may say no)."""
    before, after = old["metadata"], new["metadata"]
    if before is not after:
        for field in ("labels", "ownerReferences"):
            left, right = before.get(field), after.get(field)  # type: ignore[union-attr]
            if left is not right and left != right:
                return False
    left, right = old.get("spec"), new.get("spec")
    if resource == "services":
        return left is right
    if resource != "pods":
        return True
    return left is right or (left or EMPTY).get("nodeName") == (right or EMPTY).get("nodeName")  # type: ignore[union-attr]


def is_controlled_by(doc: Document, uid: str) -> bool:
    """Whether the object's controller is the one with this uid."""
    owners = doc["metadata"].get("ownerReferences") or ()  # type: ignore[union-attr]
    return any(o.get("uid") == uid and o.get("controller") is True for o in owners)  # type: ignore[union-attr]
