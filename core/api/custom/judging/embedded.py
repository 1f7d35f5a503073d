"""Objects within objects: what `x-kubernetes-embedded-resource` asks of their type and metadata.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/schema/objectmeta.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.core.api.custom.pruning import EMBEDDED
from kelm.core.api.schema.decode import decode
from kelm.core.api.schema.definitions import kubernetes
from kelm.core.api.validation.fields import Rules
from kelm.core.api.validation.metadata import metadata
from kelm.core.api.validation.names import dns1035_label, path_segment
from kelm.core.api.validation.violation import invalid_value, required, under
from kelm.effects.document import Document, Json, child, flag, text

METADATA: Final = "meta.v1.ObjectMeta"
Judge = Callable[[Document, str], Rules]


def mistyped(value: Json, schema: Document, path: str) -> Rules:
    """What in embedded objects has another type than all objects have there."""
    yield from _walk(value, schema, path, _types)


def embedded_faults(value: Json, schema: Document, path: str) -> Rules:
    """What is wrong with the type and the metadata of embedded objects."""
    yield from _walk(value, schema, path, _object)


def coerced(value: Document, schema: Document) -> Document:
    """An object whose embedded objects have nothing in their metadata that metadata has not."""
    found = _coerced(value, schema)
    assert isinstance(found, Document)
    return found


def _coerced(value: Json, schema: Json) -> Json:
    if not isinstance(schema, Document):
        return value
    if isinstance(value, tuple):
        items = tuple(_coerced(one, schema.get("items")) for one in value)
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    if not isinstance(value, Document):
        return value
    properties, others = child(schema, "properties"), schema.get("additionalProperties")
    new = {key: _coerced(one, properties.get(key, others)) for key, one in value.items()}
    given = value.get("metadata")
    if flag(schema, EMBEDDED) and isinstance(given, Document):
        new["metadata"] = decode(given, kubernetes()[METADATA]).document
    same = all(new[key] is value[key] for key in value)
    return value if same else Document(new)


def _walk(value: Json, schema: Json, path: str, judge: Judge) -> Rules:
    if not isinstance(schema, Document):
        return
    if isinstance(value, tuple):
        for index, one in enumerate(value):
            yield from _walk(one, schema.get("items"), f"{path}[{index}]", judge)
    if not isinstance(value, Document):
        return
    if flag(schema, EMBEDDED):
        yield from judge(value, path)
    properties = child(schema, "properties")
    for key, inner in value.items():
        if key in properties:
            yield from _walk(inner, properties[key], _below(path, key), judge)
        else:
            yield from _walk(inner, schema.get("additionalProperties"), f"{path}[{key}]", judge)


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _types(value: Document, path: str) -> Rules:
    for key in ("apiVersion", "kind"):
        if key in value and not isinstance(value[key], str):
            yield invalid_value(_below(path, key), value[key], "must be a string")
    wrong = _metadata_mismatch(value)
    if wrong:
        yield invalid_value(_below(path, "metadata"), value["metadata"], wrong)


def _metadata_mismatch(value: Document) -> str:
    given = value.get("metadata")
    if given is None:
        return ""
    if not isinstance(given, Document):
        word = "array" if isinstance(given, tuple) else _go_word(given)
        return f"json: cannot unmarshal {word} into Go value of type v1.ObjectMeta"
    found = decode(given, kubernetes()[METADATA]).mismatch
    return "" if found is None else found.decoder


def _go_word(value: Json) -> str:
    if isinstance(value, bool):
        return "bool"
    return "string" if isinstance(value, str) else "number"


def _object(value: Document, path: str) -> Rules:
    for key in ("apiVersion", "kind"):
        if key not in value:
            yield required(_below(path, key))
        elif not isinstance(value[key], str):
            yield invalid_value(_below(path, key), value[key], "must be a string")
        elif not value[key]:
            yield invalid_value(_below(path, key), value[key], "must not be empty")
    version, kind = text(value, "apiVersion"), text(value, "kind")
    if version.count("/") > 1:
        said = f"unexpected GroupVersion string: {version}"
        yield invalid_value(_below(path, "apiVersion"), version, said)
    wrong = dns1035_label(kind.lower()) if kind else ()
    if wrong:
        said = f"may have mixed case, but should otherwise match: {','.join(wrong)}"
        yield invalid_value(_below(path, "kind"), kind, said)
    mismatch = _metadata_mismatch(value)
    if mismatch:
        yield invalid_value(_below(path, "metadata"), value["metadata"], mismatch)
    elif "metadata" in value:
        named = Document({"name": "unnamed", **child(value, "metadata")})
        yield from under(path, metadata(Document(metadata=named), "", path_segment))
