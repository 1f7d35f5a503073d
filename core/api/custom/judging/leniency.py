"""What an older server accepted in a definition, and an update of it may keep.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go
(validationOptions, ValidateCustomResourceDefinitionUpdate).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from kelm.core.api.custom.definition import is_established
from kelm.core.api.custom.judging.default_values import has_unpruned
from kelm.core.api.custom.judging.keywords import TYPES, Demands, every_schema
from kelm.core.api.custom.judging.lists import key_faults, set_faults
from kelm.core.api.custom.judging.structure import no_structure, structural_faults
from kelm.core.api.custom.pruning import EMBEDDED, PRESERVE
from kelm.core.api.custom.selectable import MOST as MOST_SELECTABLE
from kelm.core.api.custom.structural import INT_OR_TEXT
from kelm.core.api.webhooks.client_config import ca_bundle
from kelm.core.api.webhooks.rules import REVIEW_VERSIONS
from kelm.effects.document import Document, child, children, elements, flag, text

EXTENSIONS: Final = (
    EMBEDDED,
    PRESERVE,
    INT_OR_TEXT,
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-validations",
)
"""What only a structural schema may have."""


class Leniency(msgspec.Struct, frozen=True):
    """How strictly a definition is judged."""

    demands: Demands = Demands()
    needs_schemas: bool = True
    structural: bool = True
    pruned_defaults: bool = True
    known_reviews: bool = True
    ca_bundle: bool = False
    same_schemas: frozenset[str] = frozenset()
    """The versions whose schemas are stored as they are."""
    many_selectable: frozenset[str] = frozenset()
    """The versions whose selectable fields were too many before."""


STRICT: Final = Leniency()


def leniency(old: Document, new: Document) -> Leniency:
    """How an update is judged: what was wrong before may be wrong still."""
    schemas = _schemas(old)
    versions = children(old, "spec", "versions")
    reviews = elements(old, "spec", "conversion", "webhook", "conversionReviewVersions")
    before = {text(one, "name"): child(one, "schema") for one in versions}
    same = frozenset(
        text(one, "name")
        for one in children(new, "spec", "versions")
        if before.get(text(one, "name")) == child(one, "schema")
    )
    structural = all(not no_structure(one) and not structural_faults(one, "") for one in schemas)
    return Leniency(
        demands=Demands(
            known_types=_none(schemas, lambda one: text(one, "type") not in ("", *TYPES)),
            atomic_sets=_none(schemas, lambda one: any(set_faults(one, ""))),
            whole_keys=_none(schemas, lambda one: any(key_faults(one, ""))),
        ),
        needs_schemas=len(schemas) == len(versions),
        structural=structural or _must_be_structural(new),
        pruned_defaults=not (structural and any(map(has_unpruned, schemas))),
        known_reviews=not reviews or any(one in REVIEW_VERSIONS for one in reviews),
        ca_bundle=is_established(old) and _has_good_bundle(old),
        same_schemas=same,
        many_selectable=_many_selectable(old, new),
    )


def has_defaults(spec: Document) -> bool:
    """Whether there is a default anywhere in a specification's schemas."""
    return any(
        "default" in part
        for one in children(spec, "versions")
        for part in every_schema(child(one, "schema").get("openAPIV3Schema"))
    )


def _schemas(definition: Document) -> tuple[Document, ...]:
    versions = children(definition, "spec", "versions")
    found = (child(one, "schema").get("openAPIV3Schema") for one in versions)
    return tuple(one for one in found if isinstance(one, Document))


def _none(schemas: tuple[Document, ...], wrong: Callable[[Document], bool]) -> bool:
    return not any(wrong(part) for one in schemas for part in every_schema(one))


def _must_be_structural(definition: Document) -> bool:
    spec = child(definition, "spec")
    if not flag(spec, "preserveUnknownFields") or has_defaults(spec):
        return True
    return not _none(_schemas(definition), lambda one: any(key in one for key in EXTENSIONS))


def _has_good_bundle(definition: Document) -> bool:
    """Whether a definition had a CA bundle that is one, or none."""
    client = child(definition, "spec", "conversion", "webhook", "clientConfig")
    return not any(ca_bundle(text(client, "caBundle"), ""))


def _many_selectable(old: Document, new: Document) -> frozenset[str]:
    before = {
        text(one, "name"): elements(one, "selectableFields")
        for one in children(old, "spec", "versions")
    }
    return frozenset(
        text(one, "name")
        for one in children(new, "spec", "versions")
        if len(elements(one, "selectableFields")) > MOST_SELECTABLE
        and before.get(text(one, "name")) == elements(one, "selectableFields")
    )
