"""Macros: calls that stand for a fold over a list or map, or for a test.

Expanded from the inside out. What a macro makes points, in errors, to the bracket of its call.

Source: cel-go v0.26, parser/macro.go, cel/library.go (optMap), ext/comprehensions.go (two
variables), ext/lists.go (sortBy), ext/bindings.go (bind).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.cel.running.values import Value
from kelm.core.cel.syntax.errors import CompileErrors, Issue
from kelm.core.cel.syntax.nodes import (
    Call,
    Comprehension,
    Entry,
    FieldValue,
    Ident,
    ListOf,
    Literal,
    MapOf,
    Node,
    ObjectOf,
    Select,
)

RESULT: Final = "@result"
UNUSED: Final = "#unused"
_SORTED: Final = "@__sortBy_input__"
_OVERWRITES: Final = "iteration variable overwrites accumulator variable"


class _Wrong(Exception):
    """A macro whose arguments make no sense."""

    def __init__(self, at: int, said: str) -> None:
        super().__init__(said)
        self.issue = Issue(at, said)


def expand(source: str, node: Node, binds: bool = False) -> Result[Node, CompileErrors]:
    """An expression without macros; `binds` where cel.bind is one of them.

    >>> from kelm.core.cel.syntax.parser import parse
    >>> type(expand("", parse("[1].all(x, x > 0)").unwrap()).unwrap()).__name__
    'Comprehension'
    """
    expansion = _Expansion(binds)
    expanded = expansion.of(node)
    if expansion.issues:
        return Failure(CompileErrors(source, tuple(expansion.issues)))
    return Success(expanded)


class _Expansion:
    """One pass over one expression; numbers its parts anew. Lives for one call of `expand`."""

    def __init__(self, binds: bool) -> None:
        self.binds = binds
        self.issues: list[Issue] = []
        self.numbers = 0

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def of(self, node: Node) -> Node:
        match node:
            case Literal() | Ident():
                return msgspec.structs.replace(node, id=self.number())
            case Select():
                return Select(self.number(), node.at, self.of(node.operand), node.field, node.test)
            case ListOf():
                elements = tuple(map(self.of, node.elements))
                return ListOf(self.number(), node.at, elements, node.optional)
            case MapOf():
                entries = tuple(
                    Entry(one.at, self.of(one.key), self.of(one.value), one.optional)
                    for one in node.entries
                )
                return MapOf(self.number(), node.at, entries)
            case ObjectOf():
                fields = tuple(
                    FieldValue(one.at, one.name, self.of(one.value), one.optional)
                    for one in node.fields
                )
                return ObjectOf(self.number(), node.at, node.type_name, fields)
            case Call():
                return self.call(node)
            case Comprehension():
                return node

    def call(self, node: Call) -> Node:
        args = tuple(map(self.of, node.args))
        target = None if node.target is None else self.of(node.target)
        macro = MACROS.get((node.function, len(args), target is not None))
        if self.binds and _is_bind(node):
            macro = bind
        made = Call(self.number(), node.at, node.function, args, target)
        if macro is None:
            return made
        try:
            return macro(_Maker(self, node.at), made)
        except _Wrong as wrong:
            self.issues.append(wrong.issue)
            return made


class _Maker:
    """Makes the parts of one macro."""

    def __init__(self, expansion: _Expansion, at: int) -> None:
        self.number = expansion.number
        self.at = at

    def literal(self, value: Value) -> Node:
        return Literal(self.number(), self.at, value)

    def ident(self, name: str) -> Node:
        return Ident(self.number(), self.at, name)

    def result(self) -> Node:
        return self.ident(RESULT)

    def call(self, name: str, *args: Node, target: Node | None = None) -> Node:
        return Call(self.number(), self.at, name, args, target)

    def list_of(self, *elements: Node) -> Node:
        return ListOf(self.number(), self.at, elements)

    def map_of(self) -> Node:
        return MapOf(self.number(), self.at, ())

    def fold(
        self,
        over: Node,
        names: tuple[str, str],
        init: Node,
        condition: Node,
        step: Node,
        result: Node | None = None,
    ) -> Node:
        end = self.result() if result is None else result
        first, second = names
        return Comprehension(
            self.number(), self.at, over, first, second, RESULT, init, condition, step, end
        )

    def bind(self, name: str, value: Node, inner: Node) -> Node:
        """A fold over nothing, whose result may use what its accumulator begins with."""
        return Comprehension(
            self.number(),
            self.at,
            self.list_of(),
            UNUSED,
            "",
            name,
            value,
            self.literal(False),
            self.ident(name),
            inner,
        )


Macro: TypeAlias = Callable[[_Maker, Call], Node]


def _is_bind(call: Call) -> bool:
    target = call.target
    named = isinstance(target, Ident) and target.name == "cel"
    return named and call.function == "bind" and len(call.args) == 3


def _target(call: Call) -> Node:
    assert call.target is not None
    return call.target


def _variable(node: Node, said: str = "argument must be a simple name") -> str:
    if not isinstance(node, Ident):
        raise _Wrong(node.at, said)
    if node.name in (RESULT, "__result__"):
        raise _Wrong(node.at, _OVERWRITES)
    return node.name


def _variables(call: Call) -> tuple[str, str]:
    """The names of a macro of two variables."""
    for node in call.args[:2]:
        if not isinstance(node, Ident):
            raise _Wrong(node.at, "argument must be a simple name")
    first, second = (node.name for node in call.args[:2] if isinstance(node, Ident))
    if first == second:
        raise _Wrong(call.args[1].at, f"duplicate variable name: {first}")
    return _variable(call.args[0]), _variable(call.args[1])


def _names(call: Call) -> tuple[str, str]:
    """The variables of a macro whose last argument is the only other one."""
    return _variables(call) if len(call.args) == 3 else (_variable(call.args[0]), "")


def _has(make: _Maker, call: Call) -> Node:
    tested = call.args[0]
    if not isinstance(tested, Select):
        raise _Wrong(tested.at, "invalid argument to has() macro")
    return Select(make.number(), make.at, tested.operand, tested.field, True)


def _all(make: _Maker, call: Call) -> Node:
    names = _names(call)
    return make.fold(
        _target(call),
        names,
        make.literal(True),
        make.call("@not_strictly_false", make.result()),
        make.call("_&&_", make.result(), call.args[-1]),
    )


def _exists(make: _Maker, call: Call) -> Node:
    names = _names(call)
    return make.fold(
        _target(call),
        names,
        make.literal(False),
        make.call("@not_strictly_false", make.call("!_", make.result())),
        make.call("_||_", make.result(), call.args[-1]),
    )


def _exists_one(make: _Maker, call: Call) -> Node:
    names = _names(call)
    more = make.call("_+_", make.result(), make.literal(1))
    return make.fold(
        _target(call),
        names,
        make.literal(0),
        make.literal(True),
        make.call("_?_:_", call.args[-1], more, make.result()),
        make.call("_==_", make.result(), make.literal(1)),
    )


def _gathered(
    make: _Maker,
    call: Call,
    names: tuple[str, str],
    init: Node,
    conditions: tuple[Node, ...],
    step: Node,
) -> Node:
    """A fold that makes a list or a map of those elements that meet the conditions."""
    for condition in conditions:
        step = make.call("_?_:_", condition, step, make.result())
    return make.fold(_target(call), names, init, make.literal(True), step)


def _map(make: _Maker, call: Call) -> Node:
    name = _variable(call.args[0], "argument is not an identifier")
    step = make.call("_+_", make.result(), make.list_of(call.args[-1]))
    return _gathered(make, call, (name, ""), make.list_of(), call.args[1:-1], step)


def _filter(make: _Maker, call: Call) -> Node:
    name = _variable(call.args[0], "argument is not an identifier")
    step = make.call("_+_", make.result(), make.list_of(call.args[0]))
    return _gathered(make, call, (name, ""), make.list_of(), call.args[1:], step)


def _transform_list(make: _Maker, call: Call) -> Node:
    names = _variables(call)
    step = make.call("_+_", make.result(), make.list_of(call.args[-1]))
    return _gathered(make, call, names, make.list_of(), call.args[2:-1], step)


def _transform_map(make: _Maker, call: Call) -> Node:
    names = _variables(call)
    step = make.call("cel.@mapInsert", make.result(), make.ident(names[0]), call.args[-1])
    return _gathered(make, call, names, make.map_of(), call.args[2:-1], step)


def _transform_map_entry(make: _Maker, call: Call) -> Node:
    names = _variables(call)
    step = make.call("cel.@mapInsert", make.result(), call.args[-1])
    return _gathered(make, call, names, make.map_of(), call.args[2:-1], step)


def _opt_map(make: _Maker, call: Call) -> Node:
    bound = _bound_if_present(make, call, "optMap")
    return _present_or_none(make, call, make.call("optional.of", bound))


def _opt_flat_map(make: _Maker, call: Call) -> Node:
    return _present_or_none(make, call, _bound_if_present(make, call, "optFlatMap"))


def _bound_if_present(make: _Maker, call: Call, macro: str) -> Node:
    name, inner = call.args
    if not isinstance(name, Ident):
        raise _Wrong(name.at, f"{macro}() variable name must be a simple identifier")
    return make.bind(name.name, make.call("value", target=call.target), inner)


def _present_or_none(make: _Maker, call: Call, present: Node) -> Node:
    has_value = make.call("hasValue", target=call.target)
    return make.call("_?_:_", has_value, present, make.call("optional.none"))


def _sort_by(make: _Maker, call: Call) -> Node:
    target = _target(call)
    if isinstance(target, Literal | MapOf | ObjectOf):
        said = (
            "sortBy can only be applied to a list, identifier, comprehension, call or select "
            "expression"
        )
        raise _Wrong(target.at, said)
    over = msgspec.structs.replace(call, target=make.ident(_SORTED))
    keys = _map(make, over)
    ordered = make.call("@sortByAssociatedKeys", keys, target=make.ident(_SORTED))
    return make.bind(_SORTED, target, ordered)


def bind(make: _Maker, call: Call) -> Node:
    """`cel.bind(name, value, expression)`, where an environment has it."""
    name, value, inner = call.args
    if not isinstance(name, Ident):
        raise _Wrong(name.at, "cel.bind() variable names must be simple identifiers")
    return make.bind(name.name, value, inner)


MACROS: Final[dict[tuple[str, int, bool], Macro]] = {
    ("has", 1, False): _has,
    ("all", 2, True): _all,
    ("all", 3, True): _all,
    ("exists", 2, True): _exists,
    ("exists", 3, True): _exists,
    ("exists_one", 2, True): _exists_one,
    ("exists_one", 3, True): _exists_one,
    ("existsOne", 3, True): _exists_one,
    ("map", 2, True): _map,
    ("map", 3, True): _map,
    ("filter", 2, True): _filter,
    ("transformList", 3, True): _transform_list,
    ("transformList", 4, True): _transform_list,
    ("transformMap", 3, True): _transform_map,
    ("transformMap", 4, True): _transform_map,
    ("transformMapEntry", 3, True): _transform_map_entry,
    ("transformMapEntry", 4, True): _transform_map_entry,
    ("optMap", 2, True): _opt_map,
    ("optFlatMap", 2, True): _opt_flat_map,
    ("sortBy", 2, True): _sort_by,
}
"""Each macro by its name, the number of its arguments, and whether it is a method."""
