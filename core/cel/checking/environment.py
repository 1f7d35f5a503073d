"""What an expression may name: variables, object types, functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from kelm.core.cel.checking.functions_data import FUNCTIONS
from kelm.core.cel.checking.libraries_data import LIBRARIES
from kelm.core.cel.checking.operators_data import OPERATORS
from kelm.core.cel.checking.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    UINT,
    Type,
    list_of,
    map_of,
    parse_type,
)


class Overload(msgspec.Struct, frozen=True):
    """One signature of a function. A method's first argument is its target."""

    id: str
    method: bool
    args: tuple[Type, ...]
    result: Type
    open: tuple[str, ...]


_LINE: Final = re.compile(r"(\S+) (\S+) (\.?)\((.*)\) -> (.+)")


def declared(text: str) -> dict[str, tuple[Overload, ...]]:
    """The functions of a table of declarations.

    >>> declared("size size_list (list(A)) -> int")["size"][0].open
    ('A',)
    """
    found: dict[str, tuple[Overload, ...]] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        assert match is not None, line
        name, identity, dot, args, result = match.groups()
        whole = parse_type(f"function({args}{', ' if args else ''}{result})")
        params = whole.params
        overload = Overload(identity, bool(dot), params[:-1], params[-1], _open(whole))
        found[name] = (*found.get(name, ()), overload)
    return found


def _open(one: Type) -> tuple[str, ...]:
    if one.kind == "param":
        return (one.name,)
    return tuple(dict.fromkeys(name for part in one.params for name in _open(part)))


STANDARD: Final = declared(OPERATORS + FUNCTIONS + LIBRARIES)
"""The functions of every environment of Kubernetes."""

_A, _B = Type("param", "A"), Type("param", "B")
TYPES: Final[Mapping[str, Type]] = {
    "bool": BOOL,
    "bytes": BYTES,
    "double": DOUBLE,
    "google.protobuf.Duration": DURATION,
    "google.protobuf.Timestamp": TIMESTAMP,
    "int": INT,
    "list": list_of(_A),
    "map": map_of(_A, _B),
    "null_type": NULL,
    "string": STRING,
    "type": Type("type"),
    "uint": UINT,
}
"""Types that can be named as values."""


class Environment(msgspec.Struct, frozen=True):
    """What an expression may name beside the language and Kubernetes' libraries.

    variables: their types.
    objects: for each type with fields its fields, named as expressions name them (escaped).
    functions: more functions than all environments have.
    binds: whether `cel.bind` is there.

    >>> Environment({"self": DYN}).variables["self"].kind
    'dyn'
    """

    variables: Mapping[str, Type]
    objects: Mapping[str, Mapping[str, Type]] = {}
    functions: Mapping[str, tuple[Overload, ...]] = {}
    binds: bool = False

    def function(self, name: str) -> tuple[Overload, ...] | None:
        return STANDARD.get(name) or self.functions.get(name)

    def named(self, name: str) -> Type | None:
        """The type of a variable, or of a type as a value."""
        found = self.variables.get(name)
        if found is not None:
            return found
        one = TYPES.get(name)
        return None if one is None else Type("type", "", (one,))


DYNAMIC: Final = Environment({"self": DYN})
