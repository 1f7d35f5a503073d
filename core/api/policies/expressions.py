"""Expressions of admission: what they may name, how they are compiled and evaluated.

The variables of a policy are worked out when an expression first asks for them, once per request.

Source: kubernetes v1.36, apiserver/pkg/admission/plugin/cel (compile.go, composition.go,
activation.go, condition.go).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from returns.result import Failure

from kelm.core.cel.checking.environment import Environment, Overload
from kelm.core.cel.checking.types import (
    BOOL,
    DYN,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    Type,
    list_of,
    map_of,
    object_type,
    shown,
)
from kelm.core.cel.compile import Program, compile_expression
from kelm.core.cel.running.frame import Frame
from kelm.core.cel.running.plan import Function
from kelm.core.cel.running.values import EvaluationFault, Value

BUDGET: Final = 10_000_000
"""What all expressions of a policy, binding and parameter may cost together."""
MATCH_BUDGET: Final = 2_500_000
"""What the match conditions of a policy or webhook may cost together."""
OUT_OF_BUDGET: Final = (
    "validation failed due to running out of cost budget, no further validation rules will be run"
)
VARIABLES: Final = "kubernetes.variables"

_KIND: Final = {"group": STRING, "version": STRING, "kind": STRING}
_RESOURCE: Final = {"group": STRING, "version": STRING, "resource": STRING}
_USER: Final = {
    "username": STRING,
    "uid": STRING,
    "groups": list_of(STRING),
    "extra": map_of(STRING, list_of(STRING)),
}
_REQUEST: Final = {
    "kind": object_type("kubernetes.GroupVersionKind"),
    "resource": object_type("kubernetes.GroupVersionResource"),
    "subResource": STRING,
    "requestKind": object_type("kubernetes.GroupVersionKind"),
    "requestResource": object_type("kubernetes.GroupVersionResource"),
    "requestSubResource": STRING,
    "name": STRING,
    "namespace": STRING,
    "operation": STRING,
    "userInfo": object_type("kubernetes.UserInfo"),
    "dryRun": BOOL,
    "options": DYN,
}
_NAMESPACE: Final = {
    "metadata": object_type("kubernetes.NamespaceMetadata"),
    "spec": object_type("kubernetes.NamespaceSpec"),
    "status": object_type("kubernetes.NamespaceStatus"),
}
_NAMESPACE_METADATA: Final = {
    "name": STRING,
    "generateName": STRING,
    "namespace": STRING,
    "labels": map_of(STRING, STRING),
    "annotations": map_of(STRING, STRING),
    "UID": STRING,
    "creationTimestamp": TIMESTAMP,
    "deletionGracePeriodSeconds": INT,
    "deletionTimestamp": TIMESTAMP,
    "generation": INT,
    "resourceVersion": STRING,
    "finalizers": list_of(STRING),
}
_CONDITION: Final = {
    "status": STRING,
    "type": STRING,
    "lastTransitionTime": TIMESTAMP,
    "message": STRING,
    "reason": STRING,
}
OBJECTS: Final[Mapping[str, Mapping[str, Type]]] = {
    "kubernetes.GroupVersionKind": _KIND,
    "kubernetes.GroupVersionResource": _RESOURCE,
    "kubernetes.UserInfo": _USER,
    "kubernetes.AdmissionRequest": _REQUEST,
    "kubernetes.Namespace": _NAMESPACE,
    "kubernetes.NamespaceMetadata": _NAMESPACE_METADATA,
    "kubernetes.NamespaceSpec": {"finalizers": list_of(STRING)},
    "kubernetes.NamespaceCondition": _CONDITION,
    "kubernetes.NamespaceStatus": {
        "conditions": list_of(object_type("kubernetes.NamespaceCondition")),
        "phase": STRING,
    },
}


class Scope(msgspec.Struct, frozen=True):
    """What an expression may name beside the request.

    variables: the types of a policy's variables so far; None where there are none to be had.
    functions: what an environment of patches has more, with what it does; `objects` its types.
    """

    params: bool = False
    authorizer: bool = False
    variables: Mapping[str, Type] | None = None
    functions: Mapping[str, tuple[Overload, ...]] = {}
    implementations: Mapping[str, Function] = {}
    objects: dict[str, Mapping[str, Type]] = {}

    def environment(self) -> Environment:
        named: dict[str, Type] = {
            "object": DYN,
            "oldObject": DYN,
            "namespaceObject": object_type("kubernetes.Namespace"),
            "request": object_type("kubernetes.AdmissionRequest"),
        }
        objects = self.types()
        if self.params:
            named["params"] = DYN
        if self.authorizer:
            named["authorizer"] = object_type("kubernetes.authorization.Authorizer")
            resource = object_type("kubernetes.authorization.ResourceCheck")
            named["authorizer.requestResource"] = resource
        if self.variables is not None:
            named["variables"] = object_type(VARIABLES)
        return Environment(named, objects, self.functions)

    def types(self) -> Mapping[str, Mapping[str, Type]]:
        """The types with fields; those of patches are more than can be listed."""
        known = type(self.objects)({**self.objects, **OBJECTS})
        return (
            known if self.variables is None else type(known)({**known, VARIABLES: self.variables})
        )


class Expression(msgspec.Struct, frozen=True):
    """A compiled expression, or what is wrong with it."""

    source: str
    program: Program | None
    wrong: str = ""


ANYTHING: Final[tuple[Type, ...]] = ()
"""The types of an expression that may be of any."""


def compiled(source: str, scope: Scope, wanted: tuple[Type, ...]) -> Expression:
    """Compile an expression that must be of one of these types.

    >>> compiled("object.spec.replicas", Scope(), (BOOL,)).wrong
    'must evaluate to bool but got dyn'
    """
    found = compile_expression(source, scope.environment(), scope.implementations)
    if isinstance(found, Failure):
        errors = found.failure()
        how = "program instantiation failed" if errors.while_planning else "compilation failed"
        return Expression(source, None, f"{how}: {errors.text}")
    program = found.unwrap()
    if wanted and program.type not in wanted:
        names = [_named(one) for one in wanted]
        some = names[0] if len(names) == 1 else f"one of [{' '.join(names)}]"
        said = f"must evaluate to {some} but got {_named(program.type)}"
        return Expression(source, None, said)
    return Expression(source, program)


def _named(one: Type) -> str:
    return "null_type" if one == NULL else shown(one)


class Spent(Exception):
    """Nothing more may be evaluated: why. Never leaves this room."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


