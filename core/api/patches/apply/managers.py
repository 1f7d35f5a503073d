"""`metadata.managedFields`: which manager owns which fields, and since when.

Source: kubernetes v1.36, apimachinery/pkg/util/managedfields/internal/managedfields.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

from kelm.core.api.patches.apply.field_set import FieldSet, from_fields_v1, to_fields_v1
from kelm.core.objects.time import parse_time
from kelm.effects.document import Document, Json, child, children, text, with_value

BEFORE_FIRST_APPLY = "before-first-apply"


class Manager(msgspec.Struct, frozen=True, gc=False):
    """Someone who sets fields in one way: the same name applying and updating are two."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""

    def __str__(self) -> str:
        """As conflicts name it."""
        through = f' with subresource "{self.subresource}"' if self.subresource else ""
        version = "" if self.operation == "Apply" else f" using {self.api_version}"
        return f'"{self.name}"{through}{version}'

    def is_same(self, other: Manager) -> bool:
        """Whether both are one: who applies is one in all versions.

        Source: managedfields.go, BuildManagerIdentifier.

        >>> Manager("me", "Apply", "apps/v1").is_same(Manager("me", "Apply", "apps/v2"))
        True
        """
        return (
            self.name == other.name
            and self.operation == other.operation
            and self.subresource == other.subresource
            and (self.operation == "Apply" or self.api_version == other.api_version)
        )


class Owned(msgspec.Struct, frozen=True):
    """A manager's fields; `time` is the API's text, None where nothing changed with them."""

    fields: FieldSet
    time: str | None = None


Managers: TypeAlias = Mapping[Manager, Owned]


def managers_of(doc: Document) -> dict[Manager, Owned]:
    """The managers of an object."""
    return {
        manager_of(entry): Owned(
            from_fields_v1(child(entry, "fieldsV1")), text(entry, "time") or None
        )
        for entry in children(doc, "metadata", "managedFields")
    }


def manager_of(entry: Document) -> Manager:
    """Whose an entry is."""
    return Manager(
        text(entry, "manager"),
        text(entry, "operation"),
        text(entry, "apiVersion"),
        text(entry, "subresource"),
    )


def with_managers(doc: Document, managers: Managers) -> Document:
    """The object with these managers; who owns nothing is left out."""
    entries = in_order(_entry(one, owned) for one, owned in managers.items() if owned.fields)
    if not entries:
        return without_managers(doc)
    return with_value(doc, ("metadata", "managedFields"), entries)


def without_managers(doc: Document) -> Document:
    metadata = child(doc, "metadata")
    if "managedFields" not in metadata:
        return doc
    kept = {key: value for key, value in metadata.items() if key != "managedFields"}
    return Document({**doc, "metadata": Document(kept)})


def _entry(manager: Manager, owned: Owned) -> Document:
    return entry_of(manager, to_fields_v1(owned.fields), owned.time)


def entry_of(manager: Manager, fields_v1: Document, time: str | None) -> Document:
    """A manager's entry."""
    fields: dict[str, Json] = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": manager.api_version,
    }
    if time:
        fields["time"] = time
    fields |= {"fieldsType": "FieldsV1", "fieldsV1": fields_v1}
    if manager.subresource:
        fields["subresource"] = manager.subresource
    return Document(fields)


def in_order(entries: Iterable[Document]) -> tuple[Document, ...]:
    """Entries of managedFields: who applies first, then the oldest, then by name."""
    return tuple(sorted(entries, key=_rank))


def _rank(entry: Document) -> tuple[str, bool, int, str, str, str]:
    since = text(entry, "time")
    return (
        text(entry, "operation"),
        bool(since),
        parse_time(since) if since else 0,
        text(entry, "manager"),
        text(entry, "apiVersion"),
        text(entry, "subresource"),
    )
