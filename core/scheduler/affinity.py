"""Does a node have what a pod's nodeSelector and node affinity want.

Source: kubernetes v1.36, component-helpers/scheduling/corev1/nodeaffinity.
"""

from __future__ import annotations

from collections.abc import Mapping

from kelm.effects.document import Document, child, children, elements, number, text


def selects(labels: Mapping[str, str], name: str, node_selector: Document, wants: Document) -> bool:
    """Whether a node with these labels and this name will do.

    `wants` is `affinity.nodeAffinity`; its terms are alternatives, what a term says all holds.

    >>> from kelm.effects.document import document
    >>> selects({"disk": "ssd"}, "a", document({"disk": "ssd"}), document({}))
    True
    """
    for key, value in node_selector.items():
        if labels.get(key) != value:
            return False
    required = wants.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not isinstance(required, Document):
        return True
    terms = children(required, "nodeSelectorTerms")
    return any(matches_term(labels, name, term) for term in terms)


def matches_term(labels: Mapping[str, str], name: str, term: Document) -> bool:
    """Whether a node meets everything that one term says; an empty term meets nothing."""
    expressions, fields = children(term, "matchExpressions"), children(term, "matchFields")
    if not expressions and not fields:
        return False
    return all(_holds(labels, one) for one in expressions) and all(
        text(one, "key") == "metadata.name" and _holds({"metadata.name": name}, one)
        for one in fields
    )


def _holds(labels: Mapping[str, str], expression: Document) -> bool:
    key, operator = text(expression, "key"), text(expression, "operator")
    values = elements(expression, "values")
    found = labels.get(key)
    if operator == "In":
        return found is not None and found in values
    if operator == "NotIn":
        return found is None or found not in values
    if operator == "Exists":
        return found is not None
    if operator == "DoesNotExist":
        return found is None
    if operator in ("Gt", "Lt") and len(values) == 1:
        return _compares(found, operator, str(values[0]))
    return False


def _compares(found: str | None, operator: str, wanted: str) -> bool:
    if found is None or not _is_integer(found) or not _is_integer(wanted):
        return False
    return int(found) > int(wanted) if operator == "Gt" else int(found) < int(wanted)


def _is_integer(value: str) -> bool:
    return value.removeprefix("-").removeprefix("+").isdecimal()


def preference(labels: Mapping[str, str], name: str, wants: Document) -> int:
    """The sum of the weights of the preferred terms that a node meets."""
    return sum(
        number(one, "weight")
        for one in children(wants, "preferredDuringSchedulingIgnoredDuringExecution")
        if matches_term(labels, name, child(one, "preference"))
    )
