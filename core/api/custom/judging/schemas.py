"""What is wrong with the schema of a version.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go
(validateCustomResourceDefinitionValidation).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kelm.core.api.custom.definition import has_rules
from kelm.core.api.custom.judging.default_values import default_faults
from kelm.core.api.custom.judging.keywords import keyword_faults
from kelm.core.api.custom.judging.leniency import Leniency
from kelm.core.api.custom.judging.printed import KEYWORD_OF, schema_in_go
from kelm.core.api.custom.judging.structure import no_structure, structural_faults
from kelm.core.api.validation.fields import Rules
from kelm.core.api.validation.violation import Violation, Violations, forbidden, invalid_value
from kelm.effects.document import Document, flag

AT_ROOT: Final = (
    "Description", "Type", "Format", "Title", "Maximum", "ExclusiveMaximum", "Minimum",
    "ExclusiveMinimum", "MaxLength", "MinLength", "Pattern", "MaxItems", "MinItems",
    "UniqueItems", "MultipleOf", "Required", "Items", "Properties", "ExternalDocs", "Example",
    "XPreserveUnknownFields", "XValidations",
)  # fmt: skip
"""What may stand beside a status of its own, in Go's words, which is how it is told."""
_WITH_STATUS: Final = "at the root of the schema if the status subresource is enabled"
ONLY_THESE: Final = f"only [{' '.join(AT_ROOT)}] fields are allowed {_WITH_STATUS}"
ONLY_OBJECTS: Final = f'only "object" is allowed as the type {_WITH_STATUS}'


def schema_faults(
    schema: Document, path: str, lenient: Leniency, *, status: bool, dear_before: bool
) -> Violations:
    """What is wrong with a schema.

    Args:
        path: where the schema is held, as `spec.validation`.
        status: the status is a subresource, judged by its part of the schema alone.
        dear_before: the schema is stored as it is, whatever each of its rules costs.
    """
    here = f"{path}.openAPIV3Schema"
    found: list[Violation] = [*_root_faults(schema, here)] if status else []
    if flag(schema, "nullable"):
        found.append(forbidden(f"{here}.nullable", "nullable cannot be true at the root"))
    why = no_structure(schema) if lenient.structural else ""
    inside: Violations = ()
    if lenient.structural and not why:
        inside = structural_faults(schema, here) or default_faults(
            schema, here, pruned=lenient.pruned_defaults
        )
    keywords = keyword_faults(schema, here, lenient.demands)
    found.extend((*inside, *keywords.faults))
    if lenient.structural and not why and not inside:
        found.extend(_rules(schema, here, keywords.broken, dear_before))
    if not found and why:
        found.append(invalid_value(here, "", why))
    return tuple(found)


def _rules(
    schema: Document, path: str, broken: frozenset[str], dear_before: bool
) -> Iterator[Violation]:
    if has_rules(schema):
        from kelm.core.api.custom.rules.judge import rule_faults

        yield from rule_faults(schema, path, broken, dear_before=dear_before)


def _root_faults(schema: Document, path: str) -> Rules:
    """The first thing at the root that may not be there, in the order of Go's fields."""
    for name, (keyword, zero) in KEYWORD_OF.items():
        value = schema.get(keyword)
        if value is None or value is zero or value == "":
            continue
        if name == "Type" and value != "object":
            yield invalid_value(f"{path}.type", value, ONLY_OBJECTS)
            return
        if name not in AT_ROOT:
            yield invalid_value(path, schema_in_go(schema), ONLY_THESE)
            return
