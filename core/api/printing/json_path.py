"""The JSONPaths of printer columns: where in an object a cell's value is.

    .spec.replicas   .status.conditions[?(@.type=="Ready")].status   .metadata.labels['a.b/c']

Source: kubernetes v1.36, client-go/util/jsonpath/parser.go; apiextensions-apiserver/pkg/registry/
customresource/tableconvertor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

from kelm.effects.document import Document, Json, value_at

_STEP: Final = re.compile(
    r"""\.?(?P<name>[A-Za-z_][\w-]*)
      | \[\s*(?P<quote>['"])(?P<key>.*?)(?P=quote)\s*\]
      | \[(?P<index>-?\d+)\]
      | (?P<all>\[\*\]|\.\*)
      | \[\?\(\s*@\.(?P<field>[\w.-]+)\s*==\s*(?P<mark>['"]?)(?P<wanted>.*?)(?P=mark)\s*\)\]""",
    re.VERBOSE,
)


class Named(msgspec.Struct, frozen=True):
    """A field of an object."""

    name: str


class Numbered(msgspec.Struct, frozen=True):
    """An item of a list."""

    index: int


class Chosen(msgspec.Struct, frozen=True):
    """The items whose field is as wanted; an empty field means all."""

    field: tuple[str, ...] = ()
    wanted: str = ""


Step: TypeAlias = Named | Numbered | Chosen


@lru_cache(maxsize=512)
def parse_json_path(path: str) -> tuple[Step, ...] | None:
    """The steps of a path, None where it is none that is understood.

    >>> parse_json_path(".spec.replicas")
    (Named(name='spec'), Named(name='replicas'))
    >>> parse_json_path("..") is None
    True
    """
    rest = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    steps: list[Step] = []
    place = 0
    while place < len(rest):
        match = _STEP.match(rest, place)
        if match is None:
            return None
        steps.append(_step(match))
        place = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    if match["name"] is not None:
        return Named(match["name"])
    if match["key"] is not None:
        return Named(match["key"].replace("\\", ""))
    if match["index"] is not None:
        return Numbered(int(match["index"]))
    if match["field"] is not None:
        return Chosen(tuple(match["field"].split(".")), match["wanted"])
    return Chosen()


def values_at(doc: Document, path: str) -> tuple[Json, ...]:
    """Every value that a path means, none where there is nothing.

    >>> from kelm.effects.document import document
    >>> doc = document({"a": [{"t": "x", "v": 1}, {"t": "y", "v": 2}]})
    >>> values_at(doc, '.a[?(@.t=="y")].v'), values_at(doc, ".a[*].v"), values_at(doc, ".b")
    ((2,), (1, 2), ())
    """
    found: tuple[Json, ...] = (doc,)
    for step in parse_json_path(path) or ():
        found = tuple(inner for value in found for inner in _below(value, step))
    return found if parse_json_path(path) else ()


def _below(value: Json, step: Step) -> Iterator[Json]:
    if isinstance(step, Named):
        if isinstance(value, Document) and step.name in value:
            yield value[step.name]
    elif isinstance(step, Numbered):
        if isinstance(value, tuple) and -len(value) <= step.index < len(value):
            yield value[step.index]
    elif isinstance(value, tuple):
        for one in value:
            if not step.field or _is_wanted(one, step):
                yield one
    elif isinstance(value, Document) and not step.field:
        yield from value.values()


def _is_wanted(item: Json, step: Chosen) -> bool:
    found = value_at(item, *step.field) if isinstance(item, Document) else None
    return (str(found).lower() if isinstance(found, bool) else str(found)) == step.wanted
