"""What the parts of a strategic merge share: directives, places in the schema, refusals.

Source: kubernetes v1.36, apimachinery/pkg/util/strategicpatch/{patch,meta}.go,
pkg/util/mergepatch/errors.go.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from kelm.core.api.schema.definitions import Definition, Definitions, Field, Type, kubernetes
from kelm.effects.document import Document, Json

PATCH = "$patch"
RETAIN_KEYS = "$retainKeys"
SET_ORDER = "$setElementOrder/"
DELETE_FROM = "$deleteFromPrimitiveList/"

Items: TypeAlias = tuple[Json, ...]


class Refused(Exception):
    """A patch that cannot be done; becomes a Failure at the rooms' door."""


class Place(msgspec.Struct, frozen=True):
    """Where in the schema a value is. Without a type nothing is known and lists are replaced."""

    definitions: Definitions
    type: Type | None

    def field(self, key: str) -> tuple[Field, Place]:
        """How the field of an object merges, and where its value is."""
        if self.type is None:
            return _UNKNOWN, self
        if self.type.kind == "map":
            return _UNKNOWN, Place(self.definitions, self.type.element)
        known = self.definitions.get(self.type.name)
        found = known.fields.get(key) if known else None
        if found is None:
            return _UNKNOWN, Place(self.definitions, None)
        return found, Place(self.definitions, found.type)

    def items(self) -> Place:
        """Where the items of the list here are."""
        if self.type is None or self.type.kind != "list":
            return self
        return Place(self.definitions, self.type.element)


_UNKNOWN = Field(Type("any"))


def root(definition: Definition | None, definitions: Definitions | None = None) -> Place:
    """The place of a whole object of a kind; None for a kind that is not built in."""
    known = kubernetes() if definitions is None else definitions
    return Place(known, Type("object", definition.name) if definition else None)


def go_text(value: Json) -> str:
    """A value as Go prints it, which upstream's messages and orders of numbers rest on.

    >>> go_text(Document(b=(1, "x"), a=None))
    'map[a:<nil> b:[1 x]]'
    """
    if isinstance(value, Document):
        return f"map[{' '.join(f'{key}:{go_text(value[key])}' for key in sorted(value))}]"
    if isinstance(value, tuple):
        return f"[{' '.join(go_text(item) for item in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "<nil>" if value is None else str(value)


def merge_key_of(item: Json, merge_key: str) -> Json:
    """The value by which an item of a merging list is known.

    Raises:
        Refused: it has none.
    """
    if isinstance(item, Document) and merge_key in item:
        return item[merge_key]
    raise Refused(f"map: {go_text(item)} does not contain declared merge key: {merge_key}")


def unknown_directive(name: Json, item: Document) -> Refused:
    return Refused(f"unknown patch type: {go_text(name)} in map: {go_text(item)}")


def are_objects(*lists: Items) -> bool:
    """Whether the lists hold objects, as all their items must if one does.

    Raises:
        Refused: lists of lists, or of more than one type.
    """
    kinds = [type(item) for items in lists for item in items]
    if tuple in kinds:
        raise Refused("lists of lists are not supported")
    objects = kinds.count(Document)
    if 0 < objects < len(kinds):
        raise Refused("list element types are not identical")
    return objects > 0
