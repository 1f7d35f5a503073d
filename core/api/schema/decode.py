"""What the API makes of a document before anything else looks at it.

Upstream decodes requests into typed structures and writes those back, so what it stores is not
what it was sent: fields that no type has are gone (and reported), quantities and times have
their canonical text, and lists, maps and nulls that say nothing are left out. A value of the
wrong type ends the request.

One walk does all of it, and what needs no change is shared: a document in normal form comes
back as the same document. Parts that a stored object and its successor share are not looked at
again.

Source: kubernetes v1.36, apimachinery/pkg/runtime/serializer/json; sigs.k8s.io/json.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import is_
from typing import TypeAlias

import msgspec

from kelm.core.api.schema.definitions import (
    Definition,
    Field,
    Type,
    definition_of,
    kubernetes,
)
from kelm.core.api.schema.mismatch import (
    At,
    Mismatch,
    base64_fault,
    not_a,
    own_words,
    path_text,
    time_fault,
    wrong_type,
)
from kelm.core.objects.quantity import canonical_text
from kelm.core.objects.time import format_micro_time, format_time, is_time, parse_time
from kelm.effects.document import EMPTY, Document, Json

_DROPPED = Document()
"""Known by identity: the field is to be left out."""
_PLAIN: dict[str, type] = {"str": str, "bool": bool}
_CANONICAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_CANONICAL_MICRO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_ZEROES: dict[str, Json] = {
    "str": "",
    "bool": False,
    "i32": 0,
    "i64": 0,
    "num": 0,
    "object": EMPTY,
    "qty": "0",
}


class Decoded(msgspec.Struct, frozen=True):
    """A document in normal form, the fields that were dropped, and the first wrong value.

    Where `mismatch` is set the request is to be refused and `document` means nothing.
    """

    document: Document
    unknown: tuple[str, ...] = ()
    mismatch: Mismatch | None = None


class _Found:
    """What a walk has seen; lives as long as the walk."""

    __slots__ = ("keep_unknown", "mismatch", "unknown")

    def __init__(self, keep_unknown: bool) -> None:
        self.keep_unknown = keep_unknown
        self.unknown: list[str] = []
        self.mismatch: Mismatch | None = None

    def wrong(self, mismatch: Mismatch) -> None:
        if self.mismatch is None:
            self.mismatch = mismatch


Walk: TypeAlias = Callable[[Json, _Found, At], Json]
"""A value, what was found so far, where the value is: the value in normal form."""


class _Step(msgspec.Struct, frozen=True):
    """How to read one field: `plain` is the Python type that is in normal form as it is.

    `object_name` is the definition of a field that is an object: those are read field by field
    against their stored counterpart.
    """

    plain: type | None
    object_name: str
    walk: Walk
    structure: str
    keeps_null: bool
    drops_empty: bool


def decode(
    doc: Document,
    definition: Definition,
    stored: Document | None = None,
    *,
    keep_unknown: bool = False,
) -> Decoded:
    """Read a document as `definition`; what it shares with `stored` is in normal form already.

    Fields that no type has are named and dropped, or with `keep_unknown` only named.

    >>> from kelm.core.api.schema.definitions import definition_of
    >>> node = Document(kind="Node", speck=1, status=Document(capacity=Document(cpu="1000m")))
    >>> decoded = decode(node, definition_of("v1", "Node"))
    >>> decoded.document["status"], decoded.unknown
    ({'capacity': {'cpu': '1'}}, ('speck',))
    """
    found = _Found(keep_unknown)
    normal = _read_object(doc, _plan(definition.name), found, None, stored)
    return Decoded(normal, tuple(found.unknown), found.mismatch)


def decode_kind(
    doc: Document,
    api_version: str,
    kind: str,
    stored: Document | None = None,
    *,
    keep_unknown: bool = False,
) -> Decoded:
    """`decode` by kind; a kind that is not built in is taken as it is."""
    definition = definition_of(api_version, kind)
    if definition is None:
        return Decoded(doc)
    return decode(doc, definition, stored, keep_unknown=keep_unknown)


@lru_cache(maxsize=1024)
def _plan(name: str) -> dict[str, _Step]:
    """How to read each field of a type."""
    structure = name.rpartition(".")[2]
    return {key: _step(structure, field) for key, field in kubernetes()[name].fields.items()}


def _step(structure: str, field: Field) -> _Step:
    kind = field.type.kind
    collection = kind in ("list", "map")
    return _Step(
        plain=_PLAIN.get(kind),
        object_name=field.type.name if kind == "object" else "",
        walk=_walk(field.type),
        structure=structure,
        keeps_null=(field.required and collection) or _is_written_null(structure, kind),
        drops_empty=collection and not field.required,
    )


def _is_written_null(structure: str, kind: str) -> bool:
    """Whether Go writes an unset time of this structure as null instead of leaving it out."""
    return kind in ("time", "micro") and (
        structure.endswith("Condition") or structure.startswith(("ContainerState", "Event"))
    )


def _read_object(
    doc: Document,
    plan: Mapping[str, _Step],
    found: _Found,
    at: At | None,
    stored: Document | None = None,
) -> Document:
    changed: dict[str, Json] = {}
    for key, value in doc.items():
        if stored is not None and stored.get(key) is value and value is not None:
            continue
        step = plan.get(key)
        if step is None:
            found.unknown.append(path_text((at, key, ".")))
            if not found.keep_unknown:
                changed[key] = _DROPPED
        elif type(value) is not step.plain:
            known = None if stored is None else stored.get(key)
            new = _read_field(value, step, found, (at, key, step.structure), known)
            if new is not value:
                changed[key] = new
    return _with_changes(doc, changed) if changed else doc


def _with_changes(doc: Document, changed: Mapping[str, Json]) -> Document:
    merged = {key: changed.get(key, value) for key, value in doc.items()}
    return Document({key: value for key, value in merged.items() if value is not _DROPPED})


def _read_field(value: Json, step: _Step, found: _Found, at: At, stored: Json) -> Json:
    if value is None:
        return None if step.keeps_null else _DROPPED
    if step.object_name and type(value) is Document:
        known = stored if type(stored) is Document else None
        return _read_object(value, _plan(step.object_name), found, at, known)
    new = step.walk(value, found, at)
    return _DROPPED if step.drops_empty and not new else new


@lru_cache(maxsize=2048)
def _walk(wanted: Type) -> Walk:
    """How to read a value of a type."""
    if wanted.kind == "list":
        return _list_walk(wanted)
    if wanted.kind == "map":
        return _map_walk(wanted)
    if wanted.kind == "object":
        return _object_walk(wanted)
    if wanted.kind == "any" and wanted.name:
        return _open_walk(wanted)
    if wanted.kind in _OWN_WALKS:
        return _OWN_WALKS[wanted.kind]
    return _scalar_walk(wanted)


def _element(wanted: Type) -> Type:
    assert wanted.element is not None
    return wanted.element


def _object_walk(wanted: Type) -> Walk:
    def walk(value: Json, found: _Found, at: At) -> Json:
        if isinstance(value, Document):
            return _read_object(value, _plan(wanted.name), found, at)
        found.wrong(wrong_type(value, wanted, at))
        return value

    return walk


def _open_walk(wanted: Type) -> Walk:
    """What may be an object of a type, a list of them, or something else."""

    def walk(value: Json, found: _Found, at: At) -> Json:
        if isinstance(value, Document):
            return _read_object(value, _plan(wanted.name), found, at)
        if not isinstance(value, tuple):
            return value
        new = tuple(walk(item, found, (at, index, "")) for index, item in enumerate(value))
        return value if all(map(is_, new, value)) else new

    return walk


def _list_walk(wanted: Type) -> Walk:
    element = _element(wanted)
    inner, zero, plain = _walk(element), _ZEROES.get(element.kind), _PLAIN.get(element.kind)

    def walk(value: Json, found: _Found, at: At) -> Json:
        if not isinstance(value, tuple):
            found.wrong(wrong_type(value, wanted, at))
            return value
        if plain is not None and set(map(type, value)) <= {plain}:
            return value
        new = tuple(
            [
                zero if item is None else inner(item, found, (at, index, ""))
                for index, item in enumerate(value)
            ]
        )
        return value if all(map(is_, new, value)) else new

    return walk


def _map_walk(wanted: Type) -> Walk:
    element = _element(wanted)
    inner, zero, plain = _walk(element), _ZEROES.get(element.kind), _PLAIN.get(element.kind)

    def walk(value: Json, found: _Found, at: At) -> Json:
        if not isinstance(value, Document):
            found.wrong(wrong_type(value, wanted, at))
            return value
        if plain is not None and set(map(type, value.values())) <= {plain}:
            return value
        new = {
            key: zero if item is None else inner(item, found, (at, key, ""))
            for key, item in value.items()
        }
        return value if all(map(is_, new.values(), value.values())) else Document(new)

    return walk


def _scalar_walk(wanted: Type) -> Walk:
    accepts = {"str": _is_text, "bool": _is_flag, "num": _is_number}.get(wanted.kind)
    if accepts is None:
        accepts = _is_int32 if wanted.kind == "i32" else _is_int64

    def walk(value: Json, found: _Found, at: At) -> Json:
        if not accepts(value):
            found.wrong(wrong_type(value, wanted, at))
        return value

    return walk


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_flag(value: Json) -> bool:
    return isinstance(value, bool)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_int32(value: Json) -> bool:
    return type(value) is int and -(2**31) <= value < 2**31


def _is_int64(value: Json) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def _read_bytes(value: Json, found: _Found, at: At) -> Json:
    if not isinstance(value, str):
        found.wrong(wrong_type(value, Type("b64"), at))
    elif fault := base64_fault(value):
        found.wrong(fault)
    return value


def _read_quantity(value: Json, found: _Found, _at: At) -> Json:
    readable = isinstance(value, str | int | float) and not isinstance(value, bool)
    try:
        canonical = canonical_text(value if readable else "")  # type: ignore[arg-type]  # readable says so
    except ValueError as wrong:
        found.wrong(own_words(str(wrong)))
        return value
    return value if canonical == value else canonical


def _read_int_or_text(value: Json, found: _Found, _at: At) -> Json:
    if not isinstance(value, str) and not _is_int32(value):
        found.wrong(not_a(value, "int32"))
    return value


def _read_time(value: Json, found: _Found, _at: At) -> Json:
    return _instant(value, found, micro=False)


def _read_micro_time(value: Json, found: _Found, _at: At) -> Json:
    return _instant(value, found, micro=True)


def _instant(value: Json, found: _Found, *, micro: bool) -> Json:
    if not isinstance(value, str):
        found.wrong(not_a(value, "string"))
        return value
    if not is_time(value):
        found.wrong(time_fault(value, micro))
        return value
    if (_CANONICAL_MICRO if micro else _CANONICAL_TIME).fullmatch(value):
        return value
    return (format_micro_time if micro else format_time)(parse_time(value))


def _read_any(value: Json, _found: _Found, _at: At) -> Json:
    return value


_OWN_WALKS: dict[str, Walk] = {
    "b64": _read_bytes,
    "qty": _read_quantity,
    "intstr": _read_int_or_text,
    "time": _read_time,
    "micro": _read_micro_time,
    "any": _read_any,
}
