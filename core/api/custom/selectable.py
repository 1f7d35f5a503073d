"""Selectable fields of custom resources: which paths a definition may offer to field selectors.

Like upstream, which moves what all versions share to where it stood before there were versions,
and then looks for a schema beside it: versions that differ in only one of the two are refused.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go
(ValidateCustomResourceSelectableFields), v1/conversion.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from returns.result import Failure

from kelm.core.api.custom.rules.field_paths import field_path
from kelm.core.api.validation.violation import (
    Violation,
    duplicate,
    invalid_value,
    required,
    too_many,
)
from kelm.effects.document import Document, child, children, text

MOST: Final = 8
SCALARS: Final = ("string", "boolean", "integer")
NO_SCALAR: Final = (
    "must point to a field of type string, boolean or integer. Enum string fields and strings "
    "with formats are allowed."
)
SHARED_FIELDS_ONLY: Final = "may only be set when validations.schema is included"
SHARED_SCHEMA_ONLY: Final = "may only be set when `version.schema.openAPIV3Schema` is not included"


def paths_of(version: Document) -> tuple[str, ...]:
    """The fields that a version offers, as selectors name them."""
    found = children(version, "selectableFields")
    return tuple(text(one, "jsonPath").removeprefix(".") for one in found)


def selectable_faults(
    versions: tuple[Document, ...], many: frozenset[str] = frozenset()
) -> Iterator[Violation]:
    """What is wrong with the selectable fields of a definition's versions.

    many: the versions that may have too many of them, as they had before.
    """
    offered = [children(one, "selectableFields") for one in versions]
    schemas = [child(one, "schema", "openAPIV3Schema") for one in versions]
    one_schema = all(schema == schemas[0] for schema in schemas)
    if offered and all(fields == offered[0] for fields in offered):
        if one_schema:
            most = None if many else MOST
            yield from _faults(offered[0], schemas[0], "spec.selectableFields", most)
        elif offered[0]:
            yield invalid_value("spec.selectableFields", "", SHARED_FIELDS_ONLY)
        return
    for index, (fields, schema) in enumerate(zip(offered, schemas, strict=True)):
        path = f"spec.versions[{index}].selectableFields"
        if fields and one_schema:
            yield invalid_value(path, "", SHARED_SCHEMA_ONLY)
        else:
            most = None if text(versions[index], "name") in many else MOST
            yield from _faults(fields, schema, path, most)


def _faults(
    fields: tuple[Document, ...], schema: Document, path: str, most: int | None
) -> Iterator[Violation]:
    seen = set[str]()
    for index, one in enumerate(fields):
        given, here = text(one, "jsonPath"), f"{path}[{index}].jsonPath"
        if not given:
            yield required(here)
            continue
        found = field_path(given, schema, brackets=False)
        if isinstance(found, Failure):
            yield invalid_value(here, given, f"is an invalid path: {found.failure()}")
            continue
        field = found.unwrap()
        if field.steps[:1] == ("metadata",):
            yield invalid_value(here, given, "must not point to fields in metadata")
        if text(field.schema, "type") not in SCALARS:
            yield invalid_value(here, given, NO_SCALAR)
        if field.text in seen:
            yield duplicate(here, given)
        seen.add(field.text)
    if most is not None and len(seen) > most:
        yield too_many(path, len(seen), most)
