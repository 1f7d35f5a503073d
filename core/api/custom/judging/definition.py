"""What is wrong with a whole definition, new or changed.

Upstream judges a definition in the form it had before there were versions: what all versions share
stands, in refusals, in the specification itself (`spec.validation`, `spec.subresources`).

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go,
v1/conversion.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kelm.core.api.custom.conversion_rules import conversion_faults
from kelm.core.api.custom.definition import DEFINITIONS, is_established
from kelm.core.api.custom.judging.approval import approval_faults
from kelm.core.api.custom.judging.leniency import STRICT, Leniency, has_defaults, leniency
from kelm.core.api.custom.judging.names import (
    NEEDED,
    column_faults,
    names_faults,
    subresource_faults,
)
from kelm.core.api.custom.judging.printed import version_in_go
from kelm.core.api.custom.judging.schemas import schema_faults
from kelm.core.api.custom.selectable import selectable_faults
from kelm.core.api.validation.fields import IMMUTABLE, Rules
from kelm.core.api.validation.metadata import metadata, metadata_update
from kelm.core.api.validation.names import dns1035_label, dns1123_subdomain
from kelm.core.api.validation.violation import (
    Violations,
    invalid_value,
    not_supported,
    required,
)
from kelm.effects.document import Document, child, children, elements, flag, text

SHARED: Final = {
    "schema": "validation",
    "subresources": "subresources",
    "additionalPrinterColumns": "additionalPrinterColumns",
    "selectableFields": "selectableFields",
}
"""What versions may share: their fields, and where these stood before there were versions."""
SCOPES: Final = ("Cluster", "Namespaced")
MOST_WARNING: Final = 256
KEEPS_UNKNOWN: Final = (
    "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
    "spec.versions[*].schema instead"
)


def definition_create(doc: Document) -> Violations:
    """What is wrong with a new definition."""
    spec = child(doc, "spec")
    wanted = f"{text(spec, 'names', 'plural')}.{text(spec, 'group')}"

    def named(name: str) -> tuple[str, ...]:
        wrong = dns1123_subdomain(name)
        return wrong if name == wanted else (*wrong, 'must be spec.names.plural+"."+spec.group')

    return (
        *metadata(doc, DEFINITIONS, named),
        *_spec(spec, STRICT),
        *_status(doc, None),
    )


def definition_update(old: Document, new: Document) -> Violations:
    """What is wrong with a changed definition."""
    return (
        *metadata_update(old, new),
        *_spec(child(new, "spec"), leniency(old, new)),
        *_unchanged(child(old, "spec"), child(new, "spec"), old),
        *_status(new, old),
    )


def definition_status_update(old: Document, new: Document) -> Violations:
    """What is wrong with a status that somebody wrote."""
    accepted = child(new, "status", "acceptedNames")
    return (*metadata_update(old, new), *names_faults(accepted, "status.acceptedNames"))


def _status(new: Document, old: Document | None) -> Rules:
    status = child(new, "status")
    yield from names_faults(child(status, "acceptedNames"), "status.acceptedNames")
    stored = tuple(map(str, elements(status, "storedVersions")))
    yield from _stored_versions(stored, children(new, "spec", "versions"))
    yield from approval_faults(new, old)
    kept = old is not None and flag(old, "spec", "preserveUnknownFields")
    if flag(new, "spec", "preserveUnknownFields") and not kept:
        yield invalid_value("spec.preserveUnknownFields", True, KEEPS_UNKNOWN)


def _stored_versions(stored: tuple[str, ...], versions: tuple[Document, ...]) -> Rules:
    path = "status.storedVersions"
    if not stored:
        yield invalid_value(path, None, "must have at least one stored version")
        return
    for one in versions:
        name = text(one, "name")
        if flag(one, "storage") and name not in stored:
            yield invalid_value(path, stored, f"must have the storage version {name}")
    names = [text(one, "name") for one in versions]
    for index, name in enumerate(stored):
        if name not in names:
            why = (
                f"missing from spec.versions; {name} was previously a storage version, and must "
                "remain in spec.versions until a storage migration ensures no data remains "
                f"persisted in {name} and removes {name} from status.storedVersions"
            )
            yield invalid_value(f"{path}[{index}]", name, why)


def _unchanged(old: Document, new: Document, definition: Document) -> Rules:
    """What the stored objects depend on."""
    fixed: tuple[tuple[str, ...], ...] = (("group",), ("names", "plural"))
    if is_established(definition):
        fixed = (("scope",), ("names", "kind"), *fixed)
    for path in fixed:
        if text(old, *path) != text(new, *path):
            yield invalid_value(".".join(("spec", *path)), text(new, *path), IMMUTABLE)


def _spec(spec: Document, lenient: Leniency) -> Rules:
    yield from _group_and_scope(spec)
    yield from _schemas_missing(spec, lenient)
    if flag(spec, "preserveUnknownFields") and has_defaults(spec):
        why = "must be false in order to use defaults in the schema"
        yield invalid_value("spec.preserveUnknownFields", True, why)
    moved, versions = shared_and_own(children(spec, "versions"))
    yield from _versions(versions, children(spec, "versions"), moved, lenient)
    yield from _version_set(versions, listed="versions" in spec)
    names = child(spec, "names")
    for key in NEEDED:
        if not text(names, key):
            yield required(f"spec.names.{key}")
    yield from names_faults(names, "spec.names")
    yield from _shared(moved, versions, lenient)
    found = selectable_faults(children(spec, "versions"), lenient.many_selectable)
    yield from (one for one in found if one.field.startswith("spec.selectableFields"))
    strategy = text(spec, "conversion", "strategy")
    if "conversion" in spec and strategy != "None" and flag(spec, "preserveUnknownFields"):
        why = "must be None if spec.preserveUnknownFields is true"
        yield invalid_value("spec.conversion.strategy", strategy, why)
    known, bundle = lenient.known_reviews, lenient.ca_bundle
    yield from conversion_faults(spec, known=known, bundle=bundle)


def shared_and_own(versions: tuple[Document, ...]) -> tuple[Document, tuple[Document, ...]]:
    """What all versions share, by its old name, and the versions without it.

    >>> one = Document(name="v1", schema=Document(), served=True)
    >>> shared_and_own((one,))
    ({'validation': {}}, ({'name': 'v1', 'served': True},))
    """
    if not versions:
        return Document(), ()
    same = [key for key in SHARED if all(one.get(key) == versions[0].get(key) for one in versions)]
    shared = {SHARED[key]: versions[0][key] for key in same if key in versions[0]}
    own = tuple(
        Document({key: value for key, value in one.items() if key not in same}) for one in versions
    )
    return Document(shared), own


def _group_and_scope(spec: Document) -> Rules:
    group, scope = text(spec, "group"), text(spec, "scope")
    wrong = dns1123_subdomain(group)
    if not group:
        yield required("spec.group")
    elif wrong:
        yield invalid_value("spec.group", group, ",".join(wrong))
    elif "." not in group:
        yield invalid_value("spec.group", group, "should be a domain with at least one dot")
    if not scope:
        yield required("spec.scope")
    elif scope not in SCOPES:
        yield not_supported("spec.scope", scope, SCOPES)


def _schemas_missing(spec: Document, lenient: Leniency) -> Rules:
    pruning = not flag(spec, "preserveUnknownFields")
    for index, one in enumerate(children(spec, "versions")):
        if "openAPIV3Schema" in child(one, "schema"):
            continue
        path = f"spec.versions[{index}].schema.openAPIV3Schema"
        if lenient.needs_schemas:
            yield required(path)
        elif pruning and flag(one, "served"):
            yield required(path, "because otherwise all fields are pruned")


def _versions(
    versions: tuple[Document, ...],
    given: tuple[Document, ...],
    shared: Document,
    lenient: Leniency,
) -> Rules:
    for index, one in enumerate(versions):
        path, name = f"spec.versions[{index}]", text(one, "name")
        wrong = dns1035_label(name)
        if wrong:
            yield invalid_value(f"{path}.name", name, ",".join(wrong))
        yield from _version(one, path, shared, lenient)
        found = selectable_faults(given, lenient.many_selectable)
        yield from (one for one in found if one.field.startswith(f"{path}.selectableFields"))


def _version_set(versions: tuple[Document, ...], *, listed: bool) -> Rules:
    """What is wrong with the versions together."""
    names = [text(one, "name") for one in versions]
    shown = tuple(map(version_in_go, versions)) if listed else None
    if len(set(names)) != len(names):
        yield invalid_value("spec.versions", shown, "must contain unique version names")
    if sum(flag(one, "storage") for one in versions) != 1:
        why = "must have exactly one version marked as storage version"
        yield invalid_value("spec.versions", shown, why)
    wrong = dns1035_label(names[0]) if names and names[0] else ()
    if wrong:
        yield invalid_value("spec.version", names[0], ",".join(wrong))


def _version(version: Document, path: str, shared: Document, lenient: Leniency) -> Rules:
    warning = version.get("deprecationWarning")
    for why in _warning_faults(warning, flag(version, "deprecated")):
        yield invalid_value(f"{path}.deprecationWarning", warning, why)
    subresources = child(version if "subresources" in version else shared, "subresources")
    schema = child(version, "schema").get("openAPIV3Schema")
    if isinstance(schema, Document):
        cheap = text(version, "name") in lenient.same_schemas
        status = "status" in subresources
        yield from schema_faults(
            schema, f"{path}.schema", lenient, status=status, dear_before=cheap
        )
    yield from subresource_faults(child(version, "subresources"), f"{path}.subresources")
    yield from _columns(version, path)


def _columns(part: Document, path: str) -> Rules:
    for index, one in enumerate(children(part, "additionalPrinterColumns")):
        yield from column_faults(one, f"{path}.additionalPrinterColumns[{index}]")


def _warning_faults(warning: object, deprecated: bool) -> Iterator[str]:
    if not isinstance(warning, str):
        return
    if not deprecated:
        yield "can only be set for deprecated versions"
        return
    if len(warning.encode()) > MOST_WARNING:
        yield f"must be <= {MOST_WARNING} characters long"
    if not warning:
        yield "must not be an empty string"
    for index, char in enumerate(warning):
        if not char.isprintable():
            at = len(warning[:index].encode())
            yield (
                "must only contain printable UTF-8 characters; non-printable character found at "
                f"index {at}"
            )
            return


def _shared(shared: Document, versions: tuple[Document, ...], lenient: Leniency) -> Rules:
    """What is wrong with what all versions share."""
    schema = child(shared, "validation").get("openAPIV3Schema")
    if isinstance(schema, Document):
        status = any("status" in child(one, "subresources") for one in (shared, *versions))
        cheap = bool(versions) and text(versions[0], "name") in lenient.same_schemas
        yield from schema_faults(
            schema, "spec.validation", lenient, status=status, dear_before=cheap
        )
    yield from subresource_faults(child(shared, "subresources"), "spec.subresources")
    yield from _columns(shared, "spec")
