"""JSON from the wire as documents that share what did not change.

A new version of an object differs from the old one in a few fields. Taking the old parts where
they are equal saves memory, and lets whoever decides see with `is` that nothing changed.
"""

from __future__ import annotations

from kelm.core.api.patches.same import same
from kelm.effects.document import Document, Json, elements, text

KEPT_SIBLINGS = 1_000


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


class Siblings:
    """Objects that were made alike share what they were made of: one pod of each owner is kept.

    Ten thousand pods of a hundred Deployments have a hundred templates and not ten thousand.
    """

    def __init__(self) -> None:
        self._last: dict[str, Document] = {}

    def shared(self, old: Document | None, new: Document) -> Document:
        """A version of an object, made of parts of the one before it, or of its last sibling."""
        if old is not None:
            return _shared_document(old, new)
        owners = elements(new, "metadata", "ownerReferences")
        owner = owners[0] if owners else None
        kin = text(owner, "uid") if isinstance(owner, Document) else ""
        sibling = self._last.get(kin)
        found = new if sibling is None else _shared_document(sibling, new)
        if len(self._last) >= KEPT_SIBLINGS:
            self._last.clear()
        self._last[kin] = found
        return found
