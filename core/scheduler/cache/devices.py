"""What is known of claims for devices, and what was decided of them and is not yet seen.

Source: kubernetes v1.36, plugins/dynamicresources/dra_manager.go (claimTracker).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from kelm.core.objects.devices import CLAIMS, CLASSES, SLICES
from kelm.core.objects.meta import metadata
from kelm.core.scheduler.cache.heard import Heard
from kelm.effects.address import Key, Uid, key_of
from kelm.effects.document import Document, child, children, text

DEVICES = (CLAIMS, CLASSES, SLICES)


class DeviceClaim(msgspec.Struct, frozen=True):
    """A claim that a pod names; `name` is "" while one that is to be made for it is not there."""

    entry: str
    name: str
    made: bool = False


class Allotment(msgspec.Struct, frozen=True):
    """What a pod that has its node gets of a claim: the devices, or only the right to use them."""

    claim: Key
    uid: Uid
    allocation: Document | None = None


class Inventory(Heard, frozen=True):
    """Claims, classes and slices; `pending` are allocations that are being written, by claim."""

    pending: Mapping[Uid, Document]

    def allocations(self) -> Iterator[Document]:
        """All allocations there are, those included that are being written."""
        seen = set()
        for claim in self.objects(CLAIMS):
            found = child(claim, "status", "allocation")
            if found:
                seen.add(metadata(claim).uid)
                yield found
        for uid, allocation in self.pending.items():
            if uid not in seen:
                yield allocation


def device_claims_of(doc: Document) -> tuple[DeviceClaim, ...]:
    """The claims for devices that a pod names, as far as it was told of those made for it.

    A claim that the pod turns out not to need is left out.

    >>> from kelm.effects.document import document
    >>> spec = {"resourceClaims": [{"name": "gpu", "resourceClaimName": "shared"}]}
    >>> device_claims_of(document({"spec": spec}))[0].name
    'shared'
    """
    found = []
    for entry in children(doc, "spec", "resourceClaims"):
        if "resourceClaimName" in entry:
            found.append(DeviceClaim(text(entry, "name"), text(entry, "resourceClaimName")))
            continue
        told = [
            one
            for one in children(doc, "status", "resourceClaimStatuses")
            if text(one, "name") == text(entry, "name")
        ]
        name = text(told[0], "resourceClaimName") if told else ""
        if name or not told:
            found.append(DeviceClaim(text(entry, "name"), name, made=True))
    return tuple(found)


def claim_key(namespace: str, one: DeviceClaim) -> Key:
    return key_of(namespace, one.name)
