"""Types as OpenAPI describes them, from the same definitions by which requests are read.

Two dialects: version 2 refers to `#/definitions/NAME`, version 3 to `#/components/schemas/NAME`
through `allOf`, because it lets a reference have no neighbours. Only the fields that all objects
have are described.

Source: kubernetes v1.36, api/openapi-spec; kube-openapi/pkg/schemaconv, pkg/spec3.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api.openapi.descriptions import OF_EVERY_OBJECT, OF_METADATA
from kelm.core.api.openapi.values import ZEROS, Values, needed_order, values_of
from kelm.core.api.schema.definitions import Definition, Field, Type, kubernetes
from kelm.effects.document import Document, Json

MACHINERY: Final = "io.k8s.apimachinery.pkg."
_PREFIXES: Final = (
    ("meta.v1.", f"{MACHINERY}apis."),
    ("version.", MACHINERY),
    ("apiextensions.v1.", "io.k8s.apiextensions-apiserver.pkg.apis."),
    ("apiregistration.v1.", "io.k8s.kube-aggregator.pkg.apis."),
)
QUANTITY: Final = f"{MACHINERY}api.resource.Quantity"
TIME: Final = f"{MACHINERY}apis.meta.v1.Time"
MICRO_TIME: Final = f"{MACHINERY}apis.meta.v1.MicroTime"
INT_OR_TEXT: Final = f"{MACHINERY}util.intstr.IntOrString"
PATCH: Final = f"{MACHINERY}apis.meta.v1.Patch"

_SCALARS: Final[dict[str, Document]] = {
    "str": Document(type="string"),
    "bool": Document(type="boolean"),
    "i32": Document(type="integer", format="int32"),
    "i64": Document(type="integer", format="int64"),
    "num": Document(type="number", format="double"),
    "b64": Document(type="string", format="byte"),
    "any": Document(type="object"),
}
_REFERRED: Final = {
    "qty": QUANTITY,
    "time": TIME,
    "micro": MICRO_TIME,
    "intstr": INT_OR_TEXT,
}


class Dialect(msgspec.Struct, frozen=True):
    """Version 2 or 3, and where it keeps its types."""

    version: int
    root: str

    def reference(self, name: str) -> Document:
        return Document({"$ref": f"{self.root}{name}"})


V2: Final = Dialect(2, "#/definitions/")
V3: Final = Dialect(3, "#/components/schemas/")


def full_name(name: str) -> str:
    """A type's name in OpenAPI.

    >>> full_name("core.v1.Pod"), full_name("meta.v1.ObjectMeta")
    ('io.k8s.api.core.v1.Pod', 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta')
    """
    for start, prefix in _PREFIXES:
        if name.startswith(start):
            return prefix + name
    return f"io.k8s.api.{name}"


def custom_name(group: str, version: str, kind: str) -> str:
    """The name of a custom resource's type.

    >>> custom_name("stable.example.com", "v1", "CronTab")
    'com.example.stable.v1.CronTab'
    """
    return ".".join((*reversed(group.split(".")), version, kind))


def special(dialect: Dialect) -> dict[str, Json]:
    """The types that encode themselves."""
    text, number = Document(type="string"), Document(type="number")
    quantity, either = text, Document(type="string", format="int-or-string")
    if dialect.version == 3:
        whole = Document(type="integer")
        quantity = Document(oneOf=(text, number))
        either = Document(format="int-or-string", oneOf=(whole, text))
    instant = Document(type="string", format="date-time")
    return {
        QUANTITY: quantity,
        TIME: instant,
        MICRO_TIME: instant,
        INT_OR_TEXT: either,
        PATCH: Document(type="object"),
        f"{MACHINERY}apis.meta.v1.FieldsV1": Document(type="object"),
        f"{MACHINERY}runtime.RawExtension": Document(type="object"),
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": Document(),
    }


def schema_of(definition: Definition, dialect: Dialect, kinds: tuple[Json, ...] = ()) -> Document:
    """A type; `kinds` are the group versions and kinds whose type it is.

    >>> schema_of(kubernetes()["core.v1.LocalObjectReference"], V2)["properties"]
    {'name': {'type': 'string'}}
    """
    fields = definition.fields
    needed = tuple(sorted(name for name, field in fields.items() if field.required))
    required = needed_order(definition.name, needed)
    schema: dict[str, Json] = {}
    if fields:
        schema["properties"] = Document(
            {name: _described(definition, name, dialect) for name in sorted(fields)}
        )
    if required:
        schema["required"] = required
    schema["type"] = "object"
    if kinds:
        schema["x-kubernetes-group-version-kind"] = kinds
    if definition.atomic:
        schema["x-kubernetes-map-type"] = "atomic"
    return Document(schema)


def kinds_of(definition: Definition) -> tuple[Json, ...]:
    """The kind whose type a definition is, if it is one's."""
    if not definition.kind:
        return ()
    api_version, _, kind = definition.kind.rpartition("/")
    group, _, version = api_version.rpartition("/")
    return (Document(group=group, kind=kind, version=version),)


def _described(definition: Definition, name: str, dialect: Dialect) -> Document:
    """A field, and what it is for where every object has it."""
    found = _property(definition.fields[name], values_of(definition.name, name), dialect)
    words = OF_METADATA if definition.name == "meta.v1.ObjectMeta" else {}
    if definition.kind:
        words = OF_EVERY_OBJECT
    return Document({"description": words[name], **found}) if name in words else found


def _property(field: Field, said: Values, dialect: Dialect) -> Document:
    found = dict(_type(field.type, dialect, said.element_words))
    if said.reference:
        found = dict(dialect.reference(said.reference))
    if dialect.version == 3 and "$ref" in found:
        found = {"allOf": (Document(found),)}
    if dialect.version == 3 and said.has_default:
        found["default"] = said.default_of(field.type)
    if said.words:
        found["enum"] = said.words
    found.update(_merging(field))
    return Document(found)


def _element(wanted: Type, dialect: Dialect, words: tuple[str, ...]) -> Document:
    """What a list or map holds: in version 3 with Go's zero for a default."""
    found = dict(_type(wanted, dialect))
    if words:
        found["enum"] = words
    if dialect.version == 2 or wanted.kind not in ZEROS:
        return Document(found)
    if "$ref" in found:
        found = {"allOf": (Document(found),)}
    return Document({**found, "default": ZEROS[wanted.kind]})


def _type(wanted: Type, dialect: Dialect, words: tuple[str, ...] = ()) -> Document:
    if wanted.kind == "object":
        return dialect.reference(full_name(wanted.name))
    if wanted.kind in _REFERRED:
        return dialect.reference(_REFERRED[wanted.kind])
    if wanted.element is None:
        return _SCALARS[wanted.kind]
    inner = _element(wanted.element, dialect, words)
    if wanted.kind == "map":
        return Document(additionalProperties=inner, type="object")
    return Document(items=inner, type="array")


def _merging(field: Field) -> dict[str, Json]:
    """How lists and maps merge, as clients that patch want to know."""
    found: dict[str, Json] = {}
    if field.list_keys:
        found["x-kubernetes-list-map-keys"] = field.list_keys
    if field.list_type:
        of_list = field.type.kind == "list"
        found["x-kubernetes-list-type" if of_list else "x-kubernetes-map-type"] = field.list_type
    if field.merge_key:
        found["x-kubernetes-patch-merge-key"] = field.merge_key
    strategy = field.strategy
    if field.retain_keys:
        strategy = f"{strategy},retainKeys" if strategy else "retainKeys"
    if strategy:
        found["x-kubernetes-patch-strategy"] = strategy
    return found


def list_schema(kind: str, item: str, group: str, version: str, dialect: Dialect) -> Document:
    """The type of a list; `item` is the full name of its items' type."""
    meta: dict[str, Json] = dict(dialect.reference(f"{MACHINERY}apis.meta.v1.ListMeta"))
    if dialect.version == 3:
        meta = {"allOf": (Document(meta),), "default": Document()}
    text = Document(type="string")
    return Document(
        {
            "properties": Document(
                apiVersion=text,
                items=Document(items=_listed(item, dialect), type="array"),
                kind=text,
                metadata=Document(meta),
            ),
            "required": ("items",),
            "type": "object",
            "x-kubernetes-group-version-kind": (
                Document(group=group, kind=f"{kind}List", version=version),
            ),
        }
    )


def _listed(item: str, dialect: Dialect) -> Document:
    reference = dialect.reference(item)
    return reference if dialect.version == 2 else Document(allOf=(reference,), default=Document())


def types_below(names: set[str]) -> set[str]:
    """These definitions and all that they are made of.

    >>> sorted(types_below({"core.v1.LocalObjectReference"}))
    ['core.v1.LocalObjectReference']
    """
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found or name not in kubernetes():
            continue
        found.add(name)
        waiting += [
            inner for field in kubernetes()[name].fields.values() if (inner := _object(field.type))
        ]
    return found


def _object(wanted: Type) -> str:
    while wanted.element is not None:
        wanted = wanted.element
    return wanted.name if wanted.kind == "object" else ""
