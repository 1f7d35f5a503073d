"""Whether a webhook is asked about a request, and in which version of the object.

Source: kubernetes v1.36, apiserver/pkg/admission/plugin/webhook/generic/webhook.go
(ShouldCallHook), predicates/rules, predicates/namespace, predicates/object.
"""

from __future__ import annotations

import msgspec

from kelm.core.api import refuse
from kelm.core.api.resources import RESOURCES, served_versions
from kelm.core.api.webhooks.attributes import Attributes
from kelm.core.api.webhooks.hooks import Hook, Rule
from kelm.core.objects.meta import labels_of
from kelm.core.objects.selectors import Selector
from kelm.core.store.store import Store
from kelm.effects.refusals import Refusal


class Match(msgspec.Struct, frozen=True):
    """The webhook is to be asked, with objects in this version."""

    version: str


def match(store: Store, hook: Hook, asked: Attributes, version: str) -> Match | Refusal | None:
    """Whether to ask; a refusal where that depends on a namespace that there is not."""
    selected = _namespace_matches(store, hook.namespaces, asked)
    if not selected or not _object_matches(hook.objects, asked):
        return None
    found = _version(hook, asked, version)
    if found is None:
        return None
    return selected if isinstance(selected, Refusal) else Match(found)


def _version(hook: Hook, asked: Attributes, version: str) -> str | None:
    """The version of the first rule that means the request, or one equivalent to it."""
    if any(_takes(rule, asked, version) for rule in hook.rules):
        return version
    if not hook.equivalent:
        return None
    for rule in hook.rules:
        for other in served_versions(asked.info):
            if other != version and _takes(rule, asked, other):
                return other
    return None


def _takes(rule: Rule, asked: Attributes, version: str) -> bool:
    info = asked.info
    if "*" not in rule.operations and asked.operation not in rule.operations:
        return False
    is_cluster_wide = info.resource == "namespaces" or not asked.namespace
    if rule.scope != "*" and (rule.scope == "Cluster") is not is_cluster_wide:
        return False
    return rule.takes(info.group, version, info.plural, asked.subresource)


def _namespace_matches(store: Store, selector: Selector, asked: Attributes) -> bool | Refusal:
    is_namespace = asked.info.resource == "namespaces"
    if selector.everything or not (asked.namespace or is_namespace):
        return True
    if is_namespace and not asked.subresource and asked.operation in ("CREATE", "UPDATE"):
        return asked.object is not None and selector.matches(labels_of(asked.object))
    namespace = store.get("namespaces", asked.namespace)
    if namespace is None:
        return refuse.not_found(RESOURCES["namespaces"], asked.namespace)
    return selector.matches(labels_of(namespace))


def _object_matches(selector: Selector, asked: Attributes) -> bool:
    if selector.everything:
        return True
    return any(
        doc is not None and selector.matches(labels_of(doc)) for doc in (asked.object, asked.old)
    )
