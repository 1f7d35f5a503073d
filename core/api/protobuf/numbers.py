"""Which number a field has in Protobuf.

The data is a type per paragraph, first its name, then a word a field: its name, its number, and
`!` where a zero that is written means zero. Elsewhere Go writes zeroes that say nothing, and its
JSON leaves them out. `2.1` is field 1 of the message in field 2: a structure that Go embeds has a
message of its own, while JSON puts its fields in its place.

Source: kubernetes v1.36, staging/src/k8s.io/*/types.go (protobuf and json tags).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import msgspec

from kelm.core.api.protobuf import data_1, data_2, data_3


class Numbered(msgspec.Struct, frozen=True, gc=False):
    """A field's name, the numbers on the way to it, and whether its zero is kept."""

    name: str
    path: tuple[int, ...]
    keeps_zero: bool


Numbers: TypeAlias = "tuple[Numbered, ...]"


@lru_cache(maxsize=1)
def numbers() -> dict[str, Numbers]:
    """The numbered fields of every type."""
    data = f"{data_1.DATA}\n{data_2.DATA}\n{data_3.DATA}"
    paragraphs = data.strip().replace("\n ", " ").splitlines()
    return dict(map(_read, filter(None, paragraphs)))


def _read(paragraph: str) -> tuple[str, Numbers]:
    """
    >>> _read("core.v1.Volume name:1! hostPath:2.1")[1][1]
    Numbered(name='hostPath', path=(2, 1), keeps_zero=False)
    """
    name, *words = paragraph.split()
    return name, tuple(_field(word) for word in words)


def _field(word: str) -> Numbered:
    name, _, number = word.partition(":")
    path = tuple(int(step) for step in number.rstrip("!").split("."))
    return Numbered(name, path, number.endswith("!"))
