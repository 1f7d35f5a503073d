"""Rules of roles and of what binds them to users, groups and accounts.

Source: kubernetes v1.36, pkg/apis/rbac/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import Rules, at, complaints, has_text, items
from kelm.core.api.validation.labels import label_selector
from kelm.core.api.validation.metadata import metadata, metadata_again, metadata_update
from kelm.core.api.validation.names import dns1123_subdomain, path_segment
from kelm.core.api.validation.violation import (
    Struct,
    Violations,
    invalid_value,
    not_supported,
    required,
)
from kelm.effects.document import Document, child, elements, text

GROUP: Final = "rbac.authorization.k8s.io"
PLURALS: Final = {
    "Role": f"roles.{GROUP}",
    "ClusterRole": f"clusterroles.{GROUP}",
    "RoleBinding": f"rolebindings.{GROUP}",
    "ClusterRoleBinding": f"clusterrolebindings.{GROUP}",
}


def create(doc: Document) -> Violations:
    """A new object of any of the four kinds."""
    kind = text(doc, "kind")
    return (*metadata(doc, PLURALS[kind]), *_rules(doc, kind))


def update(old: Document, new: Document) -> Violations:
    """A role may become any other; a binding stays one of the same role."""
    kind = text(new, "kind")
    found = (
        *metadata_again(old, new, PLURALS[kind]),
        *_rules(new, kind),
        *metadata_update(old, new),
    )
    before, after = child(old, "roleRef"), child(new, "roleRef")
    if before == after:
        return found
    value = Struct(
        APIGroup=text(after, "apiGroup"), Kind=text(after, "kind"), Name=text(after, "name")
    )
    return (*found, invalid_value("roleRef", value, "cannot change roleRef"))


def _rules(doc: Document, kind: str) -> Rules:
    in_namespace = not kind.startswith("Cluster")
    if kind.endswith("Binding"):
        yield from _binding(doc, in_namespace=in_namespace)
        return
    for here, rule in items(doc, "", "rules"):
        yield from _rule(rule, here, in_namespace=in_namespace)
    if not in_namespace:
        yield from _aggregation(doc)


def _rule(rule: Document, path: str, *, in_namespace: bool) -> Rules:
    if not elements(rule, "verbs"):
        yield required(at(path, "verbs"), "verbs must contain at least one value")
    urls, here = elements(rule, "nonResourceURLs"), at(path, "nonResourceURLs")
    if urls:
        if in_namespace:
            why = "namespaced rules cannot apply to non-resource URLs"
            yield invalid_value(here, urls, why)
        if any(elements(rule, key) for key in ("apiGroups", "resources", "resourceNames")):
            why = "rules cannot apply to both regular resources and non-resource URLs"
            yield invalid_value(here, urls, why)
        return
    for key, what in (("apiGroups", "api group"), ("resources", "resource")):
        if not elements(rule, key):
            yield required(at(path, key), f"resource rules must supply at least one {what}")


def _aggregation(doc: Document) -> Rules:
    rule, here = doc.get("aggregationRule"), "aggregationRule.clusterRoleSelectors"
    if not isinstance(rule, Document):
        return
    if not elements(rule, "clusterRoleSelectors"):
        why = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        yield required(here, why)
    for place, selector in items(rule, "aggregationRule", "clusterRoleSelectors"):
        wrong = tuple(label_selector(selector, place))
        yield from wrong
        if wrong:
            yield invalid_value(place, None, "invalid label selector.")


def _binding(doc: Document, *, in_namespace: bool) -> Rules:
    reference = child(doc, "roleRef")
    kinds = ("Role", "ClusterRole") if in_namespace else ("ClusterRole",)
    group, kind, name = (text(reference, key) for key in ("apiGroup", "kind", "name"))
    if group != GROUP:
        yield not_supported("roleRef.apiGroup", group, (GROUP,))
    if kind not in kinds:
        yield not_supported("roleRef.kind", kind, kinds)
    yield from has_text(reference, "roleRef", "name")
    if name:
        yield from complaints("roleRef.name", name, path_segment(name))
    for here, subject in items(doc, "", "subjects"):
        yield from _subject(subject, here, in_namespace=in_namespace)


def _subject(subject: Document, path: str, *, in_namespace: bool) -> Rules:
    kind, name, group = (text(subject, key) for key in ("kind", "name", "apiGroup"))
    yield from has_text(subject, path, "name")
    if kind == "ServiceAccount":
        if name:
            yield from complaints(at(path, "name"), name, dns1123_subdomain(name))
        if group:
            yield not_supported(at(path, "apiGroup"), group, ("",))
        if not in_namespace:
            yield from has_text(subject, path, "namespace")
    elif kind not in ("User", "Group"):
        yield not_supported(at(path, "kind"), kind, ("ServiceAccount", "User", "Group"))
    elif group != GROUP:
        yield not_supported(at(path, "apiGroup"), group, (GROUP,))
