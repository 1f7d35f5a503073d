"""What an API server puts right in an object of a kind after it has noted who set which field.

Source: kubernetes v1.36, pkg/registry/*/*/strategy.go, PrepareForCreate and PrepareForUpdate;
pkg/api/persistentvolumeclaim/util.go, NormalizeDataSources.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.effects.address import Resource
from kelm.effects.document import Document, Json

COORDINATED: Final = frozenset({"strategy", "preferredHolder"})
"""What only coordinated elections of leaders use, which are off in v1.36."""


def put_right(resource: Resource, doc: Document) -> Document:
    """An object as its kind's rules want to see and store it.

    >>> claim = Document(spec=Document(dataSource=Document(kind="PersistentVolumeClaim", name="a")))
    >>> put_right("persistentvolumeclaims", claim)["spec"]["dataSourceRef"]["name"]
    'a'
    >>> put_right("pods", claim) is claim
    True
    """
    step = _STEPS.get(resource)
    return doc if step is None else step(doc)


def _claim(doc: Document) -> Document:
    """A claim says twice what it is filled from, if the source is in its own namespace."""
    spec = doc.get("spec")
    if not isinstance(spec, Document):
        return doc
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if isinstance(source, Document) and reference is None:
        return Document({**doc, "spec": Document({**spec, "dataSourceRef": source})})
    if source is None and isinstance(reference, Document) and not reference.get("namespace"):
        return Document({**doc, "spec": Document({**spec, "dataSource": reference})})
    return doc


def _lease(doc: Document) -> Document:
    spec = doc.get("spec")
    if not isinstance(spec, Document) or COORDINATED.isdisjoint(spec):
        return doc
    kept = {key: value for key, value in spec.items() if key not in COORDINATED}
    return Document({**doc, "spec": Document(kept)})


def _role(doc: Document) -> Document:
    """A role that permits nothing says so."""
    return doc if doc.get("rules") else Document({**doc, "rules": None})


def _event(doc: Document) -> Document:
    """An event of the core group says what only the newer group's events mean."""
    missing: dict[str, Json] = {key: zero for key, zero in NEWER_WORDS.items() if key not in doc}
    return Document({**doc, **missing}) if missing else doc


NEWER_WORDS: Final[dict[str, Json]] = {
    "eventTime": None,
    "reportingComponent": "",
    "reportingInstance": "",
}


_STEPS: Final[dict[Resource, Callable[[Document], Document]]] = {
    "events": _event,
    "persistentvolumeclaims": _claim,
    "leases.coordination.k8s.io": _lease,
    "roles.rbac.authorization.k8s.io": _role,
    "clusterroles.rbac.authorization.k8s.io": _role,
}
