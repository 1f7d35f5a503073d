"""The rules of a schema (`x-kubernetes-validations`), compiled once and kept with it.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/schema/cel/compilation.go, and
validation.go (NewValidator).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from returns.result import Failure

from kelm.core.api.custom.rules.field_paths import field_path
from kelm.core.cel.checking.environment import Environment
from kelm.core.cel.checking.types import BOOL, STRING, Type, optional_of
from kelm.core.cel.compile import Program, compile_expression
from kelm.core.cel.estimating.estimate import estimate
from kelm.core.cel.schemas import (
    MOST_BYTES,
    Declared,
    declare,
    is_embedded,
    objects_of,
    properties_of,
    sizes_of,
)
from kelm.core.cel.syntax.nodes import Ident, Node
from kelm.core.cel.syntax.parser import parts_of
from kelm.effects.document import Document, Json, child, children, elements, flag, text

RULES: Final = "x-kubernetes-validations"
SELF: Final = "self"
OLD: Final = "oldSelf"
_TYPE_NAME: Final = "selfType"


class Expression(msgspec.Struct, frozen=True):
    """An expression of a rule: its program and what it costs at most, or what is wrong with it."""

    source: str
    program: Program | None = None
    most_cost: int = 0
    wrong: str = ""
    uses_old: bool = False


class Rule(msgspec.Struct, frozen=True):
    """One rule. `path` is where a failure is shown, below the value that was judged."""

    expression: Expression
    message: str
    message_expression: Expression | None
    reason: str
    path: str
    optional_old: bool

    @property
    def shown(self) -> str:
        """The rule in refusals: its message, or itself."""
        return (self.message or self.expression.source).strip()


class Rules(msgspec.Struct, frozen=True):
    """The rules of a part of a schema and of the parts below it."""

    declared: Declared
    kind: str
    rules: tuple[Rule, ...]
    properties: Mapping[str, Rules]
    element: Rules | None
    all_of: tuple[Rules, ...]
    keys: tuple[str, ...]


def compile_rules(schema: Document, *, root: bool = True) -> Rules | None:
    """All rules of a schema, None where there are none; `root` where it is of whole objects."""
    declared = declare(schema, _TYPE_NAME, root=root)
    return None if declared is None else _compile(schema, schema, declared, root=root)


def _compile(rules: Document, schema: Document, declared: Declared, *, root: bool) -> Rules | None:
    """The rules that one schema has for what another one describes: its own, or an allOf's."""
    named = declare(schema, _TYPE_NAME, root=root) if rules.get(RULES) else None
    own = rules_of(rules, schema, named or declared)
    properties = _of_properties(rules, schema, declared)
    element = _of_elements(rules, schema, declared)
    all_of = tuple(
        found
        for part in children(rules, "allOf")
        if (found := _compile(part, schema, declared, root=root)) is not None
    )
    if not (own or properties or element or all_of):
        return None
    listed = text(schema, "x-kubernetes-list-type") == "map"
    keys = elements(schema, "x-kubernetes-list-map-keys") if listed else ()
    return Rules(
        declared, text(schema, "type"), own, properties, element, all_of, tuple(map(str, keys))
    )


def _of_properties(rules: Document, schema: Document, declared: Declared) -> dict[str, Rules]:
    by_property = {name: declared.fields[known] for known, name in declared.properties.items()}
    found: dict[str, Rules] = {}
    for name, part in child(rules, "properties").items():
        inner = child(schema, "properties", name)
        one = by_property.get(name) or declare(inner, _TYPE_NAME, root=is_embedded(inner))
        if one is None or not isinstance(part, Document):
            continue
        compiled = _compile(part, inner, one, root=is_embedded(inner))
        if compiled is not None:
            found[name] = compiled
    return found


def _of_elements(rules: Document, schema: Document, declared: Declared) -> Rules | None:
    for field in ("items", "additionalProperties"):
        part, inner = rules.get(field), schema.get(field)
        if not isinstance(part, Document) or not isinstance(inner, Document):
            continue
        if declared.element is not None:
            return _compile(part, inner, declared.element, root=is_embedded(inner))
    return None


def rules_of(rules: Document, schema: Document, declared: Declared) -> tuple[Rule, ...]:
    """The compiled rules of one part, without those of the parts below it."""
    return tuple(_rule(one, schema, declared) for one in children(rules, RULES))


def _rule(given: Document, schema: Document, declared: Declared) -> Rule:
    optional_old = flag(given, "optionalOldSelf")
    source = text(given, "rule")
    expression = Expression(source)
    if source.strip():
        expression = _expression(source, declared, optional_old, BOOL)
    message: Expression | None = None
    asked = text(given, "messageExpression")
    if asked and expression.program is not None:
        message = _expression(asked, declared, optional_old, STRING)
    path = text(given, "fieldPath")
    return Rule(
        expression,
        text(given, "message"),
        message,
        text(given, "reason"),
        _followed(path, schema) if path else "",
        optional_old,
    )


def _followed(path: str, schema: Document) -> str:
    found = field_path(path, schema)
    return "" if isinstance(found, Failure) else found.unwrap().text


def _expression(source: str, declared: Declared, optional_old: bool, wanted: Type) -> Expression:
    messages = wanted == STRING
    before = optional_of(declared.type) if optional_old else declared.type
    environment = Environment({SELF: declared.type, OLD: before}, objects_of(declared))
    compiled = compile_expression(source, environment, properties=properties_of(declared))
    name = "messageExpression " if messages else ""
    if isinstance(compiled, Failure):
        errors = compiled.failure()
        how = "instantiation failed" if errors.while_planning else "compilation failed"
        if errors.while_planning and not messages:
            name = "program "
        return Expression(source, wrong=f"{name}{how}: {errors.text}")
    program = compiled.unwrap()
    if program.type != wanted:
        said = (
            "messageExpression must evaluate to a string"
            if messages
            else "cel expression must evaluate to a bool"
        )
        return Expression(source, wrong=said)
    most = estimate(program.checked, sizes_of(declared)).most
    return Expression(source, program, most, "", _names(program.checked.node, OLD))


def _names(node: Node, name: str) -> bool:
    """Whether an expression uses a variable."""
    if isinstance(node, Ident):
        return node.name == name
    return any(_names(part, name) for part in parts_of(node))


def most_often(declared: Declared) -> int:
    """How often such a value can be in one request at most."""
    return MOST_BYTES // (declared.least_bytes + 1)


def item_with(items: Json, keys: tuple[str, ...], item: Json) -> Json:
    """The item of a list with keys that is the same thing as another item; None without one."""
    if not keys or not isinstance(items, tuple) or not isinstance(item, Document):
        return None
    wanted = tuple(item.get(key) for key in keys)
    for one in items:
        if isinstance(one, Document) and tuple(one.get(key) for key in keys) == wanted:
            return one
    return None
