"""The rules of definitions while there are none: expressions are loaded with the first one."""

from __future__ import annotations

from kelm.core.api.custom.definition import DEFINITIONS as DEFINITIONS
from kelm.core.api.validation.violation import Violations
from kelm.effects.document import Document


def definition_create(doc: Document) -> Violations:
    """The violations of a new definition."""
    from kelm.core.api.custom.judging import definition

    return definition.definition_create(doc)


def definition_update(old: Document, new: Document) -> Violations:
    """The violations of a changed definition."""
    from kelm.core.api.custom.judging import definition

    return definition.definition_update(old, new)


def definition_status_update(old: Document, new: Document) -> Violations:
    """The violations of a status that somebody wrote."""
    from kelm.core.api.custom.judging import definition

    return definition.definition_status_update(old, new)
