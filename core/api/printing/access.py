"""Rows of roles, bindings, requests for certificates, and leases.

Source: kubernetes v1.36, pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from kelm.core.api.printing.cells import NONE, age_of, name_of
from kelm.core.objects.duration import human_duration
from kelm.effects.document import Document, Json, child, children, number, text


def created(doc: Document, _now_ms: int) -> tuple[Json, ...]:
    """The cells of a kind of which only its name and birth are shown."""
    return name_of(doc), text(doc, "metadata", "creationTimestamp")


def aged(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a kind of which only its name and age are shown."""
    return name_of(doc), age_of(doc, now_ms)


def binding(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a RoleBinding or a ClusterRoleBinding."""
    role = child(doc, "roleRef")
    shown = f"{text(role, 'kind')}/{text(role, 'name')}"
    subjects = [_subjects(doc, kind) for kind in ("User", "Group", "ServiceAccount")]
    return name_of(doc), shown, age_of(doc, now_ms), *subjects


def _subjects(doc: Document, kind: str) -> str:
    found = [one for one in children(doc, "subjects") if text(one, "kind") == kind]
    if kind != "ServiceAccount":
        return ", ".join(text(one, "name") for one in found)
    return ", ".join(f"{text(one, 'namespace')}/{text(one, 'name')}" for one in found)


def signing_request(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a CertificateSigningRequest."""
    spec = child(doc, "spec")
    seconds = number(spec, "expirationSeconds")
    return (
        name_of(doc),
        age_of(doc, now_ms),
        text(spec, "signerName") or NONE,
        text(spec, "username"),
        human_duration(seconds * 1_000) if seconds else NONE,
        _verdict(doc),
    )


def _verdict(doc: Document) -> str:
    """Source: printers.go, extractCSRStatus."""
    found = {text(one, "type") for one in children(doc, "status", "conditions")}
    word = "Denied" if "Denied" in found else "Approved" if "Approved" in found else "Pending"
    if "Failed" in found:
        word += ",Failed"
    return f"{word},Issued" if text(doc, "status", "certificate") else word


def lease(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a Lease."""
    return name_of(doc), text(doc, "spec", "holderIdentity"), age_of(doc, now_ms)


def controller_revision(doc: Document, now_ms: int) -> tuple[Json, ...]:
    """The cells of a ControllerRevision."""
    owner = NONE
    for one in children(doc, "metadata", "ownerReferences"):
        if one.get("controller") is True:
            group = text(one, "apiVersion").rpartition("/")[0]
            kind = text(one, "kind").lower()
            owner = (
                f"{kind}.{group}/{text(one, 'name')}" if group else f"{kind}/{text(one, 'name')}"
            )
    return name_of(doc), owner, number(doc, "revision"), age_of(doc, now_ms)
