"""What a mutating policy's expressions make, and what it does to an object.

An `Object{spec: Object.spec{replicas: 3}}` is merged into the object as server-side apply would
merge it; a list of `JSONPatch{op: "add", ...}` is applied one after the other.

Source: kubernetes v1.36, apiserver/pkg/admission/plugin/policy/mutating/patch (smd.go,
json_patch.go), apiserver/pkg/cel/mutation (typeresolver.go, jsonpatch.go, dynamic/objects.go),
apiserver/pkg/cel/library/jsonpatch.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.api.patches.apply.field_set import merges
from kelm.core.api.patches.apply.merge import merged
from kelm.core.api.patches.json_patch import apply_json_patch
from kelm.core.api.patches.strategic.rules import Place, Refused, root
from kelm.core.api.policies.expressions import Scope
from kelm.core.api.schema.definitions import Field, definition_of
from kelm.core.cel.checking.environment import declared
from kelm.core.cel.checking.types import DYN, STRING, Type, list_of, object_type
from kelm.core.cel.libraries.table import with_signatures
from kelm.core.cel.running.plan import Function
from kelm.core.cel.running.values import (
    Duration,
    EvaluationFault,
    Timestamp,
    Value,
    of_key,
    type_name,
)
from kelm.core.cel.running.writing import written
from kelm.effects.document import Document, Json

OBJECT: Final = "Object"
PATCH: Final = "JSONPatch"
_FIELDS: Final = {"op": STRING, "path": STRING, "from": STRING, "value": DYN}
_TEST_FAILED: Final = ": test failed"


class Made(dict[str, Value]):
    """An object that an expression made, with the name of the type that it made it as."""

    type_name = OBJECT


class _AnyField(dict[str, Type]):
    """The fields of a type that takes any."""

    def get(self, _name: str, _default: Type | None = None) -> Type:  # type: ignore[override]
        return DYN


class _Types(dict[str, Mapping[str, Type]]):
    """The types of a mutation: `Object` and everything below it, and `JSONPatch`."""

    def get(  # type: ignore[override]
        self, name: str, default: Mapping[str, Type] | None = None
    ) -> Mapping[str, Type] | None:
        if name == OBJECT or name.startswith(f"{OBJECT}."):
            return _ANY
        return super().get(name, default)


_ANY: Final = _AnyField()
_ESCAPE: Final = declared("jsonpatch.escapeKey string_jsonpatch_escapeKey (string) -> string")


def _escape_key(key: str) -> str:
    """A key as a step of a path: `/` and `~` have names.

    >>> _escape_key("k8s.io/my~label")
    'k8s.io~1my~0label'
    """
    return key.replace("~", "~0").replace("/", "~1")


def _make(name: str, fields: dict[str, Value]) -> Value:
    made = Made(fields)
    made.type_name = name
    return made


_FUNCTIONS: Final[dict[str, Function]] = {
    OBJECT: (_make, ()),
    PATCH: (_make, ()),
    **with_signatures({"jsonpatch.escapeKey": _escape_key}, _ESCAPE),
}


def mutation_scope(scope: Scope) -> Scope:
    """A scope in which objects and patches can be made."""
    return msgspec.structs.replace(
        scope,
        functions=_ESCAPE,
        implementations=_FUNCTIONS,
        objects=_Types({PATCH: _FIELDS}),
    )


def mutation_type(kind: str) -> Type:
    """What the expression of a kind of patch must be."""
    return object_type(OBJECT) if kind == "ApplyConfiguration" else list_of(object_type(PATCH))


def patched(kind: str, made: Value, doc: Document) -> Result[Document, str]:
    """An object with what an expression made of it, or why that cannot be."""
    try:
        return _applied(made, doc) if kind == "ApplyConfiguration" else _json_patched(made, doc)
    except EvaluationFault as fault:
        return Failure(fault.message)


def _applied(made: Value, doc: Document) -> Result[Document, str]:
    wrong = tuple(_misnamed(made, (OBJECT,)))
    if wrong:
        listed = "\n".join(wrong)
        return Failure(f"type mismatch: {listed}")
    configuration = as_json(made)
    assert isinstance(configuration, Document)
    api_version, kind = str(doc["apiVersion"]), str(doc["kind"])
    definition = definition_of(api_version, kind)
    place = root(definition)
    atomic = tuple(_atomic(configuration, place, ""))
    if atomic:
        said = f"may not mutate atomic arrays, maps or structs: {', '.join(atomic)}"
        return Failure(f"error applying patch: invalid ApplyConfiguration: {said}")
    try:
        new = merged(doc, configuration, place)
    except Refused as refused:
        said = f"failed to convert patch object to typed object: {refused}"
        return Failure(f"error applying patch: {said}")
    return Success(Document({**new, "apiVersion": api_version, "kind": kind}))


def _misnamed(made: Value, path: tuple[str, ...]) -> Iterator[str]:
    """Objects whose type is not named as the path to them."""
    if isinstance(made, Made) and made.type_name != PATCH:
        wanted = ".".join(path)
        if made.type_name != wanted:
            yield (
                f'unexpected type name "{made.type_name}", expected "{wanted}", '
                "which matches field name path from root Object type"
            )
        for key, value in made.items():
            yield from _misnamed(value, (*path, key))
    elif isinstance(made, tuple):
        for one in made:
            yield from _misnamed(one, path)
    elif isinstance(made, dict):
        for one in made.values():
            yield from _misnamed(one, path)


def _atomic(value: Document, place: Place, path: str) -> Iterator[str]:
    """The fields that could only be replaced as a whole."""
    for key, inner in value.items():
        field, below = place.field(key)
        yield from _atomic_part(inner, field, below, f"{path}.{key}")


def _atomic_part(value: Json, field: Field, place: Place, path: str) -> Iterator[str]:
    if not isinstance(value, Document | tuple):
        return
    if not merges(field, place):
        yield path
    elif isinstance(value, Document):
        yield from _atomic(value, place, path)
    else:
        for index, item in enumerate(value):
            if isinstance(item, Document):
                yield from _atomic(item, place.items(), f"{path}[{index}]")


def _json_patched(made: Value, doc: Document) -> Result[Document, str]:
    operations: list[Document] = []
    for one in made:
        wrong = tuple(_misnamed(one.get("value"), (OBJECT,)))
        if wrong:
            return Failure(f"type mismatch: {wrong[0]}")
        fields: dict[str, Json] = {"op": str(one.get("op", "")), "path": str(one.get("path", ""))}
        if one.get("from"):
            fields["from"] = str(one["from"])
        if "value" in one:
            fields["value"] = as_json(one["value"])
        operations.append(Document(fields))
    done = apply_json_patch(doc, tuple(operations))
    if isinstance(done, Failure):
        said = done.failure()
        return Success(doc) if said.endswith(_TEST_FAILED) else Failure(f"JSON Patch: {said}")
    return Success(done.unwrap())


def as_json(value: Value) -> Json:
    """A value of an expression as JSON.

    >>> as_json({"a": (1, 2), "b": None})
    {'a': (1, 2), 'b': None}
    """
    if value is None or isinstance(value, bool | str | float):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, tuple):
        return tuple(map(as_json, value))
    if isinstance(value, dict):
        return Document({_text(key): as_json(one) for key, one in value.items()})
    if isinstance(value, Timestamp | Duration):
        return written(value)
    raise EvaluationFault(f"a value of type {type_name(value)} is no JSON")


def _text(key: Value) -> str:
    plain = of_key(key)
    if isinstance(plain, str):
        return plain
    raise EvaluationFault(f'map key "{written(plain)}" is of type {type_name(plain)}, not string')
