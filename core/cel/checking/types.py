"""The types that the checker knows, how they are named, and which may stand for which.

Source: cel-go v0.26, common/types/types.go, checker/types.go, checker/format.go.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec


class Type(msgspec.Struct, frozen=True):
    """A type: its kind, its name where the kind has several, and its parameters.

    Kinds: bool, int, uint, double, string, bytes, null, dyn, error, timestamp, duration, list, map,
    type, object (with fields), opaque (without), param (a type that is still open).
    """

    kind: str
    name: str = ""
    params: tuple[Type, ...] = ()


BOOL: Final = Type("bool")
INT: Final = Type("int")
UINT: Final = Type("uint")
DOUBLE: Final = Type("double")
STRING: Final = Type("string")
BYTES: Final = Type("bytes")
NULL: Final = Type("null")
DYN: Final = Type("dyn")
ERROR: Final = Type("error")
TIMESTAMP: Final = Type("timestamp")
DURATION: Final = Type("duration")
SIMPLE: Final = {
    one.kind: one
    for one in (BOOL, INT, UINT, DOUBLE, STRING, BYTES, NULL, DYN, TIMESTAMP, DURATION)
}
WRAPPERS: Final = {
    name: Type("wrapper", "", (SIMPLE[name],))
    for name in ("bool", "int", "uint", "double", "string", "bytes")
}


def list_of(element: Type) -> Type:
    return Type("list", "", (element,))


def map_of(key: Type, value: Type) -> Type:
    return Type("map", "", (key, value))


def object_type(name: str) -> Type:
    return Type("object", name)


def optional_of(value: Type) -> Type:
    return Type("opaque", "optional_type", (value,))


def is_optional(one: Type) -> bool:
    return one.kind == "opaque" and one.name == "optional_type"


def unwrapped(one: Type) -> tuple[Type, bool]:
    """What an optional holds, and whether it was one."""
    return (one.params[0], True) if is_optional(one) else (one, False)


def shown(one: Type) -> str:
    """A type as errors name it.

    >>> shown(map_of(STRING, list_of(optional_of(DYN))))
    'map(string, list(optional_type(dyn)))'
    """
    if one.kind == "error":
        return "!error!"
    name = one.name or one.kind
    if not one.params:
        return name
    return f"{name}({', '.join(map(shown, one.params))})"


Bound: TypeAlias = "dict[str, Type]"
"""What open types stand for by now. Lives for one check of one expression."""


def substituted(bound: Bound, one: Type, *, closed: bool = False) -> Type:
    """A type with its open parts filled in; what is still open becomes dyn if it is `closed`."""
    if one.kind == "param":
        if one.name in bound:
            return substituted(bound, bound[one.name], closed=closed)
        return DYN if closed else one
    if not one.params:
        return one
    return Type(
        one.kind, one.name, tuple(substituted(bound, part, closed=closed) for part in one.params)
    )


def assignable(bound: Bound, one: Type, other: Type) -> bool:
    """Whether a value of the first type may stand where the other is wanted; binds open types.

    What was bound on the way of a comparison that fails is not kept.
    """
    trial = dict(bound)
    if not _assignable(trial, one, other):
        return False
    bound.update(trial)
    return True


def all_assignable(bound: Bound, some: tuple[Type, ...], others: tuple[Type, ...]) -> bool:
    """The same for each of several."""
    if len(some) != len(others):
        return False
    trial = dict(bound)
    if not all(_assignable(trial, one, other) for one, other in zip(some, others, strict=True)):
        return False
    bound.update(trial)
    return True


def _assignable(bound: Bound, one: Type, other: Type) -> bool:
    if other.kind == "param":
        valid, known = _substitutes(bound, one, other)
        if valid or known:
            return valid
    if one.kind == "param":
        return _substitutes(bound, other, one)[0]
    if one.kind in ("dyn", "error") or other.kind in ("dyn", "error"):
        return True
    if one.kind == "null":
        return _takes_null(other)
    if other.kind == "null":
        return _takes_null(one)
    if one.kind in ("opaque", "list", "map"):
        return (
            one.kind == other.kind
            and one.name == other.name
            and len(one.params) == len(other.params)
            and all(_assignable(bound, a, b) for a, b in zip(one.params, other.params, strict=True))
        )
    if one.kind == "type":
        return other.kind == "type"
    return one == other


def _takes_null(one: Type) -> bool:
    return one.kind in ("null", "opaque", "object", "timestamp", "duration")


def _substitutes(bound: Bound, one: Type, open_type: Type) -> tuple[bool, bool]:
    """Whether an open type may stand for this one, and whether it stood for something already."""
    if one == open_type:
        return True, True
    known = bound.get(open_type.name)
    if known is not None:
        if one == known:
            return True, True
        if _assignable(bound, one, known):
            wider = most_general(one, known)
            if _absent(bound, open_type, wider):
                bound[open_type.name] = wider
            return True, True
        return False, True
    if _absent(bound, open_type, one):
        bound[open_type.name] = one
        return True, False
    return False, False


def _absent(bound: Bound, open_type: Type, within: Type) -> bool:
    """Whether an open type is no part of another type."""
    if open_type == within:
        return False
    if within.kind == "param":
        known = bound.get(within.name)
        return known is None or _absent(bound, open_type, known)
    return all(_absent(bound, open_type, part) for part in within.params)


def most_general(one: Type, other: Type) -> Type:
    """The more general of two types that unify."""
    return one if _less_specific(one, other) else other


def _less_specific(one: Type, other: Type) -> bool:
    if one.kind in ("dyn", "param"):
        return True
    if other.kind in ("dyn", "param") or one.kind != other.kind:
        return False
    if one.kind == "type":
        return True
    if one.kind in ("opaque", "list", "map"):
        return (
            one.name == other.name
            and len(one.params) == len(other.params)
            and all(map(_less_specific, one.params, other.params))
        )
    return one == other


def parse_type(text: str) -> Type:
    """A type from its notation in the tables of declarations: capitals are open types.

    >>> shown(parse_type("map(K, list(int))")), parse_type("K").kind
    ('map(K, list(int))', 'param')
    """
    head, _, rest = text.partition("(")
    parts = _split(rest[:-1]) if rest else ()
    params = tuple(map(parse_type, parts))
    if head in SIMPLE:
        return SIMPLE[head]
    if len(head) == 1 and head.isupper():
        return Type("param", head)
    if head in ("list", "map", "type"):
        return Type(head, "", params)
    name = head.replace("authz.", "kubernetes.authorization.")
    return Type("object" if head in OBJECTS else "opaque", name, params)


OBJECTS: Final = frozenset(
    {
        "kubernetes.Quantity",
        "kubernetes.URL",
        "kubernetes.Semver",
        "kubernetes.NamedFormat",
        "authz.Authorizer",
        "authz.PathCheck",
        "authz.GroupCheck",
        "authz.ResourceCheck",
        "authz.Decision",
    }
)
"""Types of libraries that upstream declares as objects without fields; `authz` is short for
`kubernetes.authorization`."""


def _split(text: str) -> tuple[str, ...]:
    parts, depth, start = [], 0, 0
    for index, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    last = text[start:].strip()
    return (*parts, last) if last else tuple(parts)
