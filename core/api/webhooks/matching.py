"""Whether a webhook is asked about a request, and in which version of the object.

Source: kubernetes v1.36, apiserver/pkg/admission/plugin/webhook/generic/webhook.go
(ShouldCallHook), predicates/rules, predicates/namespace, predicates/object.
"""

from __future__ import annotations

import msgspec

from kelm.core.api import refuse
from kelm.core.api.resources import RESOURCES, served_versions
from kelm.core.api.webhooks.attributes import Attributes
from kelm.core.api.webhooks.hearing import Hearing
from kelm.core.api.webhooks.hooks import Hook, Rule
from kelm.core.objects.meta import labels_of
from kelm.core.objects.selectors.labels import Selector
from kelm.core.store.store import Store
from kelm.effects.refusals import Refusal


class Match(msgspec.Struct, frozen=True):
    """The webhook is to be asked, with objects in this version."""

    version: str


def match(
    store: Store, hearing: Hearing, hook: Hook, asked: Attributes, version: str
) -> Match | Refusal | None:
    """Whether to ask; a refusal where nobody can say."""
    selected = namespace_matches(store, hook.namespaces, asked)
    if not selected or not object_matches(hook.objects, asked):
        return None
    found = _version(hook, asked, version)
    if found is None:
        return None
    if isinstance(selected, Refusal):
        return selected
    if hook.conditions:
        return _under_conditions(store, hearing, hook, asked, (found, version))
    return Match(found)


def _under_conditions(
    store: Store, hearing: Hearing, hook: Hook, asked: Attributes, versions: tuple[str, str]
) -> Match | Refusal | None:
    """Whether the webhook's conditions hold; an error is a no where failures are not ignored."""
    from kelm.core.api.policies.bindings import bindings
    from kelm.core.api.policies.conditions import Unclear, matches

    found = matches(hook.conditions, bindings(store, hearing, asked, *versions))
    if isinstance(found, Unclear):
        return None if hook.ignore else refuse.forbidden(asked.info, asked.name, found.said)
    return Match(versions[0]) if found else None


def _version(hook: Hook, asked: Attributes, version: str) -> str | None:
    """The version of the first rule that means the request, or one equivalent to it."""
    if any(takes(rule, asked, version) for rule in hook.rules):
        return version
    if not hook.equivalent:
        return None
    for rule in hook.rules:
        for other in served_versions(asked.info):
            if other != version and takes(rule, asked, other):
                return other
    return None


def takes(rule: Rule, asked: Attributes, version: str) -> bool:
    """Whether a rule means a request, if it were in this version."""
    info = asked.info
    if "*" not in rule.operations and asked.operation not in rule.operations:
        return False
    is_cluster_wide = info.resource == "namespaces" or not asked.namespace
    if rule.scope != "*" and (rule.scope == "Cluster") is not is_cluster_wide:
        return False
    return rule.takes(info.group, version, info.plural, asked.subresource)


def namespace_matches(store: Store, selector: Selector, asked: Attributes) -> bool | Refusal:
    """Whether the namespace of a request is selected; a refusal where there is none."""
    is_namespace = asked.info.resource == "namespaces"
    if selector.everything or not (asked.namespace or is_namespace):
        return True
    if is_namespace and not asked.subresource and asked.operation in ("CREATE", "UPDATE"):
        return asked.object is not None and selector.matches(labels_of(asked.object))
    namespace = store.get("namespaces", asked.namespace)
    if namespace is None:
        return refuse.not_found(RESOURCES["namespaces"], asked.namespace)
    return selector.matches(labels_of(namespace))


def object_matches(selector: Selector, asked: Attributes) -> bool:
    """Whether the object, as it was or as it will be, is selected."""
    if selector.everything:
        return True
    return any(
        doc is not None and selector.matches(labels_of(doc)) for doc in (asked.object, asked.old)
    )
