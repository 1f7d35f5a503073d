"""What is wrong with bindings of policies, and with constraints and parameters of either.

Source: kubernetes v1.36, pkg/apis/admissionregistration/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import Rules, at, choice, complaints, has_text, items
from kelm.core.api.validation.labels import label_selector
from kelm.core.api.validation.names import dns1123_subdomain, path_segment
from kelm.core.api.validation.violation import (
    duplicate,
    forbidden,
    invalid_value,
    not_supported,
    required,
)
from kelm.core.api.webhooks.rules import rule_violations
from kelm.effects.document import Document, child, children, elements, text

ACTIONS: Final = ("Audit", "Deny", "Warn")
MUTABLE: Final = ("*", "CONNECT", "CREATE", "UPDATE")
EXCLUSIVE: Final = "name and selector are mutually exclusive"
TWICE: Final = (
    "must not contain both Deny and Warn (repeating the same validation failure information in "
    "the API response and headers serves no purpose)"
)


def validating_binding(doc: Document) -> Rules:
    """The violations of a ValidatingAdmissionPolicyBinding, beside those of its metadata."""
    spec = child(doc, "spec")
    yield from _binding(spec)
    yield from _actions(elements(spec, "validationActions"), "spec.validationActions")


def mutating_binding(doc: Document) -> Rules:
    """The violations of a MutatingAdmissionPolicyBinding, beside those of its metadata."""
    spec = child(doc, "spec")
    yield from _binding(spec)
    yield from only_mutable(child(spec, "matchResources"), "spec.matchResources")


def _binding(spec: Document) -> Rules:
    yield from has_text(spec, "spec", "policyName")
    name = text(spec, "policyName")
    if name:
        yield from complaints("spec.policyName", name, dns1123_subdomain(name))
    ref, resources = spec.get("paramRef"), spec.get("matchResources")
    if isinstance(ref, Document):
        yield from _param_ref(ref, "spec.paramRef")
    if isinstance(resources, Document):
        yield from constraints(resources, "spec.matchResources")


def _param_ref(given: Document, path: str) -> Rules:
    name, selector = text(given, "name"), given.get("selector")
    if name:
        yield from complaints(at(path, "name"), name, path_segment(name))
        if isinstance(selector, Document):
            yield forbidden(at(path, "name"), EXCLUSIVE)
    if isinstance(selector, Document):
        yield from label_selector(selector, at(path, "selector"))
        if name:
            yield forbidden(at(path, "selector"), EXCLUSIVE)
    if not name and not isinstance(selector, Document):
        yield required(path, "one of name or selector must be specified")
    yield from choice(given, path, "parameterNotFoundAction", ("Deny", "Allow"))


def _actions(actions: tuple[object, ...], path: str) -> Rules:
    words = tuple(map(str, actions))
    for index, action in enumerate(words):
        if action not in ACTIONS:
            yield not_supported(f"{path}[{index}]", action, ACTIONS)
        if action in words[:index]:
            yield duplicate(f"{path}[{index}]", action)
    if "Deny" in words and "Warn" in words:
        yield invalid_value(path, words, TWICE)
    if not words:
        yield required(path, "at least one validation action is required")


def constraints(given: Document, path: str) -> Rules:
    """Which requests are meant: selectors and rules."""
    yield from choice(given, path, "matchPolicy", ("Equivalent", "Exact"))
    for key in ("namespaceSelector", "objectSelector"):
        yield from label_selector(child(given, key), at(path, key))
    for key in ("resourceRules", "excludeResourceRules"):
        for here, rule in items(given, path, key):
            yield from _names(tuple(map(str, elements(rule, "resourceNames"))), here)
            yield from rule_violations(rule, here)


def _names(names: tuple[str, ...], path: str) -> Rules:
    for index, name in enumerate(names):
        here = f"{at(path, 'resourceNames')}[{index}]"
        yield from complaints(here, name, path_segment(name))
        if name in names[:index]:
            yield duplicate(here, name)


def only_mutable(given: Document, path: str) -> Rules:
    """Only requests that bring an object can be changed."""
    for rule in children(given, "resourceRules"):
        for operation in elements(rule, "operations"):
            if operation not in MUTABLE:
                yield not_supported(at(path, "resourceRules.operations"), operation, MUTABLE)
