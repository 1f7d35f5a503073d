"""Claims for devices as decisions read them: which claim is which pod's, and who has it.

Source: kubernetes v1.36, dynamic-resource-allocation/resourceclaim/claim.go, pod.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.objects.meta import metadata
from kelm.effects.document import Document, children, text

CLAIMS: Final = "resourceclaims.resource.k8s.io"
TEMPLATES: Final = "resourceclaimtemplates.resource.k8s.io"
CLASSES: Final = "deviceclasses.resource.k8s.io"
SLICES: Final = "resourceslices.resource.k8s.io"
FINALIZER: Final = "resource.kubernetes.io/delete-protection"
"""Keeps a claim that is allocated from going."""
POD_CLAIM: Final = "resource.kubernetes.io/pod-claim-name"
"""The annotation of a claim that was made for a pod: which of the pod's claims it is."""
MOST_CONSUMERS: Final = 256


def claim_name(pod: Document, entry: Document) -> str | None:
    """The name of one of a pod's claims; "" while none was made, None where none is needed.

    >>> from kelm.effects.document import document
    >>> claim_name(Document(), document({"name": "gpu", "resourceClaimName": "shared"}))
    'shared'
    >>> claim_name(Document(), document({"name": "gpu", "resourceClaimTemplateName": "t"}))
    ''
    """
    if "resourceClaimName" in entry:
        return text(entry, "resourceClaimName")
    for status in children(pod, "status", "resourceClaimStatuses"):
        if text(status, "name") == text(entry, "name"):
            return text(status, "resourceClaimName") or None
    return ""


def is_made_for(claim: Document, pod: Document) -> bool:
    """Whether a claim was made for this pod and no namesake."""
    owner = metadata(claim).controller
    return owner is not None and owner.uid == metadata(pod).uid


def is_reserved_for(claim: Document, pod: Document) -> bool:
    """Whether a pod may use a claim."""
    uid = metadata(pod).uid
    return any(text(one, "uid") == uid for one in children(claim, "status", "reservedFor"))


def consumer(pod: Document) -> Document:
    """A pod as a claim names who may use it."""
    meta = metadata(pod)
    return Document(resource="pods", name=meta.name, uid=meta.uid)
