"""What a call costs at most, by how large its arguments can be.

Source: cel-go v0.26, checker/cost.go (functionCost), ext/lists.go, ext/sets.go; kubernetes v1.36,
apiserver/pkg/cel/library/cost.go (EstimateCallCost).
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Final, TypeAlias

import msgspec

from kelm.core.cel.checking.types import Type
from kelm.core.cel.estimating.sizes import (
    NOTHING,
    ONE,
    UNBOUNDED,
    UNKNOWN,
    Range,
    capped,
    exactly,
)
from kelm.core.cel.running.costs import (
    CHECK_COST,
    LIST_COST,
    OBJECT_COST,
    PER_CHARACTER,
    PER_PATTERN_CHARACTER,
)
from kelm.core.cel.syntax.nodes import Literal, Node

_ADDRESS: Final = Range(4, 16)
_FORMAT_PATTERN: Final = 128


class Argument(msgspec.Struct, frozen=True):
    """What is known of an argument; `element` of lists and maps: how large their elements are."""

    node: Node
    type: Type
    known: Range | None
    element: Range | None

    @property
    def size(self) -> Range:
        return UNKNOWN if self.known is None else self.known

    def number(self, default: int) -> int:
        """The integer that stands there."""
        if isinstance(self.node, Literal) and type(self.node.value) is int:
            return max(0, self.node.value)
        return default


class Guess(msgspec.Struct, frozen=True):
    """What a call costs, and how large its result is where that is known."""

    cost: Range
    size: Range | None = None


Arguments: TypeAlias = "tuple[Argument, ...]"
Rule: TypeAlias = "Callable[[Argument | None, Arguments], Guess | None]"


def guess_call(function: str, overload: str, target: Argument | None, args: Arguments) -> Guess:
    """What a call costs, without its arguments."""
    rule = _LISTS.get(overload) or _by_kubernetes(function, overload) or _BY_OVERLOAD.get(overload)
    found = None if rule is None else rule(target, args)
    return Guess(ONE) if found is None else found


def _by_kubernetes(function: str, overload: str) -> Rule | None:
    if function == "_==_":
        return _equality
    if function == "ip" and overload == "cidr_ip":
        return _one
    if overload in _READING:
        return _READING[overload]
    return _BY_NAME.get(function)


def walked(size: Range, factor: float = 1) -> Range:
    return size.scaled(factor * PER_CHARACTER)


def _one(_target: Argument | None, _args: Arguments) -> Guess:
    return Guess(ONE)


def _check(_target: Argument | None, _args: Arguments) -> Guess:
    return Guess(exactly(CHECK_COST))


def _selector(_target: Argument | None, args: Arguments) -> Guess:
    size = args[0].size
    requirements = size.scaled(0.5).scaled(LIST_COST + OBJECT_COST)
    return Guess(exactly(LIST_COST) + walked(size) + requirements)


def _traversal(target: Argument | None, _args: Arguments) -> Guess | None:
    if target is None:
        return None
    if target.element is None:
        return Guess(walked(target.size))
    element = ONE
    if target.type.params[0].kind in ("string", "bytes"):
        element += walked(target.element)
    return Guess(target.size * element)


def _first(_target: Argument | None, args: Arguments) -> Guess:
    return Guess(walked(args[0].size))


def _first_kept(_target: Argument | None, args: Arguments) -> Guess:
    return Guess(walked(args[0].size), args[0].size)


def _first_twice(_target: Argument | None, args: Arguments) -> Guess:
    return Guess(walked(args[0].size, 2))


def _target_kept(target: Argument | None, _args: Arguments) -> Guess | None:
    return None if target is None else Guess(walked(target.size), target.size)


def _replace(target: Argument | None, args: Arguments) -> Guess | None:
    """The longest and the shortest that a text can become."""
    if target is None or len(args) < 2:
        return None
    size, old, new = target.size, args[0].size, args[1].size
    if old.least == 0:
        most, most_kept = capped(size.most + 1), size.most
    elif new.most <= old.least:
        most, most_kept = 0, size.most
    else:
        most, most_kept = _parts(size.most, old.least), 0
    if old.most == 0:
        least, least_kept = capped(size.least + 1), size.least
    elif old.most <= new.least:
        least, least_kept = 0, size.least
    else:
        least, least_kept = _parts(size.least, old.most), 0
    result = Range(least, most) * new + Range(least_kept, most_kept)
    return Guess(walked(size, 2), result)


def _parts(size: int, part: int) -> int:
    return capped(ceil(float(size) / float(part)))


def _split(target: Argument | None, args: Arguments) -> Guess | None:
    if target is None:
        return None
    most = args[1].number(target.size.most) if len(args) > 1 else target.size.most
    return Guess(walked(target.size, 2), Range(0, most))


def _join(target: Argument | None, args: Arguments) -> Guess | None:
    if target is None:
        return None
    listed = target.size
    size = listed * target.element if target.element is not None else NOTHING
    if args:
        between = Range(max(listed.least - 1, 0), max(listed.most - 1, 0))
        size += args[0].size * between
    return Guess(walked(size), size)


def _pattern(text: Range, pattern: Range) -> Range:
    return walked(text + ONE) * pattern.scaled(PER_PATTERN_CHARACTER)


def _find(target: Argument | None, args: Arguments) -> Guess | None:
    if target is None:
        return None
    return Guess(_pattern(target.size, args[0].size), Range(0, target.size.most))


def _validate(_target: Argument | None, args: Arguments) -> Guess:
    return Guess(walked(args[0].size).scaled(_FORMAT_PATTERN * PER_PATTERN_CHARACTER))


def _contains_ip(_target: Argument | None, _args: Arguments) -> Guess:
    return Guess(walked(_ADDRESS + _ADDRESS))


def _contains_cidr(_target: Argument | None, _args: Arguments) -> Guess:
    return Guess(walked(_ADDRESS + _ADDRESS) + walked(_ADDRESS) + ONE)


def _reading(rule: Callable[[Argument | None, Arguments], Guess]) -> Rule:
    def read(target: Argument | None, args: Arguments) -> Guess:
        return Guess(rule(target, args).cost + walked(args[0].size))

    return read


def _equality(_target: Argument | None, args: Arguments) -> Guess | None:
    """Values of Kubernetes' own types are compared at once."""
    if len(args) != 2 or args[0].type != args[1].type:
        return _compared(None, args)
    name = args[0].type.name
    if name == "kubernetes.NamedFormat":
        return Guess(walked(Range(1, 64)))
    if name == "kubernetes.URL":
        known = args[1].known
        return Guess(walked(Range(1, 1 if known is None else known.most)))
    atomic = name.startswith(("kubernetes.", "net."))
    return Guess(ONE) if atomic else _compared(None, args)


