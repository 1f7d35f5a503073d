"""The cloud's disks: volumes for claims that ask for one, whatever provisioner their class names.

It does what a storage driver's provisioner does: a claim that carries its name (the volume
controller writes it there) gets a volume of the size asked for; a volume whose claim is gone is
deleted with its disk where the reclaim policy says so. A disk made for a pod that has a node is in
that node's zone, and so can be used there only.

Source: sig-storage-lib-external-provisioner, controller/controller.go (shouldProvision,
provisionClaimOperation, shouldDelete); kubernetes-csi/external-provisioner for the words.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.controllers.shared.events import NORMAL, event
from kelm.core.objects.meta import labels_of, metadata
from kelm.core.objects.storage import (
    CLAIMS,
    CLASSES,
    PROVISIONED_BY,
    PROVISIONER,
    VOLUMES,
    Claim,
    Volume,
    claim,
    volume,
    waits_for_consumer,
)
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource
from kelm.effects.commands import Command, Create, Delete, RecordEvent
from kelm.effects.document import Document, Json, child, document, elements, text
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

ZONE: Final = "topology.kubernetes.io/zone"
STANDARD: Final = document(
    {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": "standard",
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "disk.csi.kelm.dev",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
        "allowVolumeExpansion": True,
    }
)
"""The class of claims that name none."""
DRIVER: Final = document(
    {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSIDriver",
        "metadata": {"name": "disk.csi.kelm.dev"},
        "spec": {"attachRequired": False, "podInfoOnMount": False},
    }
)
"""Its disks are reached over the network: nobody has to attach them."""
_CLAIM, _VOLUME = "claim/", "volume/"
_AS_GOOD = frozenset({Reason.ALREADY_EXISTS, Reason.NOT_FOUND})


class Disks(msgspec.Struct, frozen=True):
    """Makes disks for claims, and deletes those that nobody claims any more."""

    name: str = "disk-provisioner"
    watches: tuple[Watch, ...] = (Watch(CLAIMS), Watch(VOLUMES), Watch(CLASSES), Watch("nodes"))
    workers: int = 4

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == CLAIMS:
            return (_CLAIM + change.key,)
        if resource == VOLUMES:
            return (_VOLUME + change.key,)
        if resource == CLASSES:
            return _waiting(caches, storage_class=change.key)
        return _waiting(caches, node=change.key) if change.old is None else ()

    def every_key(self, caches: Caches) -> Iterable[Key]:
        claims = [_CLAIM + metadata(doc).key for doc in caches[CLAIMS].objects()]
        return [*claims, *(_VOLUME + metadata(doc).key for doc in caches[VOLUMES].objects())]

    def reconcile(self, sync: Sync) -> Plan:
        if sync.key.startswith(_CLAIM):
            doc = sync.caches[CLAIMS].get(sync.key.removeprefix(_CLAIM))
            return _made(claim(doc), sync.caches) if doc is not None else Plan()
        doc = sync.caches[VOLUMES].get(sync.key.removeprefix(_VOLUME))
        return _deleted(volume(doc)) if doc is not None else Plan()

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        return sync.memory


def _waiting(caches: Caches, storage_class: str = "", node: str = "") -> list[Key]:
    """Claims without a volume, which may have been looked at before this was seen."""
    claims = [claim(doc) for doc in caches[CLAIMS].objects()]
    return [
        _CLAIM + one.metadata.key
        for one in claims
        if not one.volume_name
        and (one.storage_class == storage_class if storage_class else one.selected_node == node)
    ]


def _made(one: Claim, caches: Caches) -> Plan:
    """Make a volume for a claim that asks for one and has none."""
    provisioner = one.annotations.get(PROVISIONER, "")
    storage_class = caches[CLASSES].get(one.storage_class) if one.storage_class else None
    if not provisioner or one.volume_name or storage_class is None:
        return Plan()
    if text(storage_class, "provisioner") != provisioner:
        return Plan()
    node = caches["nodes"].get(one.selected_node) if one.selected_node else None
    if waits_for_consumer(storage_class) and node is None:
        return Plan()
    name = f"pvc-{one.metadata.uid}"
    if one.metadata.deletion_timestamp is not None or caches[VOLUMES].get(name) is not None:
        return Plan()
    start = f'External provisioner is provisioning volume for claim "{one.metadata.key}"'
    done = f"Successfully provisioned volume {name}"
    new = _disk(name, one, storage_class, node, provisioner)
    return Plan(
        (
            (_told(one, provisioner, "Provisioning", start), Create(VOLUMES, "", new)),
            (_told(one, provisioner, "ProvisioningSucceeded", done),),
        ),
        tolerated=_AS_GOOD,
    )


def _told(one: Claim, provisioner: str, reason: str, message: str) -> RecordEvent:
    return event(one.doc, CLAIMS, provisioner, NORMAL, reason, message)


def _disk(
    name: str, one: Claim, storage_class: Document, node: Document | None, provisioner: str
) -> Document:
    meta = one.metadata
    ref = Document(
        apiVersion="v1",
        kind="PersistentVolumeClaim",
        name=meta.name,
        namespace=meta.namespace,
        uid=meta.uid,
        resourceVersion=meta.resource_version,
    )
    spec: dict[str, Json] = {
        "accessModes": one.access_modes,
        "capacity": child(one.doc, "spec", "resources", "requests"),
        "claimRef": ref,
        "persistentVolumeReclaimPolicy": text(storage_class, "reclaimPolicy", default="Delete"),
        "storageClassName": one.storage_class,
        "volumeMode": one.volume_mode,
        "csi": Document(driver=provisioner, volumeHandle=name),
    }
    if elements(storage_class, "mountOptions"):
        spec["mountOptions"] = elements(storage_class, "mountOptions")
    zone = labels_of(node).get(ZONE, "") if node is not None else ""
    if zone:
        spec["nodeAffinity"] = _only_in(zone)
    annotations = Document({PROVISIONED_BY: provisioner})
    return Document(
        apiVersion="v1",
        kind="PersistentVolume",
        metadata=Document(name=name, annotations=annotations),
        spec=Document(spec),
    )


def _only_in(zone: str) -> Document:
    term = {"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}
    return document({"required": {"nodeSelectorTerms": [term]}})


def _deleted(each: Volume) -> Plan:
    """Delete a volume of ours that nobody claims any more."""
    ours = PROVISIONED_BY in each.annotations and each.reclaim_policy == "Delete"
    leaving = each.metadata.deletion_timestamp is not None
    if not ours or leaving or each.phase != "Released":
        return Plan()
    gone = Delete(VOLUMES, "", each.metadata.name, uid=each.metadata.uid)
    return Plan(((gone,),), tolerated=_AS_GOOD)
