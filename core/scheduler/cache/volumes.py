"""Which volumes a pod's claims have or could have, as far as claims and volumes are known.

A claim is bound to a volume, waits for one whatever its pod does, or waits for its pod to get a
node (`volumeBindingMode: WaitForFirstConsumer`): only then may the scheduler choose, among the
volumes that are there or may be made, one that the node can reach.

Source: kubernetes v1.36, plugins/volumebinding/binder.go, volume_binding.go;
component-helpers/storage/volume (pv_helpers.go, helpers.go). Scoring by capacity is off in v1.36.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kelm.core.objects.meta import annotations_of, labels_of, metadata
from kelm.core.objects.quantity import parse_quantity
from kelm.core.objects.selectors.labels import selector_of
from kelm.core.scheduler.cache.heard import Heard
from kelm.core.scheduler.cache.needs import Ask
from kelm.core.scheduler.cache.node_selection import matches_term
from kelm.core.scheduler.cache.nodes import NodeUse
from kelm.effects.document import Document, child, children, elements, flag, text

CLAIMS, VOLUMES = "persistentvolumeclaims", "persistentvolumes"
CLASSES = "storageclasses.storage.k8s.io"
CSI_NODES, DRIVERS = "csinodes.storage.k8s.io", "csidrivers.storage.k8s.io"
CAPACITIES = "csistoragecapacities.storage.k8s.io"
ATTACHMENTS = "volumeattachments.storage.k8s.io"
STORAGE = (CLAIMS, VOLUMES, CLASSES, CSI_NODES, DRIVERS, CAPACITIES, ATTACHMENTS)
"""All that volumes depend on."""
BOUND = "pv.kubernetes.io/bind-completed"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
OLD_CLASS = "volume.beta.kubernetes.io/storage-class"
NO_PROVISIONER = "kubernetes.io/no-provisioner"

NOT_AFFINE = "node(s) didn't match PersistentVolume's node affinity"
NONE_TO_BIND = "node(s) didn't find available persistent volumes to bind"
NOT_ENOUGH = "node(s) did not have enough free storage"
NO_VOLUME = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
IMMEDIATE = "pod has unbound immediate PersistentVolumeClaims"


class Storage(Heard, frozen=True):
    """What is known of claims, volumes and classes.

    `nodes_of_claims` and `volumes_taken` were chosen, and are not yet seen to be so.
    """

    nodes_of_claims: Mapping[str, str]
    volumes_taken: Mapping[str, str]

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
) -> tuple[Choice, ...] | str:
    """What the waiting claims of a pod get on a node; the reason where one of them gets nothing.

    Source: binder.go, FindPodVolumes, findMatchingVolumes, checkVolumeProvisions.
    """
    found: list[Choice] = []
    to_make: list[str] = []
    taken: set[str] = set()
    selected = {key: storage.node_of(key, claim) for key, claim in waiting.items()}
    if any(name not in ("", node.name) for name in selected.values()):
        return NONE_TO_BIND
    for key, claim in sorted(waiting.items(), key=_size):
        volume = "" if selected[key] else _smallest(storage, key, claim, node, taken)
        if not volume:
            to_make.append(key)
        taken.add(volume)
        found.append(Choice(key, volume))
    for key in sorted(to_make, key=lambda key: not selected[key]):
        why = _not_made(storage, waiting[key], node)
        if why:
            return why
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
    for volume in storage.objects(VOLUMES):
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


def _not_made(storage: Storage, claim: Document, node: NodeUse) -> str:
    """Why a class makes no volume where the node is; "" where it does."""
    kind = storage.class_of(claim)
    if kind is None or text(kind, "provisioner") in ("", NO_PROVISIONER):
        return NONE_TO_BIND
    allowed = children(kind, "allowedTopologies")
    there = not allowed or any(
        all(
            node.labels.get(text(one, "key")) in elements(one, "values")
            for one in children(term, "matchLabelExpressions")
        )
        for term in allowed
    )
    if not there:
        return NONE_TO_BIND
    return "" if _room_is_left(storage, claim, kind, node) else NOT_ENOUGH


def _room_is_left(storage: Storage, claim: Document, kind: Document, node: NodeUse) -> bool:
    """Whether a driver that tells how much room it has left has enough where the node is.

    Source: binder.go, hasEnoughCapacity, nodeHasAccess.
    """
    driver = storage.get(DRIVERS, text(kind, "provisioner"))
    if driver is None or not flag(driver, "spec", "storageCapacity"):
        return True
    if "storage" not in child(claim, "spec", "resources", "requests"):
        return True
    wanted, name = _storage(claim, "resources", "requests"), metadata(kind).name
    for one in storage.objects(CAPACITIES):
        topology, limit = one.get("nodeTopology"), volume_limit(one)
        if (
            text(one, "storageClassName") == name
            and limit is not None
            and limit >= wanted
            and isinstance(topology, Document)
            and selector_of(topology).matches(node.labels)
        ):
            return True
    return False


def volume_limit(capacity: Document) -> int | None:
    """The largest volume that can be had of a CSIStorageCapacity, in bytes, where it says so.

    >>> volume_limit(Document(capacity="2Gi", maximumVolumeSize="1Gi")) == 2**30
    True
    """
    amount = capacity.get("maximumVolumeSize", capacity.get("capacity"))
    return parse_quantity(amount).at_scale(0) if isinstance(amount, str | int | float) else None


def chosen_volumes(ask: Ask, storage: Storage, node: NodeUse) -> tuple[Choice, ...]:
    """What the claims of a pod that wait for its node get there."""
    waiting = {}
    for one in ask.needs.claims:
        key = f"{ask.namespace}/{ask.claim_name(one)}"
        claim = storage.get(CLAIMS, key)
        if claim is not None and waits_for_pod(storage, claim):
            waiting[key] = claim
    found = choices(storage, waiting, node) if waiting else ()
    return () if isinstance(found, str) else found
