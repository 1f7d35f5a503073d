"""Which claims a pod names.

Source: kubernetes v1.36, component-helpers/storage/ephemeral/ephemeral.go.
"""

from __future__ import annotations

import msgspec

from kelm.effects.document import Document, children, text


class ClaimRef(msgspec.Struct, frozen=True):
    """A claim that a pod names; `generated` claims are made for the pod under its own name."""

    name: str
    generated: bool = False


def claims_of(spec: Document) -> tuple[ClaimRef, ...]:
    """The claims that a pod's volumes are of.

    >>> claims_of(Document(volumes=(Document(name="d", persistentVolumeClaim=Document(
    ...     claimName="data")),)))
    (ClaimRef(name='data', generated=False),)
    """
    found = []
    for volume in children(spec, "volumes"):
        if "persistentVolumeClaim" in volume:
            found.append(ClaimRef(text(volume, "persistentVolumeClaim", "claimName")))
        elif "ephemeral" in volume:
            found.append(ClaimRef(text(volume, "name"), generated=True))
    return tuple(found)
