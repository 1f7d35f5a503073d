"""Parts of a definition as refusals print them: upstream's internal types, field by field.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apis/apiextensions/types.go and
types_jsonschema.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.violation import Struct
from kelm.effects.document import Document, Json, child

_FIELDS: Final[tuple[tuple[str, str, Json], ...]] = (
    ("ID", "id", ""), ("Schema", "$schema", ""), ("Ref", "$ref", None),
    ("Description", "description", ""), ("Type", "type", ""), ("Nullable", "nullable", False),
    ("Format", "format", ""), ("Title", "title", ""), ("Default", "default", None),
    ("Maximum", "maximum", None), ("ExclusiveMaximum", "exclusiveMaximum", False),
    ("Minimum", "minimum", None), ("ExclusiveMinimum", "exclusiveMinimum", False),
    ("MaxLength", "maxLength", None), ("MinLength", "minLength", None),
    ("Pattern", "pattern", ""), ("MaxItems", "maxItems", None), ("MinItems", "minItems", None),
    ("UniqueItems", "uniqueItems", False), ("MultipleOf", "multipleOf", None),
    ("Enum", "enum", None), ("MaxProperties", "maxProperties", None),
    ("MinProperties", "minProperties", None), ("Required", "required", None),
    ("Items", "items", None), ("AllOf", "allOf", None), ("OneOf", "oneOf", None),
    ("AnyOf", "anyOf", None), ("Not", "not", None), ("Properties", "properties", None),
    ("AdditionalProperties", "additionalProperties", None),
    ("PatternProperties", "patternProperties", None), ("Dependencies", "dependencies", None),
    ("AdditionalItems", "additionalItems", None), ("Definitions", "definitions", None),
    ("ExternalDocs", "externalDocs", None), ("Example", "example", None),
    ("XPreserveUnknownFields", "x-kubernetes-preserve-unknown-fields", None),
    ("XEmbeddedResource", "x-kubernetes-embedded-resource", False),
    ("XIntOrString", "x-kubernetes-int-or-string", False),
    ("XListMapKeys", "x-kubernetes-list-map-keys", None),
    ("XListType", "x-kubernetes-list-type", None), ("XMapType", "x-kubernetes-map-type", None),
    ("XValidations", "x-kubernetes-validations", None),
)  # fmt: skip
KEYWORD_OF: Final = {name: (keyword, zero) for name, keyword, zero in _FIELDS}
"""Go's names of a schema's fields, in their order: the keyword, and what is there without it."""
_OF_SCHEMAS: Final = frozenset({"allOf", "oneOf", "anyOf"})
_BY_NAME: Final = frozenset({"properties", "patternProperties", "definitions"})


def schema_in_go(schema: Document) -> Struct:
    """A schema as Go's struct.

    >>> shown = schema_in_go(Document(type="object", items=True))
    >>> shown["Type"], shown["Properties"], shown["Items"]
    ('object', None, {'Schema': None, 'JSONSchemas': None})
    """
    return Struct({name: _part(schema, word, zero) for name, word, zero in _FIELDS})


def _part(schema: Document, keyword: str, zero: Json) -> Json:
    value = schema.get(keyword)
    if value is None:
        return zero
    if keyword in _OF_SCHEMAS:
        return _schemas(value)
    if keyword in _BY_NAME and isinstance(value, Document):
        return Document({key: _schema(inner) for key, inner in value.items()})
    if keyword == "not":
        return _schema(value)
    if keyword == "items":
        several = _schemas(value) if isinstance(value, tuple) else None
        return Struct(Schema=_schema(value), JSONSchemas=several)
    if keyword in ("additionalProperties", "additionalItems"):
        return Struct(Allows=value is not False, Schema=_schema(value))
    if keyword == "dependencies" and isinstance(value, Document):
        return Document({key: _dependency(inner) for key, inner in value.items()})
    if keyword == "externalDocs" and isinstance(value, Document):
        return Struct(Description=value.get("description", ""), URL=value.get("url", ""))
    if keyword == "x-kubernetes-validations" and isinstance(value, tuple):
        return tuple(rule_in_go(one) for one in value if isinstance(one, Document))
    return value


def _schema(value: Json) -> Json:
    return schema_in_go(value) if isinstance(value, Document) else None


def _schemas(value: Json) -> Json:
    return tuple(map(_schema, value)) if isinstance(value, tuple) else None


def _dependency(value: Json) -> Struct:
    return Struct(Schema=_schema(value), Property=value if isinstance(value, tuple) else None)


def rule_in_go(rule: Document) -> Struct:
    """A rule of a schema as Go's struct."""
    return Struct(
        Rule=rule.get("rule", ""),
        Message=rule.get("message", ""),
        MessageExpression=rule.get("messageExpression", ""),
        Reason=rule.get("reason"),
        FieldPath=rule.get("fieldPath", ""),
        OptionalOldSelf=rule.get("optionalOldSelf"),
    )


def version_in_go(version: Document) -> Struct:
    """A version as Go's struct, with what it does not share with all others."""
    columns = version.get("additionalPrinterColumns")
    selectable = version.get("selectableFields")
    return Struct(
        Name=version.get("name", ""),
        Served=version.get("served", False),
        Storage=version.get("storage", False),
        Deprecated=version.get("deprecated", False),
        DeprecationWarning=version.get("deprecationWarning"),
        Schema=_validation(version),
        Subresources=_subresources(version),
        AdditionalPrinterColumns=tuple(_column(one) for one in columns if isinstance(one, Document))
        if isinstance(columns, tuple)
        else None,
        SelectableFields=tuple(
            Struct(JSONPath=one.get("jsonPath", ""))
            for one in selectable
            if isinstance(one, Document)
        )
        if isinstance(selectable, tuple)
        else None,
    )


def _validation(version: Document) -> Json:
    if "schema" not in version:
        return None
    return Struct(OpenAPIV3Schema=_schema(child(version, "schema").get("openAPIV3Schema")))


def _subresources(version: Document) -> Json:
    if "subresources" not in version:
        return None
    found = child(version, "subresources")
    scale = child(found, "scale")
    shown = Struct(
        SpecReplicasPath=scale.get("specReplicasPath", ""),
        StatusReplicasPath=scale.get("statusReplicasPath", ""),
        LabelSelectorPath=scale.get("labelSelectorPath"),
    )
    return Struct(
        Status=Document() if "status" in found else None, Scale=shown if "scale" in found else None
    )


def _column(column: Document) -> Struct:
    return Struct(
        Name=column.get("name", ""),
        Type=column.get("type", ""),
        Format=column.get("format", ""),
        Description=column.get("description", ""),
        Priority=column.get("priority", 0),
        JSONPath=column.get("jsonPath", ""),
    )
