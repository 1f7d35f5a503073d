"""Answers in other forms than the object itself: tables of cells, and metadata alone.

Source: kubernetes v1.36, apiserver/pkg/endpoints/handlers/response.go,
apimachinery/pkg/apis/meta/v1/types.go (Table, PartialObjectMetadata).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kelm.core.api.custom.definition import CustomVersion
from kelm.core.api.printing.columns import Column, columns_of, has_printer
from kelm.core.api.printing.custom import custom_columns, custom_row
from kelm.core.api.printing.table import table
from kelm.effects.address import Resource
from kelm.effects.document import EMPTY, Document, Json, child, children

META_VERSION: Final = "meta.k8s.io/v1"


def partial(doc: Document) -> Document:
    """An object's metadata alone."""
    return Document(
        kind="PartialObjectMetadata", apiVersion=META_VERSION, metadata=child(doc, "metadata")
    )


def partial_list(listed: Document) -> Document:
    """The same for a list."""
    return Document(
        kind="PartialObjectMetadataList",
        apiVersion=META_VERSION,
        metadata=child(listed, "metadata"),
        items=tuple(partial(doc) for doc in children(listed, "items")),
    )


def is_list(doc: Document) -> bool:
    """Whether an answer is a list of objects."""
    return str(doc.get("kind")).endswith("List") and isinstance(doc.get("items"), tuple)


def table_of(
    resource: Resource,
    doc: Document,
    now_ms: int,
    include: str = "Metadata",
    *,
    head: bool = True,
    custom: CustomVersion | None = None,
) -> Document:
    """An object or a list as a table.

    custom: what the definition of a custom resource says of the version.

    include: what a row carries of its object: "Metadata", "Object" or "None".
    head: whether the columns are described; in a watch only the first event does.

    >>> from kelm.effects.document import document
    >>> lease = document({"metadata": {"name": "a"}, "spec": {"holderIdentity": "me"}})
    >>> table_of("leases.coordination.k8s.io", lease, 0)["rows"][0]["cells"]
    ('a', 'me', '<unknown>')
    """
    docs = children(doc, "items") if is_list(doc) else (doc,)
    columns = columns_of(resource) if custom is None else custom_columns(custom)
    rows = tuple(_rows(resource, docs, now_ms, include, custom))
    return Document(
        kind="Table",
        apiVersion=META_VERSION,
        metadata=_table_metadata(doc),
        columnDefinitions=tuple(map(_definition, columns)) if head else None,
        rows=rows if rows or custom or has_printer(resource) else None,
    )


def _table_metadata(doc: Document) -> Document:
    meta = child(doc, "metadata")
    kept = ("resourceVersion", "continue", "remainingItemCount")
    return Document({key: meta[key] for key in kept if key in meta}) or EMPTY


def _definition(column: Column) -> Document:
    return Document(
        name=column.name,
        type=column.type,
        format=column.format,
        description="",
        priority=int(column.wide),
    )


def _rows(
    resource: Resource,
    docs: tuple[Document, ...],
    now_ms: int,
    include: str,
    custom: CustomVersion | None,
) -> Iterable[Document]:
    if custom is None:
        rows = table(resource, docs, now_ms, wide=True).rows
    else:
        rows = tuple(custom_row(custom, doc, now_ms) for doc in docs)
    for doc, cells in zip(docs, rows, strict=True):
        fields: dict[str, Json] = {"cells": cells}
        if include == "Metadata":
            fields["object"] = partial(doc)
        elif include == "Object":
            fields["object"] = doc
        else:
            fields["object"] = None
        yield Document(fields)
