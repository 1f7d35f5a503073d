"""Custom resources in the OpenAPI documents: in version 2 beside everything, in 3 on their pages.

Version 2 knows less than a definition's schema may say, and kubectl takes a type with properties
for one that has no others; so what it cannot say is left out, and an object that keeps unknown
fields has no type at all.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/controller/openapi/builder/builder.go
(buildKubeNative, addEmbeddedProperties), openapi/v2/conversion.go (ToStructuralOpenAPIV2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from kelm.core.api.custom.definition import CustomResource, CustomVersion
from kelm.core.api.openapi.descriptions import OF_EVERY_OBJECT
from kelm.core.api.openapi.paths import resource_paths
from kelm.core.api.openapi.schemas import (
    Dialect,
    custom_name,
    full_name,
    list_schema,
)
from kelm.effects.document import Document, Json, child, flag

PRESERVES: Final = "x-kubernetes-preserve-unknown-fields"
EMBEDS: Final = "x-kubernetes-embedded-resource"
JUNCTORS: Final = ("allOf", "oneOf", "anyOf", "not")
_META: Final = "meta.v1.ObjectMeta"


def custom_schemas(custom: CustomResource, dialect: Dialect, version: str = "") -> dict[str, Json]:
    """The types of a custom resource's served versions (or of one) and of lists of them, by name.

    >>> from kelm.core.api.custom.definition import custom_resource
    >>> from kelm.core.api.openapi.schemas import V2
    >>> from kelm.effects.document import document
    >>> names, one = {"plural": "gadgets", "kind": "Gadget"}, {"name": "v1", "served": True}
    >>> spec = {"group": "example.com", "names": names, "versions": [{**one, "storage": True}]}
    >>> sorted(custom_schemas(custom_resource(document({"spec": spec})), V2))
    ['com.example.v1.Gadget', 'com.example.v1.GadgetList']
    """
    found: dict[str, Json] = {}
    info = custom.info
    for one in custom.versions:
        if not one.served or version not in ("", one.name):
            continue
        name = custom_name(info.group, one.name, info.kind)
        found[name] = _type(custom, one, dialect)
        listed = list_schema(info.kind, name, info.group, one.name, dialect)
        found[f"{name}List"] = Document({**listed, **_selectable(one)})
    return found


def custom_paths(custom: CustomResource, version: str = "") -> Iterator[tuple[str, Document]]:
    """The addresses of a custom resource's served versions, or of one."""
    for one in custom.versions:
        if one.served and version in ("", one.name):
            yield from resource_paths(custom.info, one.name)


def _type(custom: CustomResource, version: CustomVersion, dialect: Dialect) -> Document:
    """A custom resource's type: what its schema says, and what every object has."""
    schema, info = version.schema, custom.info
    gvk = Document(group=info.group, kind=info.kind, version=version.name)
    kinds: dict[str, Json] = {"x-kubernetes-group-version-kind": (gvk,), **_selectable(version)}
    keeps = flag(schema, PRESERVES) or custom.keeps_unknown
    if not schema or (dialect.version == 2 and keeps):
        return Document({"type": "object", **kinds})
    if dialect.version == 2:
        schema = _mapped(schema, for_version_2)
    schema = _mapped(schema, lambda one: _with_embedded(one, dialect))
    typed = Document({**child(schema, "properties"), **_of_every_object(dialect)})
    return Document({**schema, "properties": typed, **kinds})


def _selectable(version: CustomVersion) -> dict[str, Json]:
    """The fields that field selectors may name, where there are any."""
    fields = tuple(Document(fieldPath=path) for path in version.selectable)
    return {"x-kubernetes-selectable-fields": fields} if fields else {}


def _of_every_object(dialect: Dialect) -> dict[str, Json]:
    metadata: dict[str, Json] = dict(dialect.reference(full_name(_META)))
    if dialect.version == 3:
        metadata = {"allOf": (Document(metadata),)}
    return {
        "apiVersion": Document(description=OF_EVERY_OBJECT["apiVersion"], type="string"),
        "kind": Document(description=OF_EVERY_OBJECT["kind"], type="string"),
        "metadata": Document({"description": OF_EVERY_OBJECT["metadata"], **metadata}),
    }


def _with_embedded(schema: Document, dialect: Dialect) -> Document:
    """A schema of an object within an object that is one of the API's itself."""
    if not flag(schema, EMBEDS) or (dialect.version == 2 and flag(schema, PRESERVES)):
        return schema
    typed = Document({**child(schema, "properties"), **_of_every_object(dialect)})
    required = _words(schema, "required")
    lacking = tuple(name for name in ("kind", "apiVersion") if name not in required)
    return Document({**schema, "properties": typed, "required": required + lacking})


def _words(schema: Document, field: str) -> tuple[Json, ...]:
    found = schema.get(field)
    return found if isinstance(found, tuple) else ()


def for_version_2(schema: Document) -> Document:
    """A schema, not those within it, as far as version 2 can say it.

    >>> for_version_2(Document(type="object", nullable=True, properties=Document(a=Document())))
    {}
    """
    found = {key: value for key, value in schema.items() if key not in JUNCTORS}
    keeps = flag(schema, PRESERVES)
    if flag(schema, "nullable"):
        del found["nullable"]
        found.pop("type", None)
    if keeps or flag(schema, "nullable"):
        found.pop("items", None)
        found.pop("properties", None)
    kind = found.get("type")
    if (kind == "array" and "items" not in found) or (kind == "object" and keeps):
        del found["type"]
    if "required" in found:
        required = () if _nullable(found.get("additionalProperties")) else _required(found)
        found.pop("required")
        if required:
            found["required"] = required
    return Document(found)


def _required(schema: dict[str, Json]) -> tuple[Json, ...]:
    properties = schema.get("properties")
    fields = properties if isinstance(properties, Document) else Document()
    names = schema["required"]
    assert isinstance(names, tuple)
    return tuple(name for name in names if not _nullable(fields.get(str(name))))


def _nullable(schema: Json) -> bool:
    return isinstance(schema, Document) and flag(schema, "nullable")


def _mapped(schema: Document, change: Callable[[Document], Document]) -> Document:
    """A schema and all within it changed, the outer ones first."""
    found = dict(change(schema))
    properties = found.get("properties")
    if isinstance(properties, Document):
        found["properties"] = Document(
            (name, _mapped(one, change) if isinstance(one, Document) else one)
            for name, one in properties.items()
        )
    for field in ("items", "additionalProperties"):
        inner = found.get(field)
        if isinstance(inner, Document):
            found[field] = _mapped(inner, change)
    return Document(found)
