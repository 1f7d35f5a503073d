"""What the API refuses, by resource: every violation at once.

Objects are judged as they are after defaulting and admission. A resource without rules of its
own is judged by its metadata. Rules of a part are worked out once a part and kept with it, so
that a thousand pods of one template cost one validation (`kelm.core.api.known`).

Source: kubernetes v1.36, pkg/apis/*/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kelm.core.api.validation.violation import Violations
from kelm.effects.address import Resource
from kelm.effects.document import Document

CREATE_RULES: Final[dict[Resource, Callable[[Document], Violations]]] = {}
UPDATE_RULES: Final[dict[Resource, Callable[[Document, Document], Violations]]] = {}
STATUS_RULES: Final[dict[Resource, Callable[[Document, Document], Violations]]] = {}


def validate_create(resource: Resource, doc: Document) -> Violations:
    """What is wrong with a new object; nothing where it may be stored."""
    rule = CREATE_RULES.get(resource)
    return () if rule is None else rule(doc)


def validate_update(resource: Resource, old: Document, new: Document) -> Violations:
    """What is wrong with an object that is to replace `old`, status aside."""
    rule = UPDATE_RULES.get(resource)
    return () if rule is None else rule(old, new)


def validate_status_update(resource: Resource, old: Document, new: Document) -> Violations:
    """What is wrong with the status that is to replace that of `old`."""
    rule = STATUS_RULES.get(resource)
    return () if rule is None else rule(old, new)
