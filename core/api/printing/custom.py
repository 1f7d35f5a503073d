"""The table of a custom resource: its name, the columns that its definition asks for, or its age.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/registry/customresource/tableconvertor/
tableconvertor.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.custom.definition import CustomVersion
from kelm.core.api.printing.columns import Column
from kelm.core.api.printing.json_path import values_at
from kelm.core.objects.duration import age
from kelm.effects.document import Document, Json, number, text

AGE: Final = Document(name="Age", type="date", jsonPath=".metadata.creationTimestamp")


def custom_columns(version: CustomVersion) -> tuple[Column, ...]:
    """The columns of a version's table."""
    asked = version.columns or (AGE,)
    return (
        Column("Name"),
        *(
            Column(text(one, "name"), text(one, "type"), number(one, "priority") > 0)
            for one in asked
        ),
    )


def custom_row(version: CustomVersion, doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of one object."""
    asked = version.columns or (AGE,)
    return text(doc, "metadata", "name"), *(_cell(one, doc, now_ms) for one in asked)


def _cell(column: Document, doc: Document, now_ms: int) -> Json:
    """A value of a column's type; nothing where it is of another."""
    found = values_at(doc, text(column, "jsonPath"))
    if not found:
        return None
    value, kind = found[0], text(column, "type")
    if kind == "date":
        return age(value, now_ms) if isinstance(value, str) else "<unknown>"
    if kind == "string":
        if len(found) > 1:
            return ",".join(map(str, found))
        return value if isinstance(value, str) else _written(value)
    fits = {
        "integer": type(value) is int,
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
    }
    return value if fits.get(kind, False) else None


def _written(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
