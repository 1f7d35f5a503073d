"""What to do about one volume: say whose it is, and reclaim it when its claim is gone.

Source: kubernetes v1.36, pkg/controller/volume/persistentvolume/pv_controller.go (syncVolume).
"""

from __future__ import annotations

from kelm.core.controllers.shared.events import NORMAL, WARNING
from kelm.core.controllers.volumes.asking import unbound, volume_event, volume_phase
from kelm.core.objects.storage import (
    CLAIMS,
    PROVISIONED_BY,
    VOLUMES,
    Claim,
    Volume,
    claim,
    volume,
)
from kelm.core.runtime.controller import Batch, Plan, Sync
from kelm.effects.address import key_of
from kelm.effects.commands import Command
from kelm.effects.document import child, text

RELEASED = "Released"
RECYCLABLE = ("hostPath", "nfs")
"""The kinds of volumes that upstream has a recycler for."""


def reconcile_volume(key: str, sync: Sync) -> Plan:
    """Decide about one volume."""
    doc = sync.caches[VOLUMES].get(key)
    if doc is None:
        return Plan()
    each = volume(doc)
    ref = each.claim_ref
    if not text(ref, "uid"):
        # Nobody's, or kept for a claim by its name: the claim will come for it.
        return _plan(volume_phase(each, "Available"))
    found = sync.caches[CLAIMS].get(key_of(text(ref, "namespace"), text(ref, "name")))
    one = claim(found) if found is not None else None
    if one is None or one.metadata.uid != text(ref, "uid"):
        return _released(each)
    return _claimed(each, one)


def _plan(*commands: Command | None) -> Plan:
    batches: tuple[Batch, ...] = tuple((each,) for each in commands if each is not None)
    return Plan(batches)


def _claimed(each: Volume, one: Claim) -> Plan:
    """A volume whose claim exists."""
    if not one.volume_name:
        return Plan()
    if one.volume_name == each.metadata.name:
        return _plan(volume_phase(each, "Bound"))
    if PROVISIONED_BY in each.annotations and each.reclaim_policy == "Delete":
        return _plan(volume_phase(each, RELEASED))
    return _plan(unbound(each), volume_phase(each, "Available"))


def _released(each: Volume) -> Plan:
    """A volume whose claim is gone: kept, emptied, or deleted by whoever made it.

    Source: reclaimVolume.
    """
    released = volume_phase(each, RELEASED) if each.phase not in (RELEASED, "Failed") else None
    if each.reclaim_policy == "Recycle":
        return _recycled(each, released)
    if each.reclaim_policy != "Delete" or PROVISIONED_BY in each.annotations:
        # A volume that was provisioned is deleted by its provisioner.
        return _plan(released)
    if each.phase == "Failed":
        return Plan()
    words = f'error getting deleter volume plugin for volume "{each.metadata.name}": '
    words += "no deletable volume plugin matched"
    told = volume_event(each, WARNING, "VolumeFailedDelete", words)
    return Plan(((told,), *_plan(volume_phase(each, "Failed", words)).batches))


def _recycled(each: Volume, released: Command | None) -> Plan:
    """Empty a volume and give it free; emptying takes no time here.

    Only volumes of RECYCLABLE kinds can be emptied. Source: recycleVolumeOperation.
    """
    if released is not None:
        return _plan(released)
    if not any(kind in child(each.doc, "spec") for kind in RECYCLABLE):
        words = "No recycler plugin found for the volume!"
        failed = volume_phase(each, "Failed", words)
        told = volume_event(each, WARNING, "VolumeFailedRecycle", words)
        return Plan(((told,), (failed,))) if failed is not None else Plan()
    told = volume_event(each, NORMAL, "VolumeRecycled", "Volume recycled")
    freed = unbound(each)
    return Plan(((told, freed),))
