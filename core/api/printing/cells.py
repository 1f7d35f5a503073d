"""What the cells of many kinds have in common."""

from __future__ import annotations

from collections.abc import Iterable

from kelm.core.objects.duration import age
from kelm.core.objects.selectors.labels import selector_of
from kelm.effects.document import Document, Json, children, text, value_at

NONE = "<none>"
UNSET = "<unset>"


def name_of(doc: Document) -> str:
    return text(doc, "metadata", "name")


def age_of(doc: Document, now_ms: int) -> str:
    """How old an object is."""
    return age(text(doc, "metadata", "creationTimestamp") or None, now_ms)


def container_cells(doc: Document, *path: str) -> tuple[str, str]:
    """The names and the images of a pod specification's containers."""
    containers = children(doc, *path, "containers")
    names = ",".join(text(container, "name") for container in containers)
    return names, ",".join(text(container, "image") for container in containers)


def selector_cell(doc: Document, *path: str) -> str:
    """A label selector as text."""
    found = value_at(doc, *path)
    return str(selector_of(found)) or NONE if isinstance(found, Document) else NONE


def joined(values: Iterable[Json], none: str = NONE) -> str:
    return ",".join(map(str, values)) or none
