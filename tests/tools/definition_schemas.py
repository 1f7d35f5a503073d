"""Schemas of custom resources, good and bad, by what is special in them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def of(**properties: Any) -> Json:
    """An object with these properties."""
    return {"type": "object", "properties": properties}


def spec(**properties: Any) -> Json:
    """A resource whose specification has these properties."""
    return of(spec=of(**properties))


def field(**schema: Any) -> Json:
    """A resource whose specification has one field with this schema, its words as keywords."""
    known = {key.rstrip("_").replace("__", "-"): value for key, value in schema.items()}
    return spec(a=known)


def listed(kind: str | None, items: Json | None, **more: Any) -> Json:
    """A resource with a list in its specification."""
    found: Json = {"type": "array", "x-kubernetes-list-type": kind, "items": items}
    found.update({key.replace("__", "-"): value for key, value in more.items()})
    return spec(a={key: value for key, value in found.items() if value is not None})


TEXT: Json = {"type": "string"}
ITEM = of(name=TEXT, size={"type": "integer"})
NAMED = {**ITEM, "required": ["name"]}
EITHER = [{"type": "integer"}, {"type": "string"}]
INT_OR_TEXT = {"x-kubernetes-int-or-string": True}
OPEN = {"x-kubernetes-preserve-unknown-fields": True}
EMBEDDED = {"type": "object", "x-kubernetes-embedded-resource": True}
KEYS = "x-kubernetes-list-map-keys"

SCHEMAS: dict[str, Json] = {
    "plain": spec(a=TEXT, b={"type": "integer", "minimum": 1, "maximum": 5}),
    "empty": {},
    "root type missing": {"properties": {"a": TEXT}},
    "root array": {"type": "array", "items": TEXT},
    "root string": {"type": "string"},
    "root nullable": {"type": "object", "nullable": True},
    "root open": {"type": "object", **OPEN},
    "root open without type": OPEN,
    "root additional": {"type": "object", "additionalProperties": TEXT},
    "root additional true": {"type": "object", "additionalProperties": True},
    "root additional false": {"type": "object", "additionalProperties": False},
    "root described": {"type": "object", "title": "T", "description": "D", "format": "f"},
    "root required": {**spec(a=TEXT), "required": ["spec"]},
    "root oneOf": {**spec(a=TEXT), "oneOf": [{"required": ["spec"]}]},
    "root allOf and max": {**spec(a=TEXT), "allOf": [{"required": ["a"]}], "maxProperties": 5},
    "root enum": {"type": "object", "enum": [{}]},
    "root default": {"type": "object", "default": {}},
    "root rules": {**spec(a=TEXT), "x-kubernetes-validations": [{"rule": "has(self.spec)"}]},
    "root embedded": {**EMBEDDED, **OPEN},
    "root map type": {"type": "object", "x-kubernetes-map-type": "atomic"},
    "root int or text": INT_OR_TEXT,
    "root unknown type": {"type": "struct"},
    "unknown type": field(type="float"),
    "null type": field(type="null"),
    "no type": field(description="what"),
    "no type in items": field(type="array", items={}),
    "no items": field(type="array"),
    "items array": field(type="array", items=[TEXT]),
    "items array of two": field(type="array", items=[TEXT, {"type": "integer"}]),
    "unique": field(type="array", items=TEXT, uniqueItems=True),
    "id": field(type="string", id="x"),
    "schema word": field(type="string", **{"$schema": "http://json-schema.org/draft-04/schema#"}),
    "ref": field(type="string", **{"$ref": "#/definitions/x"}),
    "empty ref": field(type="string", **{"$ref": ""}),
    "pattern properties": field(type="object", patternProperties={"a": TEXT}),
    "definitions": field(type="object", definitions={"a": TEXT}),
    "dependencies": field(type="object", dependencies={"a": ["b"]}),
    "dependency schemas": field(type="object", dependencies={"a": {"type": "x"}}),
    "additional items": field(type="array", items=TEXT, additionalItems=TEXT),
    "additional items false": field(type="array", items=TEXT, additionalItems=False),
    "unknown keyword": field(type="string", const="x"),
    "wrong keyword type": field(type="string", maxLength="x"),
    "pattern": field(type="string", pattern="^[a-z]+$"),
    "bad pattern": field(type="string", pattern="["),
    "bad pattern look-ahead": field(type="string", pattern="a(?=b)"),
    "bad pattern repeat": field(type="string", pattern="*a"),
    "bad pattern escape": field(type="string", pattern="\\p{Foo}"),
    "bad pattern group": field(type="string", pattern="(a"),
    "format": field(type="string", format="ipv4"),
    "unknown format": field(type="string", format="zip"),
    "external docs": field(type="string", externalDocs={"url": "x"}, example="e"),
    "both properties": spec(a={**of(b=TEXT), "additionalProperties": TEXT}),
    "both properties, true": spec(a={**of(b=TEXT), "additionalProperties": True}),
    "both properties, false": spec(a={**of(b=TEXT), "additionalProperties": False}),
    "map of maps": field(type="object", additionalProperties=field(type="object")),
    "map without type": field(type="object", additionalProperties={}),
    "not open": field(type="object", **{"x-kubernetes-preserve-unknown-fields": False}),
    "open without type": spec(a=OPEN),
    "int or text": spec(a=INT_OR_TEXT),
    "int or text, typed": spec(a={**INT_OR_TEXT, "type": "string"}),
    "int or text, anyOf": spec(a={**INT_OR_TEXT, "anyOf": EITHER}),
    "int or text, anyOf turned": spec(a={**INT_OR_TEXT, "anyOf": EITHER[::-1]}),
    "int or text, anyOf of one": spec(a={**INT_OR_TEXT, "anyOf": EITHER[:1]}),
    "int or text, allOf": spec(a={**INT_OR_TEXT, "allOf": [{"anyOf": EITHER}, {"pattern": "a"}]}),
    "int or text, allOf later": spec(
        a={**INT_OR_TEXT, "allOf": [{"pattern": "a"}, {"anyOf": EITHER}]}
    ),
    "int or text, open": spec(a={**INT_OR_TEXT, **OPEN}),
    "int or text, embedded": spec(a={**INT_OR_TEXT, **EMBEDDED, **OPEN}),
    "anyOf of types elsewhere": spec(a={"type": "string", "anyOf": EITHER}),
    "embedded": spec(a={**EMBEDDED, **OPEN}),
    "embedded without properties": spec(a=EMBEDDED),
    "embedded without type": spec(a={"x-kubernetes-embedded-resource": True, **OPEN}),
    "embedded string": spec(a={"type": "string", "x-kubernetes-embedded-resource": True, **OPEN}),
    "embedded additional": spec(a={**EMBEDDED, "additionalProperties": TEXT, **OPEN}),
    "embedded odd kind": spec(
        a={**EMBEDDED, **of(kind={"type": "integer"}, apiVersion={}, metadata=TEXT), **OPEN}
    ),
    "embedded metadata": spec(a={**EMBEDDED, **of(metadata=of(labels={"type": "object"}))}),
    "embedded in metadata": spec(a={**EMBEDDED, **of(metadata=of(x={**EMBEDDED, **OPEN}))}),
    "metadata": of(metadata={"type": "object"}),
    "metadata name": of(metadata=of(name={"type": "string", "maxLength": 3})),
    "metadata names": of(metadata=of(name=TEXT, generateName=TEXT)),
    "metadata labels": of(metadata=of(labels={"type": "object"})),
    "metadata name and labels": of(metadata=of(name=TEXT, labels={"type": "object"})),
    "metadata string": of(metadata=TEXT),
    "metadata described": of(metadata={"type": "object", "description": "x"}),
    "metadata bounded": of(metadata={"type": "object", "minProperties": 1}),
    "metadata default": of(metadata={**of(name={"type": "string", "default": "a"})}),
    "metadata whole default": of(metadata={"type": "object", "default": {}}),
    "metadata inside": spec(metadata=of(labels={"type": "object"})),
    "kind number": of(kind={"type": "integer"}, apiVersion={"type": "integer"}),
    "kind default": of(kind={"type": "string", "default": "x"}),
    "nested type": spec(a={"type": "string", "allOf": [{"type": "string"}]}),
    "nested words": spec(
        a={
            "type": "string",
            "not": {"title": "t", "description": "d", "nullable": True, "default": "x"},
        }
    ),
    "nested extensions": spec(
        a={
            "type": "object",
            "anyOf": [
                {**OPEN, "x-kubernetes-embedded-resource": True, **INT_OR_TEXT},
                {"x-kubernetes-list-type": "set", "x-kubernetes-map-type": "atomic", KEYS: ["a"]},
            ],
        }
    ),
    "nested rules": spec(
        a={"type": "string", "allOf": [{"x-kubernetes-validations": [{"rule": "true"}]}]}
    ),
    "nested additional": spec(a={"type": "object", "oneOf": [{"additionalProperties": {}}]}),
    "nested additional false": spec(
        a={"type": "object", "oneOf": [{"additionalProperties": False}]}
    ),
    "nested bad pattern": spec(a={"type": "string", "oneOf": [{"pattern": "("}]}),
    "nested metadata": {**spec(a=TEXT), "allOf": [{"properties": {"metadata": {}}}]},
    "nested unknown property": {
        **spec(a=TEXT),
        "allOf": [{"properties": {"spec": {"properties": {"b": {"minLength": 1}}}}}],
    },
    "nested known property": {
        **spec(a=TEXT),
        "allOf": [{"properties": {"spec": {"properties": {"a": {"minLength": 1}}}}}],
    },
    "nested items": spec(a={"type": "string", "not": {"items": {"minLength": 1}}}),
    "nested property of map": spec(
        a={"type": "object", "additionalProperties": TEXT, "allOf": [{"properties": {"x": {}}}]}
    ),
    "nested unknown type": spec(a={"type": "string", "anyOf": [{"type": "thing"}]}),
    "deeply nested": spec(a={"type": "string", "not": {"allOf": [{"oneOf": [{"type": "x"}]}]}}),
    "list types": spec(
        a={"type": "array", "items": TEXT, "x-kubernetes-list-type": "atomic"},
        b={"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"},
        c={"type": "array", "items": NAMED, "x-kubernetes-list-type": "map", KEYS: ["name"]},
    ),
    "unknown list type": listed("bag", TEXT),
    "list type of a string": field(type="string", **{"x-kubernetes-list-type": "set"}),
    "list type of nothing": field(**{"x-kubernetes-list-type": "set", **OPEN}),
    "map type of a string": field(type="string", **{"x-kubernetes-map-type": "atomic"}),
    "map type of nothing": field(**{"x-kubernetes-map-type": "atomic", **OPEN}),
    "unknown map type": field(type="object", **{"x-kubernetes-map-type": "fine"}),
    "granular map": field(type="object", **{"x-kubernetes-map-type": "granular"}),
    "set of objects": listed("set", ITEM),
    "set of atomic objects": listed("set", {**ITEM, "x-kubernetes-map-type": "atomic"}),
    "set of lists": listed("set", {"type": "array", "items": TEXT}),
    "set of sets": listed("set", {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"}),
    "set of nullables": listed("set", {"type": "string", "nullable": True}),
    "map of strings": listed("map", TEXT, **{KEYS: ["name"]}),
    "map without keys": listed("map", NAMED),
    "map with unknown keys": listed("map", NAMED, **{KEYS: ["name", "place"]}),
    "map with keys twice": listed("map", NAMED, **{KEYS: ["name", "name"]}),
    "map with optional key": listed("map", ITEM, **{KEYS: ["name"]}),
    "map with defaulted key": listed(
        "map", of(name={"type": "string", "default": "x"}), **{KEYS: ["name"]}
    ),
    "map with nullable key": listed(
        "map",
        {**of(name={"type": "string", "nullable": True}), "required": ["name"]},
        **{KEYS: ["name"]},
    ),
    "map with object key": listed("map", {**of(o=ITEM), "required": ["o"]}, **{KEYS: ["o"]}),
    "map of nullables": listed("map", {**NAMED, "nullable": True}, **{KEYS: ["name"]}),
    "map without items": listed("map", None, **{KEYS: ["name"]}),
    "keys without list type": listed(None, NAMED, **{KEYS: ["name"]}),
    "keys of a set": listed("set", TEXT, **{KEYS: ["name"]}),
    "default": field(type="string", default="x"),
    "default null": field(type="string", default=None),
    "default nullable null": field(type="string", default=None, nullable=True),
    "default of another type": field(type="string", default=5),
    "default object for a string": field(type="string", default={"a": 1}),
    "default out of bounds": field(type="integer", default=9, maximum=5),
    "default no number": field(type="number", default="1.5"),
    "default float": field(type="integer", default=1.5),
    "default too long": field(type="string", default="abcdef", maxLength=3),
    "default not matching": field(type="string", default="ab", pattern="^c"),
    "default not of enum": field(type="string", default="ab", enum=["c", "d"]),
    "default with unknown fields": spec(a={**of(b=TEXT), "default": {"b": "x", "c": 1}}),
    "default with unknown fields deeper": spec(
        a={**of(b=of(c=TEXT)), "default": {"b": {"c": "x", "d": 1}}}
    ),
    "default incomplete": spec(a={**of(b=TEXT), "required": ["b"], "default": {}}),
    "default kept open": spec(a={**of(b=TEXT), **OPEN, "default": {"c": 1}}),
    "default list": field(type="array", items=TEXT, default=["a", 1]),
    "default set twice": spec(
        a={"type": "array", "items": TEXT, "x-kubernetes-list-type": "set", "default": ["a", "a"]}
    ),
    "default in a list": field(type="array", items=of(b={"type": "string", "default": "x"})),
    "default in a map": field(
        type="object", additionalProperties=of(b={"type": "string", "default": "x"})
    ),
    "default of a map": field(type="object", additionalProperties=TEXT, default={"a": 1}),
    "default int or text": spec(a={**INT_OR_TEXT, "default": True}),
    "default embedded": spec(a={**EMBEDDED, **OPEN, "default": {"a": 1}}),
    "default embedded good": spec(
        a={**EMBEDDED, **OPEN, "default": {"apiVersion": "v1", "kind": "Pod", "x": 1}}
    ),
    "default embedded odd": spec(
        a={**EMBEDDED, **OPEN, "default": {"apiVersion": "a/b/c", "kind": "P d", "metadata": 1}}
    ),
    "default embedded names": spec(
        a={
            **EMBEDDED,
            **OPEN,
            "default": {"apiVersion": "", "kind": 5, "metadata": {"name": "a/b"}},
        }
    ),
    "default embedded kind": spec(
        a={**EMBEDDED, **of(kind={"type": "string", "default": "Big Pod"}), **OPEN}
    ),
    "default embedded label": spec(
        a={
            **EMBEDDED,
            **of(metadata=of(labels=of(a={"type": "string", "default": "b c"}))),
            **OPEN,
        }
    ),
    "default in nested": spec(a={"type": "string", "anyOf": [{"default": "x"}]}),
    "default against rule": spec(
        a={
            "type": "integer",
            "default": 5,
            "x-kubernetes-validations": [{"rule": "self < 5", "message": "too much"}],
        }
    ),
    "default with rule": spec(
        a={"type": "integer", "default": 4, "x-kubernetes-validations": [{"rule": "self < 5"}]}
    ),
    "rule and structure wrong": spec(
        a={"type": "string", "x-kubernetes-validations": [{"rule": "self.x"}]}, b={}
    ),
    "rule wrong": spec(a={"type": "string", "x-kubernetes-validations": [{"rule": "self.x"}]}),
    "rule and keyword wrong": spec(
        a={"type": "string", "x-kubernetes-validations": [{"rule": "self.x"}]},
        b={"type": "array", "items": TEXT, "uniqueItems": True},
    ),
    "rule above a wrong keyword": spec(
        a={
            **of(b={"type": "array", "items": TEXT, "uniqueItems": True}),
            "x-kubernetes-validations": [{"rule": "self.x"}],
        }
    ),
    "rule of an open type": spec(a={**OPEN, "x-kubernetes-validations": [{"rule": "true"}]}),
    "status": of(status=of(a=TEXT)),
    "minimum without number": field(type="integer", exclusiveMinimum=True),
    "several at once": spec(
        a={"type": "array"},
        b={"type": "thing"},
        c={"type": "string", "nullable": True, "default": 3, "uniqueItems": True},
        d={"type": "object", "x-kubernetes-list-type": "map"},
    ),
}
