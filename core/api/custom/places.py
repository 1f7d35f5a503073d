"""Where in its schema a value of an object is: whose lists merge, and by which keys.

A custom resource's schema is read once, as if its type were one of the API's. What a schema leaves
open is one value where it is a list, and field by field where it is an object.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/controller/openapi/builder (extensions);
apimachinery/pkg/util/managedfields/gvkparser.go; kube-openapi/pkg/schemaconv.
"""

from __future__ import annotations

from collections import ChainMap
from typing import Final

from kelm.core.api.custom.definition import CustomVersion, find_custom
from kelm.core.api.patches.strategic.rules import Place, root
from kelm.core.api.resources import ResourceInfo
from kelm.core.api.schema.definitions import (
    Definition,
    Field,
    Type,
    definition_of,
    kubernetes,
)
from kelm.core.store.store import Store
from kelm.effects.document import Document, child, flag, text
from kelm.effects.document import elements as values

ROOT: Final = "custom"
SCALARS: Final = {"string": "str", "integer": "i64", "number": "num", "boolean": "bool"}
OF_METADATA: Final = {
    "apiVersion": Field(Type("str")),
    "kind": Field(Type("str")),
    "metadata": Field(Type("object", "meta.v1.ObjectMeta")),
}


def place_of(store: Store, info: ResourceInfo, api_version: str, kind: str) -> Place:
    """The place of a whole object of a resource."""
    if not info.versions:
        return root(definition_of(api_version, kind))
    custom = find_custom(store, info.resource)
    if custom is None:
        return root(None)
    version = custom.version(api_version.rpartition("/")[2]) or custom.storage
    return place_in(version)


def place_in(version: CustomVersion) -> Place:
    """The place of a whole object of a custom resource's version.

    >>> from kelm.effects.document import document
    >>> ports = {"type": "array", "x-kubernetes-list-type": "map",
    ...     "x-kubernetes-list-map-keys": ["port"], "items": {"type": "object"}}
    >>> schema = document({"properties": {"ports": ports, "names": {"type": "array"}}})
    >>> version = CustomVersion("v1", True, True, schema, False, Document(), (), "")
    >>> place_in(version).field("ports")[0].list_keys, place_in(version).field("names")[0].list_type
    (('port',), '')
    """
    schema = version.schema
    known = getattr(schema, "derived", None)
    if type(known) is Place:
        return known
    found: dict[str, Definition] = {}
    _define(ROOT, schema, found)
    top = found[ROOT]
    found[ROOT] = Definition(ROOT, {**top.fields, **OF_METADATA})
    place = Place(ChainMap(found, kubernetes()), Type("object", ROOT))
    schema.derived = place
    return place


def _define(name: str, schema: Document, found: dict[str, Definition]) -> None:
    fields: dict[str, Field] = {}
    for key in child(schema, "properties"):
        fields[key] = _field(child(schema, "properties", key), f"{name}.{key}", found)
    found[name] = Definition(name, fields)


def _field(schema: Document, name: str, found: dict[str, Definition]) -> Field:
    keys = values(schema, "x-kubernetes-list-map-keys")
    granular = text(schema, "x-kubernetes-map-type")
    return Field(
        type=_type(schema, name, found),
        list_type=text(schema, "x-kubernetes-list-type") or granular,
        list_keys=tuple(map(str, keys)),
    )


def _type(schema: Document, name: str, found: dict[str, Definition]) -> Type:
    if flag(schema, "x-kubernetes-int-or-string"):
        return Type("intstr")
    kind = text(schema, "type")
    if kind == "array":
        return Type("list", element=_type(child(schema, "items"), f"{name}[]", found))
    if child(schema, "properties"):
        _define(name, schema, found)
        return Type("object", name)
    if child(schema, "additionalProperties"):
        inner = _type(child(schema, "additionalProperties"), f"{name}{{}}", found)
        return Type("map", element=inner)
    return Type(SCALARS.get(kind, "any"))
