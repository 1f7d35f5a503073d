"""Sets of fields, as `metadata.managedFields` writes them.

A path is a tuple of steps in fieldsV1's own spelling: `f:spec` a field or map key,
`k:{"name":"c"}` an item of a list known by keys, `v:"x"` an item of a set. Leaves are in a set;
so are items of lists, keys of maps and what is empty, but not the structures on the way.

Source: kubernetes v1.36; sigs.k8s.io/structured-merge-diff (fieldpath, typed/tofieldset.go).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TypeAlias

from msgspec import structs

from kelm.core.api.patches.strategic.rules import Place, Refused
from kelm.core.api.schema.definitions import Field
from kelm.effects.document import Document, Json, child, freeze

Path: TypeAlias = tuple[str, ...]
FieldSet: TypeAlias = frozenset[Path]

_KEY_DEFAULTS: dict[str, Json] = {"protocol": "TCP"}
"""Keys of list items that may be left out."""


def written(value: Json) -> str:
    """Compact JSON, keys sorted."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def step_of(item: Json, field: Field) -> str:
    """How an item of a list that merges is known."""
    if field.list_type == "set":
        return f"v:{written(item)}"
    known: dict[str, Json] = {}
    for key in field.list_keys:
        value = item.get(key) if isinstance(item, Document) else None
        known[key] = _KEY_DEFAULTS.get(key) if value is None else value
        if known[key] is None:
            raise Refused(
                f'associative list with keys has an element that omits key field "{key}" '
                "(and doesn't have default value)"
            )
    return f"k:{written(Document(known))}"


def merges(field: Field, place: Place) -> bool:
    """Whether the parts of a value have owners of their own."""
    kind = field.type.kind
    if kind == "list":
        return field.list_type in ("map", "set")
    if field.list_type in ("atomic", "granular"):
        return field.list_type == "granular"
    definition = place.definitions.get(field.type.name) if kind == "object" else None
    return not (definition is not None and definition.atomic)


def of_items(field: Field, place: Place) -> Field:
    """How the items of a list that merges are seen: as their fields, or each as one value."""
    kind = place.type or field.type
    definition = place.definitions.get(kind.name) if kind.kind == "object" else None
    whole = definition is not None and definition.atomic
    return structs.replace(field, type=kind, list_type="atomic" if whole else "granular")


def merges_items(field: Field, place: Place) -> bool:
    """Whether a list's items have owners of their own; a list of no known type is one value."""
    return field.type.kind == "list" and merges(field, place)


def fields_of(doc: Document, place: Place) -> FieldSet:
    """All fields that a document sets.

    >>> from kelm.core.api.patches.strategic.rules import root
    >>> from kelm.core.api.schema.definitions import definition_of
    >>> web = Document(spec=Document(replicas=2, selector=Document(matchLabels=Document(a="b"))))
    >>> sorted(fields_of(web, root(definition_of("apps/v1", "Deployment"))))
    [('f:spec', 'f:replicas'), ('f:spec', 'f:selector')]
    """
    found: set[Path] = set()
    _collect_object(doc, place, (), found)
    return frozenset(found)


def _collect(value: Json, field: Field, place: Place, path: Path, found: set[Path]) -> None:
    if isinstance(value, Document) and merges(field, place):
        _collect_object(value, place, path, found)
    elif isinstance(value, tuple) and merges_items(field, place):
        inner = place.items()
        for item in value:
            here = (*path, step_of(item, field))
            found.add(here)
            if isinstance(item, Document) and merges(of_items(field, inner), inner):
                _collect_object(item, inner, here, found)
    else:
        found.add(path)


def _collect_object(doc: Document, place: Place, path: Path, found: set[Path]) -> None:
    is_map = place.type is not None and place.type.kind == "map"
    for key, value in doc.items():
        field, inner = place.field(key)
        here = (*path, f"f:{key}")
        _collect(value, field, inner, here, found)
        if is_map or value is None or value == Document():
            found.add(here)


def to_fields_v1(fields: Iterable[Path]) -> Document:
    """A set of fields as `fieldsV1` nests it.

    >>> to_fields_v1([("f:spec", "f:a"), ("f:spec",), ("f:spec", "f:a", "f:b")])
    {'f:spec': {'.': {}, 'f:a': {'.': {}, 'f:b': {}}}}
    """
    paths = sorted(fields)
    heads = sorted({path[0] for path in paths if path})
    nested: dict[str, Json] = {}
    for head in heads:
        tails = [path[1:] for path in paths if path and path[0] == head]
        inner = to_fields_v1(tail for tail in tails if tail)
        nested[head] = Document({".": Document(), **inner}) if inner and () in tails else inner
    return Document(nested)


def from_fields_v1(doc: Document) -> FieldSet:
    """The set of fields that `fieldsV1` means.

    >>> sorted(from_fields_v1(to_fields_v1([("f:a",), ("f:a", "f:b"), ("f:c",)])))
    [('f:a',), ('f:a', 'f:b'), ('f:c',)]
    """
    found: set[Path] = set()
    for step in doc:
        inner = child(doc, step)
        if step == ".":
            continue
        if not inner or "." in inner:
            found.add((step,))
        found.update((step, *rest) for rest in from_fields_v1(inner))
    return frozenset(found)


def parse_step(text: str) -> str | None:
    """A step in its one spelling, None where it is none.

    >>> parse_step('k:{"b":1, "a":2}'), parse_step("i:0"), parse_step("x:1"), parse_step("i:a")
    ('k:{"a":2,"b":1}', 'i:0', None, None)
    """
    kind, colon, rest = text.partition(":")
    if not colon or kind not in ("f", "v", "i", "k"):
        return None
    if kind == "f":
        return text
    try:
        value = freeze(json.loads(rest))
    except ValueError:
        return None
    if kind == "i" and type(value) is not int:
        return None
    return None if kind == "k" and not isinstance(value, Document) else f"{kind}:{written(value)}"


def path_text(path: Path) -> str:
    """A path as a person reads it.

    >>> path_text(("f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}', "f:name"))
    '.spec.ports[port=80,protocol="TCP"].name'
    """
    return "".join(_step_text(step) for step in path)


def _step_text(step: str) -> str:
    kind, rest = step[0], step[2:]
    if kind == "f":
        return f".{rest}"
    if kind == "k":
        keys = json.loads(rest)
        return f"[{','.join(f'{key}={written(keys[key])}' for key in sorted(keys))}]"
    return f"[={rest}]" if kind == "v" else f"[{rest}]"
