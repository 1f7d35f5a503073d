"""Which volumes a pod's claims have or could have, as far as claims and volumes are known.

A claim is bound to a volume, waits for one whatever its pod does, or waits for its pod to get a
node (`volumeBindingMode: WaitForFirstConsumer`): only then may the scheduler choose, among the
volumes that are there or may be made, one that the node can reach.

Source: kubernetes v1.36, plugins/volumebinding/binder.go, volume_binding.go;
component-helpers/storage/volume (pv_helpers.go, helpers.go).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from kelm.core.objects.meta import annotations_of, labels_of, metadata
from kelm.core.objects.quantity import parse_quantity
from kelm.core.objects.selectors import selector_of
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.node_selection import matches_term
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.effects.document import Document, child, children, elements, text
from kelm.effects.messages import Cache

CLAIMS, VOLUMES = "persistentvolumeclaims", "persistentvolumes"
CLASSES = "storageclasses.storage.k8s.io"
BOUND = "pv.kubernetes.io/bind-completed"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
OLD_CLASS = "volume.beta.kubernetes.io/storage-class"
NO_PROVISIONER = "kubernetes.io/no-provisioner"

NOT_AFFINE = "node(s) didn't match PersistentVolume's node affinity"
NONE_TO_BIND = "node(s) didn't find available persistent volumes to bind"
NO_VOLUME = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
IMMEDIATE = "pod has unbound immediate PersistentVolumeClaims"


class Storage(msgspec.Struct, frozen=True):
    """What is known of claims, volumes and classes.

    `nodes_of_claims` and `volumes_taken` were chosen, and are not yet seen to be so.
    """

    caches: Mapping[str, Cache]
    nodes_of_claims: Mapping[str, str]
    volumes_taken: Mapping[str, str]

    def get(self, resource: str, key: str) -> Document | None:
        cache = self.caches.get(resource)
        return None if cache is None else cache.get(key)

    def volumes(self) -> Iterator[Document]:
        cache = self.caches.get(VOLUMES)
        return iter(()) if cache is None else cache.objects()

    def class_of(self, claim: Document) -> Document | None:
        name = class_name(claim)
        return self.get(CLASSES, name) if name else None

    def node_of(self, key: str, claim: Document) -> str:
        """The node that was chosen for a claim, "" if none was."""
        return self.nodes_of_claims.get(key) or annotations_of(claim).get(SELECTED_NODE, "")


def class_name(doc: Document) -> str:
    """The storage class of a claim or volume."""
    return annotations_of(doc).get(OLD_CLASS) or text(doc, "spec", "storageClassName")


def is_bound(claim: Document) -> bool:
    """Whether a claim has its volume, and the binding is complete."""
    return bool(text(claim, "spec", "volumeName")) and BOUND in annotations_of(claim)


def waits_for_pod(storage: Storage, claim: Document) -> bool:
    """Whether a claim gets its volume once its pod has a node."""
    if text(claim, "spec", "volumeName"):
        return False
    kind = storage.class_of(claim)
    return kind is not None and text(kind, "volumeBindingMode") == "WaitForFirstConsumer"


def reaches(node: NodeUse, volume: Document) -> bool:
    """Whether a node can reach a volume.

    Source: component-helpers/storage/volume/helpers.go, CheckNodeAffinity.
    """
    required = child(volume, "spec", "nodeAffinity").get("required")
    if not isinstance(required, Document):
        return True
    terms = children(required, "nodeSelectorTerms")
    return any(matches_term(node.labels, node.name, term) for term in terms)


class Choice(msgspec.Struct, frozen=True):
    """What a claim gets on a node: this volume, or with "" one that is yet to be made."""

    claim: str
    volume: str = ""


def choices(
    storage: Storage, waiting: Mapping[str, Document], node: NodeUse
) -> tuple[Choice, ...] | None:
    """What the waiting claims of a pod get on a node; None where one of them gets nothing.

    Source: binder.go, FindPodVolumes, findMatchingVolumes, checkVolumeProvisions.
    """
    found: list[Choice] = []
    taken: set[str] = set()
    for key, claim in sorted(waiting.items(), key=_size):
        selected = storage.node_of(key, claim)
        if selected and selected != node.name:
            return None
        volume = "" if selected else _smallest(storage, key, claim, node, taken)
        if not volume and not selected and not _may_be_made(storage, claim, node):
            return None
        taken.add(volume)
        found.append(Choice(key, volume))
    return tuple(found)


def _size(item: tuple[str, Document]) -> tuple[int, str]:
    return (_storage(item[1], "resources", "requests"), item[0])


def _storage(doc: Document, *path: str) -> int:
    amount = child(doc, "spec", *path).get("storage")
    return parse_quantity(amount).at_scale(0) if isinstance(amount, str | int | float) else 0


def _smallest(storage: Storage, key: str, claim: Document, node: NodeUse, taken: set[str]) -> str:
    """The smallest free volume that a claim could have on a node.

    Source: pv_helpers.go, FindMatchingVolume.
    """
    wanted = _storage(claim, "resources", "requests")
    chosen = claim.get("spec")
    selector = chosen.get("selector") if isinstance(chosen, Document) else None
    modes = set(elements(claim, "spec", "accessModes"))
    best: tuple[bool, int, str] | None = None
    for volume in storage.volumes():
        name = metadata(volume).name
        if name in taken or storage.volumes_taken.get(name, key) != key:
            continue
        size = _storage(volume, "capacity")
        owner = child(volume, "spec", "claimRef")
        mine = f"{text(owner, 'namespace')}/{text(owner, 'name')}" == key
        if owner and not mine:
            continue
        fits = (
            size >= wanted
            and class_name(volume) == class_name(claim)
            and text(volume, "status", "phase", default="Available") in ("Available", "Pending")
            and modes <= set(elements(volume, "spec", "accessModes"))
            and _mode(volume) == _mode(claim)
            and (
                not isinstance(selector, Document)
                or selector_of(selector).matches(labels_of(volume))
            )
            and reaches(node, volume)
        )
        if fits and (best is None or (not mine, size, name) < best):
            best = (not mine, size, name)
    return "" if best is None else best[2]


def _mode(doc: Document) -> str:
    return text(doc, "spec", "volumeMode", default="Filesystem")


def _may_be_made(storage: Storage, claim: Document, node: NodeUse) -> bool:
    """Whether a class makes volumes where the node is."""
    kind = storage.class_of(claim)
    if kind is None or text(kind, "provisioner") in ("", NO_PROVISIONER):
        return False
    allowed = children(kind, "allowedTopologies")
    return not allowed or any(
        all(
            node.labels.get(text(one, "key")) in elements(one, "values")
            for one in children(term, "matchLabelExpressions")
        )
        for term in allowed
    )


def chosen_volumes(ask: Ask, storage: Storage, node: NodeUse) -> tuple[Choice, ...]:
    """What the claims of a pod that wait for its node get there."""
    waiting = {}
    for one in ask.needs.claims:
        key = f"{ask.namespace}/{ask.claim_name(one)}"
        claim = storage.get(CLAIMS, key)
        if claim is not None and waits_for_pod(storage, claim):
            waiting[key] = claim
    return (choices(storage, waiting, node) or ()) if waiting else ()
