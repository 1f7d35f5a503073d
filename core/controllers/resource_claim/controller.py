"""The controller of claims for devices: which change touches which pod and which claim.

Its keys are `pod/namespace/name` and `claim/namespace/name`.

Source: kubernetes v1.36, pkg/controller/resourceclaim/controller.go (event handlers).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kelm.core.controllers.resource_claim.claims import (
    after_answer,
    after_refusal,
    reconcile_claim,
)
from kelm.core.controllers.resource_claim.pods import reconcile_pod
from kelm.core.objects.devices import CLAIMS, TEMPLATES, claim_name
from kelm.core.objects.meta import metadata
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command
from kelm.effects.document import Document, children, text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Refusal


class ResourceClaims(msgspec.Struct, frozen=True):
    """Makes claims from templates for pods, and frees those that nobody uses any more."""

    name: str = "resource-claim-controller"
    watches: tuple[Watch, ...] = (Watch(CLAIMS), Watch(TEMPLATES), Watch("pods"))
    workers: int = 50

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == "pods":
            doc = change.new if change.new is not None else change.old
            spec = doc.get("spec") if doc is not None else None
            if not isinstance(spec, Document) or "resourceClaims" not in spec:
                return ()
            return _of_pod(doc) if doc is not None else ()
        if resource == CLAIMS:
            return _of_claim(caches, change)
        return _of_template(caches, change)

    def every_key(self, caches: Caches) -> Iterable[Key]:
        for doc in caches["pods"].objects():
            if children(doc, "spec", "resourceClaims"):
                yield f"pod/{metadata(doc).key}"
        for doc in caches[CLAIMS].objects():
            yield f"claim/{metadata(doc).key}"

    def reconcile(self, sync: Sync) -> Plan:
        kind, _, key = sync.key.partition("/")
        return reconcile_pod(sync, key) if kind == "pod" else reconcile_claim(sync, key)

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return after_refusal(sync, command, refusal)

    def answered(self, sync: Sync, command: Command, answer: Document) -> object:
        return after_answer(sync, command, answer) if sync.key.startswith("claim/") else sync.memory


def _of_pod(doc: Document) -> list[Key]:
    """A pod, and the claims that it names."""
    meta = metadata(doc)
    names = (claim_name(doc, entry) for entry in children(doc, "spec", "resourceClaims"))
    return [f"pod/{meta.key}", *(f"claim/{meta.namespace}/{name}" for name in names if name)]


def _of_claim(caches: Caches, change: Change) -> list[Key]:
    """A claim, the pod that it was made for, and the pods that may now use it."""
    doc = change.new if change.new is not None else change.old
    keys = [f"claim/{change.key}"]
    if doc is None:
        return keys
    meta = metadata(doc)
    owner = meta.controller
    if owner is not None and owner.kind == "Pod":
        keys.append(f"pod/{meta.namespace}/{owner.name}")
    elif change.old is None or change.old.get("status") is not doc.get("status"):
        keys.extend(
            f"pod/{metadata(one).key}"
            for one in caches["pods"].select("namespace", meta.namespace)
            if any(
                text(entry, "resourceClaimName") == meta.name
                for entry in children(one, "spec", "resourceClaims")
            )
        )
    return keys


def _of_template(caches: Caches, change: Change) -> list[Key]:
    """The pods that wait for a template."""
    namespace, _, name = change.key.rpartition("/")
    if change.new is None:
        return []
    return [
        f"pod/{metadata(one).key}"
        for one in caches["pods"].select("namespace", namespace)
        if any(
            text(entry, "resourceClaimTemplateName") == name
            for entry in children(one, "spec", "resourceClaims")
        )
    ]
