"""Whether a definition may be in one of the groups that belong to Kubernetes' community.

Source: kubernetes v1.36, apiextensions-apiserver/pkg/apihelpers/helpers.go,
pkg/apis/apiextensions/validation/validation.go (validateAPIApproval),
pkg/controller/apiapproval/apiapproval_controller.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.validation.fields import Rules
from kelm.core.api.validation.violation import invalid_value, quoted, required
from kelm.core.api.webhooks.client_config import parsed
from kelm.effects.document import Document, strings, text

ANNOTATION: Final = "api-approved.kubernetes.io"
POLICY: Final = "see https://github.com/kubernetes/enhancements/pull/1111"
MISSING: Final = "MissingAnnotation"
INVALID: Final = "InvalidAnnotation"


def is_protected(group: str) -> bool:
    """Whether a group is the community's.

    >>> is_protected("apps.k8s.io"), is_protected("my-k8s.io")
    (True, False)
    """
    return any(f".{group}".endswith(f".{owner}") for owner in ("k8s.io", "kubernetes.io"))


def approval(definition: Document) -> tuple[str, str, str]:
    """Status, reason and message of the condition KubernetesAPIApprovalPolicyConformant."""
    given = strings(definition, "metadata", "annotations").get(ANNOTATION, "")
    wanted = f"protected groups must have approval annotation {quoted(ANNOTATION)}"
    if not given:
        return "False", MISSING, f"{wanted}, {POLICY}"
    if given.startswith("unapproved"):
        return "False", "UnapprovedAnnotation", f"not approved: {quoted(given)}"
    url = parsed(given)
    if url.scheme and url.host:
        return "True", "ApprovedAnnotation", f"approved in {given}"
    either = 'either a URL or a reason starting with "unapproved"'
    return "False", INVALID, f"{wanted} with {either}, {POLICY}"


def approval_faults(new: Document, old: Document | None) -> Rules:
    """What is wrong with the approval; one that was wrong before may stay so."""
    if not is_protected(text(new, "spec", "group")):
        return
    _, reason, message = approval(new)
    if old is not None and approval(old)[1] == reason:
        return
    path = f"metadata.annotations[{ANNOTATION}]"
    if reason == MISSING:
        yield required(path, message)
    elif reason == INVALID:
        given = strings(new, "metadata", "annotations")[ANNOTATION]
        yield invalid_value(path, given, message)
