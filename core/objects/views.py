"""Typed views of documents, decoded once per document and kept with it.

Decisions read views: small frozen records with Kubernetes' field names in snake_case. A view
holds what decisions need and nothing else; what it leaves out is still in the document. It is
a pure function of its document, so keeping it there is no state: equal documents have equal
views, whichever of them was asked first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self, TypeVar

import msgspec

from kelm.effects.document import Document


class View(Protocol):
    @classmethod
    def decode(cls, doc: Document) -> Self: ...


V = TypeVar("V", bound=View)
S = TypeVar("S")


def view(kind: type[V], doc: Document) -> V:
    """The `kind` view of a document; decoded at the first call, then shared.

    Raises:
        msgspec.ValidationError: where a field has the wrong type. Documents from a store were
            validated, so there it is a bug.

    >>> from kelm.core.objects.meta import Metadata
    >>> doc = Document(name="web", namespace="default")
    >>> view(Metadata, doc).name, view(Metadata, doc) is view(Metadata, doc)
    ('web', True)
    """
    try:
        seen = doc.view
    except AttributeError:
        seen = None
    if type(seen) is kind:
        return seen
    decoded = kind.decode(doc)
    doc.view = decoded
    return decoded


class _Kept(msgspec.Struct, frozen=True, gc=False):
    kind: type[View]
    rest: tuple[object, ...]


def whole(kind: type[V], doc: Document) -> V:
    """The `kind` view of a document, which carries the document as its first field.

    A document that kept such a view would keep itself for ever: what is kept are its other fields.

    >>> from kelm.core.objects.pod import PodSpec
    >>> doc = Document(nodeName="node-1")
    >>> whole(PodSpec, doc).doc is doc, whole(PodSpec, doc).node_name
    (True, 'node-1')
    """
    try:
        seen = doc.view
    except AttributeError:
        seen = None
    if type(seen) is _Kept and seen.kind is kind:
        make: Callable[..., V] = kind
        return make(doc, *seen.rest)
    made = kind.decode(doc)
    doc.view = _Kept(kind, msgspec.structs.astuple(made)[1:])  # type: ignore[arg-type]
    return made


def views(kind: type[V], doc: Document, field: str) -> tuple[V, ...]:
    """The views of the documents in a list."""
    found = doc.get(field)
    if not found or not isinstance(found, tuple):
        return ()
    return tuple([view(kind, one) for one in found if isinstance(one, Document)])


def convert(kind: type[S], doc: Document) -> S:
    """Decode a record that has no parts of its own worth sharing."""
    return msgspec.convert(doc, kind)
