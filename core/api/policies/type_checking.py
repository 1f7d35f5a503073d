"""What the types of the kinds that a policy is about say against its expressions.

Admission asks expressions without types, so that a policy holds for whatever comes; here its
validations are checked once more for each kind its rules name outright, and what does not fit
is told in its status. It never changes what the policy decides.

Source: kubernetes v1.36, apiserver/pkg/admission/plugin/policy/validating/typechecking.go,
apiserver/pkg/cel/openapi/resolver/refs.go, apimachinery/pkg/api/meta/restmapper.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final

import msgspec
from returns.result import Failure

from kelm.core.api.custom.definition import CustomResource
from kelm.core.api.openapi.customs import custom_schemas
from kelm.core.api.openapi.schemas import (
    INT_OR_TEXT,
    V3,
    custom_name,
    full_name,
    schema_of,
    special,
)
from kelm.core.api.policies.expressions import Scope
from kelm.core.api.resources import RESOURCES, ResourceInfo, served_versions
from kelm.core.api.schema.definitions import definition_of, kubernetes
from kelm.core.cel.checking.environment import Environment
from kelm.core.cel.checking.types import DYN, Type, list_of, map_of
from kelm.core.cel.compile import parse_and_check
from kelm.core.cel.schemas import INT_OR_STRING, Declared, declare, objects_of
from kelm.effects.document import Document, Json, child, children, elements, text

MOST_KINDS: Final = 10
"""How many kinds of one rule are looked at."""

_HIDDEN: Final = "authorizer.requestResource"


class Kind(msgspec.Struct, frozen=True, order=True):
    group: str
    version: str
    kind: str

    @property
    def shown(self) -> str:
        return f"{self.group}/{self.version}, Kind={self.kind}"


def expression_warnings(policy: Document, customs: tuple[CustomResource, ...]) -> tuple[Json, ...]:
    """The warnings of a ValidatingAdmissionPolicy's status, in the order of its validations.

    Args:
        customs: the custom resources that are defined; policies may be about them too.

    >>> from kelm.effects.document import document
    >>> rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"]}
    >>> said = {"validations": [{"expression": "object.spec.replicas > '1'"}]}
    >>> spec = {"matchConstraints": {"resourceRules": [rule]}, **said}
    >>> expression_warnings(document({"spec": spec}), ())[0]["warning"].splitlines()[0]
    "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied \
to '(int, string)'"
    """
    spec = child(policy, "spec")
    environments = tuple(_environments(spec, customs))
    found: list[Json] = []
    for index, one in enumerate(children(spec, "validations")):
        for field in ("expression", "messageExpression"):
            source = text(one, field)
            if field == "messageExpression" and not source:
                continue
            said = [_said(kind, source, environment) for kind, environment in environments]
            warning = "\n".join(filter(None, said))
            if warning:
                path = f"spec.validations[{index}].{field}"
                found.append(Document(fieldRef=path, warning=warning))
    return tuple(found)


def _said(kind: Kind, source: str, environment: Environment) -> str:
    checked = parse_and_check(source, environment)
    return f"{kind.shown}: {checked.failure().text}\n" if isinstance(checked, Failure) else ""


def _environments(
    spec: Document, customs: tuple[CustomResource, ...]
) -> Iterator[tuple[Kind, Environment]]:
    """What expressions may name when they are asked about each kind whose type is known."""
    params = _params(child(spec, "paramKind"), customs)
    for kind in _kinds(children(spec, "matchConstraints", "resourceRules"), customs):
        declared = _declared(kind, kind.kind, customs)
        if declared is not None:
            yield kind, _environment(spec, declared, params)


def _environment(spec: Document, declared: Declared, params: Declared | None) -> Environment:
    types = {**objects_of(declared), **({} if params is None else objects_of(params))}
    scope = Scope(params="paramKind" in spec, authorizer=True, variables={}, objects=types)
    typed: dict[str, Type] = {"object": declared.type, "oldObject": declared.type}
    if params is not None:
        typed["params"] = params.type
    known: dict[str, Type] = {}
    for one in children(spec, "variables"):
        checked = parse_and_check(text(one, "expression"), _within(scope, typed))
        worth = DYN if isinstance(checked, Failure) else _remembered(checked.unwrap().type)
        known[text(one, "name")] = worth
        scope = msgspec.structs.replace(scope, variables=dict(known))
    return _within(scope, typed)


def _remembered(worth: Type) -> Type:
    """What is known of a variable: objects are forgotten, also within lists and maps."""
    if worth.kind == "list":
        return list_of(_remembered(worth.params[0]))
    if worth.kind == "map":
        return map_of(*map(_remembered, worth.params))
    return DYN if worth.kind in ("object", "opaque", "type") else worth


def _within(scope: Scope, typed: Mapping[str, Type]) -> Environment:
    """The environment of a scope with types; what the request asks for is not known here."""
    plain = scope.environment()
    named = {name: one for name, one in plain.variables.items() if name != _HIDDEN}
    return Environment({**named, **typed}, plain.objects, plain.functions)


def _kinds(rules: tuple[Document, ...], customs: tuple[CustomResource, ...]) -> list[Kind]:
    """The kinds that rules name without wildcards, sorted; once one names many, no further."""
    served = (*RESOURCES.values(), *(one.info for one in customs))
    found: set[Kind] = set()
    for rule in rules:
        named = list(_named(rule, served))[:MOST_KINDS]
        found.update(named)
        if len(named) == MOST_KINDS:
            break
    return sorted(found)


def _named(rule: Document, served: tuple[ResourceInfo, ...]) -> Iterator[Kind]:
    groups, versions, resources = (
        sorted(map(str, elements(rule, field)))
        for field in ("apiGroups", "apiVersions", "resources")
    )
    if any("*" in one for one in (*groups, *versions)):
        return
    for group in groups:
        for version in versions:
            for resource in resources:
                yield from _kinds_for(group, version, resource, served)


def _kinds_for(
    group: str, version: str, resource: str, served: tuple[ResourceInfo, ...]
) -> Iterator[Kind]:
    """The kinds of a resource; without a group those of every group, as clients look them up."""
    for info in served:
        named = group in ("", info.group) and resource == info.plural
        if named and version in served_versions(info):
            yield Kind(info.group, version, info.kind)


def _params(given: Document, customs: tuple[CustomResource, ...]) -> Declared | None:
    group, _, version = text(given, "apiVersion").rpartition("/")
    kind = Kind(group, version, text(given, "kind"))
    return _declared(kind, f"params.{kind.kind}", customs)


def _declared(kind: Kind, name: str, customs: tuple[CustomResource, ...]) -> Declared | None:
    """What the type of a kind declares, under this name; None where nothing is known of it."""
    for custom in customs:
        if (custom.info.group, custom.info.kind) == (kind.group, kind.kind):
            full = custom_name(kind.group, kind.version, kind.kind)
            schema = custom_schemas(custom, V3, kind.version).get(full)
            found = _resolved(schema, (full,)) if isinstance(schema, Document) else None
            return None if found is None else declare(found, name, root=False)
    return _built_in(kind, name)


@lru_cache(maxsize=64)
def _built_in(kind: Kind, name: str) -> Declared | None:
    version = f"{kind.group}/{kind.version}" if kind.group else kind.version
    known = definition_of(version, kind.kind)
    if known is None:
        return None
    schema = _resolved(schema_of(known, V3), (full_name(known.name),))
    return declare(schema, name, root=False)


def _resolved(schema: Document, within: tuple[str, ...]) -> Document:
    """A schema with those it refers to in their places; one within itself is an empty object."""
    for one in (schema, *children(schema, "allOf")):
        name = text(one, "$ref").removeprefix(V3.root)
        if name in within:
            return Document(type="object")
        if name:
            schema, within = _referred()(name), (*within, name)
            break
    inner: dict[str, Json] = {}
    for field in ("items", "additionalProperties"):
        part = schema.get(field)
        if isinstance(part, Document):
            inner[field] = _resolved(part, within)
    properties = child(schema, "properties")
    if properties:
        inner["properties"] = Document(
            {
                name: _resolved(one, within) if isinstance(one, Document) else one
                for name, one in properties.items()
            }
        )
    return Document({**schema, **inner}) if inner else schema


@lru_cache(maxsize=1)
def _referred() -> Callable[[str], Document]:
    """Finds what a reference refers to, by its full name."""
    names = {full_name(name): one for name, one in kubernetes().items()}
    others = {**special(V3), INT_OR_TEXT: Document({INT_OR_STRING: True})}

    def find(name: str) -> Document:
        known = others.get(name)
        return known if isinstance(known, Document) else schema_of(names[name], V3)

    return find
