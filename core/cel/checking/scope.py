"""What the checker knows at one place of an expression: names, types, what is wrong so far."""

from __future__ import annotations

from kelm.core.cel.checking.environment import Environment, Overload
from kelm.core.cel.checking.types import (
    DYN,
    ERROR,
    Bound,
    Type,
    assignable,
    most_general,
    optional_of,
    shown,
    substituted,
    unwrapped,
)
from kelm.core.cel.syntax.errors import Issue
from kelm.core.cel.syntax.nodes import Node


class Scope:
    """One check of one expression. Lives for one call of `check`."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.scopes: list[dict[str, Type]] = []
        self.bound: Bound = {}
        self.types: dict[int, Type] = {}
        self.overloads: dict[int, tuple[str, ...]] = {}
        self.issues: list[Issue] = []
        self.opened = 0

    def open_type(self) -> Type:
        self.opened += 1
        return Type("param", f"_var{self.opened - 1}")

    def wrong(self, at: int, said: str) -> None:
        self.issues.append(Issue(at, said))

    def mismatch(self, at: int, expected: Type, found: Type) -> None:
        self.wrong(at, f"expected type '{shown(expected)}' but found '{shown(found)}'")

    def undeclared(self, at: int, name: str) -> None:
        self.wrong(at, f"undeclared reference to '{name}' (in container '')")

    def known(self, node: Node, one: Type) -> Type:
        self.types[node.id] = one
        return one

    def filled(self, one: Type) -> Type:
        return substituted(self.bound, one)

    def name(self, name: str) -> Type | None:
        name = name.removeprefix(".")
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return self.environment.named(name)

    def field(self, at: int, operand: Type, field: str, *, optional: bool = False) -> Type:
        """The type of a field; of an optional it is optional too."""
        target, was_optional = unwrapped(self.filled(operand))
        found = DYN
        if target.kind == "map":
            found = target.params[1]
        elif target.kind == "object":
            found = self.object_field(at, target.name, field)
        elif target.kind == "param":
            assignable(self.bound, DYN, target)
        elif target.kind not in ("dyn", "error"):
            self.wrong(at, f"type '{shown(target)}' does not support field selection")
        return optional_of(found) if was_optional or optional else found

    def object_field(self, at: int, name: str, field: str) -> Type:
        fields = self.environment.objects.get(name)
        if fields is None:
            self.wrong(at, f"unexpected failed resolution of '{name}'")
            return ERROR
        found = fields.get(field)
        if found is None:
            self.wrong(at, f"undefined field '{field}'")
            return ERROR
        return found

    def fresh(self, overload: Overload) -> tuple[tuple[Type, ...], Type]:
        """An overload's signature with types of its own for what it leaves open."""
        if not overload.open:
            return overload.args, overload.result
        own = {name: self.open_type() for name in overload.open}
        args = tuple(substituted(own, one) for one in overload.args)
        return args, substituted(own, overload.result)

    def joined(self, before: Type | None, now: Type) -> Type:
        """The common type of the elements up to here: dyn where there is none.

        Whether a literal may mix types is judged later: see `literals.py`.
        """
        if before is None:
            return now
        return most_general(before, now) if assignable(self.bound, before, now) else DYN

    def unwrapped(self, node: Node, one: Type, optional: bool) -> Type:
        if not optional:
            return one
        inner, was_optional = unwrapped(one)
        if not was_optional and inner.kind != "dyn":
            self.mismatch(node.at, optional_of(inner), inner)
        return inner
