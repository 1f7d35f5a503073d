"""What OpenAPI says of values: defaults, the words that a field may be, the order of what it needs.

The data is one text (`data_values.py`, generated), a type per paragraph: its name, then its fields
that have something to say.

    core.v1.ContainerPort containerPort protocol=TCP:SCTP,TCP,UDP

A field alone has its type's zero for a default, `=VALUE` is another one, `:A,B` are the words it
may be (`_` stands for a blank), `~` says that there is no default, `[]` that the words are those of
a list's or map's elements, `@NAME` of which type a value of any shape is, and `!a,b` in which order
the needed fields are named if it is not that of the alphabet.

Source: kubernetes v1.36, the OpenAPI documents that kube-apiserver serves.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from kelm.core.api.openapi.data_values import DATA
from kelm.core.api.schema.definitions import Type
from kelm.effects.document import EMPTY, Json

ZEROS: Final[dict[str, Json]] = {"str": "", "bool": False, "i32": 0, "i64": 0, "object": EMPTY}
"""What Go has where nothing was said, by the kind of a type."""


class Values(msgspec.Struct, frozen=True):
    """What is said of one field."""

    has_default: bool = False
    default: str = ""
    words: tuple[str, ...] = ()
    element_words: tuple[str, ...] = ()
    reference: str = ""

    def default_of(self, wanted: Type) -> Json:
        """The default as a value of a type.

        >>> values_of("core.v1.ContainerPort", "protocol").default_of(Type("str"))
        'TCP'
        >>> values_of("core.v1.ContainerPort", "containerPort").default_of(Type("i32"))
        0
        """
        if not self.default:
            return ZEROS.get(wanted.kind, EMPTY)
        return int(self.default) if wanted.kind in ("i32", "i64") else self.default


NOTHING: Final = Values()


def values_of(name: str, field: str) -> Values:
    """What is said of a type's field."""
    return _said().get(name, {}).get(field, NOTHING)


def needed_order(name: str, needed: tuple[str, ...]) -> tuple[str, ...]:
    """The needed fields of a type as OpenAPI lists them.

    >>> needed_order("core.v1.AttachedVolume", ("devicePath", "name"))
    ('name', 'devicePath')
    """
    listed = _orders().get(name, ())
    return listed if sorted(listed) == sorted(needed) else needed


@lru_cache(maxsize=1)
def _paragraphs() -> dict[str, list[str]]:
    lines = DATA.strip().replace("\n ", " ").splitlines()
    return {name: words for name, *words in map(str.split, lines)}


@lru_cache(maxsize=1)
def _orders() -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(word[1:].split(","))
        for name, words in _paragraphs().items()
        for word in words
        if word.startswith("!")
    }


@lru_cache(maxsize=1)
def _said() -> dict[str, dict[str, Values]]:
    return {name: _fields(words) for name, words in _paragraphs().items()}


def _fields(words: list[str]) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for word in words:
        if word.startswith("!"):
            continue
        left, _, listed = word.partition(":")
        if "@" in left:
            key, _, reference = left.partition("@")
            found[key] = Values(reference=reference)
            continue
        key, _, default = left.removeprefix("~").partition("=")
        among = tuple(listed.replace("_", " ").split(",")) if listed else ()
        if key.endswith("[]"):
            key = key.removesuffix("[]")
            found[key] = msgspec.structs.replace(found.get(key, NOTHING), element_words=among)
        else:
            found[key] = Values(not left.startswith("~"), default, among)
    return found
