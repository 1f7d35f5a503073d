"""What to do about one claim: find it a volume, have one made, or see that its volume is there.

Source: kubernetes v1.36, pkg/controller/volume/persistentvolume/pv_controller.go (syncClaim).
"""

from __future__ import annotations

from kelm.core.controllers.shared.events import NORMAL, WARNING
from kelm.core.controllers.volumes.asking import bound, claim_event, claim_phase
from kelm.core.controllers.volumes.matching import best_match, why_unfit
from kelm.core.objects.pod import Pod, pod
from kelm.core.objects.storage import (
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    CLAIMS,
    CLASSES,
    PROVISIONER,
    PROVISIONER_BETA,
    VOLUMES,
    Claim,
    Volume,
    claim,
    volume,
    waits_for_consumer,
)
from kelm.core.runtime.controller import Batch, Caches, Plan, Sync
from kelm.effects.commands import Command, Update
from kelm.effects.document import Document, child, children, text, with_value

NO_PROVISIONER = "kubernetes.io/no-provisioner"
Batches = tuple[Batch, ...]


def reconcile_claim(key: str, sync: Sync) -> Plan:
    """Decide about one claim. What it waits for is told once for each of its versions."""
    doc = sync.caches[CLAIMS].get(key)
    if doc is None:
        return Plan()
    one = claim(doc)
    bind = _bound_before if BIND_COMPLETED in one.annotations else _unbound
    version = one.metadata.resource_version
    batches, told = bind(one, sync.caches)
    if told and sync.memory != (version, told):
        batches = (*batches, told)
    return Plan(batches, memory=(version, told) if told else None)


def _phase(one: Claim, phase: str) -> Batches:
    command = claim_phase(one, phase)
    return ((command,),) if command is not None else ()


def _unbound(one: Claim, caches: Caches) -> tuple[Batches, Batch]:
    """A claim that was never bound, or not to the end."""
    if one.volume_name:
        return _asks_for(one, caches)
    storage_class = caches[CLASSES].get(one.storage_class) if one.storage_class else None
    waits = waits_for_consumer(storage_class) and not one.selected_node
    found = best_match(one, map(volume, caches[VOLUMES].objects()), waits=waits)
    if found is not None:
        return bound(one, found), ()
    if waits:
        return _phase(one, "Pending"), (_waiting(one, caches),)
    if one.storage_class:
        asked, told = _provisioned(one, storage_class)
        return (*asked, *_phase(one, "Pending")), told
    words = "no persistent volumes available for this claim and no storage class is set"
    return _phase(one, "Pending"), (claim_event(one, NORMAL, "FailedBinding", words),)


def _waiting(one: Claim, caches: Caches) -> Command:
    """For whom a claim waits: a pod that has no node yet, or any pod at all."""
    meta = one.metadata
    names = sorted(
        each.metadata.name
        for each in map(pod, caches["pods"].select("namespace", meta.namespace))
        if not each.spec.node_name and meta.name in claim_names(each)
    )
    if not names:
        words = "waiting for first consumer to be created before binding"
        return claim_event(one, NORMAL, "WaitForFirstConsumer", words)
    kind = "pod" if len(names) == 1 else "pods"
    words = f"waiting for {kind} {','.join(names)} to be scheduled"
    return claim_event(one, NORMAL, "WaitForPodScheduled", words)


def claim_names(one: Pod) -> tuple[str, ...]:
    """The names of the claims that a pod uses, those included that are made for it alone.

    Source: component-helpers/storage/ephemeral/ephemeral.go (VolumeClaimName).
    """
    found = (
        text(each, "persistentVolumeClaim", "claimName")
        or (f"{one.metadata.name}-{text(each, 'name')}" if "ephemeral" in each else "")
        for each in children(one.spec.doc, "volumes")
    )
    return tuple(name for name in found if name)


def _provisioned(one: Claim, storage_class: Document | None) -> tuple[Batches, Batch]:
    """Ask the class's provisioner for a volume: by two annotations, an old one and a new one.

    Source: provisionClaimOperationExternal.
    """
    if storage_class is None:
        words = f'storageclass.storage.k8s.io "{one.storage_class}" not found'
        return (), (claim_event(one, WARNING, "ProvisioningFailed", words),)
    provisioner = text(storage_class, "provisioner")
    if provisioner == NO_PROVISIONER:
        words = f"no volume plugin matched name: {provisioner}"
        return (), (claim_event(one, WARNING, "ProvisioningFailed", words),)
    words = (
        "Waiting for a volume to be created either by the external provisioner "
        f"'{provisioner}' or manually by the system administrator. If volume creation is delayed, "
        "please verify that the provisioner is running and correctly registered."
    )
    told: Batch = (claim_event(one, NORMAL, "ExternalProvisioning", words),)
    if one.annotations.get(PROVISIONER) == provisioner:
        return (), told
    held = child(one.doc, "metadata", "annotations")
    new = Document({**held, PROVISIONER_BETA: provisioner, PROVISIONER: provisioner})
    doc, meta = with_value(one.doc, ("metadata", "annotations"), new), one.metadata
    return ((Update(CLAIMS, meta.namespace, meta.name, doc),),), told


def _asks_for(one: Claim, caches: Caches) -> tuple[Batches, Batch]:
    """A claim that names its volume."""
    doc = caches[VOLUMES].get(one.volume_name)
    if doc is None:
        return _phase(one, "Pending"), ()
    each = volume(doc)
    if not each.claim_ref:
        why = why_unfit(one, each)
        if not why:
            return bound(one, each), ()
        words = f'Cannot bind to requested volume "{one.volume_name}": {why}'
        return _phase(one, "Pending"), (claim_event(one, WARNING, "VolumeMismatch", words),)
    if each.is_for(one):
        return bound(one, each), ()
    if BOUND_BY_CONTROLLER in one.annotations:
        # Both halves are the controller's, so this is a race that the other claim has won.
        return (), ()
    words = f'volume "{one.volume_name}" already bound to a different claim.'
    return _phase(one, "Pending"), (claim_event(one, WARNING, "FailedBinding", words),)


def _bound_before(one: Claim, caches: Caches) -> tuple[Batches, Batch]:
    """A claim that had its volume. Source: syncBoundClaim."""
    if not one.volume_name:
        words = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"
        return _lost(one, "ClaimLost", words)
    doc = caches[VOLUMES].get(one.volume_name)
    if doc is None:
        words = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
        return _lost(one, "ClaimLost", words)
    each: Volume = volume(doc)
    if not each.claim_ref or text(each.claim_ref, "uid") == one.metadata.uid:
        return bound(one, each), ()
    words = "Two claims are bound to the same volume, this one is bound incorrectly"
    return _lost(one, "ClaimMisbound", words)


def _lost(one: Claim, reason: str, words: str) -> tuple[Batches, Batch]:
    if one.phase == "Lost":
        return (), ()
    return _phase(one, "Lost"), (claim_event(one, WARNING, reason, words),)
