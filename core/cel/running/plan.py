"""From a checked expression to a function that runs it.

Every part becomes a function of the frame, made once: running an expression reads no tree. What is
made of literals alone is worked out here. The functions add up what upstream's interpreter counts
as cost while they run.

Source: cel-go v0.26, interpreter/planner.go, interpretable.go, decorators.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from kelm.core.cel.checking.checker import Checked
from kelm.core.cel.running import folds
from kelm.core.cel.running.access import has, indexed, tried
from kelm.core.cel.running.calls import Signature, call_step
from kelm.core.cel.running.containers import (
    list_step,
    map_key,
    map_step,
    membership,
    object_step,
)
from kelm.core.cel.running.conversions import CONVERSIONS
from kelm.core.cel.running.frame import Frame, Step
from kelm.core.cel.running.logic import both, chosen, either
from kelm.core.cel.running.values import (
    NONE,
    EvaluationFault,
    Optional,
    TypeOf,
    Value,
)
from kelm.core.cel.syntax.macros import RESULT, UNUSED
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

Function: TypeAlias = "tuple[Callable[..., Value], tuple[Signature, ...]]"
"""What a function does, and what it may be given."""


class Planned(msgspec.Struct, frozen=True):
    """A part that is ready to run. `constant` holds its value where it has one already."""

    run: Step
    constant: Optional


def _constant(value: Value) -> Planned:
    return Planned(lambda _frame: value, Optional(value))


_OPEN: Final = Optional(None, False)


def _running(run: Step) -> Planned:
    return Planned(run, _OPEN)


class Planner:
    """Plans one expression. Lives for one call of `compile_expression`."""

    def __init__(
        self,
        checked: Checked,
        functions: Mapping[str, Function],
        types: frozenset[str],
        properties: Callable[[str, str], str],
    ) -> None:
        self.checked = checked
        self.functions = functions
        self.types = types
        self.properties = properties
        self.slots = 0
        self.scopes: list[dict[str, int]] = []

    def slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    def local(self, name: str) -> int | None:
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return None

    def run(self, node: Node) -> Step:
        return self.plan(node).run

    def plan(self, node: Node) -> Planned:
        match node:
            case Literal():
                return _constant(node.value)
            case Ident():
                return self.ident(node)
            case Select():
                return _running(self.tested(node) if node.test else self.selected(node))
            case Call():
                return self.call(node)
            case ListOf():
                return self.list_of(node)
            case MapOf():
                return self.map_of(node)
            case ObjectOf():
                return _running(self.object_of(node))
            case Comprehension():
                return _running(self.fold(node))

    # -- names, fields and indexes -----------------------------------------------------------

    def ident(self, node: Ident) -> Planned:
        slot = self.local(node.name)
        name = node.name
        if slot is None and name in self.types:
            return _constant(TypeOf(name))

        if slot is not None:
            place = slot

            def local(frame: Frame) -> Value:
                frame.cost += 1
                return frame.locals[place]

            return _running(local)

        def variable(frame: Frame) -> Value:
            frame.cost += 1
            try:
                return frame.variables[name]
            except KeyError:
                raise EvaluationFault(f"no such attribute(s): {name}") from None

        return _running(variable)

    def base(self, node: Node) -> tuple[Step, int]:
        """What a field is read from, and what reading one costs there.

        Names, fields and indexes continue the path that they begin; any other value begins one.
        """
        path = isinstance(node, Ident | Select) or (
            isinstance(node, Call) and node.function in ("_[_]", "_[?_]", "_?._", "_?_:_")
        )
        return self.run(node), 1 if path else 2

    def free(self, node: Node) -> Step:
        """A name within another path, whose own cost upstream does not count."""
        run = self.run(node)
        attribute = isinstance(node, Select) and not node.test
        indexes = isinstance(node, Call) and node.function in ("_[_]", "_[?_]", "_?._")
        if not (attribute or indexes or isinstance(node, Ident)):
            return run

        def cheaper(frame: Frame) -> Value:
            frame.cost -= 1
            return run(frame)

        return cheaper

    def field_name(self, operand: Node, field: str) -> str:
        """The property that a field's name stands for: objects have theirs escaped."""
        one = self.checked.types.get(operand.id)
        if one is not None and one.params and one.name == "optional_type":
            one = one.params[0]
        return field if one is None or one.kind != "object" else self.properties(one.name, field)

    def selected(self, node: Select) -> Step:
        operand, cost = self.base(node.operand)
        field = self.field_name(node.operand, node.field)

        def select(frame: Frame) -> Value:
            value = operand(frame)
            frame.cost += cost
            if isinstance(value, dict) and field in value:
                return value[field]
            if value is NONE:
                frame.cost -= 1
                return NONE
            found = indexed(value, field, frame)
            if found is NONE:
                frame.cost -= 1
            return found

        return select

    def tested(self, node: Select) -> Step:
        operand, cost = self.base(node.operand)
        field = self.field_name(node.operand, node.field)
        extra = cost - 1

        def test(frame: Frame) -> bool:
            value = operand(frame)
            frame.cost += extra
            return has(value, field, frame)

        return test

    def index(self, node: Call) -> Step:
        operand, cost = self.base(node.args[0])
        key = self.free(node.args[1])
        optional = node.function != "_[_]"
        constant = self.plan(node.args[1]).constant
        if node.function == "_?._" and constant.present:
            field = self.field_name(node.args[0], str(constant.value))
            key = _constant(field).run

        def look(frame: Frame) -> Value:
            value = operand(frame)
            frame.cost += cost
            return indexed(value, key(frame), frame)

        def attempt(frame: Frame) -> Value:
            value = operand(frame)
            found = tried(value, key(frame), frame)
            frame.cost += cost if found.present else cost - 1
            return found

        return attempt if optional else look

    # -- calls -------------------------------------------------------------------------------

    def call(self, node: Call) -> Planned:
        name = node.function
        if name in ("_[_]", "_[?_]", "_?._"):
            return _running(self.index(node))
        if name in ("_&&_", "_||_"):
            join = both if name == "_&&_" else either
            return _running(join(self.run(node.args[0]), self.run(node.args[1])))
        if name == "_?_:_":
            condition, yes, no = node.args
            return _running(chosen(self.run(condition), self.free(yes), self.free(no)))
        if name in ("or", "orValue"):
            return _running(self.fallback(node))
        nodes = node.args if node.target is None else (node.target, *node.args)
        parts = tuple(map(self.plan, nodes))
        if name in CONVERSIONS and len(parts) == 1 and parts[0].constant.present:
            return _constant(CONVERSIONS[name](parts[0].constant.value))
        overloads = self.checked.overloads.get(node.id, ())
        if overloads == ("in_list",) and parts[1].constant.present:
            if not parts[1].constant.value:
                return _constant(False)
            found = membership(parts[0].run, parts[1].constant.value)
            if found is not None:
                return _running(found)
        constants = tuple(part.constant for part in parts)
        runs = tuple(part.run for part in parts)
        function, signatures = self.functions[name]
        return _running(call_step(name, overloads, function, signatures, runs, constants))

    def fallback(self, node: Call) -> Step:
        assert node.target is not None
        optional, other = self.run(node.target), self.run(node.args[0])
        unwraps = node.function == "orValue"

        def run(frame: Frame) -> Value:
            value = optional(frame)
            if type(value) is not Optional:
                return value
            if value.present:
                return value.value if unwraps else value
            return other(frame)

        return run

    # -- lists, maps and objects ---------------------------------------------------------------

    def list_of(self, node: ListOf) -> Planned:
        parts = tuple(map(self.plan, node.elements))
        if not node.optional and all(part.constant.present for part in parts):
            return _constant(tuple(part.constant.value for part in parts))
        runs = tuple(part.run for part in parts)
        return _running(list_step(runs, node.optional))

    def map_of(self, node: MapOf) -> Planned:
        parts = tuple((self.plan(one.key), self.plan(one.value)) for one in node.entries)
        optional = tuple(one.optional for one in node.entries)
        if not any(optional) and all(
            key.constant.present and value.constant.present for key, value in parts
        ):
            made = {map_key(key.constant.value): value.constant.value for key, value in parts}
            return _constant(made)
        runs = tuple(
            (key.run, value.run, maybe) for (key, value), maybe in zip(parts, optional, strict=True)
        )
        return _running(map_step(runs))

    def object_of(self, node: ObjectOf) -> Step:
        name = node.type_name
        make_object, _ = self.functions[name.partition(".")[0]]
        runs = tuple(
            (self.properties(node.type_name, one.name), self.run(one.value), one.optional)
            for one in node.fields
        )
        return object_step(name, runs, make_object)

    # -- folds ---------------------------------------------------------------------------------

    def fold(self, node: Comprehension) -> Step:
        if node.variable == UNUSED:
            return self.bind(node)
        over = self.run(node.range)
        init = self.run(node.init)
        first, accumulated = self.slot(), self.slot()
        second = self.slot() if node.second else -1
        scope = {node.variable: first, node.accumulator: accumulated}
        if node.second:
            scope[node.second] = second
        self.scopes.append(scope)
        special = self.special(node, over, first, second)
        if special is None:
            special = folds.folded(
                over,
                (first, second, accumulated),
                init,
                self.run(node.condition),
                self.run(node.step),
                self.run(node.result),
            )
        self.scopes.pop()
        return special

    def special(self, node: Comprehension, over: Step, first: int, second: int) -> Step | None:
        """The loops that `all`, `exists`, `map` and `filter` are."""
        step = node.step
        if not isinstance(step, Call):
            return None
        if step.function in ("_&&_", "_||_") and isinstance(node.init, Literal):
            stops_at = step.function == "_||_"
            holds = self.run(step.args[1])
            cost = 3 if stops_at else 2
            return folds.quantified(over, first, second, holds, stops_at=stops_at, cost=cost)
        condition: Step | None = None
        if step.function == "_?_:_" and isinstance(node.init, ListOf):
            condition = self.run(step.args[0])
            inner = step.args[1]
            if not isinstance(inner, Call):
                return None
            step = inner
        element = step.args[1] if len(step.args) > 1 else None
        if step.function == "_+_" and isinstance(element, ListOf) and _is_result(step.args[0]):
            made = self.run(element.elements[0])
            return folds.gathered(over, first, second, condition, made)
        return None

    def bind(self, node: Comprehension) -> Step:
        slot = self.slot()
        value = self.run(node.init)
        self.scopes.append({node.accumulator: slot})
        inner = self.run(node.result)
        self.scopes.pop()
        return folds.bound(slot, value, inner)


def _is_result(node: Node) -> bool:
    return isinstance(node, Ident) and node.name == RESULT
