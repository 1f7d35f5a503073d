"""Whether the rules that a definition brings are rules, and cheap enough.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go
(ValidateCustomResourceDefinitionOpenAPISchema), cel_validation.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from returns.result import Failure

from kelm.core.api.custom.judging.printed import rule_in_go
from kelm.core.api.custom.rules.compiled import RULES, Rule, most_often, rules_of
from kelm.core.api.custom.rules.field_paths import field_path
from kelm.core.api.validation.violation import (
    ErrorType,
    Violation,
    Violations,
    forbidden,
    invalid_value,
    not_supported,
    required,
)
from kelm.core.cel.estimating.sizes import capped
from kelm.core.cel.schemas import declare, is_embedded
from kelm.effects.document import Document, child, children, text

MOST_RULE_COST: Final = 10_000_000
MOST_DEFINITION_COST: Final = 100_000_000
REASONS: Final = (
    "FieldValueDuplicate",
    "FieldValueForbidden",
    "FieldValueInvalid",
    "FieldValueRequired",
)
_HINT: Final = (
    "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, "
    "maps, and strings are declared)"
)
_NO_TYPE: Final = (
    "internal error: failed to construct type information for x-kubernetes-validations rules: "
    "unable to convert structural schema to CEL declarations"
)
_BREAK: Final = re.compile(r"[\n\r]")


def written_faults(schema: Document, path: str) -> Iterator[Violation]:
    """What is wrong with how the rules of one part of a schema are written down."""
    for index, rule in enumerate(children(schema, RULES)):
        yield from _written(rule, schema, f"{path}.{RULES}[{index}]")


def _written(rule: Document, schema: Document, path: str) -> Iterator[Violation]:
    source, message = text(rule, "rule").strip(), text(rule, "message")
    if not source:
        yield required(f"{path}.rule", "rule is not specified")
    elif message and not message.strip():
        yield invalid_value(f"{path}.message", message, "must be non-empty if specified")
    elif _BREAK.search(message.strip()):
        yield invalid_value(f"{path}.message", message, "must not contain line breaks")
    elif _BREAK.search(source) and not message.strip():
        said = "message must be specified if rule contains line breaks"
        yield required(f"{path}.message", said)
    asked = text(rule, "messageExpression")
    if asked and not asked.strip():
        said = "messageExpression must be non-empty if specified"
        yield required(f"{path}.messageExpression", said)
    reason = rule.get("reason")
    if reason is not None and reason not in REASONS:
        yield not_supported(f"{path}.reason", reason, REASONS)
    where = text(rule, "fieldPath")
    if where and not where.strip():
        yield invalid_value(f"{path}.fieldPath", where, "must be non-empty if specified")
    if _BREAK.search(where):
        yield invalid_value(f"{path}.fieldPath", where, "must not contain line breaks")
    if where and isinstance(field_path(where, schema), Failure):
        yield invalid_value(f"{path}.fieldPath", where, "must be a valid path")


class _Place(msgspec.Struct, frozen=True):
    """Where in a schema rules stand.

    often: how often such a value can be at most; None where the schema sets no bound.
    uncorrelated: the list or map above whose values cannot be told apart over time.
    """

    path: str
    often: int | None = 1
    root: bool = False
    uncorrelated: str = ""


def _parts(schema: Document, path: str) -> Iterator[tuple[Document, str, str]]:
    """The schemas below a schema: what they are of, their paths, and the keyword."""
    others = schema.get("additionalProperties")
    if isinstance(others, Document):
        yield others, f"{path}.additionalProperties", "additionalProperties"
    for name, inner in child(schema, "properties").items():
        if isinstance(inner, Document):
            yield inner, f"{path}.properties[{name}]", "properties"
    items = schema.get("items")
    if isinstance(items, Document):
        yield items, f"{path}.items", "items"


def rule_faults(
    schema: Document,
    path: str,
    broken: frozenset[str] = frozenset(),
    *,
    dear_before: bool = False,
) -> Violations:
    """What is wrong with the rules of a schema, and what they cost.

    Args:
        path: the schema's own.
        broken: the paths of parts that cannot be judged by rules, as they are wrong themselves.
        dear_before: the schema is stored as it is, whatever each of its rules costs.
    """
    judge = _Judge(broken, dear_before)
    found = list(judge.of(schema, _Place(path, root=True)))
    if judge.total > MOST_DEFINITION_COST:
        said = (
            "contributed to estimated rule cost total exceeding cost limit for entire "
            "OpenAPIv3 schema"
        )
        dearest = sorted(judge.dear, key=lambda one: -one[1])[:4]
        found.extend(forbidden(where, said) for where, _ in dearest)
        name = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
        found.append(forbidden(path, _too_dear(name, judge.total, MOST_DEFINITION_COST)))
    return tuple(found)


class _Judge:
    """One judgement of one schema; adds up what all rules cost."""

    def __init__(self, broken: frozenset[str], dear_before: bool) -> None:
        self.broken = broken
        self.dear_before = dear_before
        self.total = 0
        self.dear: list[tuple[str, int]] = []

    def of(self, schema: Document, place: _Place) -> Iterator[Violation]:
        for inner, where, keyword in _parts(schema, place.path):
            yield from self.of(inner, _below(schema, inner, place, where, keyword))
        if schema.get(RULES) and place.path not in self.broken:
            yield from self.rules(schema, place)

    def rules(self, schema: Document, place: _Place) -> Iterator[Violation]:
        declared = declare(schema, "selfType", root=place.root or is_embedded(schema))
        if declared is None:
            yield Violation(f"{place.path}.{RULES}", ErrorType.INTERNAL, "", _NO_TYPE)
            return
        often = most_often(declared) if place.often is None else place.often
        given = children(schema, RULES)
        for index, rule in enumerate(rules_of(schema, schema, declared)):
            path = f"{place.path}.{RULES}[{index}]"
            yield from self.rule(rule, given[index], path, often, place.uncorrelated)

    def rule(
        self, rule: Rule, given: Document, path: str, often: int, uncorrelated: str
    ) -> Iterator[Violation]:
        cost = capped(rule.expression.most_cost * often)
        yield from self.cost(f"{path}.rule", "estimated rule cost", cost)
        if rule.expression.wrong:
            yield invalid_value(f"{path}.rule", rule_in_go(given), rule.expression.wrong)
        message = rule.message_expression
        if message is not None and message.wrong:
            yield invalid_value(f"{path}.messageExpression", rule_in_go(given), message.wrong)
        elif message is not None:
            name = "estimated messageExpression cost"
            yield from self.cost(f"{path}.messageExpression", name, message.most_cost)
        if rule.expression.uses_old:
            if uncorrelated:
                said = (
                    "oldSelf cannot be used on the uncorrelatable portion of the schema within "
                    f"{uncorrelated}"
                )
                yield invalid_value(f"{path}.rule", rule.expression.source, said)
        elif given.get("optionalOldSelf") is not None:
            said = "may not be set if oldSelf is not used in rule"
            yield invalid_value(f"{path}.optionalOldSelf", given["optionalOldSelf"], said)

    def cost(self, path: str, name: str, cost: int) -> Iterator[Violation]:
        if cost > MOST_RULE_COST and not self.dear_before:
            yield forbidden(path, _too_dear(name, cost, MOST_RULE_COST))
        self.total = capped(self.total + cost)
        if cost >= MOST_DEFINITION_COST // 100:
            self.dear.append((path, cost))


def _below(schema: Document, inner: Document, place: _Place, path: str, keyword: str) -> _Place:
    uncorrelated = place.uncorrelated
    if keyword == "items" and text(schema, "x-kubernetes-list-type") != "map":
        uncorrelated = place.path
    bound = _elements(schema)
    often = None if place.often is None or bound is None else capped(place.often * bound)
    return _Place(path, often, is_embedded(inner), uncorrelated)


def _elements(schema: Document) -> int | None:
    """How many values a schema holds below it at most, None without a bound."""
    kind = text(schema, "type")
    if kind == "array" or (kind == "object" and "additionalProperties" in schema):
        most = schema.get("maxItems" if kind == "array" else "maxProperties")
        return max(most, 0) if isinstance(most, int) else None
    return 1


def _too_dear(name: str, cost: int, limit: int) -> str:
    times = cost / limit
    if times > 100:
        factor = "more than 100x"
    elif times < 1.5:
        factor = f"{times:f}x"
    else:
        factor = f"{times:.1f}x"
    return f"{name} exceeds budget by factor of {factor} {_HINT}"
