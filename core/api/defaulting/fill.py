"""Filling in a document without touching what is there.

Every function here answers with the document it was given where nothing changes, so that what
needs no defaults stays one shared document. A field that is null or an empty string counts as
absent, as it does for the API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kelm.effects.document import EMPTY, Document, Json

Step = Callable[[Document], Document]


def absent(doc: Document, key: str) -> bool:
    """Whether the API sees no value here."""
    value = doc.get(key)
    return value is None or value == ""


def filled(doc: Document, defaults: Iterable[tuple[str, Json]]) -> Document:
    """With every absent field that has a default.

    >>> filled(Document(protocol="", port=80), [("protocol", "TCP"), ("port", 1)])
    {'protocol': 'TCP', 'port': 80}
    """
    missing = {key: value for key, value in defaults if absent(doc, key)}
    return Document({**doc, **missing}) if missing else doc


def unset_filled(doc: Document, key: str, default: Json) -> Document:
    """With a field that is a pointer in Go: an empty string is a value of it.

    >>> unset_filled(Document(scope=""), "scope", "Cluster")
    {'scope': ''}
    """
    return Document({**doc, key: default}) if doc.get(key) is None else doc


def all_unset_filled(doc: Document, defaults: Iterable[tuple[str, Json]]) -> Document:
    """The same for several fields.

    >>> all_unset_filled(Document(scope=""), [("scope", "*"), ("timeoutSeconds", 10)])
    {'scope': '', 'timeoutSeconds': 10}
    """
    missing = {key: value for key, value in defaults if doc.get(key) is None}
    return Document({**doc, **missing}) if missing else doc


def nonzero_filled(doc: Document, defaults: Iterable[tuple[str, Json]]) -> Document:
    """With every field that is absent or zero.

    >>> nonzero_filled(Document(queues=0, handSize=2), [("queues", 64), ("handSize", 8)])
    {'queues': 64, 'handSize': 2}
    """
    missing = {key: value for key, value in defaults if not doc.get(key)}
    return Document({**doc, **missing}) if missing else doc


def with_part(doc: Document, key: str, step: Step) -> Document:
    """With the object at `key` changed; nothing happens where there is none."""
    part = doc.get(key)
    if not isinstance(part, Document):
        return doc
    new = step(part)
    return doc if new is part else Document({**doc, key: new})


def with_made(doc: Document, key: str, step: Step) -> Document:
    """With the object at `key` changed, or made from nothing."""
    part = doc.get(key)
    if isinstance(part, Document):
        return with_part(doc, key, step)
    return Document({**doc, key: step(EMPTY)})


def with_each(doc: Document, key: str, step: Step) -> Document:
    """With every object of the list at `key` changed.

    >>> with_each(Document(ports=(Document(port=1),)), "ports", lambda p: Document({**p, "a": 0}))
    {'ports': ({'port': 1, 'a': 0},)}
    """
    items = doc.get(key)
    if not isinstance(items, tuple):
        return doc
    new = tuple(step(item) if isinstance(item, Document) else item for item in items)
    if all(one is other for one, other in zip(items, new, strict=True)):
        return doc
    return Document({**doc, key: new})


def through(doc: Document, steps: Iterable[Step]) -> Document:
    """All steps, one after the other."""
    for step in steps:
        doc = step(doc)
    return doc
