"""Which of the names that a definition asks for are its own, and what else is said of it.

Names belong to a group: resources are named by plurals, singulars and short names, objects by kinds
and kinds of lists. Who had a name first keeps it; who waits for it gets it once it is given up.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/controller/status/naming_controller.go,
pkg/controller/establish, pkg/controller/nonstructuralschema, pkg/controller/apiapproval.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kelm.core.api.conditions import with_condition
from kelm.core.api.custom.definition import condition_of, is_established
from kelm.core.api.custom.judging.approval import approval, is_protected
from kelm.core.api.custom.judging.structure import no_structure, structural_faults
from kelm.core.api.validation.violation import invalid_value, quoted, together
from kelm.core.api.webhooks.client_config import ca_bundle
from kelm.core.objects.time import format_time
from kelm.effects.document import Document, Json, child, children, elements, flag, text

FIRST_NAMES: Final = Document(plural="", kind="")
"""What is accepted of a new definition."""
INSTALLING: Final = ("False", "Installing", "the initial names have been accepted")
NOT_ACCEPTED: Final = ("False", "NotAccepted", "not all names are accepted")
ESTABLISHED: Final = ("True", "InitialNamesAccepted", "the initial names have been accepted")
NO_CONFLICTS: Final = ("True", "NoConflicts", "no conflicts found")
BAD_BUNDLE: Final = ("False", "InvalidCABundle", "The conversion webhook CABundle is invalid")
_SINGLE: Final = (
    ("plural", "Plural"),
    ("singular", "Singular"),
    ("shortNames", "ShortNames"),
    ("kind", "Kind"),
    ("listKind", "ListKind"),
)


def first_status(definition: Document) -> Document:
    """The status of a new definition, before anything was said of it."""
    stored = with_storage_version((), definition)
    return Document(conditions=(), acceptedNames=FIRST_NAMES, storedVersions=stored)


def with_storage_version(stored: tuple[Json, ...], definition: Document) -> tuple[Json, ...]:
    """The versions that objects may be stored in, with the one that they are stored in now."""
    for one in children(definition, "spec", "versions"):
        if one.get("storage") is True:
            name = text(one, "name")
            return stored if name in stored else (*stored, name)
    return stored


def named(definition: Document, others: Iterable[Document], now_ms: int) -> Document:
    """A definition with what is said of its names, given all of its group: one step at a time.

    The very one that was given where nothing more is to be said.
    """
    status = child(definition, "status")
    asked, accepted = child(definition, "spec", "names"), child(status, "acceptedNames")
    if asked == accepted:
        return definition
    names, said = _accepted(asked, accepted, tuple(others))
    new = with_condition(status, _condition("NamesAccepted", said, now_ms))
    if names == accepted and new is status:
        return definition
    established = condition_of(definition, "Established")
    if text(established, "status") != "True":
        current = INSTALLING if said[0] == "True" else NOT_ACCEPTED
        if said[0] == "True" or not established:
            new = with_condition(new, _condition("Established", current, now_ms))
    return Document({**definition, "status": Document({**new, "acceptedNames": names})})


def _accepted(
    asked: Document, accepted: Document, group: tuple[Document, ...]
) -> tuple[Document, tuple[str, str, str]]:
    """The names that are a definition's now, and what is said of those that it asks for."""
    resources, kinds = _taken(group)
    names, said = dict(accepted), NO_CONFLICTS
    for key, word in _SINGLE:
        taken = kinds if key in ("kind", "listKind") else resources
        wanted, had = _texts(asked, key), _texts(accepted, key)
        clashes = [one for one in wanted if one not in had and one in taken]
        if clashes:
            listed = together([f"{quoted(one)} is already in use" for one in clashes])
            said = ("False", f"{word}Conflict", listed)
        elif key in asked:
            names[key] = asked[key]
        else:
            names.pop(key, None)
    names.pop("categories", None)
    if "categories" in asked:
        names["categories"] = asked["categories"]
    return Document({**FIRST_NAMES, **names}), said


def _taken(group: tuple[Document, ...]) -> tuple[set[str], set[str]]:
    """The names of resources and of kinds that are somebody's."""
    resources: set[str] = set()
    kinds: set[str] = set()
    for one in group:
        names = child(one, "status", "acceptedNames")
        for key, _ in _SINGLE:
            found = kinds if key in ("kind", "listKind") else resources
            found.update(_texts(names, key))
    return resources, kinds


def _texts(names: Document, key: str) -> tuple[str, ...]:
    if key == "shortNames":
        return tuple(map(str, elements(names, key)))
    return (text(names, key),) if text(names, key) else ()


def approved(definition: Document, now_ms: int) -> Document:
    """A definition of a protected group with what is said of its approval."""
    if not is_protected(text(definition, "spec", "group")):
        return definition
    return _saying(
        definition, "KubernetesAPIApprovalPolicyConformant", approval(definition), now_ms
    )


def structural(definition: Document, now_ms: int) -> Document:
    """A definition with what keeps its schemas from being structural.

    Only those can have something that keep unknown fields, as they could before `v1`.
    """
    spec, status = child(definition, "spec"), child(definition, "status")
    if not flag(spec, "preserveUnknownFields"):
        if not condition_of(definition, "NonStructuralSchema"):
            return definition
        others = tuple(
            one
            for one in children(status, "conditions")
            if one.get("type") != "NonStructuralSchema"
        )
        return Document({**definition, "status": Document({**status, "conditions": others})})
    wrong = [invalid_value("spec.preserveUnknownFields", True, "must be false").text]
    for index, one in enumerate(children(spec, "versions")):
        schema = child(one, "schema", "openAPIV3Schema")
        if (why := no_structure(schema)) != "":
            name = text(one, "name")
            said = f"failed to check validation schema for version {name}: {why}"
            unknown = ("Unknown", "StructuralError", said)
            return _saying(definition, "NonStructuralSchema", unknown, now_ms)
        path = f"spec.versions[{index}].schema.openAPIV3Schema"
        wrong += [one.text for one in structural_faults(schema, path)]
    violations = ("True", "Violations", together(wrong))
    return _saying(definition, "NonStructuralSchema", violations, now_ms)


def established(definition: Document, now_ms: int) -> Document:
    """A definition whose names are accepted, as one that is served."""
    accepted = condition_of(definition, "NamesAccepted")
    if text(accepted, "status") != "True" or is_established(definition):
        return definition
    client = child(definition, "spec", "conversion", "webhook", "clientConfig")
    broken = any(ca_bundle(text(client, "caBundle"), ""))
    return _saying(definition, "Established", BAD_BUNDLE if broken else ESTABLISHED, now_ms)


def _saying(definition: Document, kind: str, said: tuple[str, str, str], now_ms: int) -> Document:
    status = child(definition, "status")
    new = with_condition(status, _condition(kind, said, now_ms))
    return definition if new is status else Document({**definition, "status": new})


def _condition(kind: str, said: tuple[str, str, str], now_ms: int) -> Document:
    status, reason, message = said
    return Document(
        type=kind,
        status=status,
        lastTransitionTime=format_time(now_ms),
        reason=reason,
        message=message,
    )
