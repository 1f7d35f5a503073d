"""Webhooks as their configurations describe them, in the order in which they are asked.

Source: kubernetes v1.36, apiserver/pkg/admission/configuration/mutating_webhook_manager.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from kelm.core.api.resources import ResourceInfo
from kelm.core.api.webhooks.rules import MUTATING, VALIDATING
from kelm.core.objects.selectors.labels import Selector, selector_of
from kelm.core.store.store import Store
from kelm.effects.document import Document, child, children, elements, number, text

if TYPE_CHECKING:
    from kelm.core.api.policies.conditions import Condition

EXEMPT: Final = frozenset(
    {
        VALIDATING,
        MUTATING,
        "validatingadmissionpolicies.admissionregistration.k8s.io",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io",
        "mutatingadmissionpolicies.admissionregistration.k8s.io",
        "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
    }
)
"""What admits cannot be kept out by what it admits.

Source: plugin/webhook/predicates/rules/rules.go, IsExemptAdmissionConfigurationResource.
"""


class Rule(msgspec.Struct, frozen=True):
    """Which requests a webhook wants to see."""

    operations: tuple[str, ...]
    groups: tuple[str, ...]
    versions: tuple[str, ...]
    resources: tuple[str, ...]
    scope: str

    def may_concern(self, operation: str, group: str, plural: str) -> bool:
        """Whether a request of some version, for the resource or a part of it, may be meant."""
        return (
            _listed(self.operations, operation)
            and _listed(self.groups, group)
            and any(one.partition("/")[0] in ("*", plural) for one in self.resources)
        )

    def takes(self, group: str, version: str, plural: str, subresource: str) -> bool:
        """Whether this resource, or this part of it, is meant."""
        return (
            _listed(self.groups, group)
            and _listed(self.versions, version)
            and any(_is_resource(one, plural, subresource) for one in self.resources)
        )


def _listed(words: tuple[str, ...], word: str) -> bool:
    return "*" in words or word in words


def _is_resource(rule: str, plural: str, subresource: str) -> bool:
    resource, _, sub = rule.partition("/")
    return resource in ("*", plural) and sub in ("*", subresource)


class Hook(msgspec.Struct, frozen=True):
    """One webhook. `uid` tells it from its namesakes in other configurations."""

    uid: str
    name: str
    client: Document
    rules: tuple[Rule, ...]
    equivalent: bool
    namespaces: Selector
    objects: Selector
    ignore: bool
    timeout_seconds: int
    side_effects: str
    reinvoked: bool
    review_versions: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()


class _Read(msgspec.Struct, frozen=True):
    """A configuration's webhooks, kept with it."""

    hooks: tuple[Hook, ...]


def hooks_of(configuration: Document) -> tuple[Hook, ...]:
    """The webhooks of one configuration."""
    try:
        known = configuration.derived
    except AttributeError:
        known = None
    if isinstance(known, _Read):
        return known.hooks
    name, seen = text(configuration, "metadata", "name"), dict[str, int]()
    found = []
    for doc in children(configuration, "webhooks"):
        index = seen.get(text(doc, "name"), 0)
        seen[text(doc, "name")] = index + 1
        found.append(_hook(f"{name}/{text(doc, 'name')}/{index}", doc))
    configuration.derived = _Read(tuple(found))
    return tuple(found)


def _hook(uid: str, doc: Document) -> Hook:
    return Hook(
        uid,
        text(doc, "name"),
        child(doc, "clientConfig"),
        tuple(map(_rule, children(doc, "rules"))),
        text(doc, "matchPolicy") != "Exact",
        selector_of(child(doc, "namespaceSelector")),
        selector_of(child(doc, "objectSelector")),
        text(doc, "failurePolicy") == "Ignore",
        number(doc, "timeoutSeconds") or 10,
        text(doc, "sideEffects"),
        text(doc, "reinvocationPolicy") == "IfNeeded",
        _words(doc, "admissionReviewVersions"),
        _conditions(doc),
    )


def _conditions(doc: Document) -> tuple[Condition, ...]:
    if not elements(doc, "matchConditions"):
        return ()
    from kelm.core.api.policies.conditions import conditions_of

    return conditions_of(doc)


def _rule(doc: Document) -> Rule:
    return Rule(
        _words(doc, "operations"),
        _words(doc, "apiGroups"),
        _words(doc, "apiVersions"),
        _words(doc, "resources"),
        text(doc, "scope") or "*",
    )


def _words(doc: Document, key: str) -> tuple[str, ...]:
    return tuple(map(str, elements(doc, key)))


def are_registered(store: Store) -> bool:
    """Whether there was ever a webhook configuration: two look-ups, the cost of a plain request."""
    return VALIDATING in store.number_of or MUTATING in store.number_of


def concerned(
    store: Store, kind: str, info: ResourceInfo, operations: tuple[str, ...]
) -> tuple[Hook, ...]:
    """The webhooks of a kind of configuration that may want to see such a request, in order."""
    if info.resource in EXEMPT or kind not in store.number_of:
        return ()
    table = store.table(kind)
    return tuple(
        hook
        for key in table.sorted_keys()
        if (doc := table.get(key)) is not None
        for hook in hooks_of(doc)
        if any(
            rule.may_concern(one, info.group, info.plural)
            for rule in hook.rules
            for one in operations
        )
    )
