"""The checker: gives every part of an expression a type, or says what does not fit.

Names with dots are resolved to what they name: `optional.of(x)` is a function and no method. Each
call keeps which of its overloads may be meant.

Source: cel-go v0.26, checker/checker.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from returns.result import Failure, Result, Success

from kelm.core.cel.checking.environment import Environment, Overload
from kelm.core.cel.checking.scope import Scope
from kelm.core.cel.checking.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    ERROR,
    INT,
    NULL,
    STRING,
    UINT,
    Type,
    all_assignable,
    assignable,
    list_of,
    map_of,
    shown,
    substituted,
)
from kelm.core.cel.running.values import UInt
from kelm.core.cel.syntax.errors import CompileErrors
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

_LITERALS: Final[dict[type, Type]] = {
    bool: BOOL, int: INT, UInt: UINT, float: DOUBLE, str: STRING, bytes: BYTES, type(None): NULL,
}  # fmt: skip


class Checked(msgspec.Struct, frozen=True):
    """An expression with the types of its parts and the overloads of its calls, by their ids."""

    node: Node
    types: Mapping[int, Type]
    overloads: Mapping[int, tuple[str, ...]]

    @property
    def type(self) -> Type:
        return self.types[self.node.id]


def check(source: str, node: Node, environment: Environment) -> Result[Checked, CompileErrors]:
    """Type-check an expression whose macros are expanded.

    >>> from kelm.core.cel.syntax.parser import parse
    >>> from kelm.core.cel.checking.environment import DYNAMIC
    >>> check("1 + 1", parse("1 + 1").unwrap(), DYNAMIC).unwrap().type
    Type(kind='int', name='', params=())
    """
    checker = _Checker(environment)
    done = checker.check(node)
    if checker.issues:
        return Failure(CompileErrors(source, tuple(checker.issues)))
    types = {
        number: substituted(checker.bound, one, closed=True)
        for number, one in checker.types.items()
    }
    return Success(Checked(done, types, checker.overloads))


class _Checker(Scope):
    """One check of one expression. Lives for one call of `check`."""

    # -- parts -----------------------------------------------------------------------------

    def check(self, node: Node) -> Node:
        match node:
            case Literal():
                self.known(node, _LITERALS[type(node.value)])
                return node
            case Ident():
                return self.ident(node)
            case Select():
                return self.select(node)
            case Call():
                return self.call(node)
            case ListOf():
                return self.list_of(node)
            case MapOf():
                return self.map_of(node)
            case ObjectOf():
                return self.object_of(node)
            case Comprehension():
                return self.comprehension(node)

    def ident(self, node: Ident) -> Node:
        found = self.name(node.name)
        if found is None:
            self.known(node, ERROR)
            self.undeclared(node.at, node.name)
            return node
        self.known(node, found)
        return Ident(node.id, node.at, node.name.removeprefix("."))

    def select(self, node: Select) -> Node:
        qualified = None if node.test else qualified_name(node)
        if qualified is not None:
            found = self.name(qualified)
            if found is not None:
                self.known(node, found)
                return Ident(node.id, node.at, qualified)
        operand = self.check(node.operand)
        one = self.field(node.at, self.types[operand.id], node.field)
        self.known(node, BOOL if node.test else self.filled(one))
        return Select(node.id, node.at, operand, node.field, node.test)

    def call(self, node: Call) -> Node:
        if node.function == "_?._":
            return self.optional_select(node)
        args = tuple(map(self.check, node.args))
        if node.target is None:
            return self.function(node, node.function, args)
        qualified = qualified_name(node.target)
        if qualified is not None:
            whole = f"{qualified}.{node.function}"
            if self.environment.function(whole) is not None:
                return self.function(node, whole, args)
        target = self.check(node.target)
        made = Call(node.id, node.at, node.function, args, target)
        overloads = self.environment.function(node.function)
        if overloads is None:
            self.known(node, ERROR)
            self.undeclared(node.at, node.function)
        else:
            self.resolve(made, overloads)
        return made

    def function(self, node: Call, name: str, args: tuple[Node, ...]) -> Node:
        name = name.removeprefix(".")
        made = Call(node.id, node.at, name, args)
        overloads = self.environment.function(name)
        if overloads is None:
            self.known(node, ERROR)
            self.undeclared(node.at, name)
        else:
            self.resolve(made, overloads)
        return made

    def optional_select(self, node: Call) -> Node:
        operand = self.check(node.args[0])
        field = node.args[1]
        assert isinstance(field, Literal)
        self.known(field, STRING)
        one = self.field(node.at, self.types[operand.id], str(field.value), optional=True)
        self.known(node, self.filled(one))
        self.overloads[node.id] = ("select_optional_field",)
        return Call(node.id, node.at, node.function, (operand, field))

    def resolve(self, call: Call, overloads: tuple[Overload, ...]) -> None:
        """Find the overloads that the arguments fit, and what they all give."""
        method = call.target is not None
        nodes = call.args if call.target is None else (call.target, *call.args)
        found = tuple(self.types[one.id] for one in nodes)
        if call.function in ("_&&_", "_||_"):
            self.logic(call, found)
            return
        fitting: list[str] = []
        result: Type | None = None
        for overload in overloads:
            if overload.method != method:
                continue
            args, answer = self.fresh(overload)
            if not all_assignable(self.bound, found, args):
                continue
            fitting.append(overload.id)
            given = self.filled(answer)
            if result is None:
                result = given
            elif result.kind != "dyn" and given != result:
                result = DYN
        if result is None:
            shown_args = [shown(substituted(self.bound, one, closed=True)) for one in found]
            target = f"{shown_args.pop(0)}." if method else ""
            applied = f"{target}({', '.join(shown_args)})"
            said = f"found no matching overload for '{call.function}' applied to '{applied}'"
            self.wrong(call.at, said)
            self.known(call, ERROR)
            return
        self.overloads[call.id] = tuple(fitting)
        self.known(call, result)

    def logic(self, call: Call, found: tuple[Type, ...]) -> None:
        good = True
        for node, one in zip(call.args, found, strict=True):
            if not assignable(self.bound, one, BOOL):
                self.mismatch(node.at, BOOL, one)
                good = False
        self.overloads[call.id] = ("logical_and" if call.function == "_&&_" else "logical_or",)
        self.known(call, BOOL if good else ERROR)

    def list_of(self, node: ListOf) -> Node:
        elements = []
        common: Type | None = None
        for index, element in enumerate(node.elements):
            checked = self.check(element)
            one = self.unwrapped(element, self.types[element.id], index in node.optional)
            common = self.joined(common, one)
            elements.append(checked)
        self.known(node, list_of(self.open_type() if common is None else common))
        return ListOf(node.id, node.at, tuple(elements), node.optional)

    def map_of(self, node: MapOf) -> Node:
        entries = []
        keys: Type | None = None
        values: Type | None = None
        for entry in node.entries:
            key = self.check(entry.key)
            keys = self.joined(keys, self.types[entry.key.id])
            value = self.check(entry.value)
            one = self.unwrapped(entry.value, self.types[entry.value.id], entry.optional)
            values = self.joined(values, one)
            entries.append(Entry(entry.at, key, value, entry.optional))
        if keys is None or values is None:
            keys, values = self.open_type(), self.open_type()
        self.known(node, map_of(keys, values))
        return MapOf(node.id, node.at, tuple(entries))

    def object_of(self, node: ObjectOf) -> Node:
        name = node.type_name.removeprefix(".")
        declared = self.environment.objects.get(name)
        if declared is None:
            self.undeclared(node.at, node.type_name)
            self.known(node, ERROR)
            return node
        self.known(node, Type("object", name))
        fields = []
        for field in node.fields:
            value = self.check(field.value)
            wanted = self.object_field(field.at, name, field.name)
            found = self.unwrapped(field.value, self.types[field.value.id], field.optional)
            if not assignable(self.bound, wanted, found):
                said = (
                    f"expected type of field '{field.name}' is '{shown(wanted)}' "
                    f"but provided type is '{shown(found)}'"
                )
                self.wrong(field.at, said)
            fields.append(FieldValue(field.at, field.name, value, field.optional))
        return ObjectOf(node.id, node.at, name, tuple(fields))

    def comprehension(self, node: Comprehension) -> Node:
        over = self.check(node.range)
        init = self.check(node.init)
        accumulated = self.types[node.init.id]
        self.scopes.append({node.accumulator: accumulated})
        self.scopes.append(self.variables(node, self.filled(self.types[node.range.id])))
        condition = self.check(node.condition)
        self.of_type(node.condition, BOOL)
        step = self.check(node.step)
        self.of_type(node.step, accumulated)
        self.scopes.pop()
        result = self.check(node.result)
        self.scopes.pop()
        self.known(node, self.filled(self.types[node.result.id]))
        return msgspec.structs.replace(
            node, range=over, init=init, condition=condition, step=step, result=result
        )

    def variables(self, node: Comprehension, over: Type) -> dict[str, Type]:
        """The types of what a fold walks over."""
        if over.kind == "list":
            first, second = over.params[0], over.params[0]
            if node.second:
                first = INT
        elif over.kind == "map":
            first, second = over.params
        elif over.kind in ("dyn", "error", "param"):
            assignable(self.bound, DYN, over)
            first, second = DYN, DYN
        else:
            said = (
                f"expression of type '{shown(over)}' cannot be range of a comprehension "
                "(must be list, map, or dynamic)"
            )
            self.wrong(node.range.at, said)
            first, second = ERROR, ERROR
        named = {node.variable: first}
        if node.second:
            named[node.second] = second
        return named

    def of_type(self, node: Node, wanted: Type) -> None:
        if not assignable(self.bound, wanted, self.types[node.id]):
            self.mismatch(node.at, wanted, self.types[node.id])


def qualified_name(node: Node) -> str | None:
    """A name with dots, None where a node is more than that.

    >>> qualified_name(Select(2, 1, Ident(1, 0, "optional"), "of"))
    'optional.of'
    """
    if isinstance(node, Ident):
        return node.name
    if isinstance(node, Select) and not node.test:
        before = qualified_name(node.operand)
        return None if before is None else f"{before}.{node.field}"
    return None
