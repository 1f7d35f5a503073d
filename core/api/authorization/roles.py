"""The roles and bindings that a new cluster has, and what aggregated roles come to.

The data is an object per paragraph: its kind, `namespace/name`, then words: `label:KEY=VALUE`,
`from:KEY=VALUE` for a role that takes its rules from roles of that label, `role:KIND/NAME` and
`to:KIND/NAMESPACE/NAME` for a binding, and a rule as
`verbs|API groups|resources|names|paths`, each with commas.

Source: kubernetes v1.36, plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go,
pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.authorization import roles_data
from kelm.effects.commands import Create
from kelm.effects.document import Document, Json, child, children, elements, strings, text

GROUP: Final = "rbac.authorization.k8s.io"
_PLURALS: Final = {
    "ClusterRole": f"clusterroles.{GROUP}",
    "Role": f"roles.{GROUP}",
    "ClusterRoleBinding": f"clusterrolebindings.{GROUP}",
    "RoleBinding": f"rolebindings.{GROUP}",
}
_RULE: Final = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
_AUTOUPDATE: Final = "rbac.authorization.kubernetes.io/autoupdate"
_BOOTSTRAPPING: Final = "kubernetes.io/bootstrapping"


def first_roles() -> tuple[Create, ...]:
    """The requests that make them.

    >>> first = first_roles()[0]
    >>> first.object["metadata"]["name"], len(first_roles())
    ('admin', 135)
    """
    paragraphs = roles_data.DATA.strip().replace("\n ", " ").splitlines()
    made = [_object(paragraph) for paragraph in paragraphs]
    roles = tuple(doc for doc in made if doc["kind"] == "ClusterRole")
    return tuple(_create(aggregated(doc, roles)) for doc in made)


def _create(doc: Document) -> Create:
    namespace = text(doc, "metadata", "namespace")
    return Create(_PLURALS[text(doc, "kind")], namespace, doc)


def _object(paragraph: str) -> Document:
    kind, place, *words = paragraph.split()
    namespace, _, name = place.partition("/")
    labels = {_BOOTSTRAPPING: "rbac-defaults"}
    rules: list[Json] = []
    subjects: list[Json] = []
    selectors: list[Json] = []
    fields: dict[str, Json] = {"apiVersion": f"{GROUP}/v1", "kind": kind}
    for word in words:
        tag, _, rest = word.partition(":")
        if "|" in word:
            rules.append(_rule(word))
        elif tag == "label":
            key, _, value = rest.partition("=")
            labels[key] = value
        elif tag == "from":
            key, _, value = rest.partition("=")
            selectors.append(Document(matchLabels=Document({key: value})))
        elif tag == "role":
            role_kind, _, role = rest.partition("/")
            fields["roleRef"] = Document(apiGroup=GROUP, kind=role_kind, name=role)
        elif tag == "to":
            subjects.append(_subject(rest))
    meta: dict[str, Json] = {"name": name, "labels": Document(labels)}
    if namespace:
        meta["namespace"] = namespace
    fields["metadata"] = Document({**meta, "annotations": Document({_AUTOUPDATE: "true"})})
    if selectors:
        fields["aggregationRule"] = Document(clusterRoleSelectors=tuple(selectors))
    if rules:
        fields["rules"] = tuple(rules)
    if subjects:
        fields["subjects"] = tuple(subjects)
    return Document(fields)


def _rule(word: str) -> Document:
    parts = zip(_RULE, word.split("|"), strict=True)
    kept = {field: tuple(part.split(",")) for field, part in parts if part}
    if "nonResourceURLs" not in kept and "apiGroups" not in kept:
        kept["apiGroups"] = ("",)
    return Document(kept)


def _subject(word: str) -> Document:
    kind, namespace, name = word.split("/", 2)
    if kind == "ServiceAccount":
        return Document(kind=kind, namespace=namespace, name=name)
    return Document(kind=kind, apiGroup=GROUP, name=name)


def aggregated(role: Document, roles: tuple[Document, ...]) -> Document:
    """A role with the rules of those that its selectors choose, each rule once.

    >>> from kelm.effects.document import document
    >>> rule = document({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]})
    >>> source = document({"metadata": {"name": "a", "labels": {"x": "y"}}, "rules": [rule]})
    >>> selectors = [{"matchLabels": {"x": "y"}}]
    >>> whole = document({"aggregationRule": {"clusterRoleSelectors": selectors}})
    >>> aggregated(whole, (source,))["rules"] == (rule,)
    True
    """
    selectors = children(role, "aggregationRule", "clusterRoleSelectors")
    if not selectors:
        return role
    chosen = sorted(
        (one for one in roles if one is not role and _is_chosen(one, selectors)),
        key=lambda one: text(one, "metadata", "name"),
    )
    found: list[Json] = []
    for one in chosen:
        inner = aggregated(one, roles)
        found += [rule for rule in elements(inner, "rules") if rule not in found]
    return Document({**role, "rules": tuple(found)})


def _is_chosen(role: Document, selectors: tuple[Document, ...]) -> bool:
    labels = strings(role, "metadata", "labels")
    return any(
        all(labels.get(key) == value for key, value in child(one, "matchLabels").items())
        for one in selectors
    )
