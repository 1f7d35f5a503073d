"""What an expression costs at most, before it ever runs.

A definition or a policy is refused for rules that could cost too much. How large the data can be is
asked of the caller, by the path to it: `("self", "spec", "names", "@items")`.

Source: cel-go v0.26, checker/cost.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from kelm.core.cel.checking.checker import Checked
from kelm.core.cel.checking.types import Type
from kelm.core.cel.estimating.functions import Argument, Guess, guess_call
from kelm.core.cel.estimating.sizes import (
    NOTHING,
    ONE,
    UNBOUNDED,
    UNKNOWN,
    Entry,
    Range,
    exactly,
)
from kelm.core.cel.running.costs import LIST_COST, MAP_COST, OBJECT_COST
from kelm.core.cel.syntax.macros import RESULT
from kelm.core.cel.syntax.nodes import (
    Call,
    Comprehension,
    Ident,
    ListOf,
    Literal,
    MapOf,
    Node,
    ObjectOf,
    Select,
)

Path: TypeAlias = "tuple[str, ...]"
SizeOf: TypeAlias = "Callable[[Path], int | None]"
"""The largest size of what is at a path, None where nothing is known."""

_SCALARS = frozenset({"bool", "int", "uint", "double", "timestamp", "duration"})


def estimate(checked: Checked, size_of: SizeOf) -> Range:
    """The least and the most that an expression can cost.

    >>> from kelm.core.cel.checking.environment import DYNAMIC
    >>> from kelm.core.cel.compile import parse_and_check
    >>> checked = parse_and_check("self.all(e, e > 1)", DYNAMIC).unwrap()
    >>> estimate(checked, lambda path: 10 if path == ("self",) else None)
    Range(least=2, most=52)
    """
    return _Estimator(checked, size_of).cost(checked.node)


class _Local(msgspec.Struct, frozen=True):
    path: Path
    size: Range | None
    entry: Entry | None


class _Estimator:
    """One estimate. Lives for one call of `estimate`."""

    def __init__(self, checked: Checked, size_of: SizeOf) -> None:
        self.checked = checked
        self.size_of = size_of
        self.paths: dict[int, Path] = {}
        self.sizes: dict[int, Range] = {}
        self.entries: dict[int, Entry] = {}
        self.locals: dict[str, list[_Local]] = {}

    # -- what is known of a part -----------------------------------------------------------

    def type(self, node: Node) -> Type:
        return self.checked.types[node.id]

    def local(self, node: Node) -> _Local | None:
        if not isinstance(node, Ident):
            return None
        found = self.locals.get(node.name)
        return found[-1] if found else None

    def path(self, node: Node) -> Path:
        local = self.local(node)
        return local.path if local is not None else self.paths.get(node.id, ())

    def size(self, node: Node) -> Range | None:
        known = self.sizes.get(node.id)
        if known is not None:
            return known
        written = _written_size(node)
        if written is not None:
            return written
        path = self.path(node)
        most = self.size_of(path) if path else None
        if most is not None:
            self.sizes[node.id] = Range(0, most)
            return self.sizes[node.id]
        if _is_scalar(self.type(node)):
            return ONE
        local = self.local(node)
        return None if local is None else local.size

    def size_or_unknown(self, node: Node) -> Range:
        found = self.size(node)
        return UNKNOWN if found is None else found

    def entry(self, node: Node) -> Entry | None:
        known = self.entries.get(node.id)
        if known is not None:
            return known
        local = self.local(node)
        return None if local is None else local.entry

    def argument(self, node: Node) -> Argument:
        path = self.path(node)
        if path and path[0] in ("__result__", RESULT):
            path = ()
        element: Range | None = None
        params = self.type(node).params
        if params:
            most = self.size_of((*path, "@items")) if path else None
            element = UNKNOWN if most is None else Range(0, most)
        return Argument(node, self.type(node), self.size(node), element)

    # -- what a part costs -------------------------------------------------------------------

    def cost(self, node: Node) -> Range:
        match node:
            case Literal():
                return NOTHING
            case Ident():
                local = self.local(node)
                self.paths[node.id] = (node.name,) if local is None else local.path
                return ONE
            case Select():
                return self.select(node)
            case Call():
                return self.call(node)
            case ListOf():
                return self.list_of(node)
            case MapOf():
                return self.map_of(node)
            case ObjectOf():
                total = exactly(OBJECT_COST)
                for field in node.fields:
                    total += self.cost(field.value)
                return total
            case Comprehension():
                return self.bind(node) if _is_bind(node) else self.fold(node)

    def select(self, node: Select) -> Range:
        total = self.cost(node.operand)
        if node.test:
            return total
        self.paths[node.id] = (*self.path(node.operand), node.field)
        selects = self.type(node.operand).kind in ("map", "object", "param")
        return total + ONE if selects else total

    def call(self, node: Call) -> Range:
        if node.function == "dyn" and node.target is None:
            total = self.cost(node.args[0]) + ONE
            self.copy(node, node.args[0])
            return total
        costs = tuple(map(self.cost, node.args))
        args = tuple(map(self.argument, node.args))
        overloads = self.checked.overloads.get(node.id, ())
        if not overloads:
            return NOTHING
        total, target = NOTHING, None
        if node.target is not None:
            total = self.cost(node.target)
            target = self.argument(node.target)
        dearest = Range(UNBOUNDED, 0)
        result: Range | None = None
        for overload in overloads:
            guess = self.guess(node, overload, target, args, costs)
            dearest = dearest.union(guess.cost)
            if guess.size is not None:
                result = guess.size if result is None else result.union(guess.size)
            if overload in ("index_list", "index_map"):
                entry = self.entry(node.args[0])
                result = None if entry is None else entry.value
                step = "@items" if overload == "index_list" else "@values"
                self.paths[node.id] = (*self.path(node.args[0]), step)
            if result is None:
                result = self.size(node)
        if result is not None:
            self.sizes[node.id] = result
        return total + dearest

    def guess(
        self,
        node: Call,
        overload: str,
        target: Argument | None,
        args: tuple[Argument, ...],
        costs: tuple[Range, ...],
    ) -> Guess:
        """The cost of one overload, that of its arguments included."""
        if overload in ("logical_and", "logical_or"):
            left, right = costs
            return Guess(Range(left.least, (left + right).most))
        if overload == "conditional":
            return self.conditional(node, costs)
        if overload in ("add_list", "add_string", "add_bytes"):
            first, second = self.entry(node.args[0]), self.entry(node.args[1])
            if first is not None and second is not None:
                self.entries[node.id] = first.union(second)
        guess = guess_call(node.function, overload, target, args)
        total = guess.cost
        for cost in costs:
            total += cost
        return Guess(total, guess.size)

    def conditional(self, node: Call, costs: tuple[Range, ...]) -> Guess:
        yes, no = node.args[1], node.args[2]
        first, second = self.entry(yes), self.entry(no)
        if first is not None and second is not None:
            self.entries[node.id] = first.union(second)
        size = self.size_or_unknown(yes).union(self.size_or_unknown(no))
        return Guess(costs[0] + costs[1].union(costs[2]), size)

    def list_of(self, node: ListOf) -> Range:
        total, sizes = NOTHING, Range(UNBOUNDED, 0) if node.elements else NOTHING
        for element in node.elements:
            total += self.cost(element)
            sizes = sizes.union(self.size_or_unknown(element))
        self.entries[node.id] = Entry(True, ONE, sizes)
        return total + exactly(LIST_COST)

    def map_of(self, node: MapOf) -> Range:
        total = NOTHING
        keys = values = Range(UNBOUNDED, 0) if node.entries else NOTHING
        for entry in node.entries:
            total += self.cost(entry.key)
            total += self.cost(entry.value)
            keys = keys.union(self.size_or_unknown(entry.key))
            values = values.union(self.size_or_unknown(entry.value))
        self.entries[node.id] = Entry(False, keys, values)
        return total + exactly(MAP_COST)

    # -- folds -------------------------------------------------------------------------------

    def push(self, name: str, path: Path, size: Range | None, entry: Entry | None) -> None:
        self.locals.setdefault(name, []).append(_Local(path, size, entry))

    def pop(self, name: str) -> None:
        self.locals[name].pop()

    def copy(self, into: Node, source: Node) -> None:
        size, entry = self.size(source), self.entry(source)
        if size is not None:
            self.sizes[into.id] = size
        if entry is not None:
            self.entries[into.id] = entry

    def bind(self, node: Comprehension) -> Range:
        total = self.cost(node.range) + self.cost(node.init)
        name = node.accumulator
        self.push(name, self.path(node.init), self.size(node.init), self.entry(node.init))
        total += self.cost(node.result)
        self.pop(name)
        self.copy(node, node.result)
        return total

    def fold(self, node: Comprehension) -> Range:
        total = self.cost(node.range) + self.cost(node.init)
        init_path = self.path(node.init)
        self.push(node.accumulator, init_path, self.size(node.init), self.entry(node.init))
        self.push_variables(node)
        each = self.cost(node.condition) + self.cost(node.step)
        self.pop(node.variable)
        if node.second:
            self.pop(node.second)
        total += self.cost(node.result)
        self.pop(node.accumulator)
        rounds = self.size_or_unknown(node.range)
        if isinstance(node.init, Literal):
            size = self.size(node.init)
            if size is not None:
                self.sizes[node.id] = size
        elif isinstance(node.init, ListOf | MapOf):
            self.sizes[node.id] = rounds
            entry = self.entry(node.step)
            if entry is not None:
                self.entries[node.id] = entry
        return total + rounds * each

    def push_variables(self, node: Comprehension) -> None:
        entry, path = self.entry(node.range), self.path(node.range)
        of_list = self.type(node.range).kind == "list" if entry is None else entry.of_list
        key = None if entry is None else entry.key
        value = None if entry is None else entry.value
        if node.second:
            self.push(node.variable, (*path, "@indices" if of_list else "@keys"), key, None)
            self.push(node.second, (*path, "@items" if of_list else "@values"), value, None)
        elif of_list:
            self.push(node.variable, (*path, "@items"), value, None)
        else:
            self.push(node.variable, (*path, "@keys"), key, None)


def _is_bind(node: Comprehension) -> bool:
    """Whether a fold is a name for a value."""
    return (
        isinstance(node.range, ListOf)
        and not node.range.elements
        and isinstance(node.condition, Literal)
        and node.condition.value is False
    )


def _written_size(node: Node) -> Range | None:
    """The size of what is written out in the expression."""
    if isinstance(node, Literal):
        sized = isinstance(node.value, str | bytes)
        return exactly(len(node.value) if sized else 1)
    if isinstance(node, ListOf):
        return exactly(len(node.elements))
    return exactly(len(node.entries)) if isinstance(node, MapOf) else None


def _is_scalar(one: Type) -> bool:
    if one.kind == "opaque" and one.name == "optional_type":
        return _is_scalar(one.params[0])
    return one.kind in _SCALARS