class Evaluator:
    """Evaluates the expressions of one policy about one request. Lives for one decision.

    What it was asked before it remembers: variables are worked out once.
    """

    def __init__(
        self, bindings: Mapping[str, Value], variables: Mapping[str, Expression], budget: int
    ) -> None:
        self.lazy = _Variables(variables)
        self.bindings = {**bindings, "variables": self.lazy}
        self.lazy.bindings = self.bindings
        self.budget = budget

    def evaluate(self, expression: Expression) -> Value | Wrong:
        """What an expression is worth, or what is wrong with it.

        Raises:
            Spent: the budget does not suffice.
        """
        if expression.program is None:
            return Wrong(f"compilation error: {expression.wrong}")
        found = expression.program.evaluate(self.bindings)
        self.budget -= found.cost + self.lazy.take_cost()
        if self.budget < 0:
            raise Spent(OUT_OF_BUDGET)
        if isinstance(found.result, Failure):
            error = found.result.failure().message
            return Wrong(f"expression '{expression.source}' resulted in error: {error}")
        return found.result.unwrap()


class Wrong(msgspec.Struct, frozen=True):
    """An expression has no value: why."""

    said: str


class _Variables:
    """The variables of a policy: an object whose fields are worked out when they are asked for."""

    def __init__(self, expressions: Mapping[str, Expression]) -> None:
        self.expressions = expressions
        self.bindings: Mapping[str, Value] = {}
        self.known: dict[str, Value | EvaluationFault] = {}
        self.cost = 0

    def take_cost(self) -> int:
        cost, self.cost = self.cost, 0
        return cost

    def field(self, name: str, _frame: Frame) -> Value:
        found = self.known.get(name)
        if name not in self.known:
            found = self.known[name] = self.worked_out(name)
        if isinstance(found, EvaluationFault):
            raise found
        return found

    def worked_out(self, name: str) -> Value | EvaluationFault:
        expression = self.expressions.get(name)
        if expression is None:
            return EvaluationFault(f"no such key: {name}")
        if expression.program is None:
            said = f'composited variable "{name}" fails to compile: {expression.wrong}'
            return EvaluationFault(said)
        evaluation = expression.program.evaluate(self.bindings)
        self.cost += evaluation.cost
        if isinstance(evaluation.result, Failure):
            error = evaluation.result.failure().message
            return EvaluationFault(f'composited variable "{name}" fails to evaluate: {error}')
        return evaluation.result.unwrap()
