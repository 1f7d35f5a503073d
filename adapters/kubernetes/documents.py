"""JSON from the wire as documents that share what did not change.

A new version of an object differs from the old one in a few fields. Taking the old parts where
they are equal saves memory, and lets whoever decides see with `is` that nothing changed.
"""

from __future__ import annotations

from kelm.core.api.patches.same import same
from kelm.effects.document import Document, Json


def shared(old: Json, new: Json) -> Json:
    """`new`, made of parts of `old` wherever they are the same.

    >>> old = Document(spec=Document(a=1), status=Document(b=1))
    >>> new = shared(old, Document(spec=Document(a=1), status=Document(b=2)))
    >>> new["spec"] is old["spec"], new["status"]
    (True, {'b': 2})
    """
    if old is new or type(old) is not type(new):
        return new
    if isinstance(old, Document) and isinstance(new, Document):
        return _shared_document(old, new)
    if isinstance(old, tuple) and isinstance(new, tuple):
        parts = tuple(shared(a, b) for a, b in zip(old, new, strict=False)) + new[len(old) :]
        kept = len(old) == len(new) and all(a is b for a, b in zip(old, parts, strict=True))
        return old if kept else parts
    return old if same(old, new) else new


def _shared_document(old: Document, new: Document) -> Document:
    parts = {key: shared(old[key], item) if key in old else item for key, item in new.items()}
    kept = len(old) == len(parts) and all(parts[key] is old.get(key) for key in parts)
    return old if kept else Document(parts)


def shared_document(old: Document | None, new: Document) -> Document:
    """A new version of an object, sharing with the old one."""
    return new if old is None else _shared_document(old, new)
