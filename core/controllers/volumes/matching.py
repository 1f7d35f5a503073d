"""Which volume a claim gets: the one that is kept for it, or else the smallest that will do.

Source: kubernetes v1.36, pkg/controller/volume/persistentvolume/index.go;
component-helpers/storage/volume/pv_helpers.go (FindMatchingVolume).
"""

from __future__ import annotations

from collections.abc import Iterable

from kelm.core.objects.storage import Claim, Volume


def best_match(one: Claim, volumes: Iterable[Volume], *, waits: bool) -> Volume | None:
    """The volume for a claim; None where there is none.

    waits: the claim's class waits for a consumer, so only a volume kept for it is taken now.
    """
    able = [
        each
        for each in volumes
        if each.storage >= one.storage
        and each.volume_mode == one.volume_mode
        and set(one.access_modes) <= set(each.access_modes)
    ]
    kept = [each for each in able if each.claim_ref and each.is_for(one)]
    if kept:
        return _smallest(kept)
    return None if waits else _smallest(each for each in able if is_free_for(one, each))


def is_free_for(one: Claim, each: Volume) -> bool:
    """Whether a volume is nobody's, and of the class and labels that a claim asks for."""
    if each.claim_ref or each.phase != "Available" or each.metadata.deletion_timestamp:
        return False
    if each.storage_class != one.storage_class:
        return False
    return one.selector is None or one.selector.matches(each.metadata.labels or {})


def _smallest(volumes: Iterable[Volume]) -> Volume | None:
    return min(volumes, key=lambda each: (each.storage, each.metadata.name), default=None)


def why_unfit(one: Claim, each: Volume) -> str:
    """Why a claim may not have the volume that it names, "" where it may.

    Source: pv_controller_base.go, checkVolumeSatisfyClaim.
    """
    if each.metadata.deletion_timestamp:
        return "the volume is marked for deletion"
    if each.storage < one.storage:
        return "requested PV is too small"
    if each.storage_class != one.storage_class:
        return "storageClassName does not match"
    if each.volume_mode != one.volume_mode:
        return "incompatible volumeMode"
    if not set(one.access_modes) <= set(each.access_modes):
        return "incompatible accessMode"
    return ""
