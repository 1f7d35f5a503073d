"""What is wrong with policies: with their constraints, their expressions, and what they make.

Whoever looks at webhooks asks `match_conditions` here, too.

Source: kubernetes v1.36, pkg/apis/admissionregistration/validation/validation.go.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from kelm.core.api.policies.expressions import ANYTHING, Scope, compiled
from kelm.core.api.policies.judge_bindings import constraints, only_mutable
from kelm.core.api.policies.patches import mutation_scope, mutation_type
from kelm.core.api.policies.policy import scopes_of
from kelm.core.api.validation.fields import Rules, at, choice, complaints, items
from kelm.core.api.validation.names import dns1035_label, dns1123_subdomain, qualified_name
from kelm.core.api.validation.violation import (
    Struct,
    duplicate,
    invalid_value,
    not_supported,
    required,
    too_many,
)
from kelm.core.cel.checking.types import BOOL, NULL, STRING, Type
from kelm.effects.document import Document, child, children, elements, text

MOST_CONDITIONS: Final = 64
MOST_ANNOTATIONS: Final = 20
MOST_VALUE_BYTES: Final = 5 * 1024
REASONS: Final = ("Forbidden", "Invalid", "RequestEntityTooLarge")
PATCHES: Final = {"ApplyConfiguration": "applyConfiguration", "JSONPatch": "jsonPatch"}
NOTHING_TO_DO: Final = "validations or auditAnnotations must contain at least one item"

_IDENTIFIER: Final = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*\Z")
_RESERVED: Final = frozenset(
    {
        "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for",
        "function", "if", "import", "let", "loop", "package", "namespace", "return", "var",
        "void", "while",
    }
)  # fmt: skip


def validating_policy(doc: Document) -> Rules:
    """The violations of a ValidatingAdmissionPolicy, beside those of its metadata."""
    spec = child(doc, "spec")
    scope = _scope(spec)
    yield from _common(spec, scope)
    if not elements(spec, "validations") and not elements(spec, "auditAnnotations"):
        yield required("spec.validations", NOTHING_TO_DO)
        yield required("spec.auditAnnotations", NOTHING_TO_DO)
        return
    for path, one in items(spec, "spec", "validations"):
        yield from _validation(one, path, scope)
    yield from _annotations(doc, spec, scope)


def mutating_policy(doc: Document) -> Rules:
    """The violations of a MutatingAdmissionPolicy, beside those of its metadata."""
    spec = child(doc, "spec")
    scope, _ = scopes_of(spec)
    yield from _common(spec, scope, mutates=True)
    if not elements(spec, "mutations"):
        yield required("spec.mutations", "mutations must contain at least one item")
    for path, one in items(spec, "spec", "mutations"):
        yield from _mutation(one, path, scope)
    yield from choice(spec, "spec", "reinvocationPolicy", ("IfNeeded", "Never"))


def _scope(spec: Document) -> Scope:
    """What expressions may name; where there are no variables nobody may ask for one."""
    scope, variables = scopes_of(spec)
    return scope if variables else msgspec.structs.replace(scope, variables=None)


def _common(spec: Document, scope: Scope, *, mutates: bool = False) -> Rules:
    """What is wrong in what policies of both kinds have."""
    yield from choice(spec, "spec", "failurePolicy", ("Fail", "Ignore"))
    kind = spec.get("paramKind")
    if isinstance(kind, Document):
        yield from _param_kind(kind, "spec.paramKind")
    given, here = spec.get("matchConstraints"), "spec.matchConstraints"
    if isinstance(given, Document):
        yield from constraints(given, here)
        if not elements(given, "resourceRules"):
            yield required(at(here, "resourceRules"))
        if mutates:
            yield from only_mutable(given, here)
    else:
        yield required(here)
    outside = msgspec.structs.replace(scope, variables=None)
    yield from match_conditions(spec, "spec", outside)
    yield from _variables(spec, scope.params)


def match_conditions(doc: Document, path: str, scope: Scope | None = None) -> Rules:
    """The violations of the match conditions of a webhook; of a policy with a scope of its own."""
    asked, here, seen = scope or Scope(authorizer=True), at(path, "matchConditions"), set[str]()
    found = elements(doc, "matchConditions")
    if len(found) > MOST_CONDITIONS:
        yield too_many(here, len(found), MOST_CONDITIONS)
    for inner, one in items(doc, path, "matchConditions"):
        expression, name = text(one, "expression").strip(), text(one, "name")
        if not expression:
            yield required(at(inner, "expression"))
        else:
            yield from _compiles(expression, at(inner, "expression"), asked, (BOOL,))
        if not name:
            yield required(at(inner, "name"))
            continue
        yield from complaints(at(inner, "name"), name, qualified_name(name))
        if name in seen:
            yield duplicate(at(inner, "name"), name)
        seen.add(name)


def _compiles(
    expression: str, path: str, scope: Scope, wanted: tuple[Type, ...], source: str = ""
) -> Rules:
    """Nothing where an expression compiles to what is wanted. `source`: as it is shown."""
    wrong = compiled(expression, scope, wanted).wrong
    if wrong:
        yield invalid_value(path, source or expression, wrong)


def _param_kind(given: Document, path: str) -> Rules:
    version, kind = text(given, "apiVersion"), text(given, "kind")
    here = at(path, "apiVersion")
    if not version:
        yield required(here)
    elif version.count("/") > 1:
        yield invalid_value(here, version, f"unexpected GroupVersion string: {version}")
    else:
        group, _, own = version.rpartition("/")
        wrong = dns1123_subdomain(group) if group else ()
        if wrong:
            yield invalid_value(here, group, ",".join(wrong))
        if not own:
            yield invalid_value(here, version, "version must be specified")
        elif wrong := dns1035_label(own):
            yield invalid_value(here, own, ",".join(wrong))
    if not kind:
        yield required(at(path, "kind"))
    elif wrong := dns1035_label(kind.lower()):
        why = f"may have mixed case, but should otherwise match: {','.join(wrong)}"
        yield invalid_value(at(path, "kind"), kind, why)


def _variables(spec: Document, params: bool) -> Rules:
    """Each variable may name those before it."""
    scope = Scope(params=params, authorizer=True, variables={})
    for path, one in items(spec, "spec", "variables"):
        name, expression = text(one, "name"), text(one, "expression")
        if not name.strip():
            yield required(at(path, "name"), "name is not specified")
        elif not _IDENTIFIER.match(name) or name in _RESERVED:
            yield invalid_value(at(path, "name"), name, "must be a valid CEL identifier")
        if not expression.strip():
            yield required(at(path, "expression"), "expression is not specified")
            continue
        found = compiled(expression, scope, ANYTHING)
        if found.program is None:
            yield invalid_value(at(path, "expression"), expression, found.wrong)
        else:
            known = {**(scope.variables or {}), name: found.program.type}
            scope = msgspec.structs.replace(scope, variables=known)


def _validation(given: Document, path: str, scope: Scope) -> Rules:
    expression, asked = text(given, "expression"), text(given, "messageExpression")
    if not expression.strip():
        yield required(at(path, "expression"), "expression is not specified")
    else:
        yield from _compiles(expression, at(path, "expression"), scope, (BOOL,))
    if asked and not asked.strip():
        why = "must be non-empty if specified"
        yield invalid_value(at(path, "messageExpression"), asked, why)
    elif asked:
        plain = msgspec.structs.replace(scope, authorizer=False)
        yield from _compiles(asked, at(path, "messageExpression"), plain, (STRING,))
    message = text(given, "message")
    if message and not message.strip():
        yield invalid_value(at(path, "message"), message, "must be non-empty if specified")
    elif re.search(r"[\n\r]", message.strip()):
        yield invalid_value(at(path, "message"), message, "must not contain line breaks")
    reason = given.get("reason")
    if reason is not None and reason not in REASONS:
        yield not_supported(at(path, "reason"), reason, REASONS)


def _annotations(doc: Document, spec: Document, scope: Scope) -> Rules:
    found, owner, seen = children(spec, "auditAnnotations"), text(doc, "metadata", "name"), set()
    if len(found) > MOST_ANNOTATIONS:
        values = tuple(
            Struct(Key=text(one, "key"), ValueExpression=text(one, "valueExpression"))
            for one in found
        )
        why = f"must not have more than {MOST_ANNOTATIONS} auditAnnotations"
        yield invalid_value("spec.auditAnnotations", values, why)
    for path, one in items(spec, "spec", "auditAnnotations"):
        key, here = text(one, "key"), at(path, "key")
        if owner:
            full = f"{owner}/{key}"
            yield from complaints(here, full, qualified_name(full))
        else:
            yield invalid_value(here, key, "requires metadata.name be non-empty")
        yield from _annotation(text(one, "valueExpression"), at(path, "valueExpression"), scope)
        if key in seen:
            yield duplicate(here, key)
        seen.add(key)


def _annotation(source: str, path: str, scope: Scope) -> Rules:
    expression = source.strip()
    if not expression:
        yield required(path, "valueExpression is not specified")
    elif len(expression.encode()) > MOST_VALUE_BYTES:
        yield required(path, f"must not exceed {MOST_VALUE_BYTES} bytes in length")
    else:
        yield from _compiles(expression, path, scope, (STRING, NULL), source)


def _mutation(given: Document, path: str, scope: Scope) -> Rules:
    kind = text(given, "patchType")
    if not kind:
        yield required(at(path, "patchType"))
        return
    if kind not in PATCHES:
        yield not_supported(at(path, "patchType"), kind, tuple(PATCHES))
        return
    for other, field in sorted(PATCHES.items(), key=lambda one: one[0] != kind):
        part, here = given.get(field), at(path, field)
        if other == kind and not isinstance(part, Document):
            yield required(here, f"must be specified when patchType is {kind}")
        elif other != kind and isinstance(part, Document):
            why = f"must not be specified when patchType is {kind}"
            yield invalid_value(here, f"{{{field}}}", why)
        elif isinstance(part, Document):
            yield from _made(kind, text(part, "expression").strip(), at(here, "expression"), scope)


def _made(kind: str, expression: str, path: str, scope: Scope) -> Rules:
    """What an expression makes must be a patch of its kind."""
    if not expression:
        yield required(path)
    else:
        yield from _compiles(expression, path, mutation_scope(scope), (mutation_type(kind),))