def _compared(_target: Argument | None, args: Arguments) -> Guess:
    most = min(args[0].size.most, args[1].size.most)
    return Guess(walked(Range(1 if most else 0, most)))


def _added(_target: Argument | None, args: Arguments) -> Guess:
    size = args[0].size + args[1].size
    return Guess(walked(size), size)


def _added_lists(_target: Argument | None, args: Arguments) -> Guess:
    return Guess(ONE, args[0].size + args[1].size)


def _within(_target: Argument | None, args: Arguments) -> Guess:
    return Guess(args[1].size.scaled(1))


def _contains(target: Argument | None, args: Arguments) -> Guess | None:
    return None if target is None else Guess(walked(target.size) * walked(args[0].size))


def _matches(target: Argument | None, args: Arguments) -> Guess | None:
    return None if target is None else Guess(_pattern(target.size, args[0].size))


def _formatted(target: Argument | None, _args: Arguments) -> Guess | None:
    return None if target is None else Guess(walked(target.size))


def _to_bytes(_target: Argument | None, args: Arguments) -> Guess:
    size = args[0].size
    # Upstream's product wraps round at 2**64.
    return Guess(walked(size), Range(size.least, size.most * 4 & UNBOUNDED))


def _from_bytes(_target: Argument | None, args: Arguments) -> Guess:
    size = args[0].size
    return Guess(walked(size), Range(size.least // 4, size.most))


def _quoted(_target: Argument | None, args: Arguments) -> Guess:
    size = args[0].size
    return Guess(walked(size), Range(size.least + 2, size.most * 2 + 2 & UNBOUNDED))


# -- lists and sets ------------------------------------------------------------------------------


def _listed(factor: float, size: Range) -> Guess:
    return Guess(size.scaled(factor) + ONE + exactly(LIST_COST), size)


def _slice(target: Argument | None, args: Arguments) -> Guess | None:
    if target is None:
        return None
    start, end = args[0].number(0), args[1].number(target.size.most)
    return _listed(1, exactly((end - start) & UNBOUNDED))


def _range(_target: Argument | None, args: Arguments) -> Guess:
    return _listed(1, exactly(args[0].number(UNBOUNDED)))


def _reverse(target: Argument | None, _args: Arguments) -> Guess | None:
    return None if target is None else _listed(1, target.size)


def _flatten(target: Argument | None, args: Arguments) -> Guess | None:
    if target is None:
        return None
    return _listed(float(args[0].number(UNBOUNDED)) if args else 1, target.size)


def _distinct(target: Argument | None, _args: Arguments) -> Guess | None:
    return None if target is None else _listed(2, target.size * target.size)


def _sorting(texts: bool) -> Rule:
    def sort(target: Argument | None, args: Arguments) -> Guess | None:
        listed = args[0] if args else target
        if listed is None:
            return None
        return _listed(2.1 if texts else 2, listed.size * listed.size)

    return sort


def _sets(factor: float) -> Rule:
    def compare(_target: Argument | None, args: Arguments) -> Guess:
        return Guess((args[0].size * args[1].size).scaled(factor) + ONE)

    return compare


_LISTS: Final[dict[str, Rule]] = {
    "list_slice": _slice,
    "list_flatten": _flatten,
    "list_flatten_int": _flatten,
    "lists_range": _range,
    "list_reverse": _reverse,
    "list_distinct": _distinct,
    "list_sets_contains_list": _sets(1),
    "list_sets_intersects_list": _sets(1),
    "list_sets_equivalent_list": _sets(2),
    **{
        f"list_{kind}_{how}": _sorting(kind in ("string", "bytes"))
        for how in ("sort", "sortByAssociatedKeys")
        for kind in ("int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes")
    },
}
_READING: Final[dict[str, Rule]] = {
    "cidr_contains_ip_string": _reading(_contains_ip),
    "cidr_contains_cidr_string": _reading(_contains_cidr),
}
_BY_NAME: Final[dict[str, Rule]] = {
    "check": _check,
    "fieldSelector": _selector,
    "labelSelector": _selector,
    **dict.fromkeys(("isSorted", "sum", "max", "min", "indexOf", "lastIndexOf"), _traversal),
    **dict.fromkeys(("url", "jsonpatch.escapeKey"), _first_kept),
    **dict.fromkeys(("lowerAscii", "upperAscii", "substring", "trim"), _target_kept),
    **dict.fromkeys(
        ("cidr", "isIP", "isCIDR", "ip", "quantity", "isQuantity", "semver", "isSemver"), _first
    ),
    "ip.isCanonical": _first_twice,
    "replace": _replace,
    "split": _split,
    "join": _join,
    "find": _find,
    "findAll": _find,
    "containsIP": _contains_ip,
    "containsCIDR": _contains_cidr,
    "validate": _validate,
}
_BY_OVERLOAD: Final[dict[str, Rule]] = {
    "string_format": _formatted,
    "strings_quote": _quoted,
    "string_to_bytes": _to_bytes,
    "bytes_to_string": _from_bytes,
    "starts_with_string": _first,
    "ends_with_string": _first,
    "in_list": _within,
    "matches_string": _matches,
    "contains_string": _contains,
    "add_string": _added,
    "add_bytes": _added,
    "add_list": _added_lists,
    "not_equals": _compared,
    **{
        f"{how}_{kind}": _compared
        for how in ("less", "greater", "less_equals", "greater_equals")
        for kind in ("string", "bytes")
    },
}
