"""An object with one thing changed, for every field that its kind's schema has.

Fields that are there are taken away; everything gets the values that rules are usually about:
nothing, too long, none of the words that are known, negative, twice the same.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kelm.core.api.schema.definitions import Type, definition_of, kubernetes

Path = tuple[str | int, ...]
LEFT_ALONE = frozenset({"managedFields", "apiVersion", "kind", "status"})
NAMES = frozenset({"name", "generateName", "namespace"})
METADATA = NAMES | {"labels", "annotations", "finalizers", "ownerReferences"}
WITH_METADATA = frozenset(
    {"ConfigMap", "Role", "Service", "CustomResourceDefinition", "ValidatingWebhookConfiguration"}
)
"""Kinds whose labels, annotations, finalizers and owners are tried: each is judged another way."""
LONG = "a" * 260
TEXTS = ("", "Not_A!Name", LONG, "other", "a/b", "*")
NUMBERS = (0, -1, 1, 70_000, 2_147_483_647)
AMOUNTS = ("0", "-1", "1", "1500m", "2Gi")
COUNTS_OR_PERCENTS = (0, -1, 70_000, "50%", "150%", "-5%", "0%", "name", "Not_A!Name")
TIMES = ("2026-01-01T00:00:00Z",)
MICRO_TIMES = ("2026-01-01T00:00:00.000000Z",)
BASE64 = ("", "AAEC")
MAPS_OF_TEXT: tuple[dict[str, str], ...] = (
    {}, {"Not A Key!": "v"}, {"key": "Not A Value!"}, {"key": LONG}, {LONG: "v"}, {"": "v"},
    {"example.com/key": "v"}, {"Not!A/key": "v"},
)  # fmt: skip
MAPS_OF_AMOUNTS: tuple[dict[str, str], ...] = (
    {}, {"cpu": "1"}, {"memory": "-1"}, {"unknown": "1"}, {"example.com/thing": "1"},
    {"example.com/thing": "1500m"}, {"Not A Key!": "1"}, {"storage": "1Gi"}, {"pods": "1500m"},
    {"hugepages-2Mi": "3Mi"}, {"requests.cpu": "1"}, {"ephemeral-storage": "1Gi"},
)  # fmt: skip
GONE = object()


class Mutant(NamedTuple):
    """What was changed, in words, and the object that came of it."""

    label: str
    object: dict[str, Any]


def mutants(
    doc: dict[str, Any], wanted: Callable[[str], bool] = lambda _label: True, depth: int = 4
) -> Iterator[Mutant]:
    """Every object that differs in one field and whose label is wanted.

    `depth` is how far fields are tried that are absent.
    """
    definition = definition_of(doc["apiVersion"], doc["kind"])
    assert definition is not None, doc["kind"]
    all_metadata = doc["kind"] in WITH_METADATA
    for path, value in _changes(Type("object", definition.name), doc, (), depth):
        if path[0] == "metadata" and not (all_metadata or NAMES.issuperset(path[1:2])):
            continue
        shown = "gone" if value is GONE else repr(value)
        label = f"{'.'.join(map(str, path))} = {shown[:60]}"
        if not wanted(label):
            continue
        changed = copy.deepcopy(doc)
        _put(changed, path, value)
        if changed == doc:
            continue
        yield Mutant(label, changed)


def _put(doc: Any, path: Path, value: Any) -> None:
    for step in path[:-1]:
        doc = doc.setdefault(step, {}) if isinstance(doc, dict) else doc[step]
    if value is GONE:
        del doc[path[-1]]
    else:
        doc[path[-1]] = value


def _changes(kind: Type, value: Any, path: Path, depth: int) -> Iterator[tuple[Path, Any]]:
    if depth < 0 and value is None:
        return
    if value is not None and path:
        yield path, GONE
    if kind.kind == "object":
        yield from _in_object(kind, value, path, depth)
    elif kind.kind == "list":
        yield from _in_list(kind, value, path, depth)
    elif kind.kind == "map":
        yield from ((path, item) for item in _maps(kind))
    else:
        yield from ((path, item) for item in _scalars(kind) if item != value)


def _in_object(kind: Type, value: Any, path: Path, depth: int) -> Iterator[tuple[Path, Any]]:
    if path:
        yield path, {}
    there = value if isinstance(value, dict) else {}
    for name, field in kubernetes()[kind.name].fields.items():
        if name in LEFT_ALONE or (path == ("metadata",) and name not in METADATA):
            continue
        yield from _changes(field.type, there.get(name), (*path, name), depth - 1)


def _in_list(kind: Type, value: Any, path: Path, depth: int) -> Iterator[tuple[Path, Any]]:
    element = kind.element
    assert element is not None
    yield path, []
    if value:
        yield path, [*value, value[0]]
        for index, item in enumerate(value):
            yield from _changes(element, item, (*path, index), depth)
        return
    if element.kind == "object":
        yield path, [{}]
        for inner, new in _in_object(element, {}, (0,), depth - 1):
            item: list[Any] = [{}]
            _put(item, inner, new)
            yield path, item
    else:
        yield from ((path, [item]) for item in _scalars(element))
        yield from ((path, [item, item]) for item in _scalars(element)[:1])


def _maps(kind: Type) -> tuple[dict[str, Any], ...]:
    element = kind.element
    assert element is not None
    if element.kind == "qty":
        return MAPS_OF_AMOUNTS
    return MAPS_OF_TEXT if element.kind == "str" else ({},)


def _scalars(kind: Type) -> tuple[Any, ...]:
    known: dict[str, tuple[Any, ...]] = {
        "str": TEXTS, "bool": (True, False), "i32": NUMBERS, "i64": NUMBERS, "qty": AMOUNTS,
        "intstr": COUNTS_OR_PERCENTS, "time": TIMES, "micro": MICRO_TIMES, "b64": BASE64,
    }  # fmt: skip
    return known.get(kind.kind, ())
