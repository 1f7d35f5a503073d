"""What is wrong with a ValidatingWebhookConfiguration or a MutatingWebhookConfiguration.

An update may keep what an older server accepted: a side effect, a review version that nobody
knows, a name given twice.

Source: kubernetes v1.36, pkg/apis/admissionregistration/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api.validation.fields import Rules, at, items, whole_number
from kelm.core.api.validation.labels import label_selector
from kelm.core.api.validation.metadata import metadata, metadata_update
from kelm.core.api.validation.names import dns1035_label, dns1123_subdomain
from kelm.core.api.validation.violation import (
    Violations,
    duplicate,
    invalid_value,
    not_supported,
    required,
)
from kelm.core.api.webhooks.client_config import client_config
from kelm.effects.document import Document, child, children, elements, text

VALIDATING: Final = "validatingwebhookconfigurations.admissionregistration.k8s.io"
MUTATING: Final = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
REVIEW_VERSIONS: Final = ("v1", "v1beta1")
NO_SIDE_EFFECTS: Final = ("None", "NoneOnDryRun")
SIDE_EFFECTS: Final = ("None", "NoneOnDryRun", "Some", "Unknown")
OPERATIONS: Final = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
SCOPES: Final = ("*", "Cluster", "Namespaced")


class Leniency(msgspec.Struct, frozen=True):
    """What an older server accepted, and an update of it may keep."""

    side_effects: bool = False
    review_versions: bool = False
    names: bool = False


STRICT: Final = Leniency()


def webhooks_create(doc: Document) -> Violations:
    """The violations of a new configuration."""
    resource = MUTATING if doc.get("kind") == "MutatingWebhookConfiguration" else VALIDATING
    return (*metadata(doc, resource), *_webhooks(doc, STRICT))


def webhooks_update(old: Document, new: Document) -> Violations:
    """The violations of a changed configuration."""
    before = children(old, "webhooks")
    names = [text(hook, "name") for hook in before]
    leniency = Leniency(
        any(text(hook, "sideEffects") not in NO_SIDE_EFFECTS for hook in before),
        any(_unknown_versions(elements(hook, "admissionReviewVersions")) for hook in before),
        len(set(names)) != len(names),
    )
    return (*metadata_update(old, new), *_webhooks(new, leniency))


def _unknown_versions(versions: tuple[object, ...]) -> bool:
    return bool(versions) and not any(one in REVIEW_VERSIONS for one in versions)


def _webhooks(doc: Document, leniency: Leniency) -> Rules:
    seen: list[str] = []
    mutating = doc.get("kind") == "MutatingWebhookConfiguration"
    for path, hook in items(doc, "", "webhooks"):
        yield from _webhook(hook, path, leniency, mutating=mutating)
        versions = elements(hook, "admissionReviewVersions")
        yield from review_versions(
            versions, at(path, "admissionReviewVersions"), known=not leniency.review_versions
        )
        name = text(hook, "name")
        if name in seen and name and not leniency.names:
            yield duplicate(at(path, "name"), name)
        seen.append(name)


def _webhook(hook: Document, path: str, leniency: Leniency, *, mutating: bool) -> Rules:
    yield from _name(text(hook, "name"), at(path, "name"))
    for here, rule in items(hook, path, "rules"):
        yield from rule_violations(rule, here)
    yield from _word(hook, path, "failurePolicy", ("Fail", "Ignore"))
    yield from _word(hook, path, "matchPolicy", ("Equivalent", "Exact"))
    allowed = SIDE_EFFECTS if leniency.side_effects else NO_SIDE_EFFECTS
    if hook.get("sideEffects") is None:
        yield required(at(path, "sideEffects"), f"must specify one of {', '.join(allowed)}")
    yield from _word(hook, path, "sideEffects", allowed)
    timeout = whole_number(hook, "timeoutSeconds")
    if timeout is not None and not 1 <= timeout <= 30:
        why = "the timeout value must be between 1 and 30 seconds"
        yield invalid_value(at(path, "timeoutSeconds"), timeout, why)
    for selector in ("namespaceSelector", "objectSelector"):
        yield from label_selector(child(hook, selector), at(path, selector))
    if mutating:
        yield from _word(hook, path, "reinvocationPolicy", ("IfNeeded", "Never"))
    yield from client_config(child(hook, "clientConfig"), at(path, "clientConfig"))
    if elements(hook, "matchConditions"):
        from kelm.core.api.policies.judge import match_conditions

        yield from match_conditions(hook, path)


def _word(doc: Document, path: str, key: str, supported: tuple[str, ...]) -> Rules:
    """A word that is one of several where it is given."""
    value = doc.get(key)
    if isinstance(value, str) and value not in supported:
        yield not_supported(at(path, key), value, supported)


def _name(name: str, path: str) -> Rules:
    """A fully qualified name. Source: apimachinery/pkg/util/validation, IsFullyQualifiedName."""
    wrong = dns1123_subdomain(name)
    if not name:
        yield required(path)
    elif wrong:
        yield invalid_value(path, name, ",".join(wrong))
    elif name.count(".") < 2:
        why = "should be a domain with at least three segments separated by dots"
        yield invalid_value(path, name, why)


def review_versions(versions: tuple[object, ...], path: str, *, known: bool) -> Rules:
    """The versions of a review that a webhook understands; one of them must be ours."""
    words = [str(one) for one in versions]
    if not words:
        yield required(path, f"must specify one of {', '.join(REVIEW_VERSIONS)}")
        return
    for index, word in enumerate(words):
        if word in words[:index]:
            yield invalid_value(f"{path}[{index}]", word, "duplicate version")
            continue
        for complaint in dns1035_label(word):
            yield invalid_value(f"{path}[{index}]", word, complaint)
    if known and _unknown_versions(versions):
        why = f"must include at least one of {', '.join(REVIEW_VERSIONS)}"
        yield invalid_value(path, tuple(words), why)


def rule_violations(rule: Document, path: str) -> Rules:
    """The violations of a rule about requests: of a webhook, or of a policy."""
    operations = elements(rule, "operations")
    yield from _listed(rule, path, "operations", "operations")
    for index, operation in enumerate(operations):
        if operation not in OPERATIONS:
            yield not_supported(f"{at(path, 'operations')}[{index}]", operation, OPERATIONS)
    yield from _listed(rule, path, "apiGroups", "API groups")
    yield from _listed(rule, path, "apiVersions", "API versions")
    for index, version in enumerate(elements(rule, "apiVersions")):
        if not version:
            yield required(f"{at(path, 'apiVersions')}[{index}]")
    resources = tuple(str(one) for one in elements(rule, "resources"))
    yield from _resources(resources, at(path, "resources"))
    yield from _word(rule, path, "scope", SCOPES)


def _listed(rule: Document, path: str, key: str, called: str) -> Rules:
    """A list with something in it: `*` alone, or others."""
    found = elements(rule, key)
    if not found:
        yield required(at(path, key))
    elif len(found) > 1 and "*" in found:
        why = f"if '*' is present, must not specify other {called}"
        yield invalid_value(at(path, key), found, why)


def _resources(resources: tuple[str, ...], path: str) -> Rules:
    """Resources and their subresources: what one entry covers no other may repeat.

    Only the last entry without a subresource counts beside a `*`, as upstream has it.
    """
    if not resources:
        yield required(path)
    whole, everywhere, plain = [], [], False
    for index, one in enumerate(resources):
        here = f"{path}[{index}]"
        if not one:
            yield required(here)
            continue
        resource, slash, sub = one.partition("/")
        if not slash:
            plain = one != "*"
            continue
        if resource in whole:
            yield invalid_value(here, one, f"if '{resource}/*' is present, must not specify {one}")
        if sub in everywhere:
            yield invalid_value(here, one, f"if '*/{sub}' is present, must not specify {one}")
        if sub == "*":
            whole.append(resource)
        if resource == "*":
            everywhere.append(sub)
    if len(resources) > 1 and "*/*" in resources:
        yield invalid_value(
            path, resources, "if '*/*' is present, must not specify other resources"
        )
    if "*" in resources and plain:
        why = "if '*' is present, must not specify other resources without subresources"
        yield invalid_value(path, resources, why)
