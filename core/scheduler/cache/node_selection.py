"""Which nodes a selector means, by their labels and names.

Source: kubernetes v1.36, component-helpers/scheduling/corev1/nodeaffinity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import msgspec

from kelm.core.objects.selectors.requirement import (
    ABSENT,
    EXISTS,
    GREATER,
    IN,
    LESS,
    NOT_IN,
    Requirement,
    requirement,
    requirement_faults,
)
from kelm.core.objects.views import view
from kelm.effects.document import Document, Json, child, children, elements, number, text

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
OPERATORS = {
    "In": IN,
    "NotIn": NOT_IN,
    "Exists": EXISTS,
    "DoesNotExist": ABSENT,
    "Gt": GREATER,
    "Lt": LESS,
}


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
    required = wants.get(REQUIRED)
    if not isinstance(required, Document):
        return True
    terms = children(required, "nodeSelectorTerms")
    return any(matches_term(labels, name, term) for term in terms)


class Term(msgspec.Struct, frozen=True):
    """A node selector term, decoded once; None where it is empty or invalid: nothing meets it."""

    requirements: tuple[Requirement, ...] | None
    names: tuple[tuple[str, tuple[Json, ...]], ...]

    @classmethod
    def decode(cls, doc: Document) -> Self:
        expressions, fields = children(doc, "matchExpressions"), children(doc, "matchFields")
        found = []
        for one in expressions:
            key, operator = text(one, "key"), OPERATORS.get(text(one, "operator"), "")
            values = tuple(str(value) for value in elements(one, "values"))
            if not operator or requirement_faults(key, operator, values):
                return cls(None, ())
            found.append(requirement(key, operator, values))
        names = tuple((text(one, "operator"), elements(one, "values")) for one in fields)
        known = all(text(one, "key") == "metadata.name" for one in fields)
        if not known or not (expressions or fields):
            return cls(None, ())
        return cls(tuple(found), names)


def matches_term(labels: Mapping[str, str], name: str, term: Document) -> bool:
    """Whether a node meets everything that one term says."""
    seen = view(Term, term)
    if seen.requirements is None:
        return False
    return all(one.matches(labels) for one in seen.requirements) and all(
        (name in values) if operator == "In" else (operator == "NotIn" and name not in values)
        for operator, values in seen.names
    )


def preference(labels: Mapping[str, str], name: str, wants: Document) -> int:
    """The sum of the weights of the preferred terms that a node meets."""
    return sum(
        number(one, "weight")
        for one in children(wants, PREFERRED)
        if matches_term(labels, name, child(one, "preference"))
    )
