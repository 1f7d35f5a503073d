"""Conditions in the status of any object."""

from __future__ import annotations

from kelm.effects.document import Document, children


def has_condition(doc: Document, kind: str) -> bool:
    """Whether an object has a condition of a type, and it is true.

    >>> ready = Document(status=Document(conditions=(Document(type="Ready", status="True"),)))
    >>> has_condition(ready, "Ready"), has_condition(ready, "Available")
    (True, False)
    """
    return any(
        one.get("type") == kind and one.get("status") == "True"
        for one in children(doc, "status", "conditions")
    )
